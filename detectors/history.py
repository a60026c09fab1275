"""The scores that an application's comparisons had when they were live: a ring of the last 14 days of windows."""

import numba as nb
import numpy as np
from numpy.typing import NDArray

from detectors.ranks import CALIBRATED, DAY, learn, near, smallest_p
from records.window import WINDOW, Window

HISTORY = 14 * DAY
"""Windows that a score is ranked among."""
NEVER = np.iinfo(np.int64).min // 2


_BLOCK = 4096
"""Comparisons ranked at a time: their counts and scores stay in the cache while 14 days pass by."""
_MEASURED = 512
"""Comparisons measured at a time, so that memory stays flat."""


@nb.njit(cache=True, nogil=True)
def _count(past, scores, counts, above, count):  # type: ignore[no-untyped-def]
    """Take one window's scores into the counts of a block of comparisons, where it counts."""
    for c in range(len(scores)):
        count[c] += (past[c] == past[c]) & counts[c]
        above[c] += (past[c] >= scores[c]) & counts[c]


@nb.njit(cache=True, nogil=True)
def _rank(scores, lender, by_day, history, used, close):  # type: ignore[no-untyped-def]
    """How many of each comparison's history are at least as high, and how many there are."""
    above, count = np.zeros(len(scores), np.int32), np.zeros(len(scores), np.int32)
    for low in range(0, len(scores), _BLOCK):
        part = slice(low, min(low + _BLOCK, len(scores)))
        rows, anytime = lender[part], ~by_day[part]
        always, gathered = np.ones(len(rows), np.bool_), np.empty(len(rows), np.float32)
        together = np.all(rows == rows[0] + np.arange(len(rows)))
        for w in used:
            if together:
                gathered = history[w, rows[0] : rows[0] + len(rows)]
            else:
                for c in range(len(rows)):
                    gathered[c] = history[w, rows[c]]
            _count(gathered, scores[part], always if close[w] else anytime, above[part], count[part])
    return above, count


class History:
    """Scores (HISTORY, R) by window and comparison, nan where there was none or the window was not healthy; rows of which
    `starts` (HISTORY,) knows no window hold anything. 4 bytes a score: 1.6 GB for 100,000 comparisons.

    v and vif (R,): how much neighbouring windows repeat each other, for ranks and for bets; by_day (R,): the time of
    day shapes the scores, so they are ranked among windows of the same time of day.
    """

    def __init__(self) -> None:
        self.scores = np.empty((HISTORY, 0), np.float32)
        self.starts = np.full(HISTORY, NEVER)
        self.traffic = np.zeros(HISTORY, np.int64)
        self.v, self.vif = np.ones(0), np.ones(0)
        self.by_day = np.zeros(0, bool)

    def grow(self, size: int) -> None:
        """Room for `size` comparisons."""
        more = size - len(self.v)
        if more > 0:
            known, old = self.starts != NEVER, self.scores
            self.scores = np.empty((HISTORY, size), np.float32)
            self.scores[known, :-more], self.scores[known, -more:] = old[known], np.nan
            self.v, self.vif = np.append(self.v, np.ones(more)), np.append(self.vif, np.ones(more))
            self.by_day = np.append(self.by_day, np.zeros(more, bool))

    def clear(self) -> None:
        self.starts[:], self.traffic[:] = NEVER, 0

    def remember(self, window: Window) -> None:
        """Put a judged window in the place of the one 14 days before it."""
        slot = window.start // WINDOW % HISTORY
        self.scores[slot] = np.nan
        self.scores[slot, : len(window.score)] = window.score
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
        self.scores[np.ix_(spoilt, rows)] = np.nan

    def rank(
        self, start: int, scores: NDArray[np.float64], index: NDArray[np.int64], parent: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """p (C,) of the scores of comparisons `index` in the window at `start`, and whether enough windows stand behind it.

        A comparison without enough history of its own borrows that of its `parent` (C,), where that has enough.
        """
        slots = np.arange(HISTORY)
        close = near(slots % DAY, start // WINDOW % DAY)
        used = slots[(self.starts > start - HISTORY * WINDOW) & (self.starts < start)]
        scores, lender = scores.astype(np.float32), index.copy()
        above, count = _rank(scores, index, self.by_day[index], self.scores, used, close)
        calibrated = count / self.v[index] >= CALIBRATED
        young = np.flatnonzero(~calibrated & (parent != index))
        lent = _rank(scores[young], parent[young], self.by_day[parent[young]], self.scores, used, close)
        enough = lent[1] / self.v[parent[young]] >= CALIBRATED
        borrows = young[enough]
        lender[borrows], calibrated[borrows] = parent[borrows], True
        above[borrows], count[borrows] = lent[0][enough], lent[1][enough]
        p = np.maximum((1 + above) / (count + 1), np.minimum(smallest_p(count, self.v[lender]), 1.0))
        return np.where(np.isnan(scores), np.nan, p), calibrated

    def measure(self, start: int) -> None:
        """Learn v, by_day and vif anew from the scores before `start` (once an hour at first, once a day later)."""
        order = np.argsort(self.starts, kind="stable")
        order = order[(self.starts[order] >= start - HISTORY * WINDOW) & (self.starts[order] < start)]
        if len(order) < CALIBRATED or not len(self.v):
            return
        slots = self.starts[order] // WINDOW % DAY
        for low in range(0, len(self.v), _MEASURED):
            part = slice(low, low + _MEASURED)
            self.by_day[part], self.v[part], self.vif[part] = learn(self.scores[order, part], slots)
