"""Every comparison with why its threshold is what it is, and what skew and drift say beside each other."""

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from sqlalchemy import Connection

from detectors.calibration import ALL, Slice
from detectors.history import HISTORY
from detectors.ranks import CALIBRATED
from detectors.scores import ways
from monitor.config.models import Config
from monitor.reading.budget import Budget, budget
from monitor.reading.calibrations import Known, calibration
from monitor.reading.courses import windows
from monitor.reading.healthy import Stretch, healthy, spoilt
from monitor.reading.stretches import Effects, beside, moving_base, places, reader
from monitor.store import courses, findings
from monitor.store.courses import Comparison
from records.finding import Finding
from records.pane import Pane
from records.window import DAY, HOUR, WINDOW, Code, Way, Window

VERSION = "version "
"""How a calibration tells which version of a reference it was learned with."""
Change = Literal["since_launch", "newly", "since_launch_and_newly"]


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """Decades that an alarm needs: `luck` x `vif` x `factor`, of the way that leads. `share`: false alarms of the period that
    this comparison may raise, in equal parts in each of the `ways` that it is judged; `vif`: stretched because neighbouring
    windows resemble each other; `factor`: raised, for all comparisons in common, by what luck reached lately."""

    decades: float
    luck: float
    vif: float
    factor: float
    share: float
    ways: int


class Lender(msgspec.Struct, frozen=True, kw_only=True):
    """A comparison that lends its windows: of all traffic, or of another signal of the same kind."""

    signal: str
    baseline: str


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """The healthy `windows` that scores are ranked among, since `since`, of which a verdict `needs` so many: 20 v, for
    neighbours repeat each other. `by_day`: only those of the same time of day. `lender`: whose windows stand in until there
    are enough."""

    windows: int
    needs: int
    v: float
    by_day: bool
    lender: Lender | None
    since: int | None


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """The baseline: `version` of a reference, `n` values in it (of the last 24 hours, where it moves with every window);
    what it was learned of: so many healthy `windows` before `learned`."""

    version: int | None
    n: int
    learned: int
    windows: int


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """The last 24 hours beside the baseline."""

    n: int
    js: float
    smd: float
    times_floor: float


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison as of the last judged window. `since`: start of the present evidence. `change`: what its signal and
    slice are as a whole, where they have a reference and a past of their own."""

    index: int
    application: str
    dimension: str
    value: str
    signal: str
    baseline: str
    comparison: str
    verdict: int
    evidence: float
    since: int | None
    threshold: Threshold
    past: Past
    base: Base
    day: Day
    change: Change | None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which comparisons: of one application, and where given of a signal, a slice and a baseline."""

    application: str
    signal: str | None = None
    slice: Slice | None = None
    baseline: str | None = None


def comparisons(c: Connection, config: Config, asked: Asked, now: int, skip: int = 0, limit: int = 50) -> list[Explained]:
    """Those in force, by index in the registry, `limit` of them from index `skip` on; `now` is wall clock."""
    registry = courses.comparisons(c, asked.application)
    newest = courses.last(c, asked.application)
    if newest is None:
        return []
    (window,) = windows(c, asked.application, newest[0], newest[0] + WINDOW)
    known = calibration(c, asked.application, config.application(asked.application), registry, newest[0] + WINDOW)
    if known is None:
        return []
    live = {int(index): place for place, index in enumerate(known.calibration.index)}
    wanted = [row for row in registry if row.index >= skip and row.index in live and _wanted(row, asked)][:limit]
    return _Explaining(c, config, asked.application, known, window, registry, budget(c, config, now)).all(wanted, live)


def _wanted(row: Comparison, asked: Asked) -> bool:
    return (
        asked.signal in (None, row.signal)
        and asked.slice in (None, (row.dimension, row.value))
        and asked.baseline in (None, row.baseline)
    )


