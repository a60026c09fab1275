"""A real service that was told a story, a real Prometheus that scrapes it, and a real Alertmanager that hears of it."""

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import yaml

from monitor.demo.story import DAY, HOUR, WINDOW, Story
from monitor.demo.traffic import interactions
from tests.deploy.running import Running, alertmanager, prometheus, until
from tests.deploy.site import DEPLOY, RULES, read
from tests.monitor.process import Process, serving, write_config
from tests.monitor.receiver import Receiver, receiving

TOKEN = "0123456789abcdef-operator"
CONFIG = """
tokens: [{{name: operator, token: {token}, roles: [admin]}}]
allow_private_targets: ["127.0.0.1"]
applications:
  support: {{slices: [model, tags.tenant], allowed_lateness: 5m}}
alerts:
  receivers: [{{name: hook, webhook: {{url: "http://127.0.0.1:{port}/hook"}}}}]
"""
HISTORY, QUIET, INCIDENT = 0.5, 1.0, 1.5
"""Days of a healthy past, hours of quiet, and hours of an incident that lasts still."""


@dataclass
class Watched:
    """`told` is what the service's own receiver gets, `woken` what Alertmanager's two receivers get."""

    service: Process
    prometheus: Running
    told: Receiver
    woken: Receiver
    sent: int = field(default=0)

    def traffic(self) -> None:
        """A little of everything that is counted: good and failed interactions, one again, refused ones, feedback."""
        self.sent += 1
        row = {"application": "support", "timestamp": time.time(), "prompt": "Where?", "response": "There.", "duration": 0.2,
               "model": "atlas-small", "cost_usd": 0.01, "input_tokens": 3, "output_tokens": 2, "mood": "good"}  # fmt: skip
        rows: list[Any] = [row | {"id": f"live-{self.sent}"}] * 2 + [row | {"id": f"failed-{self.sent}", "error": "timeout"}]
        rows += [{"id": 7}]
        post(self.service, "interactions", [msgspec.json.encode(one) for one in rows])

    def value(self, expression: str) -> list[Any]:
        """The samples of an expression at this moment; fails where Prometheus refuses it."""
        answer = self.prometheus.client.post("/api/v1/query", data={"query": expression}).json()
        assert answer["status"] == "success", f"{expression}: {answer}"
        samples: list[Any] = answer["data"]["result"]
        return samples


def post(service: Process, topic: str, lines: list[bytes]) -> None:
    """Sends lines; where too many wait to be counted, tries again."""

    def accepted() -> bool:
        status = service.client.post(f"/v1/{topic}", content=b"\n".join(lines)).status_code
        assert status in (202, 429)
        return status == 202

    until(accepted, lambda: f"{topic} are not accepted")


def tell(service: Process) -> None:
    """A story that has come to the middle of its first incident."""
    now = time.time_ns() // 1000
    begin = now // WINDOW * WINDOW - round(HISTORY * DAY + (QUIET + INCIDENT) * HOUR)
    story = Story(1, begin, HISTORY, QUIET, 2 * INCIDENT)
    for window in range(story.start, now // WINDOW * WINDOW, WINDOW):
        post(service, "interactions", interactions(story, window).lines)


def write_alertmanager(directory: Path, port: int) -> None:
    """Our configuration, with receivers that listen and no waiting for company."""
    config = read(DEPLOY / "alertmanager" / "alertmanager.yml")
    config["route"]["group_wait"] = "0s"
    for receiver in config["receivers"]:
        receiver["webhook_configs"] = [{"url": f"http://127.0.0.1:{port}/{receiver['name']}"}]
    (directory / "alertmanager.yml").write_text(yaml.safe_dump(config), encoding="utf-8")


def write_prometheus(directory: Path, service: str, alerts: str) -> None:
    """Our configuration and rules, once a second and without waiting, on these addresses; there is no worker to find."""
    config = read(DEPLOY / "prometheus" / "prometheus.yml")
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alerts]}]}]
    (api,) = [job for job in config["scrape_configs"] if job["job_name"] == "plumbline-api"]
    api["static_configs"] = [{"targets": [service]}]
    api["authorization"]["credentials_file"] = "read_token"
    config["scrape_configs"] = [api]
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (directory / "read_token").write_text(TOKEN, encoding="utf-8")
    (directory / "rules.yml").write_text(re.sub(r"for: \d+m", "for: 0s", RULES.read_text(encoding="utf-8")), encoding="utf-8")


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """The whole chain, from interactions to the webhook of whoever is on call."""
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed (apt-get install prometheus prometheus-alertmanager)")
    directory = tmp_path_factory.mktemp("watched")
    with receiving() as told, receiving() as woken:
        config = write_config(directory, CONFIG.format(token=TOKEN, port=told.port))
        with serving(config) as service:
            service.client.timeout = httpx.Timeout(60)
            service.client.headers["Authorization"] = f"Bearer {TOKEN}"
            tell(service)
            write_alertmanager(directory, woken.port)
            with alertmanager(directory) as hearing:
                write_prometheus(directory, service.client.base_url.netloc.decode(), hearing.address)
                with prometheus(directory) as scraping:
                    yield Watched(service, scraping, told, woken)
