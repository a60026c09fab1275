"""The course of an application's verdicts: window after window, over all its comparisons at once (statistics.md, 4 to 6).

A course is pure: panes, the windows judged before and the calibrations come in, judged windows go out. Rewinding it to
an earlier window and judging again is how late data revises a verdict.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.budget import CAP, thresholds, times_floor, vector_floors
from detectors.calibration import ALL, Base, Calibration, Healthy, Panes, Season, Seen, Subject, Traits, always, no_season
from detectors.cells import Tally
from detectors.common_factor import factor
from detectors.effects import jensen_shannon, share_ratio, standardised_mean_difference
from detectors.evidence import step
from detectors.history import NEVER, History
from detectors.scores import VECTOR, Scores, ways
from detectors.vectors import beyond_chance, mahalanobis
from records.window import DAY, HOUR, WINDOW, Code, Way, Window, leading

ENOUGH, PATIENCE = 30, 12
"""Values that a window needs to be judged, and how many windows they may be gathered over."""


@dataclass(frozen=True, slots=True)
class Budget:
    """False alarms accepted: `at_most` in `windows` windows, over `comparisons` of all applications together."""

    at_most: float
    windows: float
    comparisons: int


class Course:
    """State of one application's comparisons; arrays (R,) are in the order of `registry`.

    `fresh` is what the last window alone held, before what waited was added; `grown` (C) what each comparison saw since
    its evidence was last 0, in the way that leads; `_grown`: each way. `restarts`: rows whose evidence before a time counts
    no more from then on, because what they compare was defined anew, or somebody said what the change was.
    """

    def __init__(self, registry: list[Subject]):
        self.registry = registry
        self.restarts: dict[int, int] = {}
        self.rows = {subject: i for i, subject in enumerate(registry)}
        self.calibration: Calibration | None = None
        self.last: Window | None = None
        self.history = History()
        self.parent = np.zeros(0, np.int64)
        self.spoke = np.zeros(0, np.int8)
        self.fresh: Seen | None = None
        self.grown: Seen | None = None
        self._grown: list[Seen] = []
        self._carry: Seen | None = None
        self._waited = np.zeros(0, np.int64)
        self.grow()

    def register(self, subject: Subject) -> int:
        """Row of a comparison; a new one is appended."""
        if subject not in self.rows:
            self.rows[subject] = len(self.registry)
            self.registry.append(subject)
        return self.rows[subject]

    def grow(self) -> None:
        """Give every registered comparison its place in the arrays."""
        if len(self.parent) == len(self.registry):
            return
        self.history.grow(len(self.registry))
        self.spoke = np.append(self.spoke, np.full(len(self.registry) - len(self.spoke), -1, np.int8))
        of_all = {subject.signal: i for i, subject in reversed([*enumerate(self.registry)]) if not subject.dimension}
        parents = [self._parent(i, subject, of_all) for i, subject in enumerate(self.registry)]
        self.parent = np.array(parents, np.int64)

    def _parent(self, row: int, subject: Subject, of_all: Mapping[str, int]) -> int:
        """Whose scores a comparison borrows until it has its own: those of all traffic, of a cohort its first baseline's.

        A signal of all traffic waits for its own: how another resembles itself from window to window says nothing of it.
        """
        whole = subject._replace(dimension="", value="")
        return self.rows.get(whole, of_all.get(subject.signal, row))

    # -- judging -------------------------------------------------------------------------------------------------

    def judge(self, start: int, panes: Panes, budget: Budget, season: Season = no_season, healthy: Healthy = always) -> Window:
        """Judge the window that begins at `start`; it becomes the last one of the course."""
        calibration, self.fresh = self.calibration, None
        traffic = panes[ALL].n if ALL in panes else 0
        window = Window.blank(start, calibration.start if calibration else 0, traffic, len(self.registry))
        if calibration is None or not len(calibration.index):
            self.history.remember(window)
            self.last = window
            return window
        self.fresh = calibration.see(start, panes, season, healthy)
        now = self.fresh if self._carry is None else self._carry.add(self.fresh)
        waited = self._waited + 1
        over = now.enough(ENOUGH) | (waited >= PATIENCE)
        self._fill(window, calibration, now, np.where(over, waited, -waited), budget)
        self._carry, self._waited = now.where(~over), np.where(over, 0, waited)
        self.history.remember(window)
        self.last = window
        return window

    def _fill(self, window: Window, calibration: Calibration, seen: Seen, waited: NDArray[np.int64], budget: Budget) -> None:
        """Scores, ranks, evidence and effects of the comparisons in force; `waited` (C,) as `Window` has it."""
        traits, now, base = calibration.traits, seen.now, calibration.against(seen)
        mean, enough = now.mean(), seen.enough(ENOUGH)
        found = calibration.scores(base, now).stepped((traits.k == 2) & ~traits.numeric)
        columns, able = self._weigh(window, calibration, seen, found, waited, budget)
        shown = columns["evidence"] >= columns["threshold"]
        js, smd, floors = effects(base, traits, now)
        assert self.grown is not None
        _, _, lasting = effects(calibration.against(self.grown), traits, self.grown.now)
        share = np.take_along_axis(now.cells, (traits.k - 1)[:, None], 1)[:, 0] / np.maximum(now.n, 1)
        value = np.select([traits.numeric, traits.k > 1], [mean, share], smd)
        verdict = np.select(
            [now.n == 0, ~enough, ~able, shown],
            [Code.ABSENT, Code.TOO_FEW, Code.CALIBRATING, Code.SMALL],
            Code.CALM,
        )
        columns |= {
            "n": now.n, "value": value, "score": np.where(enough, found.decades, np.nan),
            "lean": np.where(enough, found.lean, np.nan), "js": js, "smd": smd, "floors": np.where(shown, lasting, floors),
            "waited": waited, "verdict": verdict,
        }  # fmt: skip
        for name, values in columns.items():
            getattr(window, name)[..., calibration.index] = values

    def _weigh(
        self, window: Window, calibration: Calibration, seen: Seen, found: Scores, waited: NDArray[np.int64], budget: Budget
    ) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]:
        """Ranks and evidence each way, by their names in `Window`, and whether enough windows stand behind the one that
        leads (C,)."""
        index, start, enough, traits = calibration.index, window.start, seen.enough(ENOUGH), calibration.traits
        judged = ways(traits.k, traits.ordered, traits.worse, traits.evaluation) & self.history.settled[:, index]
        each = np.where(judged & enough, found.each_way(), np.nan)
        p, calibrated = self.history.rank(start, each, index, self.parent[index])
        window.factor = factor(calibration.pool, budget.comparisons, budget.at_most, budget.windows * WINDOW / DAY)
        vif, number = self.history.vif[:, index], judged.sum(axis=0)
        h = thresholds(vif, budget.comparisons, budget.windows, budget.at_most, number) * window.factor
        before = np.where(judged, self._before(index, "evidences", 0.0, start), 0.0)
        evidences = step(before, p, CAP * h)
        begun = np.where(before > 0, self._before(index, "begun", 0, start), start - (np.abs(waited) - 1) * WINDOW)
        begun = np.where(evidences > 0, begun, 0).astype(np.int64)
        way = self._lead(index, start, evidences / h, calibrated)
        self.spoke[index] = np.where(enough, np.where(way == Way.SCORE, found.spoke, VECTOR + way), -1)
        self._grow_evidence(before > 0, evidences > 0, seen, way)
        columns = {
            "evidences": evidences, "begun": begun, "way": way, "log_p": np.log10(leading(p, way)),
            "evidence": leading(evidences, way), "since": leading(begun, way), "threshold": leading(h, way),
        }  # fmt: skip
        return columns, leading(calibrated, way)

    def _lead(
        self, index: NDArray[np.int64], start: int, ratio: NDArray[np.float64], calibrated: NDArray[np.bool_]
    ) -> NDArray[np.int8]:
        """The way (C,) of the largest evidence over its threshold; what led a finding leads it to its end, so that it has one
        beginning. A way with too few windows behind it leads only where all have."""
        able = calibrated | ~calibrated.any(axis=0)
        largest = np.where(able, ratio, -1.0).argmax(axis=0)
        found = np.isin(self._before(index, "verdict", Code.ABSENT, start), (Code.SMALL, Code.FINDING))
        return np.where(found, self._before(index, "way", Way.SCORE, start), largest).astype(np.int8)

    def _grow_evidence(self, before: NDArray[np.bool_], after: NDArray[np.bool_], now: Seen, way: NDArray[np.int8]) -> None:
        """Add the last window to what was seen each way since the change (WAYS, C), which began with it where there was no
        evidence; `way` (C,) leads."""
        assert self.fresh is not None
        new = [now.where(also & ~had) for had, also in zip(before, after, strict=True)]
        if self._grown:
            kept = [was.add(self.fresh).where(both) for was, both in zip(self._grown, before & after, strict=True)]
            new = [was.add(begins) for was, begins in zip(kept, new, strict=True)]
        self._grown, self.grown = new, picked(new, way)

    def _before(self, index: NDArray[np.int64], name: str, default: float, start: int) -> NDArray[np.float64]:
        """What the last window had, as it counts for the window at `start`: (C,), or (WAYS, C) of what is each way."""
        if self.last is None:
            return np.full(len(index), default)
        values = getattr(self.last, name)
        out = np.full((*values.shape[:-1], len(self.registry)), default)
        out[..., : values.shape[-1]] = values
        out[..., [row for row, at in self.restarts.items() if self.last.start < at <= start]] = default
        return out[..., index]

    # -- learning ------------------------------------------------------------------------------------------------

    def adopt(self, calibration: Calibration) -> None:
        """Judge with a new calibration from now on; what waited for more values is dropped with the old cells."""
        self.grow()
        self.calibration = calibration
        self.restarts |= calibration.restarts
        self._carry, self.grown, self._grown = None, None, []
        self._waited = np.zeros(len(calibration.index), np.int64)

    def restore(self, windows: Iterable[Window]) -> None:
        """Take up the course after the last of `windows` (in order); the calibration in force has seen its own again."""
        self.last = None
        self.history.clear()
        for window in windows:
            self.history.remember(window)
            self.last = window
        self._gather()

    def rewind(self, last: Window | None, older: Iterable[Window]) -> None:
        """Go back to the window `last`; `older` are the windows whose place in the history later ones had taken."""
        self.last = last
        self.history.drop_after(last.start if last else NEVER)
        for window in older:
            self.history.remember(window)
        self._gather()

    def _gather(self) -> None:
        """What waits for more values, and what was seen since each change, from the windows of this calibration."""
        self._carry, self.grown, self._grown = None, None, []
        if self.calibration is None:
            return
        self._waited = np.zeros(len(self.calibration.index), np.int64)
        if self.last is None or self.last.calibration != self.calibration.start:
            return
        index, until = self.calibration.index, self.last.start + WINDOW
        waited = self._before(index, "waited", 0, until)
        self._waited = np.where(waited < 0, -waited, 0).astype(np.int64)
        self._carry = self._sum(until - PATIENCE * WINDOW, until - self._waited * WINDOW, until, self.calibration.nothing())
        self._grow_again()

    def _grow_again(self) -> None:
        """What was seen since each change: what the calibration inherited, and what it judged itself."""
        assert self.calibration is not None and self.last is not None
        index, until = self.calibration.index, self.last.start + WINDOW
        begun = self._before(index, "begun", 0, until)
        self._grown = []
        for way, since in enumerate(begun):
            total = self.calibration.nothing()
            if self.calibration.inherited is not None:
                when, seen = self.calibration.inherited
                total = seen[way].where((when[way] == since) & (since > 0))
            self._grown.append(self._sum(self.calibration.start, np.where(since > 0, since, until), until, total))
        self.grown = picked(self._grown, self._before(index, "way", Way.SCORE, until))

    def _sum(self, earliest: int, since: NDArray[np.int64], until: int, total: Seen) -> Seen:
        """`total` and what each comparison saw from its own `since` (C,) to `until`, in windows that the calibration judged.

        One after the other, as `judge` adds them: sums of fractions come out the same to the bit.
        """
        assert self.calibration is not None
        for start, seen in reversed(self.calibration.seen(earliest, until)):
            total = total.add(seen.where(since <= start))
        return total

    def inherit(self, windows: Iterable[tuple[int, Panes]], season: Season, healthy: Healthy) -> None:
        """Count what was seen since changes that are older than the calibration in force, in its own cells.

        `windows`: those before it, from `earliest` on.
        """
        assert self.calibration is not None
        begun = self._before(self.calibration.index, "begun", 0, self.calibration.start).astype(np.int64)
        totals = [self.calibration.nothing()] * len(begun)
        for start, panes in windows:
            seen = self.calibration.see(start, panes, season, healthy)
            totals = [total.add(seen.where((since > 0) & (since <= start))) for total, since in zip(totals, begun, strict=True)]
        self.calibration.inherited = (begun, totals)
        self._grow_again()

    def earliest(self, start: int) -> int | None:
        """Start of the oldest change that there is evidence of before the window at `start`; None without any."""
        begun = self._before(np.arange(len(self.registry)), "begun", 0, start)
        return int(begun[begun > 0].min()) if (begun > 0).any() else None

    def latest(self) -> NDArray[np.float64] | None:
        """Effect over its floor (C,) in the last hour alone, where the calibration judged all of it; nan of evaluation scores
        that hardly anybody gave yet, for labels come late."""
        if self.calibration is None or self.last is None:
            return None
        end = self.last.start + WINDOW
        before = self.calibration.seen(end - HOUR, end - WINDOW)
        if self.fresh is None or len(before) < HOUR // WINDOW - 1:
            return None
        total = self.fresh
        for _, seen in before:
            total = total.add(seen)
        traits = self.calibration.traits
        floors = effects(self.calibration.against(total), traits, total.now, unbiased=True)[2]
        return np.where(traits.evaluation & ~total.enough(ENOUGH), np.nan, floors)


def picked(each: Sequence[Seen], way: NDArray[np.number]) -> Seen:
    """Of what was seen each way, what was that `way` (C,)."""
    return reduce(Seen.add, (seen.where(way == i) for i, seen in enumerate(each)))


def effects(
    base: Base, traits: Traits, now: Tally, unbiased: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Jensen-Shannon distance, difference of means in standard deviations, and effect over its floor, each (C,). Of vectors
    the second is Mahalanobis' distance, and the first, which needs cells, is nan.

    A distance is never 0, however little differs: `unbiased` takes off what chance alone adds to its square, which is
    (K - 1) / (8 ln 2) (1/n + 1/N) to first order; and a ratio counts however few its events are, so that a rare share
    is not taken for recovered because an hour held too few of them.
    """
    js = jensen_shannon(base.cells, now.cells)
    if unbiased:
        n, total = np.maximum(now.n, 1), np.maximum(base.cells.sum(1), 1)
        js = np.sqrt(np.maximum(js**2 - (traits.k - 1) / (8 * np.log(2)) * (1 / n + 1 / total), 0.0))
    smd = np.where(traits.numeric, standardised_mean_difference(base.mean, base.variance, now.mean()), np.nan)
    ratio, events = ratios(base, traits, now)
    floors = times_floor(js, smd, ratio, np.where(unbiased, np.inf, events))
    rows = base.vectors.rows
    distance = mahalanobis(base.vectors, now.vectors.mean(now.n))
    js[rows], smd[rows] = np.nan, distance
    floors[rows] = vector_floors(beyond_chance(distance, base.vectors.n, now.n[rows]))
    return js, smd, floors


def ratios(base: Base, traits: Traits, now: Tally) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For shares (two cells, no numbers), the window's over the baseline's, and the events it rests on; nan for the rest."""
    last = (traits.k - 1)[:, None]
    was, seen = np.take_along_axis(base.cells, last, 1)[:, 0], np.take_along_axis(now.cells, last, 1)[:, 0]
    total = base.cells.sum(1)
    share = (traits.k == 2) & ~traits.numeric
    ratio = np.where(share, share_ratio(was, total, seen, now.n), np.nan)
    return ratio, np.maximum(seen, was / np.maximum(total, 1) * now.n)
