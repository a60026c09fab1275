"""All roles in one process: capture, the embedded stream, verdicts, alerts, the outbox and HTTP."""

import fcntl
import gc
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Self

from fastapi import APIRouter

from monitor import logs, retention
from monitor.api import reading
from monitor.api.app import create_app, now_us
from monitor.api.auth import Guard
from monitor.api.health import Check
from monitor.api.server import serve_http
from monitor.config import Address, ConfigSource, InvalidConfigError
from monitor.intake import Backlog, LetterWriter, LogIntake
from monitor.metrics import Metrics
from monitor.outbox import Sender
from monitor.page.reading import StoreReading
from monitor.page.routes import page_router
from monitor.pipeline import Pipeline
from monitor.reading.budget import show
from monitor.stages.alerting import receivers
from monitor.store import Store
from records.errors import StoreError
from records.window import HOUR
from streams.embedded import PARTITION, Appender, Log, Runner

DRAIN_SECONDS, SENDER_SECONDS = 5.0, 2.0
"""How long a stop may take to count what was accepted, and to finish an attempt to deliver."""
SHOW_EVERY = 10.0
"""Seconds between two updates of the gauges that come from the store."""
_SQLITE = "sqlite:///"
_STOP, _RELOAD = "stop", "reload"
_log = logging.getLogger(__name__)


class Service:
    """Runs while the `with` block does. Whatever was accepted before a crash is counted after the next start.

    `url` is where it listens. Raises ConfigError, StoreError where it cannot start.
    """

    def __init__(self, source: ConfigSource, listen: Address | None = None):
        self.source, self.metrics = source, Metrics()
        self.failure: BaseException | None = None
        self.store = Store(source.current.store.get_secret_value())
        self._listen = listen or source.current.listen
        self._words: SimpleQueue[str] = SimpleQueue()
        self._parts = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as parts:
            parts.callback(self.store.close)
            receivers(self.source.current)  # raises ConfigError for a target that cannot be used
            path = log_path(self.source.current.store.get_secret_value())
            parts.enter_context(_alone(path))
            self.store.upgrade()
            self._open_stream(parts, path)
            app = create_app(self.intake, self.source, self._routers(), metrics=self.metrics, checks=self._checks())
            self.url = parts.enter_context(serve_http(app, *self._listen)).url
            self._show()
            self._parts = parts.pop_all()
        logs.event(_log, logging.INFO, "started", url=self.url, store=str(path.parent))
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()
        logs.event(_log, logging.INFO, "stopped", counted_to=self.consumer.position(), failed=self.failure is not None)

    def run(self) -> int:
        """Works until `stop`: 0, or until a part fails: 1."""
        gc.collect()
        gc.freeze()
        forgotten = time.monotonic()
        while True:
            try:
                word = self._words.get(timeout=SHOW_EVERY)
            except Empty:
                self._quietly(self._show)
                if time.monotonic() - forgotten > HOUR / 1e6:
                    self._quietly(lambda: retention.forget(self.store, self.source.current, self.metrics, now_us()))
                    forgotten = time.monotonic()
                continue
            if word == _STOP:
                return 1 if self.failure else 0
            self._reload()

    def stop(self) -> None:
        """Makes `run` return; may be called in a signal handler."""
        self._words.put(_STOP)

    def reload(self) -> None:
        """Makes `run` read the configuration again; may be called in a signal handler."""
        self._words.put(_RELOAD)

    def _routers(self) -> Sequence[APIRouter]:
        """What is served beside capture: the reading endpoints and the page."""
        pages = StoreReading(self.store, self.source, now_us)
        return reading.router(self.store, self.source, now_us), page_router(pages, Guard(self.source))

    # -- parts -------------------------------------------------------------------------------------------------------

    def _open_stream(self, parts: ExitStack, path: Path) -> None:
        """Parts are closed in reverse: first what accepts, then what counts, then what delivers, then the files."""
        log = Log(path)
        parts.callback(log.close)
        self.consumer = Pipeline(self.store, self.source, self.metrics)
        self.backlog = Backlog(log, self.consumer.position)
        self.metrics.lag.labels(partition=str(PARTITION)).set_function(self.backlog.lines)
        sender = Sender(self.store, self.source, self.metrics, self.fail)
        parts.callback(sender.stop, SENDER_SECONDS)
        runner = Runner(log, self.consumer, self.fail)
        parts.callback(self._drain, runner)
        appender = Appender(log, runner.wake)
        parts.callback(appender.close)
        letters = LetterWriter(self.store)
        parts.callback(letters.close)
        self.intake = LogIntake(appender, letters, self.backlog)
        sender.start()
        runner.start()

    def _drain(self, runner: Runner) -> None:
        """Count what was accepted, as far as that takes little time; the rest is in the log for the next start."""
        runner.stop()
        deadline = time.monotonic() + DRAIN_SECONDS
        try:
            while not self.failure and time.monotonic() < deadline and runner.step():
                pass
        except Exception as error:
            self.fail(error)

    def _checks(self) -> dict[str, Check]:
        def store() -> str | None:
            try:
                self.store.check()
            except StoreError as error:
                return str(error)
            return None

        def parts() -> str | None:
            return f"stopped by {type(self.failure).__name__}; the log has the place" if self.failure else None

        return {"store": store, "stream": parts, "backlog": self.backlog.problem, "log": self.intake.problem}

    def fail(self, error: BaseException) -> None:
        """A part of the process died: it must not go on half alive."""
        self.failure = error
        logs.event(_log, logging.ERROR, "failed", caught=error, part=threading.current_thread().name)
        self.stop()

    def _reload(self) -> None:
        try:
            changes = self.source.reload()
            receivers(self.source.current)
        except InvalidConfigError as error:
            logs.event(_log, logging.ERROR, "configuration_refused", caught=error)
            return
        for change in changes:
            logs.event(
                _log, logging.INFO, "configuration_changed", key=change.key, before=change.before, after=change.after,
                waits_for_restart=change.restart,
            )  # fmt: skip
        logs.event(_log, logging.INFO, "configuration_reloaded", changes=len(changes))

    def _show(self) -> None:
        with self.store.read() as c:
            show(c, self.source.current, self.metrics, now_us())

    def _quietly(self, work: Callable[[], None]) -> None:
        """Housekeeping that finds the store busy or away is tried again next time."""
        try:
            work()
        except StoreError as error:
            logs.event(_log, logging.WARNING, "housekeeping_waits", caught=error)


def log_path(store: str) -> Path:
    """Where the embedded log lives: beside a SQLite store (plumbline.db: plumbline.log.db), else in the working directory."""
    if not store.startswith(_SQLITE):
        return Path("plumbline.log.db").resolve()
    path = Path(store.removeprefix(_SQLITE).partition("?")[0]).resolve()
    return path.with_name(f"{path.stem}.log.db")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Nobody else serves this log meanwhile; StoreError where somebody does."""
    name = path.with_name(f"{path.name}.lock")
    try:
        file = name.open("a")
    except OSError as error:
        raise StoreError(f"{path.parent}: {error.strerror}; the store needs a directory that can be written to") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreError(f"{path}: another plumbline serves this store; stop it, or give another store") from None
        yield


def obey_signals(service: Service) -> None:
    """SIGTERM and SIGINT stop the service, SIGHUP makes it read its configuration again."""

    def stop(number: int, frame: FrameType | None) -> None:
        service.stop()

    def reload(number: int, frame: FrameType | None) -> None:
        service.reload()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGHUP, reload)
