"""The stream as the file names it: embedded, or Kafka with how its connections are secured."""

from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from monitor.config.base import Model, parse_address
from streams import broker

SCHEME = "kafka://"
EXPECTED = "expected embedded, or kafka://host:9092,host2:9092"

_FilePath = Annotated[str, StringConstraints(min_length=1)]


def servers(stream: str) -> tuple[str, ...]:
    """host:port of each server of kafka://host:port,host:port. Raises ValueError."""
    return tuple(str(parse_address(server.strip())) for server in stream.removeprefix(SCHEME).split(","))


def kafka_or_embedded(stream: str) -> str:
    """As it was given. Raises ValueError for anything else than embedded and a kafka:// that `servers` can read."""
    if stream == "embedded":
        return stream
    if "@" in stream:
        raise PydanticCustomError("hidden", "expected kafka://host:9092 without a user or password; those belong into sasl")
    if not stream.startswith(SCHEME) or "/" in stream.removeprefix(SCHEME):
        raise ValueError(EXPECTED)
    try:
        servers(stream)
    except ValueError:
        raise ValueError(EXPECTED) from None
    return stream


def tls_or_none(section: Any) -> Any:
    """`tls: true` is TLS with the defaults."""
    return {} if section is True else None if section is False else section


class Tls(Model):
    """TLS to Kafka. All keys have a default: the system's authorities, no certificate of our own."""

    ca: _FilePath | None = Field(default=None, description="PEM file of the authorities that are trusted")
    certificate: _FilePath | None = Field(default=None, description="PEM file of our own certificate and its chain")
    key: _FilePath | None = Field(default=None, description="PEM file of its key, where the certificate's does not hold it")
    key_password: SecretStr | None = None
    key_password_file: str | None = Field(default=None, description="a file that holds the password, in place of key_password")
    verify_host: bool = Field(default=True, description="whether the broker's certificate must be for its host name")

    @model_validator(mode="after")
    def _certified(self) -> "Tls":
        if self.certificate is None and (self.key is not None or self.key_password is not None):
            raise ValueError("key and key_password need certificate beside them")
        return self

    def for_clients(self) -> broker.Tls:
        """The same as `streams` takes it."""
        password = self.key_password.get_secret_value() if self.key_password else None
        return broker.Tls(self.ca, self.certificate, self.key, password, self.verify_host)


class Sasl(Model):
    """Who we are to Kafka."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
    username: Annotated[str, StringConstraints(min_length=1)]
    password: SecretStr
    password_file: str | None = Field(default=None, description="a file that holds the password, in place of password")

    def for_clients(self) -> broker.Sasl:
        """The same as `streams` takes it."""
        return broker.Sasl(self.mechanism, self.username, self.password.get_secret_value())
