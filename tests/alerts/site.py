"""What the tests' web server was told and sent."""

import threading
from dataclasses import dataclass, field


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Site:
    """`answer` is the status and headers of every answer, or None: take the request and say nothing until the end.

    `names` are those that TLS handshakes asked for.
    """

    port: int
    answer: tuple[int, dict[str, str]] | None = (200, {})
    received: list[Received] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def url(self, host: str = "127.0.0.1", path: str = "/hook") -> str:
        return f"http://{host}:{self.port}{path}"
