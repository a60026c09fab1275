"""The roles of a deployment on Kafka: `api` captures and shows, `worker` takes in and judges, `evaluator` has models judge a
sample; `serve` is all of them."""

import logging
import os
import socket
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from fastapi import APIRouter

from monitor import logs, troubles
from monitor.api.app import now_us
from monitor.api.health import Check
from monitor.api.intake import Intake
from monitor.config import Address, ConfigSource
from monitor.estimating import Estimating
from monitor.evaluator.consuming import GROUP, Consuming
from monitor.evaluator.evaluator import Evaluator
from monitor.evaluator.export import Exporter
from monitor.intake import LetterWriter
from monitor.intake_kafka import KafkaIntake
from monitor.judging import Judging
from monitor.messages import Announcer, refused_messages
from monitor.outbox import Sender
from monitor.partitions import Partitions
from monitor.running import SENDER_SECONDS, Running, alone, beside_store
from monitor.store import positions
from monitor.store.dead_letters import DeadLetter
from records.errors import ConfigError, StoreError, StreamError
from streams.broker import INTERACTIONS, Broker
from streams.places import Place
from streams.publisher import Publisher
from streams.topics import describe
from streams.worker import Group, Worker

API, WORKER, EVALUATOR = "api", "worker", "evaluator"
STOP_SECONDS = 1.5
"""How long a stop may take to finish a transaction; what it leaves is taken in again by whoever comes next."""
AGAIN = 1.0
"""Seconds between attempts to send refused lines."""
_log = logging.getLogger(__name__)


class Roles(Running):
    """One or both roles in one process, on the broker and the store that the configuration names."""

    def __init__(self, source: ConfigSource, roles: Collection[str], listen: Address | None = None):
        config = source.current
        super().__init__(source, listen or (config.listen if API in roles else config.listen_worker))
        self._roles = frozenset(roles)
        self._broker = _broker(config.broker(), config.stream)
        self._stopping = threading.Event()

    def _open(self, parts: ExitStack) -> Intake | None:
        """Parts are closed in reverse: first what accepts, then what counts, then what delivers."""
        store = self.source.current.store.get_secret_value()
        if WORKER in self._roles and store.startswith("sqlite"):
            parts.enter_context(alone(beside_store(store, "worker")))  # its locks hold within one process
            self.store.upgrade()
        self.store.check()
        sender = Sender(self.store, self.source, self.metrics, self.fail)
        parts.callback(sender.stop, SENDER_SECONDS)
        sender.start()
        self._publisher = Publisher(self._broker, published=self._published)
        parts.callback(self._publisher.close)
        if self._roles != {API}:
            announcer = Announcer(self.store, self._publisher, self.fail)
            parts.callback(announcer.stop, STOP_SECONDS)
            announcer.start()
        if EVALUATOR in self._roles:
            self._open_evaluator(parts)
        if WORKER in self._roles:
            self._open_worker(parts)
        return self._open_intake(parts) if API in self._roles else None

    def _open_intake(self, parts: ExitStack) -> Intake:
        config = self.source.current
        letters = LetterWriter(self.store)
        parts.callback(letters.close)
        publisher = Publisher(self._broker, published=self._published)
        self.intake = KafkaIntake(publisher, Path(config.spool).resolve(), config.spool_limit << 20, letters)
        parts.callback(self.intake.close)
        self.metrics.spooled.set_function(lambda: self.intake.spooled()[1])
        self.intake.start()
        return self.intake

    def _open_worker(self, parts: ExitStack) -> None:
        owner = f"{socket.gethostname()}:{os.getpid()}"
        self._partitions = Partitions(
            self.store, self.source, self.metrics, owner, self._publish_refused, self._stopping.is_set, EVALUATOR in self._roles
        )
        estimating = Estimating(self.store, self.source, self.metrics)
        parts.callback(estimating.stop, STOP_SECONDS)
        estimating.start()
        judging = Judging(self.store, self.source, self.metrics, self.fail)
        parts.callback(judging.stop, STOP_SECONDS)
        self.worker = Worker(self._broker, self._partitions, self._topic_ids, self._worker_failed)
        parts.callback(self.worker.stop, STOP_SECONDS)
        parts.callback(self._stopping.set)
        judging.start()
        self.worker.start()

    def _open_evaluator(self, parts: ExitStack) -> None:
        """Beside a worker the sample comes with what that takes in; alone it has a consumer group of its own."""
        exporter = Exporter(self.source, self.metrics)
        parts.callback(exporter.stop, STOP_SECONDS)
        evaluator = Evaluator(self.store, self.source, self.metrics, self.fail, told=exporter.tell)
        parts.callback(evaluator.stop, STOP_SECONDS)
        if WORKER not in self._roles:
            consuming = Consuming(self.store, self.source, self.metrics, self._stopping.is_set, evaluator.wake)
            group = Group(GROUP, (INTERACTIONS,))
            self.worker = Worker(self._broker, consuming, self._topic_ids, self._worker_failed, group=group)
            parts.callback(self.worker.stop, STOP_SECONDS)
            parts.callback(self._stopping.set)
            self.worker.start()
        exporter.start()
        evaluator.start()

    def _worker_failed(self, error: BaseException) -> None:
        if not self._stopping.is_set():
            self.fail(error)

    def _topic_ids(self) -> dict[str, str]:
        return {name: topic.id for name, topic in describe(self._broker).items()}

    def _published(self, topic: str, outcome: str, n: int) -> None:
        self.metrics.published.labels(topic=topic, outcome=outcome).inc(n)

    def _publish_refused(self, letters: Sequence[DeadLetter]) -> None:
        """Returns when the topic has them; a broker that is away has nothing to take in either."""
        while True:
            try:
                self._publisher.send(refused_messages(letters))
                return
            except StreamError as error:
                logs.event(_log, logging.WARNING, "dead_letters_wait", caught=error, lines=len(letters))
                if self._stopping.wait(AGAIN):
                    raise

    def _routers(self) -> Sequence[APIRouter]:
        return super()._routers() if API in self._roles else ()

    def _checks(self) -> Mapping[str, Check]:
        checks: dict[str, Check] = {"store": self.store_problem, "parts": self.part_problem, "partitions": self._stalled}
        if API in self._roles:
            checks["spool"] = self.intake.problem
        if self._roles != {API}:
            checks["stream"] = self.worker.problem
        return checks

    def _stalled(self) -> str | None:
        try:
            with self.store.read() as c:
                found = troubles.stalled(positions.all_(c), now_us())
        except StoreError:
            return None  # that the store is away is told by its own check
        return "; ".join(f"{stall.place.label}: {stall.why}" for stall in found) or None

    def _show(self) -> None:
        super()._show()
        with self.store.read() as c:
            stored = positions.all_(c)
        still = {stall.place for stall in troubles.stalled(stored, now_us())}
        for key in stored:
            place = Place(*key)
            self.metrics.stalled.labels(partition=place.label).set(place in still)

    def _keep_house(self) -> None:
        """Workers keep house under a lock (monitor.judging)."""


def _broker(broker: Broker | None, stream: str) -> Broker:
    if broker is None:
        raise ConfigError(f"this role needs Kafka, stream is {stream}; expected kafka://host:9092", key="stream")
    return broker
