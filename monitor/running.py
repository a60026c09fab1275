"""The life of a serving process: parts that open and close, a loop that keeps house, and what signals ask for."""

import fcntl
import gc
import logging
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, Self

from fastapi import APIRouter

from monitor import logs
from monitor.api import judges, reading
from monitor.api.app import create_app, now_us
from monitor.api.auth import Guard
from monitor.api.health import Check
from monitor.api.intake import Intake
from monitor.api.server import serve_http
from monitor.config import Address, ConfigSource, InvalidConfigError
from monitor.metrics import Metrics
from monitor.page.reading import StoreReading
from monitor.page.routes import page_router
from monitor.reading.budget import show
from monitor.stages.alerting import receivers
from monitor.store import Store, TransientStoreError
from monitor.store.failures import CONFLICT
from records.errors import StoreError

SHOW_EVERY = 10.0
"""Seconds between two updates of the gauges that come from the store, and other housekeeping."""
REFUSED_SECONDS = 5.0
"""How long a transaction that had to wait is told of: by then it was tried again."""
SENDER_SECONDS = 2.0
"""How long a stop may take to finish an attempt to deliver."""
GC_THRESHOLD = (50_000, 20, 100)
"""Batches allocate many small objects and few cycles: the collector need not look at each of them several times."""
_SQLITE = "sqlite:///"
_STOP, _RELOAD = "stop", "reload"
_log = logging.getLogger(__name__)


class Running(ABC):
    """Runs while the `with` block does. `url` is where it listens. Raises ConfigError, StoreError where it cannot start."""

    def __init__(self, source: ConfigSource, listen: Address):
        self.source, self.metrics = source, Metrics()
        self.failure: BaseException | None = None
        self._refused: tuple[float, str | None] = 0.0, None
        self.store = Store(source.current.store.get_secret_value(), on_retry=self._retried)
        self._listen = listen
        self._words: SimpleQueue[str] = SimpleQueue()
        self._parts = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as parts:
            parts.callback(self.store.close)
            receivers(self.source.current)  # raises ConfigError for a target that cannot be used
            intake = self._open(parts)
            app = create_app(intake, self.source, self._routers(), metrics=self.metrics, checks=self._checks())
            self.url = parts.enter_context(serve_http(app, *self._listen)).url
            self._quietly(self._show)
            self._parts = parts.pop_all()
        logs.event(_log, logging.INFO, "started", url=self.url)
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()
        logs.event(_log, logging.INFO, "stopped", **self._last_words(), failed=self.failure is not None)

    @abstractmethod
    def _open(self, parts: ExitStack) -> Intake | None:
        """Open what the process is made of, to be closed in reverse; where captured records go, None where none are."""

    @abstractmethod
    def _checks(self) -> Mapping[str, Check]:
        """What /readyz asks."""

    @abstractmethod
    def _keep_house(self) -> None:
        """What is to be done now and then beside gauges."""

    def _last_words(self) -> dict[str, Any]:
        """What the log says of the end."""
        return {}

    def _routers(self) -> Sequence[APIRouter]:
        """What is served beside capture: the reading endpoints and the page."""
        pages = StoreReading(self.store, self.source, now_us)
        given = (self.store, self.source, now_us)
        return reading.router(*given), judges.router(*given), page_router(pages, Guard(self.source))

    def run(self) -> int:
        """Works until `stop`: 0, or until a part fails: 1."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLD)
        while True:
            try:
                word = self._words.get(timeout=SHOW_EVERY)
            except Empty:
                self._quietly(self._show)
                self._quietly(self._keep_house)
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

    def fail(self, error: BaseException) -> None:
        """A part of the process died: it must not go on half alive."""
        self.failure = error
        logs.event(_log, logging.ERROR, "failed", caught=error, part=threading.current_thread().name)
        self.stop()

    def store_problem(self) -> str | None:
        """What is wrong with the store, None while all is well: it may answer and yet take nothing."""
        try:
            self.store.check()
        except StoreError as error:
            return str(error)
        at, refusal = self._refused
        return refusal if time.monotonic() - at < REFUSED_SECONDS else None

    def part_problem(self) -> str | None:
        """Which part ended, None while all live."""
        return f"stopped by {type(self.failure).__name__}; the log has the place" if self.failure else None

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

    def _retried(self, error: TransientStoreError) -> None:
        self.metrics.retries.inc()
        if error.reason != CONFLICT.reason:
            self._refused = time.monotonic(), str(error)
        logs.event(_log, logging.WARNING, "store_retried", caught=error)


def beside_store(store: str, name: str) -> Path:
    """Where a file of a process lives: beside a SQLite store (plumbline.db: plumbline.<name>), else where it was started."""
    if not store.startswith(_SQLITE):
        return Path(f"plumbline.{name}").resolve()
    path = Path(store.removeprefix(_SQLITE).partition("?")[0]).resolve()
    return path.with_name(f"{path.stem}.{name}")


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Nobody else uses this file meanwhile; StoreError where somebody does."""
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


def obey_signals(running: Running) -> None:
    """SIGTERM and SIGINT stop the process, SIGHUP makes it read its configuration again."""

    def stop(number: int, frame: FrameType | None) -> None:
        running.stop()

    def reload(number: int, frame: FrameType | None) -> None:
        running.reload()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGHUP, reload)
