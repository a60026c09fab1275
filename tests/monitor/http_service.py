"""A real server on a free loopback port, for the tests of the HTTP side."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from fastapi import APIRouter

from monitor.api.app import create_app
from monitor.api.intake import Topic
from monitor.api.server import serve_http
from monitor.config import ConfigSource, parse
from monitor.metrics import Metrics
from records.refusal import Refusal

NOW = 1_760_000_000_000_000


@dataclass
class MemoryIntake:
    """An intake that keeps everything in memory; `failure` is raised instead, where it is set."""

    accepted: list[tuple[str, bytes, int]] = field(default_factory=list)
    refused: list[tuple[str, Refusal]] = field(default_factory=list)
    failure: Exception | None = None

    async def accept(self, topic: Topic, records: list[bytes], accepted_at: int) -> None:
        """Keeps the records."""
        if self.failure:
            raise self.failure
        self.accepted.extend((topic, record, accepted_at) for record in records)

    async def dead_letter(self, topic: Topic, refused: Sequence[Refusal], accepted_at: int) -> None:
        """Keeps the refusals."""
        self.refused.extend((topic, refusal) for refusal in refused)

    def lines(self, topic: Topic = "interactions") -> list[bytes]:
        """All accepted lines of a topic."""
        return [line for kept, record, _ in self.accepted if kept == topic for line in record.split(b"\n")]


@dataclass
class Service:
    """What a test needs of a running service."""

    client: httpx.Client
    intake: MemoryIntake
    metrics: Metrics
    source: ConfigSource


@contextmanager
def service(
    config: str = "",
    *,
    checks: Mapping[str, Callable[[], str | None]] | None = None,
    routers: Sequence[APIRouter] = (),
) -> Iterator[Service]:
    """Serves with the configuration `config` (YAML); the endpoint's clock stands at NOW."""
    source = ConfigSource(parse(config, "test.yaml", {}))
    intake, metrics = MemoryIntake(), Metrics()
    app = create_app(intake, source, routers, metrics=metrics, checks=checks, clock=lambda: NOW)
    with serve_http(app, "127.0.0.1", 0) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        yield Service(client, intake, metrics, source)