class _Explaining:
    """What the explanations of some comparisons of an application have in common."""

    def __init__(
        self, c: Connection, config: Config, application: str, known: Known, window: Window,
        registry: Sequence[Comparison], shared: Budget,
    ):  # fmt: skip
        self.c, self.application, self.known, self.window, self.shared = c, application, known, window, shared
        self.kinds = {b.name: b.comparison for b in config.application(application).baselines}
        self.registry = registry
        self.index = {(row.dimension, row.value, row.signal, row.baseline): row.index for row in registry}
        self.read = reader(c, application)
        self.open = [f for f in findings.since(c, application, window.start) if f.ended is None and f.verdict == "finding"]
        self.moving = frozenset(known.calibration.moving.tolist())
        traits, settled = known.calibration.traits, known.history.settled[:, known.calibration.index]
        self.ways = (ways(traits.k, traits.ordered, traits.worse, traits.evaluation) & settled).sum(axis=0)
        self.parts = {(part.slice, part.baseline): (part, first) for part, first in places(known.calibration)}
        self.days: dict[Slice, Pane] = {}
        self.effects: dict[tuple[Slice, str], Effects] = {}

    def all(self, rows: Sequence[Comparison], live: dict[int, int]) -> list[Explained]:
        """Each of the comparisons; `live` gives its place in the calibration."""
        pasts = self._pasts(rows)
        return [
            Explained(
                index=row.index, application=self.application, dimension=row.dimension, value=row.value, signal=row.signal,
                baseline=row.baseline, comparison=self.kinds.get(row.baseline, "drift"),
                verdict=int(self._column("verdict", row.index, 0)), evidence=self._column("evidence", row.index, 0.0),
                since=int(self._column("since", row.index, 0)) or None,
                threshold=self._threshold(row.index, live[row.index]), past=past, base=self._base(row, live[row.index]),
                day=self._day(row, live[row.index]), change=self._change(row),
            )
            for row, past in zip(rows, pasts, strict=True)
        ]  # fmt: skip

    def _column(self, name: str, index: int, missing: float) -> float:
        values = getattr(self.window, name)
        return float(values[index]) if index < len(values) else missing

    def _threshold(self, index: int, place: int) -> Threshold:
        way, factor = int(self._column("way", index, Way.SCORE)), self.window.factor
        decades, vif = self._column("threshold", index, float("nan")), float(self.known.history.vif[way, index])
        return Threshold(
            decades=decades, luck=decades / (max(vif, 1.0) * factor), vif=vif, factor=factor, share=self.shared.share,
            ways=int(self.ways[place]),
        )  # fmt: skip

    def _pasts(self, rows: Sequence[Comparison]) -> list[Past]:
        """Own windows, and whose stand in for what is missing."""
        own = np.array([row.index for row in rows], np.int64)
        both, history = np.concatenate([own, self.known.lender[own]]), self.known.history
        place = {index: np.flatnonzero(both == index).tolist() for index in set(both.tolist())}
        sick = [
            Stretch(i, since, until)
            for finding, since, until in spoilt(self.c, self.application, self.window.start - HISTORY * WINDOW)
            for i in place.get(self.index.get((*_slice(finding), finding.signal, finding.baseline), -1), [])
        ]
        sick += [Stretch(i, 0, at) for row, at in self.known.calibration.restarts.items() for i in place.get(row, [])]
        v, by_day = history.v[Way.SCORE], history.by_day[Way.SCORE]
        count, first = healthy(self.c, self.application, both, by_day[both], self.window.start, sick)
        enough = count / v[both] >= CALIBRATED
        return [
            Past(
                windows=int(count[i]), needs=int(np.ceil(CALIBRATED * v[index])), v=float(v[index]),
                by_day=bool(by_day[index]), since=int(first[i]) or None,
                lender=self._lender(index) if not enough[i] and enough[i + len(rows)] else None,
            )
            for i, index in enumerate(own.tolist())
        ]  # fmt: skip

    def _lender(self, index: int) -> Lender:
        lends = self.registry[int(self.known.lender[index])]
        return Lender(signal=lends.signal, baseline=lends.baseline)

    def _base(self, row: Comparison, place: int) -> Base:
        learned, found = self.known.calibration, self._effects(row)
        moves = place in self.moving
        definition = learned.definitions.get(f"baseline {row.baseline}", "")
        return Base(
            version=int(definition.removeprefix(VERSION)) if definition.startswith(VERSION) else None,
            n=int(found.base_n[self._at(row, place)] if moves else learned.base.cells[place].sum()), learned=learned.start,
            windows=int(learned.sums.windows[place]),
        )  # fmt: skip

    def _at(self, row: Comparison, place: int) -> int:
        return place - self.parts[(row.dimension, row.value), row.baseline][1]

    def _day(self, row: Comparison, place: int) -> Day:
        found, i = self._effects(row), self._at(row, place)
        return Day(n=int(found.n[i]), js=float(found.js[i]), smd=float(found.smd[i]), times_floor=float(found.floors[i]))

    def _effects(self, row: Comparison) -> Effects:
        """The last 24 hours of the part that a comparison belongs to."""
        where = (row.dimension, row.value)
        if (where, row.baseline) not in self.effects:
            part, first = self.parts[where, row.baseline]
            end = (self.window.start + WINDOW) // HOUR * HOUR
            if where not in self.days:
                self.days[where] = self.read(where, end - DAY, end)
            mine = self.days[where]
            moved = moving_base(part, mine, end - DAY, end, self.read)
            self.effects[where, row.baseline] = beside(self.known.calibration, part, first, mine, moved)
        return self.effects[where, row.baseline]

    def _change(self, row: Comparison) -> Change | None:
        """None where the signal and slice have no reference, or no past of their own that could say."""
        where = (row.dimension, row.value)
        rows = {base: self.index[*where, row.signal, base] for base in self.kinds if (*where, row.signal, base) in self.index}
        past = [index for base, index in rows.items() if self.kinds[base] == "drift"]
        able = [index for index in past if int(self._column("verdict", index, 0)) not in (Code.ABSENT, Code.CALIBRATING)]
        if not able or all(self.kinds[base] != "skew" for base in rows):
            return None
        return change([f for f in self.open if f.signal == row.signal and _slice(f) == where])


def change(lasting: Sequence[Finding]) -> Change | None:
    """What the open findings of one signal and slice say together: skew that came up with, or after, the drift is as new."""
    skew = [f.since for f in lasting if f.comparison == "skew"]
    drift = [f.since for f in lasting if f.comparison == "drift"]
    if not drift:
        return "since_launch" if skew else None
    before = [since for since in skew if since < min(drift) - HOUR]
    return "since_launch_and_newly" if before else "newly"


def _slice(finding: Finding) -> Slice:
    return next(iter(finding.slice.items()), ALL)
