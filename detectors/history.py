"""The scores and signed ranks that an application's comparisons had when they were live: a ring of 14 days of windows."""

import numba as nb
import numpy as np
from numpy.typing import NDArray

from detectors.evidence import tied
from detectors.ranks import CALIBRATED, DAY, learn, near, smallest_p
from records.window import WAYS, WINDOW, Way, Window

HISTORY = 14 * DAY
"""Windows that a score is ranked among."""
NEVER = np.iinfo(np.int64).min // 2
SIGNS = np.array([1, 1, -1], np.float32)
"""What the history of each `Way` is multiplied by, so that the higher is the rarer."""
SIGNED = np.array([way != Way.SCORE for way in Way])

SETTLED = 2 * DAY * WINDOW
"""How long signed ranks are remembered before they are judged, microseconds: beside a baseline of some hours values are up by
day and down by night, and stay there."""
_BLOCK = 4096
"""Comparisons ranked at a time: their counts and scores stay in the cache while 14 days pass by."""
_MEASURED = 512
"""Comparisons measured at a time, so that memory stays flat."""


@nb.njit(cache=True, nogil=True)
def _count(past, sign, scores, counts, higher, equal, count):  # type: ignore[no-untyped-def]
    """Take one window's scores into the counts of a block of comparisons, where it counts."""
    for c in range(len(scores)):
        count[c] += (past[c] == past[c]) & counts[c]
        higher[c] += (sign * past[c] > scores[c]) & counts[c]
        equal[c] += (sign * past[c] == scores[c]) & counts[c]


@nb.njit(cache=True, nogil=True)
def _rank(scores, signs, lender, by_day, history, used, close):  # type: ignore[no-untyped-def]
    """How many of each comparison's history, times each of `signs` (L,), are higher than scores (L, C), how many are
    equal, and how many there are; all (L, C)."""
    higher, equal, count = np.zeros(scores.shape, np.int32), np.zeros(scores.shape, np.int32), np.zeros(scores.shape, np.int32)
    for low in range(0, scores.shape[1], _BLOCK):
        part = slice(low, min(low + _BLOCK, scores.shape[1]))
        rows, anytime = lender[part], ~by_day[:, part]
        always, gathered = np.ones(len(rows), np.bool_), np.empty(len(rows), np.float32)
        together = np.all(rows == rows[0] + np.arange(len(rows)))
        for w in used:
            if together:
                gathered = history[w, rows[0] : rows[0] + len(rows)]
            else:
                for c in range(len(rows)):
                    gathered[c] = history[w, rows[c]]
            for way in range(len(signs)):
                counts = always if close[w] else anytime[way]
                _count(gathered, signs[way], scores[way, part], counts, higher[way, part], equal[way, part], count[way, part])
    return higher, equal, count


