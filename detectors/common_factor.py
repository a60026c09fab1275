"""The common factor: how much higher all thresholds must stand for the budget to hold over all of them together.

Single thresholds rest on a bound that a stream may bend. What luck really reached lately, in units of the thresholds,
has an exponential tail; extended to one alarm in the budget's time it gives the factor g (statistics.md, section 6).
Sources: Page 1954 (excursions of a CUSUM between its zeros); Pickands 1975 (mean excess of the largest values); Leadbetter
1983, Davison and Smith 1990 (extremes that come in clusters are worth one observation each).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numba as nb
import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats
from records.window import DAY, HOUR, WINDOW

LARGEST = 20
"""Maxima whose mean excess over the next one is the scale of the tail."""
LIVED = 28 * DAY
"""How far back maxima count, microseconds of event time: twice as far as scores, since few maxima are large."""
APART = 3 * HOUR
"""Maxima closer than this in time have one cause, as those of comparisons that move together."""
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Pool:
    """The largest maxima of c/h (M, 2), their height and when it was reached, at most LARGEST + 1 of them, the highest
    first; how much was lived for them, in comparison-days; and how many incidents were left out that nobody called false.

    Merging pools, in any order, gives the pool of everything: of other hours, days and applications.
    """

    maxima: Floats
    lived: float
    unsaid: int = 0

    @classmethod
    def of(cls, heights: Floats, at: NDArray[np.int64], lived: float, unsaid: int = 0) -> "Pool":
        order = np.lexsort((at, -heights))[: LARGEST + 1]
        return cls(np.stack([heights[order], at[order].astype(np.float64)], axis=1), lived, unsaid)

    def encode(self) -> bytes:
        return np.vstack([[self.lived, self.unsaid], self.maxima]).astype("<f8").tobytes()

    @classmethod
    def decode(cls, data: bytes) -> "Pool":
        """The pool that `encode` gave; of no bytes NOTHING."""
        rows = np.frombuffer(data, "<f8").reshape(-1, 2)
        return cls(rows[1:], float(rows[0, 0]), int(rows[0, 1])) if len(rows) else NOTHING


NOTHING = Pool(np.empty((0, 2)), 0.0)


def merge(pools: Iterable[Pool]) -> Pool:
    every = [NOTHING, *pools]
    maxima = np.concatenate([pool.maxima for pool in every])
    lived, unsaid = float(sum(pool.lived for pool in every)), sum(pool.unsaid for pool in every)
    return Pool.of(maxima[:, 0], maxima[:, 1].astype(np.int64), lived, unsaid)


def factor(pool: Pool, comparisons: int, at_most: float, period_days: float) -> float:
    """g = u + e (1 + 1/sqrt(m)) ln(20 / days lived x period / at_most), at least 1; 1 while fewer than 21 maxima are known.

    u is the 21st largest maximum, e the mean excess of the 20 above it, stretched by its standard error: m of the 20 are
    APART in time, so that many are evidence of their own. The days lived are the pool's comparison-days over the
    `comparisons` that share the budget `at_most` per period now.

    Incidents that nobody called false may be real, so their heights are not looked at; but false alarms are the largest
    maxima, and without them e would be too small. As many of them as the budget granted in the days lived, k, count as
    maxima above g of unknown height. With a = ln((20 + k) / granted) / 20 and e of an exponential tail censored at g (the
    excesses' sum + k (g - u)) / 20 that gives g - u = a sum / (1 - k a), to be stretched.
    """
    if len(pool.maxima) <= LARGEST or not comparisons:
        return 1.0
    heights, at = pool.maxima.T
    independent = 1 + int((np.diff(np.sort(at[:LARGEST])) > APART).sum())
    u = heights[LARGEST]
    total = (heights[:LARGEST] - u).sum()
    granted = at_most * pool.lived / comparisons / period_days
    k = min(pool.unsaid, granted, LARGEST)
    a = np.log((LARGEST + k) / granted) / LARGEST
    return max(1.0, float(u + a * total / (1 - k * a) * (1 + 1 / np.sqrt(independent))))


class Peaks:
    """The maxima of c/h between zeros of one application's comparisons, pooled by the hour in which they were reached.

    height, at (R,): what each comparison has reached since its evidence was last 0 (0 where it is), and when.
    """

    def __init__(self) -> None:
        self.hours: dict[int, Pool] = {}
        self.height, self.at = np.zeros(0), np.zeros(0, np.int64)

    def add(self, start: int, ratio: Floats) -> None:
        """Windows (W, R) from `start` on of evidence over threshold; nan where a comparison was not judged.

        Comparisons that are new since the last call stand at the end.
        """
        more = ratio.shape[1] - len(self.height)
        self.height, self.at = np.pad(self.height, (0, more)), np.pad(self.at, (0, more))
        starts = start + np.arange(len(ratio)) * WINDOW
        heights, at = _follow(np.ascontiguousarray(ratio), starts, self.height, self.at)
        lived = (~np.isnan(ratio)).sum(axis=1) * (WINDOW / DAY)
        reached, passed = at // HOUR * HOUR, starts // HOUR * HOUR
        for hour in np.union1d(reached, passed).tolist():
            mine = reached == hour
            new = Pool.of(heights[mine], at[mine], float(lived[passed == hour].sum()))
            self.hours[hour] = merge([self.hours.get(hour, NOTHING), new])
        oldest = int(starts[-1]) - LIVED - DAY
        for hour in [hour for hour in self.hours if hour < oldest]:
            del self.hours[hour]

    def pool(self, until: int, spoilt: Iterable[Span] = ()) -> Pool:
        """The maxima of the last 28 days before `until`, those still running with what they have reached so far.

        Hours that touch a `spoilt` span (from, to: the incidents of the application that nobody called false) count
        neither with their maxima nor as lived.
        """
        spans = list(spoilt)

        def counts(hour: int) -> bool:
            recent = until - LIVED <= hour < until
            return recent and not any(since < hour + HOUR and end > hour for since, end in spans)

        pools = [pool for hour, pool in self.hours.items() if counts(hour)]
        hours = self.at // HOUR * HOUR
        known = np.isin(hours, [hour for hour in np.unique(hours).tolist() if counts(hour)]) & (self.height > 0)
        lately = np.sort([since for since, end in spans if end > until - LIVED])
        incidents = int(len(lately) > 0) + int((np.diff(lately) > APART).sum())
        return merge([*pools, Pool.of(self.height[known], self.at[known], 0.0, incidents)])


@nb.njit(cache=True, nogil=True)
def _follow(  # type: ignore[no-untyped-def]
    ratio, starts, height, at
):
    """Move height and at (R,) on by windows (W, R); the maxima that ended there, and when they were reached."""
    heights, times = [0.0 for _ in range(0)], [0 for _ in range(0)]
    for w in range(len(ratio)):
        for c in range(len(height)):
            x = ratio[w, c]
            if x > height[c]:
                height[c], at[c] = x, starts[w]
            elif x == 0 and height[c] > 0:
                heights.append(height[c])
                times.append(at[c])
                height[c] = 0.0
    return np.array(heights), np.array(times)
