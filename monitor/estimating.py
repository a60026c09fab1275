"""Once a day, each application's last whole day over all signals at once: a thread that has NannyML asked in another process.

It reads samples, waits, and writes one row; verdicts take that row up when they next close an hour. Whatever happens to
the other process (no memory, no time, a crash) is logged and counted, and harms nothing else.
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from sqlalchemy import Connection

from detectors.estimation.process import EstimationError, Limits, run
from detectors.estimation.samples import tabulate
from detectors.estimation.statement import FEWEST_DAYS, NAMES, Agreement, Estimate
from monitor import agreeing, logs
from monitor.config import ConfigSource
from monitor.config.estimation import Estimation
from monitor.metrics import Metrics
from monitor.store import alerts, counters, courses, estimates, findings, panes
from monitor.store.engine import Store
from records.errors import StoreError
from records.pane import Pane
from records.pane_codec import decode_pane
from records.window import DAY, HOUR

LOOK_EVERY = 60.0
"""Seconds between two looks whether a day is over."""
FEWEST_ROWS = 200
"""Interactions in the sample of a day that counts."""
MOST_DAYS, AS_FAR_BACK = 28, 4
"""Days to compare with, and how many times the baseline's length they may be scattered over."""
FOREVER = 2**62
_log = logging.getLogger(__name__)


class Due(NamedTuple):
    """An application's day to be estimated, and the trailing baseline (name, length in days) that it is compared with."""

    application: str
    day: int
    baseline: str
    days: int


class Estimating:
    """A thread that estimates what is due, from `start` to `stop`."""

    def __init__(self, store: Store, source: ConfigSource, metrics: Metrics):
        self._store, self._source, self._metrics = store, source, metrics
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="estimating", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self, within: float) -> None:
        """End, and the other process with it; a day that is not done is done after the next start."""
        self._stop.set()
        self._thread.join(within)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_EVERY):
            try:
                self.step()
            except StoreError as error:
                logs.event(_log, logging.WARNING, "estimating_waits", caught=error)
            except Exception as error:
                self._metrics.estimations.labels(outcome="failed").inc()
                logs.event(_log, logging.ERROR, "estimating_failed", caught=error)

    def step(self) -> None:
        """Estimate what is due, one application after the other."""
        wanted = self._source.current.estimation
        if wanted is None:
            return
        for due in self._due():
            lock = None if self._stop.is_set() else self._store.lock(f"plumbline/estimating/{due.application}")
            if lock is None:
                continue
            try:
                self._estimate(due, wanted)
            finally:
                lock.release()

    def _due(self) -> list[Due]:
        """The last whole day of each application, unless it was estimated or there is no past to compare it with."""
        found = []
        with self._store.read() as c:
            for name in sorted(counters.load(c)):
                baselines = self._source.current.application(name).baselines
                trailing = next(((b.name, b.trailing) for b in baselines if b.trailing), None)
                through = courses.judged_through(c, name)
                if trailing is None or through is None:
                    continue
                day = through // DAY * DAY - DAY
                newest = estimates.newest(c, name)
                if newest is None or newest.day < day:
                    found.append(Due(name, day, trailing[0], min(max(trailing[1] // DAY, FEWEST_DAYS), MOST_DAYS)))
        return found

    def _estimate(self, due: Due, wanted: Estimation) -> None:
        with self._store.read() as c:
            newest = estimates.newest(c, due.application)
            if newest is not None and newest.day >= due.day:
                return  # another process was quicker
            starts, days = _days(c, due)
            judges = [judge.name for judge in self._source.current.application(due.application).judges]
            scores = agreeing.scores(c, due.application, judges, due.day)
        estimate = Estimate(day=due.day, baseline=due.baseline, outcome="too_few")
        try:
            if len(starts) > FEWEST_DAYS and starts[-1] == due.day:
                estimate = _ask(due, wanted, starts, days, self._stop)
        except EstimationError as error:
            if self._stop.is_set():
                return
            logs.event(_log, logging.WARNING, "estimation_failed", caught=error, application=due.application)
            estimate = Estimate(day=due.day, baseline=due.baseline, outcome="failed")
        estimate = msgspec.structs.replace(estimate, judges=self._agreements(due, _limits(wanted), scores))
        if self._stop.is_set():
            return
        with self._store.begin() as c:
            estimates.put(c, due.application, estimate)
        self._metrics.estimations.labels(outcome=estimate.outcome).inc()

    def _agreements(self, due: Due, limits: Limits, scores: Mapping[str, agreeing.Scored]) -> dict[str, Agreement]:
        """How often each judge agreed with people that day, where it can be told."""
        found = {}
        for name, rows in scores.items():
            try:
                if (one := agreeing.agreement(rows, due.day, limits, self._stop.is_set)) is not None:
                    found[name] = one
            except EstimationError as error:
                logs.event(_log, logging.WARNING, "estimation_failed", caught=error, application=due.application)
        return found


def _limits(wanted: Estimation) -> Limits:
    limits = Limits(memory=wanted.memory, seconds=max(1, wanted.timeout // 1_000_000))
    return limits if wanted.python is None else limits._replace(python=wanted.python)


def _days(c: Connection, due: Due) -> tuple[list[int], list[list[Pane]]]:
    """Starts and panes of an hour of the day itself, last, and of the nearest healthy days before it."""
    sick = _sick(c, due)
    starts: list[int] = []
    days: list[list[Pane]] = []
    for start in range(due.day, due.day - (AS_FAR_BACK * due.days + 1) * DAY, -DAY):
        if len(starts) > due.days or (start < due.day and not starts):
            break
        if start < due.day and any(since <= start < until for since, until in sick):
            continue
        held = [decode_pane(blob) for _, blob in panes.between(c, due.application, HOUR, start, start + DAY, "", "")]
        if sum(len(pane.sample.ids) for pane in held) >= FEWEST_ROWS:
            starts.append(start)
            days.append(held)
    return starts[::-1], days[::-1]


def _sick(c: Connection, due: Due) -> list[tuple[int, int]]:
    """Stretches that were unlike the days before them; all that is older than a change that somebody accepted."""
    marks = alerts.excused(c, due.application)
    stretches = []
    for finding in findings.since(c, due.application, due.day - (AS_FAR_BACK * due.days + 1) * DAY):
        mark = marks.get(finding.id)
        if finding.signal in NAMES and mark != "false_alarm":
            accepted = mark == "accepted"
            stretches.append((0, finding.since) if accepted else (finding.since, finding.ended or FOREVER))
    return stretches


def _ask(
    due: Due, wanted: Estimation, starts: Sequence[int], days: Sequence[Sequence[Pane]], stop: threading.Event
) -> Estimate:
    """EstimationError where NannyML gives no answer."""
    table = tabulate(days)
    found = run({"task": "drift", **table._asdict()}, _limits(wanted), stop.is_set)
    rows = np.bincount(table.day, minlength=len(starts))
    return Estimate(
        day=due.day, baseline=due.baseline, outcome="done", before=list(starts[:-1]), rows=rows.tolist(),
        error=found["reconstruction_error"], auroc=found["domain_classifier"],
        deviation=(np.array(found["standard_error"]) * np.sqrt(rows)).tolist(),
    )  # fmt: skip
