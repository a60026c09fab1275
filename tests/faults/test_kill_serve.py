"""`serve` is killed at any moment, again and again: nothing is lost, nothing is counted twice, every verdict is the same."""

import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from monitor.config import ConfigSource, parse
from monitor.service import Service
from tests.faults.crashing import Driver, Tally, accepted
from tests.faults.stored import Stored, differences, read
from tests.faults.traffic import Day, Request, total
from tests.monitor.receiver import Receiver, receiving

CONFIG = """
store: sqlite:///{directory}/plumbline.db
listen: 127.0.0.1:0
false_alarms: {{at_most: 100, per: 1d}}
allow_private_targets: ["127.0.0.1"]
applications:
  support: {{slices: [model], allowed_lateness: 5m}}
  sales: {{slices: [tags.tenant], allowed_lateness: 5m}}
alerts:
  receivers: [{{name: oncall, webhook: {{url: "http://127.0.0.1:{port}/hook", secret: whsec_c2VjcmV0c2VjcmV0c2VjcmV0}}}}]
"""


class Run(NamedTuple):
    """What was left, what the receiver got (id to bodies, in order), and what happened on the way."""

    stored: Stored
    told: dict[str, list[bytes]]
    tally: Tally


def configured(directory: Path, port: int) -> str:
    return CONFIG.format(directory=directory, port=port)


def calm_run(directory: Path, requests: list[Request]) -> Run:
    """In this process, and nobody kills it."""
    directory.mkdir()
    with receiving() as site:
        source = ConfigSource(parse(configured(directory, site.port), "calm.yaml", {}))
        with Service(source) as service, httpx.Client(base_url=service.url, trust_env=False, timeout=60) as client:
            for request in requests:
                accepted(request, client.post(request.path, content=request.body))
            while service.backlog.lines() and service.failure is None:
                time.sleep(0.01)
            stored = read(directory)
            return Run(stored, _told(site, stored), Tally())


def killed_run(directory: Path, requests: list[Request], kills: int, seed: int) -> Run:
    directory.mkdir()
    with receiving() as site:
        config = directory / "plumbline.yaml"
        config.write_text(configured(directory, site.port), encoding="utf-8")
        driver = Driver(config)
        driver.send(requests, kills, seed)
        driver.settle()
        stored = read(directory)
        with driver.running():
            return Run(stored, _told(site, stored), driver.tally)


def _told(site: Receiver, stored: Stored) -> dict[str, list[bytes]]:
    """Everything that the receiver was sent, once every notification has arrived."""
    told: dict[str, list[bytes]] = defaultdict(list)
    while {id_ for (id_,) in stored.notifications} - told.keys() or not site.requests.empty():
        received = site.next()
        told[received.headers["webhook-id"]].append(received.body)
    return told


def same(calm: Run, killed: Run, requests: list[Request]) -> None:
    """What a run with kills left is what one without left.

    Counters of duplicates and of refused lines may be higher: a request whose answer was lost is sent again, its accepted
    lines are dropped by id and counted as duplicates, and its refused lines are refused again. Everything else is equal.
    """
    assert differences(calm.stored, killed.stored) == []
    for name, counted in calm.stored.counters.items():
        after = killed.stored.counters[name]
        assert (after.interactions, after.late) == (counted.interactions, counted.late)
        assert after.refused >= counted.refused
    again = sum(counted.duplicates for counted in killed.stored.counters.values())
    assert not any(counted.duplicates for counted in calm.stored.counters.values())
    assert again <= killed.tally.resent_lines
    interactions = sum(counted.interactions for counted in killed.stored.counters.values())
    assert interactions == total(requests, "/v1/interactions")
    assert killed.told.keys() == calm.told.keys()
    for id_, bodies in killed.told.items():
        assert set(bodies) == set(calm.told[id_]), "one id, one body, in both runs"
        assert len(set(bodies)) == 1


def worth_comparing(calm: Run) -> None:
    """The day has what could differ: panes, verdicts, findings, alerts that fired and were told, late data, ratings."""
    stored = calm.stored
    assert stored.panes and stored.joined and stored.letters and stored.calibrations
    assert {application for application, _ in stored.courses} == {"support", "sales"}
    assert any(finding["verdict"] == "finding" for finding in stored.findings.values())
    assert any(alert["fired_at"] for alert in stored.alerts.values())
    assert calm.told
    assert sum(counted.late for counted in stored.counters.values()) > 0


def test_a_run_with_three_kills_equals_one_without(tmp_path: Path) -> None:
    requests = Day(50, 12, 8, 64).requests()
    calm = calm_run(tmp_path / "calm", requests)
    worth_comparing(calm)
    killed = killed_run(tmp_path / "killed", requests, kills=3, seed=1)
    same(calm, killed, requests)
    assert killed.tally.kills >= 3


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_a_run_with_twenty_kills_at_random_moments_equals_one_without(tmp_path: Path) -> None:
    requests = Day(100, 18, 30, 120).requests()
    calm = calm_run(tmp_path / "calm", requests)
    worth_comparing(calm)
    killed = killed_run(tmp_path / "killed", requests, kills=20, seed=2)
    same(calm, killed, requests)
    assert killed.tally.kills >= 20
