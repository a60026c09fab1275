"""The verdicts of a stream with several partitions: each application is judged by one process, whichever holds its lock.

Closing is a transaction of its own, and a short one: from then on what comes for those windows is late. Judging follows in
another. A process that dies in between, or loses its lock, leaves an application that somebody else goes on with: how far it
was judged stands in the database, and whoever finds it elsewhere than they left it starts from what is stored.
"""

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy import Connection

from detectors.calibration import Panes
from monitor import logs, retention, troubles
from monitor.api.app import now_us
from monitor.config import ConfigSource
from monitor.metrics import Metrics
from monitor.reading.budget import comparisons
from monitor.stages import conversations, keeping
from monitor.state import State
from monitor.store import counters, courses, panes, positions
from monitor.store.dialect import hold
from monitor.store.engine import Store
from monitor.store.locks import Lock
from monitor.store.positions import Position
from monitor.verdicts import Verdicts
from records.errors import StoreError
from records.window import HOUR, MINUTE, WINDOW
from streams.broker import INTERACTIONS
from streams.watermark import Progress, delay_of, reached

LOOK_EVERY, AFTER_FAILURE = 0.5, 2.0
"""Seconds between two looks at what can be judged, and after the store was away."""
AT_ONCE = 12
"""Windows judged in one transaction."""
WATCHING = "plumbline/watching"
_log = logging.getLogger(__name__)


class Judging:
    """A thread that judges what is due, as long as `start` and `stop` say."""

    def __init__(self, store: Store, source: ConfigSource, metrics: Metrics, failed: Callable[[BaseException], None]):
        self._store, self._source, self._metrics, self._failed = store, source, metrics, failed
        self._locks: dict[str, Lock] = {}
        self._elsewhere: dict[str, tuple[int, int]] = {}
        self._forgotten = self._merged = time.monotonic()
        self._new_state()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="judging", daemon=True)

    def start(self) -> None:
        """Begin to judge."""
        self._thread.start()

    def stop(self, within: float) -> None:
        """Finish the transaction at hand; what is not judged then is judged by others or after a restart."""
        self._stop.set()
        self._thread.join(within)
        for lock in self._locks.values():
            lock.release()

    def _new_state(self) -> None:
        """Nothing is known: after the store was away, somebody else may have judged."""
        self.state = State(self._store, lambda: self._source.current, self._metrics, announce=True)
        self.verdicts = Verdicts(self.state, self._others)

    def _run(self) -> None:
        wait = 0.0
        while not self._stop.wait(wait):
            try:
                self.step(now_us())
                wait = LOOK_EVERY
            except StoreError as error:
                logs.event(_log, logging.WARNING, "judging_waits", caught=error)
                self._new_state()
                wait = AFTER_FAILURE
            except BaseException as error:
                self._failed(error)
                return

    def step(self, now: int) -> None:
        """Close and judge what is due at `now`, of the applications that are ours."""
        with self._store.read() as c:
            stored = positions.all_(c)
            names = sorted(counters.load(c))
            closed = courses.closed(c, names)
        self._keep_locks(names)
        self._watch(stored, now)
        self.verdicts.changed_config()
        due = {}
        for name in names:
            if name in self._locks and name in closed:
                due[name] = through = max(self._due(stored, name, now), closed[name])
                if through > closed[name]:
                    self._close(name, through)
        while due:  # together: each one's share of the budget rests on what the others compare
            due = {name: end for name, end in due.items() if self._may_judge(name) and self._judge(name, end, now)}

    def _may_judge(self, name: str) -> bool:
        return self._locks[name].held() and not self._stop.is_set()

    def _keep_locks(self, names: list[str]) -> None:
        """A few more applications each time, so that processes that started together share them."""
        held = next(iter(self._locks.values()), None)
        if held is not None and not held.held():
            self._locks.clear()
            self._new_state()
        room = 1 + len(names) // 10
        for name in names:
            if room and name not in self._locks and (lock := self._store.lock(f"plumbline/judging/{name}")):
                self._locks[name] = lock
                room -= 1

    def _due(self, stored: dict[tuple[str, int], Position], name: str, now: int) -> int:
        """The end of the windows of an application that may close."""
        progress = [
            Progress(
                at.watermarks.get(name),
                at.accepted_at,
                at.checked_at,
                at.behind,
                delay_of(at.accepted_at, at.watermarks.values()),
            )
            for (topic, _), at in stored.items()
            if topic == INTERACTIONS
        ]
        event_time = reached(progress, now)
        lateness = self.state.application(name).allowed_lateness
        return 0 if event_time is None else (event_time - lateness) // WINDOW * WINDOW

    def _close(self, name: str, through: int) -> None:
        with self._store.begin() as c:
            hold(c, f"plumbline/closing/{name}")
            courses.close(c, name, through)

    def _judge(self, name: str, through: int, now: int) -> bool:
        """Judge some of the windows that are closed; whether there are more."""
        if self.state.judged.get(name, 0) >= through:
            return False
        try:
            with self._store.begin() as c:
                hold(c, f"plumbline/rolled/{name}")
                judged = courses.judged_through(c, name) or 0
                if self.state.judged.get(name) != judged:
                    self.verdicts.drop(name)
                    self.state.judged[name] = judged
                for start in sorted({start for _, start in courses.late(c, name)}):
                    keeping.gather_window(c, name, start)
                until = min(through, judged + AT_ONCE * WINDOW)

                def window(start: int) -> Panes:
                    return keeping.gather_window(c, name, start, conversations.over(self.state, c, name, start))

                def waiting(start: int) -> int | None:
                    pane, run = panes.earliest(c, name, WINDOW, start), conversations.due(self.state, c, name, start)
                    return min((at for at in (pane, run) if at is not None), default=None)

                self.verdicts.close(c, name, until, now, window, waiting)
        except BaseException:
            self.verdicts.drop(name)
            self.state.judged.pop(name, None)
            raise
        return self.state.judged[name] < through

    def _others(self, c: Connection) -> int:
        """Comparisons that other processes judge, as of their newest windows."""
        total = 0
        for name in counters.load(c):
            if name in self.verdicts.judges:
                continue
            judged = courses.judged_through(c, name) or 0
            known = self._elsewhere.get(name)
            if known is None or judged - known[0] >= HOUR:
                known = self._elsewhere[name] = (judged, comparisons(c, name))
            total += known[1]
        return total

    def _watch(self, stored: dict[tuple[str, int], Position], now: int) -> None:
        """What one process does for all: tell of partitions that stand still, merge ids, delete what is past its time."""
        if WATCHING not in self._locks:
            lock = self._store.lock(WATCHING)
            if lock is None:
                return
            self._locks[WATCHING] = lock
        with self._store.begin() as c:
            troubles.settle(c, self._source.current, troubles.stalled(stored, now), now)
        if time.monotonic() - self._merged > MINUTE / 1e6:
            self._merged = time.monotonic()
            retention.merge_ids(self._store, self._source.current, now)
        if time.monotonic() - self._forgotten > HOUR / 1e6:
            self._forgotten = time.monotonic()
            retention.forget(self._store, self._source.current, self._metrics, now)
