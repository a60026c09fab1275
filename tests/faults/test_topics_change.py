"""What happens to topics under a worker: records deleted before they were counted, topics created anew, partitions added."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from streams import topics
from streams.broker import INTERACTIONS, Broker
from tests.kafka.broker import delete_topics
from tests.kafka.deployment import Deployment, Role, calls, deployed
from tests.monitor.receiver import Receiver, receiving

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
RECEIVER = """
alerts:
  receivers: [{{name: oncall, webhook: {{url: "http://127.0.0.1:{port}/hook"}}}}]
"""


@contextmanager
def told(folder: Path, broker: Broker, database: str, partitions: int) -> Iterator[tuple[Deployment, Receiver]]:
    """A deployment, and who is told of its alerts."""
    with receiving() as site, deployed(folder, broker, database, RECEIVER.format(port=site.port), partitions) as made:
        yield made, site


def delete_before(broker: Broker, offset: int) -> None:
    """As retention does."""
    with KafkaAdminClient(**broker.settings()) as admin:
        admin.delete_records({TopicPartition(INTERACTIONS, 0): offset})


def says(made: Deployment, site: Receiver, worker: Role, signal: str) -> None:
    """Alert, log and notification."""
    alerts = [alert for alert in made.alerts() if alert.signal == signal]
    assert {(alert.application, alert.state) for alert in alerts} == {("plumbline", "firing")}
    assert worker.events(signal)
    received = site.next().json()
    assert received["alerts"][0]["labels"]["application"] == "plumbline"
    assert received["alerts"][0]["annotations"]["summary"] in {alert.sentence for alert in alerts}


def test_records_deleted_while_no_worker_ran_are_counted_as_lost_and_told(
    broker: Broker, database: str, tmp_path: Path
) -> None:
    with told(tmp_path, broker, database, 1) as (made, site):
        (worker,) = made.start("worker")
        made.send(*calls(range(100)), partition=0)
        made.counts(100)
        worker.stop()
        made.send(*calls(range(100, 150)), partition=0)
        delete_before(broker, 130)
        (worker,) = made.start("worker")
        made.counts(120)
        assert worker.metrics()["plumbline_lost_records_total{interactions-0}"] == 30
        says(made, site, worker, "records_lost")
        assert made.alerts()[0].sentence.startswith("30 records of plumbline.interactions partition 0 were deleted by Kafka")


@pytest.mark.parametrize("seconds", [1, 20])
def test_records_deleted_while_the_worker_was_held_up_are_counted_as_lost_and_told(
    broker: Broker, database: str, tmp_path: Path, seconds: float
) -> None:
    """For a moment, and for longer than its session."""
    with told(tmp_path, broker, database, 1) as (made, site):
        (worker,) = made.start("worker")
        made.send(*calls(range(100)), partition=0)
        made.counts(100)
        worker.freeze()
        for n in range(100, 200):
            made.send(*calls([n]), partition=0)
        delete_before(broker, 190)
        made.passes(seconds)
        worker.thaw()
        made.until(lambda: made.positions()[INTERACTIONS, 0].next_offset == 200, made.positions)
        lost = worker.metrics()["plumbline_lost_records_total{interactions-0}"]
        assert lost >= 80  # an answer that was under way may have brought some
        assert made.counted() + lost == 200
        says(made, site, worker, "records_lost")


@pytest.mark.parametrize("running", [False, True])
def test_a_topic_that_was_created_anew_is_counted_from_its_beginning_and_told(
    broker: Broker, database: str, tmp_path: Path, running: bool
) -> None:
    with told(tmp_path, broker, database, 1) as (made, site):
        (worker,) = made.start("worker")
        made.send(*calls(range(100)), partition=0)
        made.counts(100)
        if not running:
            worker.stop()
        delete_topics(broker, [INTERACTIONS])
        topics.create(broker)
        made.publisher.close()
        made.publisher = type(made.publisher)(broker)
        made.send(*calls(range(100, 130)), partition=0)
        if not running:
            (worker,) = made.start("worker")
        made.counts(130)
        made.send(*calls(range(130, 140)), partition=0)
        made.counts(140)
        assert worker.metrics()[f"plumbline_topic_restarts_total{{{INTERACTIONS}}}"] == 1
        assert "plumbline_topic_restarts_total{plumbline.feedback}" not in worker.metrics()
        assert made.positions()[INTERACTIONS, 0].next_offset == 40
        says(made, site, worker, "topic_created_anew")


def test_partitions_that_are_added_are_counted_soon(broker: Broker, database: str, tmp_path: Path) -> None:
    with deployed(tmp_path, broker, database, partitions=2) as made:
        first, second = made.start("worker", "worker")
        made.spread(calls(range(100)))
        made.counts(100)
        topics.create(broker, 4, add_partitions=True)
        began = time.monotonic()
        made.until(lambda: made.publisher.partitions(INTERACTIONS) == 4)
        made.spread(calls(range(100, 1_100)))
        made.counts(1_100)
        took = time.monotonic() - began
        assert took < 25, took
        assert sum(worker.metrics()["plumbline_assigned_partitions"] for worker in (first, second)) == 8
