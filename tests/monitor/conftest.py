"""A service that was told a short story, for all tests that only read what became of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from monitor.api.app import now_us
from monitor.config import ConfigSource, parse
from monitor.demo.run import Demo, Options
from monitor.demo.story import DAY, HOUR, Story
from monitor.service import Service
from tests.monitor.receiver import Received, receiving

SECRET = "whsec_" + "c2VjcmV0c2VjcmV0c2VjcmV0"
CONFIG = """
store: sqlite:///{directory}/plumbline.db
listen: 127.0.0.1:0
allow_private_targets: ["127.0.0.1"]
applications:
  support: {{slices: [model, tags.tenant], allowed_lateness: 5m, evaluations: []}}
alerts:
  receivers: [{{name: oncall, webhook: {{url: "http://127.0.0.1:{port}/hook", secret: {secret}}}}}]
"""
OPTIONS = Options(seed=1, fast=True, history_days=0.75, quiet_hours=1.0, incident_hours=1.5, pause_hours=1.5)


@dataclass
class Told:
    """`lines` is what the demonstration said, `received` the first that the receiver was sent."""

    service: Service
    client: httpx.Client
    story: Story
    lines: list[str]
    summary: list[str]
    received: Received


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """The story ends at noon of the day before, so that every run has the same hours of the day and none is live."""
    directory: Path = tmp_path_factory.mktemp("told")
    with receiving() as site:
        text = CONFIG.format(directory=directory, port=site.port, secret=SECRET)
        with Service(ConfigSource(parse(text, "told.yaml", {}))) as service:
            lines: list[str] = []
            demo = Demo(service, OPTIONS, lines.append, now_us() // DAY * DAY - 12 * HOUR)
            demo.run()
            summary = demo.teller.summary(demo.story, demo.reached)
            first = site.next()
            with httpx.Client(base_url=service.url, trust_env=False) as client:
                yield Told(service, client, demo.story, lines, summary, first)
