"""The stored history judged once more, window by window and as the service judges, by another configuration.

The store is only read, in short transactions. What judging writes goes into a SQLite store of its own that is deleted
afterwards; there is no receiver in its configuration, so nobody is told of anything.
"""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

from alerts.sentence import plain
from detectors.calibration import ALL, Panes, Slice
from monitor.backtest.incidents import Alarm, alarms, mark_of
from monitor.config.models import ApplicationConfig, Config
from monitor.metrics import Metrics
from monitor.reading.budget import comparisons
from monitor.stages import keeping
from monitor.state import State
from monitor.store import Store, alerts, counters, courses, panes, references, slices
from monitor.verdicts import Verdicts
from records.errors import InputError
from records.pane import EMPTY, Pane, merge
from records.pane_codec import decode_pane
from records.signal import Kind
from records.summary.counts import Counts
from records.window import DAY, HOUR, WINDOW
from streams.panes import PaneKey

EVER = 2**62
ACTOR = "backtest"


@dataclass(frozen=True, slots=True)
class Asked:
    """The alarms of which time (event time, microseconds; `until` None: all that was judged) and of whom (None: everybody)."""

    since: int
    until: int | None = None
    application: str | None = None


@dataclass
class Judged:
    """What both configurations raised of the `applications` in [since, until); judging began at `learned_from`.

    `notes` say in words what the history does not hold of what the new configuration asks for.
    """

    applications: list[str]
    since: int
    until: int
    learned_from: int
    present: list[Alarm] = field(default_factory=list)
    new: list[Alarm] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def backtest(store: Store, config: Config, asked: Asked, tell: Callable[[float, int], None] = lambda share, at: None) -> Judged:
    """Judge the stored history as `config` says. `tell` is told the share that is done and the event time reached.

    Raises InputError where nothing is stored of what was asked for.
    """
    with store.read() as c:
        every = sorted(counters.load(c))
        spans = {name: span for name in every if (span := _span(c, name)) and asked.application in (None, name)}
        until = min(asked.until or EVER, max((end for _, end in spans.values()), default=0)) // WINDOW * WINDOW
        out = Judged(list(spans), asked.since, until, min((start for start, _ in spans.values()), default=0))
        _check(asked, out, every)
        others = sum(comparisons(c, name) for name in every if name not in spans)
        raised = {name: alarms(c, name) for name in spans}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="plumbline-backtest-"))
        scratch = stack.enter_context(closing(Store(f"sqlite:///{Path(folder) / 'scratch.db'}")))
        scratch.upgrade()
        run = _Run(store, scratch, _silent(config), others)
        for name, (start, _) in spans.items():
            run.begin(name, start)
        for end in range(out.learned_from // HOUR * HOUR + HOUR, until + HOUR, HOUR):
            reached = min(end, until)
            for name, (_, last) in spans.items():
                run.judge(name, min(reached, last), raised[name])
            tell((reached - out.learned_from) / (until - out.learned_from), reached)
        with scratch.read() as c:
            out.new = [alarm for name in spans for alarm in alarms(c, name)]
    out.present = [alarm for name in spans for alarm in raised[name]]
    out.notes += run.notes()
    return out


def _span(c: Connection, application: str) -> tuple[int, int] | None:
    """The time of which windows are stored and were judged."""
    start, end = panes.earliest(c, application, WINDOW, 0), courses.judged_through(c, application)
    return None if start is None or end is None or end <= start else (start, end)


def _check(asked: Asked, out: Judged, every: Sequence[str]) -> None:
    if asked.application is not None and asked.application not in every:
        raise InputError(f"the store knows no application {asked.application}; it has {', '.join(every) or 'none'}")
    if not out.applications:
        raise InputError("the store holds no window that was judged")
    if out.until <= max(asked.since, out.learned_from):
        raise InputError("no window that was judged is stored of this time")
    if asked.since < out.learned_from:
        out.since = out.learned_from
        out.notes.append("windows are stored for a shorter time than was asked for")
    if out.since - out.learned_from < DAY:
        hours = (out.since - out.learned_from) / HOUR
        out.notes.append(f"{hours:.0f} hours are stored from before: little was learned when these windows began")


def _silent(config: Config) -> Config:
    """The same with nobody to tell."""
    return config.model_copy(update={"alerts": config.alerts.model_copy(update={"receivers": ()})})


class _Run:
    """Applications side by side, hour by hour: each one's share of the budget rests on what the others compare."""

    def __init__(self, store: Store, scratch: Store, config: Config, others: int):
        self._store, self._scratch, self._config = store, scratch, config
        self._state = State(scratch, lambda: config, Metrics())
        self._verdicts = Verdicts(self._state, lambda c: others)
        self._seen: dict[str, tuple[set[str], set[str]]] = {}
        self._missing: list[str] = []

    def begin(self, name: str, start: int) -> None:
        """Copy what judging rests on besides windows: references, slices' codes, hours and days that no window is left of."""
        own = self._config.application(name)
        with self._store.read() as c, self._scratch.begin() as into:
            codes = {key[1]: known for key, known in slices.load(c).items() if key[0] == name}
            for dimension, value, at in slices.first_seen(c, name, 0):
                slices.add(into, name, dimension, value, codes[dimension][value], at)
            for reference in sorted({b.reference for b in own.baselines if b.reference}):
                if found := references.get(c, name, reference):
                    made = found.meta
                    references.create(
                        into, name, reference, made.created_at, made.source, made.n, made.since, made.until, found.panes
                    )  # fmt: skip
                else:
                    self._missing.append(f"{plain(name)} has no reference {plain(reference)}")
            for step in keeping.STEPS:
                older = _merged(panes.between(c, name, step, 0, start), own)
                for at, held in older.items():
                    keeping.put_panes(into, *keeping.ROLLED_UP, step, _keyed(name, at, held))
        self._state.judged[name] = start
        self._seen[name] = (set(), set())

    def judge(self, name: str, end: int, raised: Sequence[Alarm]) -> None:
        """Judge an application's windows up to `end`; what people said of a `raised` alarm is said of its like at once."""
        start = self._state.judged[name]
        if start >= end:
            return
        own = self._config.application(name)
        with self._store.read() as c:
            held = _merged(panes.between(c, name, WINDOW, start, end), own)
            next_ = panes.earliest(c, name, WINDOW, end)
        dimensions, signals = self._seen[name]
        for window in held.values():
            dimensions.update(dimension for dimension, _ in window)
            signals.update(window[ALL].names if ALL in window else ())
        with self._scratch.begin() as c:

            def window_at(at: int) -> Panes:
                keeping.put_panes(c, *keeping.ROLLED_UP, WINDOW, _keyed(name, at, held.get(at, {})))
                return held.get(at, {})

            def waiting(at: int) -> int | None:
                return min((stored for stored in held if stored >= at), default=next_)

            self._verdicts.close(c, name, end, end, window_at, waiting)
            if any(alarm.mark for alarm in raised):
                for alarm in alarms(c, name, end - DAY):
                    if alarm.mark is None and (mark := mark_of(alarm, raised)):
                        alerts.mark(c, alarm.id, mark, ACTOR, end)

    def notes(self) -> list[str]:
        """What the configuration asks for and the history does not hold."""
        out = list(self._missing)
        for name, (dimensions, signals) in self._seen.items():
            own = self._config.application(name)
            if absent := sorted(set(own.slices) - dimensions):
                out.append(f"the stored history of {plain(name)} holds no slices by {_listed(absent)}")
            exact = {signal for signal in own.signals or () if not signal.endswith(".*")}
            if absent := sorted(exact - signals):
                out.append(f"the stored history of {plain(name)} holds no values of {_listed(absent)}")
        return out


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(plain, names))


