"""Where Kafka is, how it is reached, and the names of the topics."""

import ssl
from dataclasses import dataclass, field

INTERACTIONS, FEEDBACK = "plumbline.interactions", "plumbline.feedback"
FINDINGS, ALERTS, DEAD_LETTER = "plumbline.findings", "plumbline.alerts", "plumbline.dead-letter"


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

    @property
    def protocol(self) -> str:
        """Kafka's name for how connections are secured."""
        return ("SASL_" if self.sasl else "") + ("SSL" if self.tls else "PLAINTEXT")

    def ssl_context(self) -> ssl.SSLContext | None:
        """What connections are secured with; None without TLS. Raises OSError for files that cannot be read."""
        if self.tls is None:
            return None
        context = ssl.create_default_context(cafile=self.tls.ca)
        context.check_hostname = self.tls.verify_host
        if self.tls.certificate:
            context.load_cert_chain(self.tls.certificate, self.tls.key, self.tls.key_password)
        return context