def _unmeasured(size: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """v, vif and by_day (WAYS, size) of what nothing is known of."""
    v = np.where(SIGNED[:, None], np.inf, np.ones((WAYS, size)))
    return v, np.ones((WAYS, size)), np.zeros((WAYS, size), bool)


class History:
    """Scores and signed t of the ranks (lean), both (HISTORY, R) by window and comparison, nan where there was none or the
    window was not healthy; rows of which `starts` (HISTORY,) knows no window hold anything. 8 bytes a window and comparison:
    3.2 GB for 100,000.

    v and vif (WAYS, R): how much neighbouring windows repeat each other, for ranks and for bets; by_day (WAYS, R): the time
    of day shapes the scores, so they are ranked among windows of the same time of day. Of signed ranks that are not SETTLED v
    is infinite: no number of windows is worth any.
    """

    def __init__(self) -> None:
        self.scores, self.lean = np.empty((HISTORY, 0), np.float32), np.empty((HISTORY, 0), np.float32)
        self.starts = np.full(HISTORY, NEVER)
        self.traffic = np.zeros(HISTORY, np.int64)
        self.v, self.vif, self.by_day = _unmeasured(0)

    def grow(self, size: int) -> None:
        """Room for `size` comparisons."""
        more = size - self.v.shape[1]
        if more > 0:
            self.scores, self.lean = self._wider(self.scores, more), self._wider(self.lean, more)
            measured = zip((self.v, self.vif, self.by_day), _unmeasured(more), strict=True)
            self.v, self.vif, self.by_day = (np.hstack(both) for both in measured)

    def _wider(self, old: NDArray[np.float32], more: int) -> NDArray[np.float32]:
        known, out = self.starts != NEVER, np.empty((HISTORY, old.shape[1] + more), np.float32)
        out[known, :-more], out[known, -more:] = old[known], np.nan
        return out

    @property
    def settled(self) -> NDArray[np.bool_]:
        """What may be judged (WAYS, R)."""
        return np.isfinite(self.v)

    def unmeasure(self) -> None:
        self.v, self.vif, self.by_day = _unmeasured(self.v.shape[1])

    def clear(self) -> None:
        self.starts[:], self.traffic[:] = NEVER, 0

    def remember(self, window: Window) -> None:
        """Put a judged window in the place of the one 14 days before it."""
        slot = window.start // WINDOW % HISTORY
        self.scores[slot] = self.lean[slot] = np.nan
        self.scores[slot, : len(window.score)], self.lean[slot, : len(window.lean)] = window.score, window.lean
        self.starts[slot], self.traffic[slot] = window.start, window.traffic

    def drop_after(self, start: int) -> None:
        """Forget the windows after the one at `start`."""
        later = self.starts > start
        self.starts[later], self.traffic[later] = NEVER, 0

    def always_busy(self, start: int) -> bool:
        """Whether the day before `start` had traffic in (nearly) every window, so that silence means something."""
        day = (self.starts >= start - DAY * WINDOW) & (self.starts < start)
        busy = self.traffic[day] > 0
        return bool(day.sum() >= CALIBRATED and busy.mean() > 0.99)

    def traffic_before(self, start: int) -> int:
        """Interactions of the windows that are remembered of the time before `start`."""
        known = (self.starts > start - HISTORY * WINDOW) & (self.starts < start)
        return int(self.traffic[known].sum())

    def forget(self, rows: NDArray[np.int64], since: int, until: int) -> None:
        """Windows of an alert are not healthy: take them out for these comparisons."""
        spoilt = (self.starts >= since) & (self.starts < until)
        self.scores[np.ix_(spoilt, rows)] = self.lean[np.ix_(spoilt, rows)] = np.nan

    def rank(
        self, start: int, each: NDArray[np.float64], index: NDArray[np.int64], parent: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """p (WAYS, C) of what comparisons `index` have each way in the window at `start` (`Scores.each_way`), and whether
        enough windows stand behind it.

        A comparison without enough history of its own borrows that of its `parent` (C,), where that has enough.
        """
        slots = np.arange(HISTORY)
        close = near(slots % DAY, start // WINDOW % DAY)
        used = slots[(self.starts > start - HISTORY * WINDOW) & (self.starts < start)]
        live = each.astype(np.float32)
        parts = [self._among(*held, live, index, parent, used, close) for held in self._each()]
        p, calibrated = (np.concatenate(both) for both in zip(*parts, strict=True))
        return np.where(np.isnan(each), np.nan, p), calibrated

    def _each(self) -> tuple[tuple[NDArray[np.float32], slice], ...]:
        """What was remembered, and which ways it serves."""
        return (self.scores, slice(Way.SCORE, Way.UP)), (self.lean, slice(Way.UP, WAYS))

    def _among(
        self, history: NDArray[np.float32], ways: slice, every: NDArray[np.float32], index: NDArray[np.int64],
        parent: NDArray[np.int64], used: NDArray[np.int64], close: NDArray[np.bool_],
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:  # fmt: skip
        """`rank`, of the `ways` that one history serves. What has no lean needs nobody to borrow it from."""
        each, signs, v, by_day = every[ways], SIGNS[ways], self.v[ways], self.by_day[ways]
        higher, equal, count = _rank(each, signs, index, by_day[:, index], history, used, close)
        worth = v[:, index]
        calibrated = count / worth >= CALIBRATED
        needless = calibrated | (SIGNED[ways, None] & np.isnan(each))
        young = np.flatnonzero(~needless.all(axis=0) & (parent != index))
        lender = parent[young]
        lent = _rank(each[:, young], signs, lender, by_day[:, lender], history, used, close)
        borrows = ~needless[:, young] & (lent[2] / v[:, lender] >= CALIBRATED)
        way, place = np.nonzero(borrows)
        here = way, young[place]
        higher[here], equal[here], count[here] = (numbers[borrows] for numbers in lent)
        worth[here], calibrated[here] = v[way, lender[place]], True
        p = tied((1 + higher) / (count + 1), (1 + higher + equal) / (count + 1))
        return np.maximum(p, np.minimum(smallest_p(count, worth), 1.0)), calibrated

    def measure(self, start: int) -> None:
        """Learn v, by_day and vif anew from what came before `start` (once an hour at first, once a day later)."""
        order = np.argsort(self.starts, kind="stable")
        order = order[(self.starts[order] >= start - HISTORY * WINDOW) & (self.starts[order] < start)]
        if len(order) < CALIBRATED or not self.v.size:
            return
        slots = self.starts[order] // WINDOW % DAY
        self.unmeasure()
        for low in range(0, self.v.shape[1], _MEASURED):
            for history, ways in self._each():
                past = history[order, low : low + _MEASURED]
                there = ~np.isnan(past)
                known = np.flatnonzero(there.any(axis=0))
                settled = self.starts[order][there[:, known].argmax(axis=0)] <= start - SETTLED
                for way in range(WAYS)[ways]:
                    at = way, low + known
                    self.by_day[at], v, self.vif[at] = learn(SIGNS[way] * past[:, known], slots)
                    self.v[at] = np.where(settled | ~SIGNED[way], v, np.inf)