def _merged(stored: Iterable[tuple[PaneKey, bytes]], own: ApplicationConfig) -> dict[int, dict[Slice, Pane]]:
    """Panes by start and slice, merged over partitions: of the slices and signals that are configured."""
    out: dict[int, dict[Slice, Pane]] = {}
    for key, blob in stored:
        if not key.dimension or key.dimension in own.slices:
            window, where = out.setdefault(key.start, {}), (key.dimension, key.value)
            window[where] = merge(window.get(where, EMPTY), _selected(decode_pane(blob), own))
    return out


def _selected(pane: Pane, own: ApplicationConfig) -> Pane:
    """The pane with the counts of the configured signals alone; texts, which explain, stay."""
    if own.signals is None:
        return pane
    apart = (f"{judge.name}.{source}" for judge in own.judges for source in ("human", "application"))
    scores = (*(one.name for one in own.evaluations), *own.expected.names, *apart)
    wanted = {*own.signals, *(f"scores.{name}" for name in scores)}
    kept = np.array(
        [
            kind == Kind.TEXT or name in wanted or f"{name.partition('.')[0]}.*" in wanted
            for name, kind in zip(pane.names, pane.kinds, strict=True)
        ],
        bool,
    )
    c = pane.counts
    mine = kept[c.signal] if len(kept) else np.empty(0, bool)
    return replace(pane, counts=Counts(c.signal[mine], c.key[mine], c.count[mine]))


def _keyed(name: str, start: int, held: Mapping[Slice, Pane]) -> dict[PaneKey, Pane]:
    return {PaneKey(name, *where, start): pane for where, pane in held.items()}
