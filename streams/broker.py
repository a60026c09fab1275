"""Where Kafka is, how it is reached, and the names of the topics."""

import ssl
from dataclasses import dataclass, field
from typing import Any

from records.errors import ConfigError

INTERACTIONS, FEEDBACK = "plumbline.interactions", "plumbline.feedback"
FINDINGS, ALERTS, DEAD_LETTER = "plumbline.findings", "plumbline.alerts", "plumbline.dead-letter"
LARGEST_BATCH = 12 << 20
"""Bytes of a batch of records, compressed, that the topics of interactions and feedback take."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM. Without `ca` the system's authorities are trusted; `certificate` and `key` are the client's own."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    key_password: str | None = field(default=None, repr=False)
    verify_host: bool = True


@dataclass(frozen=True, slots=True)
class Sasl:
    """`mechanism` is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."""

    mechanism: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Broker:
    """`servers`: host:port of some of the cluster's brokers."""

    servers: tuple[str, ...]
    tls: Tls | None = None
    sasl: Sasl | None = None

    def __str__(self) -> str:
        return f"kafka://{','.join(self.servers)}"

    @property
    def protocol(self) -> str:
        """Kafka's name for how connections are secured."""
        return ("SASL_" if self.sasl else "") + ("SSL" if self.tls else "PLAINTEXT")

    def ssl_context(self) -> ssl.SSLContext | None:
        """What connections are secured with; None without TLS. Raises ConfigError for files that cannot be used."""
        if self.tls is None:
            return None
        try:
            context = ssl.create_default_context(cafile=self.tls.ca)
        except OSError as error:
            raise ConfigError(f"{self.tls.ca} holds no certificates: {_reason(error)}", key="tls.ca") from None
        context.check_hostname = self.tls.verify_host
        if self.tls.certificate:
            password = self.tls.key_password or ""  # with None OpenSSL asks on the terminal
            try:
                context.load_cert_chain(self.tls.certificate, self.tls.key, lambda: password)
            except OSError as error:
                files = " and ".join(filter(None, (self.tls.certificate, self.tls.key)))
                wrong = f"{files} cannot be used (do key and key_password belong to it?): {_reason(error)}"
                raise ConfigError(wrong, key="tls.certificate") from None
        return context

    def settings(self) -> dict[str, Any]:
        """The same as keyword arguments of kafka-python's clients. Raises ConfigError as `ssl_context` does."""
        found: dict[str, Any] = {"bootstrap_servers": list(self.servers), "security_protocol": self.protocol}
        if self.tls:
            found["ssl_context"] = self.ssl_context()
        if self.sasl:
            found["sasl_mechanism"] = self.sasl.mechanism
            found["sasl_plain_username"] = self.sasl.username
            found["sasl_plain_password"] = self.sasl.password
        return found


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
