"""The scores that an application's comparisons had when they were live: a ring of the last 14 days of windows."""

import numba as nb
import numpy as np
from numpy.typing import NDArray

from detectors.evidence import bets, inflation
from detectors.ranks import CALIBRATED, DAY, choose, near, self_ranks, smallest_p
from records.window import WINDOW, Window

HISTORY = 14 * DAY
"""Windows that a score is ranked among."""
NEVER = np.iinfo(np.int64).min // 2


@nb.njit(cache=True, nogil=True)
def _rank(scores, lender, by_day, history, used, close):  # type: ignore[no-untyped-def]
    """How many of each comparison's history are at least as high, and how many there are."""
    above, count = np.zeros(len(scores), np.int64), np.zeros(len(scores), np.int64)
    for w in used:
        for c in range(len(scores)):
            if by_day[c] and not close[w]:
                continue
            past = history[w, lender[c]]
            count[c] += past == past
            above[c] += past >= scores[c]
    return above, count


class History:
    """Scores (HISTORY, R) by window and comparison, nan where there was none or the window was not healthy.

    v and vif (R,): how much neighbouring windows repeat each other, for ranks and for bets; by_day (R,): the time of
    day shapes the scores, so they are ranked among windows of the same time of day.
    """

    def __init__(self) -> None:
        self.scores = np.full((HISTORY, 0), np.nan, np.float32)
        self.starts = np.full(HISTORY, NEVER)
        self.traffic = np.zeros(HISTORY, np.int64)
        self.v, self.vif = np.ones(0), np.ones(0)
        self.by_day = np.zeros(0, bool)

    def grow(self, size: int) -> None:
        """Room for `size` comparisons."""
        more = size - len(self.v)
        if more > 0:
            self.scores = np.hstack([self.scores, np.full((HISTORY, more), np.nan, np.float32)])
            self.v, self.vif = np.append(self.v, np.ones(more)), np.append(self.vif, np.ones(more))
            self.by_day = np.append(self.by_day, np.zeros(more, bool))

    def clear(self) -> None:
        self.scores[:], self.starts[:], self.traffic[:] = np.nan, NEVER, 0

    def remember(self, window: Window) -> None:
        """Put a judged window in the place of the one 14 days before it."""
        slot = window.start // WINDOW % HISTORY
        self.scores[slot] = np.nan
        self.scores[slot, : len(window.score)] = window.score
        self.starts[slot], self.traffic[slot] = window.start, window.traffic

    def drop_after(self, start: int) -> None:
        """Forget the windows after the one at `start`."""
        later = self.starts > start
        self.scores[later], self.starts[later], self.traffic[later] = np.nan, NEVER, 0

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
        none = np.full(len(index), np.inf)
        _, own = _rank(none, index, self.by_day[index], self.scores, used, close)
        _, lent = _rank(none, parent, self.by_day[parent], self.scores, used, close)
        alone = own / self.v[index] >= CALIBRATED
        borrows = ~alone & (lent / self.v[parent] >= CALIBRATED)
        lender = np.where(borrows, parent, index)
        above, count = _rank(scores.astype(np.float32), lender, self.by_day[lender], self.scores, used, close)
        p = np.maximum((1 + above) / (count + 1), np.minimum(smallest_p(count, self.v[lender]), 1.0))
        return np.where(np.isnan(scores), np.nan, p), alone | borrows

    def measure(self, start: int) -> None:
        """Learn v, by_day and vif anew from the scores before `start` (once an hour at first, once a day later)."""
        order = np.argsort(self.starts, kind="stable")
        order = order[(self.starts[order] >= start - HISTORY * WINDOW) & (self.starts[order] < start)]
        if len(order) < CALIBRATED or not len(self.v):
            return
        scores = self.scores[order]
        self.by_day, self.v = choose(scores, self.starts[order] // WINDOW % DAY)
        self.vif = inflation(bets(self_ranks(scores)))
