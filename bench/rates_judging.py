"""A fleet of comparisons judged day by day with the project's own functions, under several rules at once.

As the product does it: 7 whole days of trailing baseline and today's hours so far, cells' wobble learned with it; scores
ranked among the last 14 days as they were live; dependence and thresholds learned anew at midnight. Every window has
values enough and counts as healthy: somebody calls each false alarm false, unless a rule says that nobody does.
"""

import copy
from collections import deque
from dataclasses import dataclass, field

import numba as nb
import numpy as np
from numpy.typing import NDArray

from bench.streams_simulated import CELLS, DAY, cell_values
from detectors import budget, evidence, ranks
from detectors.common_factor import Peaks, Span, factor
from detectors.effects import jensen_shannon, standardised_mean_difference
from detectors.scores import ways, window_scores
from detectors.wobble import Wobble, WobbleSums, learn_wobble
from records.window import DAY as DAY_US
from records.window import WAYS, WINDOW, Way

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BASELINE, HISTORY = 7, 14  # days
PERIOD = 30  # days
LEARN_EVERY = 2  # days: dependence and inflation move slowly
HOUR, HOURS = 12, 24
NEAR = (2 * ranks.WIDTH + 1) * HISTORY
"""Windows of the last HISTORY days that are near in time of day."""


@dataclass(frozen=True, slots=True)
class Rule:
    """at_most false alarms in PERIOD; with the common factor or without; whether anybody calls false alarms false."""

    at_most: float = 1.0
    common: bool = True
    marked: bool = True


@dataclass(frozen=True, slots=True)
class Learned:
    """What midnight taught: which comparisons are ranked by time of day, dependence v, inflation of the bets, (WAYS, C)."""

    by_day: Bools
    v: Floats
    vif: Floats


@nb.njit(cache=True, nogil=True)
def live_ranks(scores, by_day, width, day):  # type: ignore[no-untyped-def]
    """How many of the windows before each of the last `day` windows of scores (C, W + day) are higher and how many equal,
    (day, C).

    Where `by_day`, of those within `width` of the same time of day.
    """
    comparisons, length = scores.shape
    past = length - day
    higher, equal = np.zeros((day, comparisons), np.int32), np.zeros((day, comparisons), np.int32)
    for c in range(comparisons):
        mine = scores[c]
        for i in range(day):
            if by_day[c]:
                for centre in range(i, past + i + 1, day):
                    more, same = _above(mine[max(i, centre - width) : min(past + i, centre + width + 1)], mine[past + i])
                    higher[i, c] += more
                    equal[i, c] += same
            else:
                higher[i, c], equal[i, c] = _above(mine[i : past + i], mine[past + i])
    return higher, equal


@nb.njit(cache=True, nogil=True, inline="always")
def _above(scores, x):  # type: ignore[no-untyped-def]
    more, same = np.int32(0), np.int32(0)
    for j in range(len(scores)):
        more += np.int32(scores[j] > x)
        same += np.int32(scores[j] == x)
    return more, same


@nb.njit(cache=True, nogil=True)
def grow(course, counts, grown, over):  # type: ignore[no-untyped-def]
    """Counts (N, K) since each comparison's evidence (DAY, C) was last 0, where it is `over`; moves grown (C, K) on."""
    out = np.empty((over.sum(), counts.shape[2]))
    n = 0
    for w in range(len(course)):
        for c in range(course.shape[1]):
            if course[w, c] > 0:
                grown[c] += counts[w, c]
            else:
                grown[c] = 0.0
            if over[w, c]:
                out[n] = grown[c]
                n += 1
    return out


def since(course: Floats, began: NDArray[np.int64], start: int) -> NDArray[np.int64]:
    """First window of each comparison's present evidence after a day (DAY, C) that began at `start`, 0 where it has none."""
    zero = course == 0
    last = len(course) - zero[::-1].argmax(axis=0)
    return np.where(course[-1] == 0, 0, np.where(zero.any(axis=0) | (began == 0), start + last * zero.any(axis=0), began))


@dataclass
class Standing:
    """Where a rule stands: evidence, common factor, what fires with the effect floor off (row 0) and on (row 1)."""

    rule: Rule
    c: Floats  # (WAYS, C)
    grown: Floats  # (WAYS, C, CELLS)
    firing: Bools  # (2, C)
    began: NDArray[np.int64]
    peaks: Peaks = field(default_factory=Peaks)
    g: float = 1.0
    spoilt: list[Span] = field(default_factory=list)
    incident: list[int] = field(default_factory=lambda: [-(10**9), -(10**9)])


@dataclass(frozen=True, slots=True)
class Day:
    """One day under one rule: `course` (DAY, C) is evidence over its threshold, the largest of the ways, over[floor] (DAY, C)
    an alarm's condition; `raised` and `incidents` count by floor."""

    course: Floats
    over: tuple[Bools, Bools]
    raised: tuple[int, int]
    incidents: tuple[int, int]


