"""The thread that has judges called for what was sampled. Whatever happens to one, the stream goes on without its scores."""

import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

from sqlalchemy import Connection

from monitor import logs
from monitor.api.app import now_us
from monitor.config import ConfigSource
from monitor.config.models import Config
from monitor.evaluator.calling import Callers
from monitor.evaluator.client import Asked
from monitor.evaluator.desk import Desk, Final, Task, Turn
from monitor.metrics import Metrics
from monitor.store import judgements
from monitor.store.engine import Store
from records.errors import StoreError

LOOK_EVERY, AFTER_FAILURE = 0.5, 2.0
"""Seconds between two looks at what was sampled, and after the store was away."""
_log = logging.getLogger(__name__)
Told = Callable[[str, str, Final], None]
"""Application, judge, and what became of a row."""


class Evaluator:
    """Calls judges as long as `start` and `stop` say, beside any number of others on the same store; `alone` says that there
    are none, so that what is being called for at the start was left by a process that died."""

    def __init__(
        self,
        store: Store,
        source: ConfigSource,
        metrics: Metrics,
        failed: Callable[[BaseException], None],
        alone: bool = False,
        told: Told = lambda application, judge, final: None,
    ):
        self._store, self._source, self._metrics, self._failed = store, source, metrics, failed
        self._alone, self._told = alone, told
        self._config: Config | None = None
        self._desks: dict[tuple[str, str], tuple[Desk, Callers]] = {}
        self._leaving: list[Desk] = []
        self._heard: SimpleQueue[tuple[Desk, Task, Asked]] = SimpleQueue()
        self._stop, self.woken = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="evaluator", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def wake(self) -> None:
        """There is something new to be judged."""
        self.woken.set()

    def stop(self, within: float) -> None:
        """Write down what comes back within so many seconds; calls that last longer are not made again."""
        self._stop.set()
        self.woken.set()
        self._thread.join(within)

    def _run(self) -> None:
        while not self._stop.is_set():
            wait = LOOK_EVERY
            try:
                self.woken.clear()
                if self.step(now_us()):
                    continue
                wait = self._patience(time.time())
            except StoreError as error:
                logs.event(_log, logging.WARNING, "evaluator_waits", caught=error)
                wait = AFTER_FAILURE
            except BaseException as error:
                self._failed(error)
                return
            self.woken.wait(wait)
        self._leave()

    def _leave(self) -> None:
        """What is under way may still come back."""
        while any(desk.busy for desk, _ in self._all()):
            self.woken.wait(LOOK_EVERY)
            self.woken.clear()
            self._collect(now_us())
            try:
                for desk in [desk for desk, _ in self._all() if desk.back]:
                    self._turn(desk, None, now_us())
            except StoreError:
                return

    def step(self, now: int) -> bool:
        """Write down what came back and call for what is next, at `now` (wall clock, microseconds); whether there is more."""
        self._heed_config()
        self._collect(now)
        more = False
        for desk, callers in self._all():
            labels = self._metrics.capped(application=desk.application, judge=desk.judge.name)
            self._metrics.judge_paused.labels(**labels).set(now < desk.pause.until)
            if desk.back or self._due(desk, now):
                more |= self._turn(desk, callers, now)
        for desk in [desk for desk in self._leaving if not desk.busy]:
            desk.client.close()
            self._leaving.remove(desk)
        self._alone = False
        return more

    def _all(self) -> list[tuple[Desk, Callers | None]]:
        """Judges as configured, and those that finish what they are at."""
        return [*self._desks.values(), *((desk, None) for desk in self._leaving)]

    def _collect(self, now: int) -> None:
        """Hand the calls that ended to their desks, which keep them until they are written down."""
        while not self._heard.empty():
            desk, task, asked = self._heard.get()
            desk.heard(task, asked, now / 1e6)

    def _due(self, desk: Desk, now: int) -> bool:
        """Whether a transaction is worth its while though no call ended."""
        if self._alone or desk.golden_due(now) or any(task.at <= now / 1e6 for task in desk.waiting):
            return True
        with self._store.read() as c:
            if judgements.left(c, *desk.name, now):
                return True
            return desk.room(now / 1e6) > 0 and judgements.waiting(c, *desk.name)

    def _turn(self, desk: Desk, callers: Callers | None, now: int) -> bool:
        """One transaction of a judge, and what follows from it; without `callers` nothing new is called for."""

        def work(c: Connection) -> Turn:
            return desk.turn(c, now, self._alone, claiming=callers is not None)

        seconds = [asked.seconds for _, asked in desk.back]
        turn = self._store.retry(work, self._stop.is_set)
        if desk.pause != desk.told and desk.pause.until:
            logs.event(
                _log, logging.WARNING, "judge_paused", application=desk.application, judge=desk.judge.name,
                why=desk.pause.why, seconds=round((desk.pause.until - now) / 1e6),
            )  # fmt: skip
        desk.committed(turn)
        for task in turn.calls:
            if callers is not None:
                callers.call(task)
        self._tell(desk, turn, seconds)
        return turn.more

    def _tell(self, desk: Desk, turn: Turn, seconds: list[float]) -> None:
        labels = self._metrics.capped(application=desk.application, judge=desk.judge.name)
        for final in turn.finals:
            if final.golden:
                continue
            self._metrics.judgements.labels(**labels, outcome=final.outcome).inc()
            self._told(desk.application, desk.judge.name, final)
        self._metrics.judge_cost.labels(**labels).inc(turn.cost / 1e6)
        if seconds:
            self._metrics.judge_seconds.observe_many(labels, seconds)

    def _patience(self, now: float) -> float:
        """Seconds until something is due."""
        due = [task.at - now for desk, _ in self._all() for task in desk.waiting]
        return min([LOOK_EVERY, *(max(seconds, 0.01) for seconds in due)])

    def _heed_config(self) -> None:
        """Judges as they are configured now; one that changed finishes what it is at, and another begins."""
        config = self._source.current
        if config is self._config:
            return
        self._config = config
        wanted = {(name, judge.name): judge for name, one in config.applications.items() for judge in one.judges}
        for key, (desk, callers) in list(self._desks.items()):
            if wanted.get(key) != desk.judge:
                callers.close()
                self._leaving.append(desk)
                del self._desks[key]
        for key, judge in wanted.items():
            if key in self._desks:
                self._desks[key][0].config = config
            else:
                desk = Desk(key[0], judge, config)
                self._desks[key] = desk, Callers(desk.client, judge.concurrency, self._listener(desk))

    def _listener(self, desk: Desk) -> Callable[[Task, Asked], None]:
        def heard(task: Task, asked: Asked) -> None:
            self._heard.put((desk, task, asked))
            self.woken.set()

        return heard
