"""Several workers: restarted one by one under load, sharing applications, and all gone for a while."""

import json
import threading
from collections import Counter
from pathlib import Path

import pytest

from monitor.api.app import now_us
from records.window import DAY, HOUR, WINDOW
from streams.broker import ALERTS, INTERACTIONS, Broker
from tests.kafka.consumed import consumed
from tests.kafka.deployment import Deployment, Role, calls, deployed
from tests.kafka.traffic import traffic
from tests.monitor.receiver import Receiver, receiving
from tests.monitor.streaming import START, Change, windows

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
PER_SECOND = 2_000
DELAY_WITHIN = 30.0
NAMES = tuple(f"team {n}" for n in range(6))
TOLD = """
false_alarms: {{at_most: 500, per: 1d}}
alerts:
  receivers: [{{name: oncall, webhook: {{url: "http://127.0.0.1:{port}/hook"}}}}]
applications:
"""
APPLICATION = "  {name}: {{slices: [model], allowed_lateness: 1h, signals: [response.characters, output_tokens, error]}}\n"


class Delay:
    """How far the slowest partition's watermark is behind the clock, looked at again and again."""

    def __init__(self, made: Deployment) -> None:
        self.made, self.worst, self.done = made, 0.0, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        while not self.done.wait(0.2):
            marks = [p.watermarks["support"] for (topic, _), p in self.made.positions().items() if topic == INTERACTIONS]
            self.worst = max(self.worst, (now_us() - min(marks)) / 1e6)

    def __enter__(self) -> "Delay":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()


def test_workers_restarted_one_by_one_under_load_keep_up_and_nobody_is_late(
    broker: Broker, database: str, tmp_path: Path
) -> None:
    with deployed(tmp_path, broker, database, "applications: {support: {allowed_lateness: 30s}}\n") as made:
        workers = made.start("worker", "worker")
        with traffic(made, PER_SECOND) as live:
            made.until(lambda: all(p.watermarks for (t, _), p in made.positions().items() if t == INTERACTIONS))
            with Delay(made) as delay:
                for i in (0, 1, 0, 1):
                    assert workers[i].stop() < 2
                    (workers[i],) = made.start("worker")
                    made.until(lambda w=workers: {r.metrics()["plumbline_assigned_partitions"] for r in w} == {4})  # type: ignore[misc]
                    made.passes(5)
        made.counts(live.sent)
        print(f"worst delay {delay.worst:.1f} s of {live.sent} interactions")
        assert delay.worst < DELAY_WITHIN
        assert live.refused == []
        assert (made.counters()["support"].late, made.counters()["support"].duplicates) == (0, 0)
        assert [finding.id for finding in made.findings() if finding.revision] == []


def judged_by(worker: Role) -> set[str]:
    """The applications whose evidence a worker shows."""
    return {name.split("{")[1].split(",")[0] for name in worker.metrics() if name.startswith("plumbline_evidence_ratio{")}


def send_history(made: Deployment) -> int:
    """The same incident, of five days ago, in every application; how many interactions."""
    ago = ((now_us() // DAY - 5) * DAY - START) / 1e6
    rows = windows(90, Change(60, 90))
    for i in range(0, len(rows), 5):
        made.spread(
            [
                json.dumps({**row, "timestamp": row["timestamp"] + ago, "application": name}).encode()
                for window in rows[i : i + 5]
                for row in window
                for name in NAMES
            ]
        )
    return sum(map(len, rows)) * len(NAMES)


def test_two_workers_share_applications_and_tell_everything_once(broker: Broker, database: str, tmp_path: Path) -> None:
    more = "".join(APPLICATION.format(name=name) for name in NAMES)
    with receiving() as site, deployed(tmp_path, broker, database, TOLD.format(port=site.port) + more) as made:
        workers = made.start("worker", "worker")
        made.counts(send_history(made))
        first = (now_us() // DAY - 5) * DAY
        last = first + 89 * WINDOW + 59 * WINDOW // 1000 - HOUR
        every = list(range(first, last // WINDOW * WINDOW, WINDOW))
        made.until(lambda: all(made.windows(name) == every for name in NAMES), lambda: [len(made.windows(n)) for n in NAMES])
        shown = [judged_by(worker) for worker in workers]
        assert shown[0] | shown[1] == set(NAMES)
        assert shown[0] & shown[1] == set()
        assert all(shown)
        fired = {alert.id for alert in made.alerts() if alert.fired_at}
        assert {alert.application for alert in made.alerts() if alert.fired_at} == set(NAMES)
        ids = Counter(site.next().headers["webhook-id"] for _ in fired)
        made.until(
            lambda: (
                sum(worker.metrics().get("plumbline_notifications_total{delivered,oncall}", 0) for worker in workers)
                == len(fired)
            )
        )
        assert set(ids.values()) == {1} and len(ids) == len(fired) and site.requests.empty()
        told = Counter((alert["id"], alert["state"]) for alert in map(json.loads, [r.value for r in consumed(broker, ALERTS)]))
        assert max(told.values()) == 1
        assert {id_ for id_, state in told if state == "firing"} == fired
        assert {counted.late for counted in made.counters().values()} == {0}


def tells(site: Receiver, n: int) -> Counter[str]:
    """What so many notifications say."""
    return Counter(site.next().json()["status"] for _ in range(n))


def test_that_no_worker_runs_is_said_by_the_api_and_told_once_one_runs_again(
    broker: Broker, database: str, tmp_path: Path
) -> None:
    with receiving() as site, deployed(tmp_path, broker, database, TOLD.format(port=site.port) + "  a: {}\n", 1) as made:
        api, worker = made.start("api", "worker")
        made.send(b"\n".join(calls(range(10))), partition=0)
        made.counts(10)
        assert api.problems() == {}
        worker.kill()
        made.passes(55)
        assert api.problems() == {}
        made.until(lambda: "partitions" in api.problems(), within=20)
        assert "no worker has looked at it since" in api.problems()["partitions"]
        made.until(lambda: api.metrics().get("plumbline_partition_stalled{interactions-0}") == 1, api.metrics)
        made.start("worker")
        made.until(lambda: not api.problems(), api.problems)
        assert tells(site, 2) == {"firing": 1, "resolved": 1}
        assert {(alert.signal, alert.state) for alert in made.alerts()} == {("partition_stalled", "resolved")}


def test_a_worker_without_partitions_is_ready_and_takes_over_when_the_other_stops(
    broker: Broker, database: str, tmp_path: Path
) -> None:
    with deployed(tmp_path, broker, database, partitions=1) as made:
        first, second = made.start("worker", "worker")
        made.until(lambda: sorted(w.metrics()["plumbline_assigned_partitions"] for w in (first, second)) == [0, 2])
        made.send(b"\n".join(calls(range(10))), partition=0)
        made.counts(10)
        assert first.stop() < 2
        made.send(b"\n".join(calls(range(10, 20))), partition=0)
        made.counts(20)
        assert second.stop() < 2