class Judge:
    """State of C comparisons under all `rules`; deep copies go their own way."""

    def __init__(self, base: Floats, k: NDArray[np.int64], rules: list[Rule], ordered: bool = True, worse: int = 0):
        size = len(k)
        self.k, self.values = k, cell_values(base)
        self.ordered, self.worse = np.full(size, ordered), np.full(size, worse, np.int8)
        self.sums: deque[WobbleSums] = deque(maxlen=BASELINE)
        self.judged = ways(k, self.ordered, self.worse, np.zeros(size, bool))
        self.scores = np.full((WAYS, size, HISTORY * DAY), np.nan, np.float32)
        none = np.zeros((WAYS, size))
        self.days, self.learned, self.scored = 0, Learned(none > 0, none + 1, none + 1), np.empty(0)
        self.standing = {
            rule: Standing(rule, none, np.zeros((WAYS, size, CELLS)), np.zeros((2, size), bool), np.zeros(size, np.int64))
            for rule in rules
        }

    @property
    def judges(self) -> bool:
        """Whether the history is as long as it gets, so that the next day counts."""
        return self.days >= BASELINE + HISTORY

    def fork(self) -> "Judge":
        """A copy without any evidence so far, in which something may happen."""
        other = copy.deepcopy(self)
        for standing in other.standing.values():
            standing.c, standing.firing = np.zeros_like(standing.c), np.zeros_like(standing.firing)
            standing.grown = np.zeros_like(standing.grown)
        return other

    def midnight(self) -> None:
        """Learn from the history as it stands, and the common factors from what luck reached."""
        if not self.judges:
            return
        if (self.days - BASELINE - HISTORY) % LEARN_EVERY == 0:
            every = [ranks.learn(scores.T, np.arange(HISTORY * DAY) % DAY) for scores in self.scores]
            self.learned = Learned(*(np.stack(part) for part in zip(*every, strict=True)))
        for standing in self.standing.values():
            if standing.rule.common:
                pool = standing.peaks.pool(self.days * DAY_US, standing.spoilt)
                standing.g = factor(pool, len(self.k), standing.rule.at_most, PERIOD)

    def day(self, counts: Floats) -> dict[Rule, Day]:
        """Judge a day's windows (DAY, C, CELLS); empty until the history is full."""
        out: dict[Rule, Day] = {}
        hours = self._hours(counts)
        if len(self.sums) == BASELINE:
            each, base = self._score(counts, hours)
            self.scored = each[Way.SCORE]
            every = np.concatenate([self.scores, each.transpose(0, 2, 1).astype(np.float32)], axis=2)
            if self.judges:
                out = self._follow(self._p(every), counts, base)
            self.scores = np.ascontiguousarray(every[..., DAY:])
        total = WobbleSums.empty(len(self.k), CELLS)
        for hour in hours:
            total += hour
        self.sums.append(total)
        self.days += 1
        return out

    def _hours(self, counts: Floats) -> list[WobbleSums]:
        size, none = len(self.k), np.zeros(len(self.k))
        out = []
        for hour in range(HOURS):
            sums = WobbleSums.empty(size, CELLS)
            for window in counts[hour * HOUR : (hour + 1) * HOUR]:
                sums.add(window, none, none, none, np.ones(size, bool))
            out.append(sums)
        return out

    def _score(self, counts: Floats, hours: list[WobbleSums]) -> tuple[Floats, Floats]:
        """What is ranked each way (WAYS, DAY, C), and the baselines (HOURS, C, CELLS) that it was judged with: what was known
        at each full hour."""
        size = len(self.k)
        known = WobbleSums.empty(size, CELLS)
        for past in self.sums:
            known += past
        stages = []
        for hour in hours:
            stages.append(copy.deepcopy(known))
            known += hour
        names = list(WobbleSums.__slots__)
        stacked = WobbleSums(*(np.concatenate([getattr(stage, name) for stage in stages]) for name in names))
        wobble = learn_wobble(stacked, np.tile(self.k, HOURS))
        place = np.repeat(np.arange(HOURS * size).reshape(HOURS, 1, size), HOUR, axis=1).ravel()
        rows = len(place)
        spread = Wobble(*(getattr(wobble, name)[place] for name in Wobble.__slots__))
        no, absent = np.zeros(rows, bool), np.full(rows, np.nan)
        scores = window_scores(
            stacked.cells[place], counts.reshape(rows, CELLS), np.tile(self.k, DAY), np.tile(self.ordered, DAY), no,
            np.tile(self.worse, DAY), spread, absent, absent, absent, absent, absent, absent, no,
        )  # fmt: skip
        each = np.where(
            self.judged[:, None], scores.stepped(np.tile(self.k == 2, DAY)).each_way().reshape(WAYS, DAY, size), np.nan
        )
        return each, stacked.cells.reshape(HOURS, size, CELLS)

    def _p(self, every: NDArray[np.float32]) -> Floats:
        """(DAY, WAYS, C), nan where a way is not judged."""
        each = [live_ranks(*both, ranks.WIDTH, DAY) for both in zip(every, self.learned.by_day, strict=True)]
        higher, equal = (np.stack(part, axis=1) for part in zip(*each, strict=True))
        count = np.where(self.learned.by_day, NEAR, HISTORY * DAY)
        p = evidence.tied((1 + higher) / (count + 1), (1 + higher + equal) / (count + 1))
        smallest = np.minimum(ranks.smallest_p(count, self.learned.v), 1.0)
        return np.where(self.judged, np.maximum(p, smallest), np.nan)

    def _follow(self, p: Floats, counts: Floats, base: Floats) -> dict[Rule, Day]:
        """Evidence of all rules side by side through a day of p (DAY, WAYS, C)."""
        standing = list(self.standing.values())
        vif, size, number = self.learned.vif, len(self.k), self.judged.sum(axis=0)
        h = np.stack([budget.thresholds(vif, size, PERIOD * DAY, each.rule.at_most, number) for each in standing])
        needed = h * np.array([[[each.g]] for each in standing])
        c = np.stack([each.c for each in standing])
        courses = np.empty((len(p), *c.shape))
        for i, row in enumerate(p):
            c = courses[i] = evidence.step(c, row, budget.CAP * needed)
        out = {}
        for i, each in enumerate(standing):
            each.c = c[i]
            if each.rule.common:
                each.peaks.add(self.days * DAY_US, (courses[:, i] / h[i]).max(axis=1))
            out[each.rule] = self._verdicts(each, courses[:, i], needed[i], counts, base)
        return out

    def _verdicts(self, standing: Standing, courses: Floats, needed: Floats, counts: Floats, base: Floats) -> Day:
        ratio = courses / needed
        course, leads = ratio.max(axis=1), ratio.argmax(axis=1)
        over = course >= 1
        large = over.copy()
        each = [grow(np.ascontiguousarray(courses[:, way]), counts, standing.grown[way], over) for way in range(WAYS)]
        w, i = np.nonzero(over)
        grown = np.stack(each)[leads[w, i], np.arange(len(w))]
        large[w, i] = self._floors(base[w // HOUR, i], grown, i) >= 1
        if over.any() or standing.firing.any():
            raised, incidents = self._raise(standing, course, (over, large))
        else:
            raised, incidents = (0, 0), (0, 0)
            standing.began = since(course, standing.began, self.days * DAY)
        return Day(course, (over, large), raised, incidents)

    def _floors(self, base: Floats, now: Floats, i: NDArray[np.int64]) -> Floats:
        """Effects over the floor of counts (N, CELLS) of comparisons i (N,); the cells' values stand for the signal's."""
        values = self.values[i]
        total, n = base.sum(axis=1), np.maximum(now.sum(axis=1), 1.0)
        mean = (base * values).sum(axis=1) / total
        variance = (base * values**2).sum(axis=1) / total - mean**2
        smd = standardised_mean_difference(mean, variance, (now * values).sum(axis=1) / n)
        smd = np.where(self.ordered[i], smd, np.nan)
        none = np.full(len(i), np.nan)
        ratio, events = none, none
        if (self.k == 2).all():
            ratio = (now[:, 1] / n) / np.maximum(base[:, 1] / total, 1e-12)
            events = np.maximum(now[:, 1], base[:, 1] / total * n)
        return budget.times_floor(jensen_shannon(base, now), smd, ratio, events)

    def _raise(self, standing: Standing, course: Floats, over: tuple[Bools, Bools]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Alarms raised, and incidents: those that began within an hour of each other are one. With the floor off and on."""
        raised, incidents, start = [0, 0], [0, 0], self.days * DAY
        for i, c in enumerate(course):
            standing.began = np.where((standing.began > 0) & (c > 0), standing.began, np.where(c > 0, start + i, 0))
            for floor in (0, 1):
                new = over[floor][i] & ~standing.firing[floor]
                standing.firing[floor] = over[floor][i] | (standing.firing[floor] & (c > 0))
                for since in standing.began[new].tolist():
                    raised[floor] += 1
                    incidents[floor] += abs(since - standing.incident[floor]) > HOUR
                    standing.incident[floor] = since
            if not standing.rule.marked and standing.firing[0].any():
                since = int(standing.began[standing.firing[0]].min()) * WINDOW
                while standing.spoilt and standing.spoilt[-1][1] >= since:
                    since = min(since, standing.spoilt.pop()[0])
                standing.spoilt.append((since, (start + i + 1) * WINDOW))
        return (raised[0], raised[1]), (incidents[0], incidents[1])
