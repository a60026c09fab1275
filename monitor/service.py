"""All roles in one process on the embedded stream: capture, verdicts, alerts, the outbox and HTTP."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from monitor import retention
from monitor.api.app import now_us
from monitor.api.health import Check
from monitor.api.intake import Intake
from monitor.config import Address, ConfigSource
from monitor.estimating import Estimating
from monitor.evaluator.evaluator import Evaluator
from monitor.evaluator.export import Exporter
from monitor.evaluator.feedback import LogPublisher
from monitor.intake import Backlog, LetterWriter, LogIntake
from monitor.messages import Announcer
from monitor.outbox import Sender
from monitor.pipeline import Pipeline
from monitor.running import SENDER_SECONDS, Running, alone, beside_store
from records.window import HOUR
from streams.embedded import PARTITION, Appender, Log, Runner

DRAIN_SECONDS = 5.0
"""How long a stop may take to count what was accepted."""


class Service(Running):
    """Whatever was accepted before a crash is counted after the next start."""

    def __init__(self, source: ConfigSource, listen: Address | None = None):
        super().__init__(source, listen or source.current.listen)
        self._forgotten = time.monotonic()

    def _open(self, parts: ExitStack) -> Intake:
        """Parts are closed in reverse: first what accepts, then what counts, then what delivers, then the files."""
        path = beside_store(self.source.current.store.get_secret_value(), "log.db")
        parts.enter_context(alone(path))
        self.store.upgrade()
        log = Log(path)
        parts.callback(log.close)
        self.consumer = Pipeline(self.store, self.source, self.metrics)
        self.backlog = Backlog(log, self.consumer.position)
        self.metrics.lag.labels(partition=str(PARTITION)).set_function(self.backlog.lines)
        sender = Sender(self.store, self.source, self.metrics, self.fail)
        parts.callback(sender.stop, SENDER_SECONDS)
        estimating = Estimating(self.store, self.source, self.metrics)
        parts.callback(estimating.stop, SENDER_SECONDS)
        estimating.start()
        runner = Runner(log, self.consumer, self.fail)
        parts.callback(self._drain, runner)
        appender = Appender(log, runner.wake)
        parts.callback(appender.close)
        letters = LetterWriter(self.store)
        parts.callback(letters.close)
        self.intake = LogIntake(appender, letters, self.backlog)
        announcer = Announcer(self.store, LogPublisher(self.intake), self.fail)
        parts.callback(announcer.stop, SENDER_SECONDS)
        exporter = Exporter(self.source, self.metrics)
        parts.callback(exporter.stop, SENDER_SECONDS)
        evaluator = Evaluator(self.store, self.source, self.metrics, self.fail, True, exporter.tell)
        parts.callback(evaluator.stop, SENDER_SECONDS)
        sender.start()
        runner.start()
        announcer.start()
        exporter.start()
        evaluator.start()
        return self.intake

    def _drain(self, runner: Runner) -> None:
        """Count what was accepted, as far as that takes little time; the rest is in the log for the next start."""
        runner.stop()
        deadline = time.monotonic() + DRAIN_SECONDS
        try:
            while not self.failure and time.monotonic() < deadline and runner.step():
                pass
        except Exception as error:
            self.fail(error)

    def _checks(self) -> Mapping[str, Check]:
        return {
            "store": self.store_problem, "stream": self.part_problem, "backlog": self.backlog.problem,
            "log": self.intake.problem,
        }  # fmt: skip

    def _last_words(self) -> dict[str, Any]:
        return {"counted_to": self.consumer.position()}

    def _keep_house(self) -> None:
        if time.monotonic() - self._forgotten > HOUR / 1e6:
            retention.forget(self.store, self.source.current, self.metrics, now_us())
            retention.merge_ids(self.store, self.source.current, now_us())
            self._forgotten = time.monotonic()
