"""A p-value that assumes no tail: a score's rank among the healthy windows' scores (statistics.md, section 5).

p = (1 + number of higher scores) / (W' + 1), of scores that are equal the mean of their ranks in terms of bets
(evidence.tied), never below 1 / (W'/v + 1): windows that resemble their neighbours are worth only W'/v. Histories are
(W, C) float32, one row a window, nan where a comparison had none.
"""

import numba as nb
import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.evidence import bets, inflation, tied

History = NDArray[np.float32]

DAY = 288
"""5-minute windows a day."""
HALF_DAY = DAY // 2
WIDTH = 36
"""3 h of 5-minute windows: how far in time of day a window may be to be ranked with."""
CALIBRATED = 20
"""W'/v that a comparison needs before its alerts are let go."""


def smallest_p(windows: Floats, v: Floats) -> Floats:
    """1 / (W'/v + 1) (C,): below this, W' windows of dependence v cannot say anything."""
    out: Floats = 1 / (np.asarray(windows, np.float64) / v + 1)
    return out


def dependence(log_p: Floats) -> Floats:
    """v (C,) of the series log p (W, C): 1 + 2 sum of Bartlett-weighted autocorrelations up to half a day, at least 1."""
    return inflation(log_p, HALF_DAY)


def near(slots: NDArray[np.int64], slot: int, width: int = WIDTH, day: int = DAY) -> NDArray[np.bool_]:
    """Which windows (W,) are within `width` of the time of day `slot`; midnight is no border."""
    away = np.abs(np.asarray(slots) - slot) % day
    out: NDArray[np.bool_] = np.minimum(away, day - away) <= width
    return out


def self_ranks(history: History) -> Floats:
    """p (W, C) of every score among all of its column, itself included; nan where absent."""
    return _p(*_self_ranks(*_sorted(history)))


def _p(low: Floats, high: Floats) -> Floats:
    """p (W, C) of ranks that are between two (C, W)."""
    return tied(low, high).T


def _sorted(history: History) -> tuple[History, NDArray[np.int64]]:
    """The series (C, W), and the windows of each in the order of their scores, absent ones last."""
    series = np.ascontiguousarray(history.T, np.float32)
    return series, np.argsort(series, axis=1)


@nb.njit(cache=True, nogil=True)
def _positions(scores: History, order: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """For one series, how many scores are below each (-1 where absent), and how many scores there are."""
    out = np.full(len(scores), -1, np.int64)
    count = 0
    first = 0
    for i in range(len(order)):
        x = scores[order[i]]
        if x != x:
            continue
        if count and x != scores[order[i - 1]]:
            first = count
        out[order[i]] = first
        count += 1
    return out, count


@nb.njit(cache=True, nogil=True)
def _self_ranks(history: History, order: NDArray[np.int64]) -> tuple[Floats, Floats]:
    low, high = np.full(history.shape, np.nan), np.full(history.shape, np.nan)
    for c in range(len(history)):
        below, count = _positions(history[c], order[c])
        same = np.zeros(len(below), np.int32)
        for w in range(len(below)):
            if below[w] >= 0:
                same[below[w]] += 1
        for w in range(len(below)):
            if below[w] >= 0:
                high[c, w] = (1 + count - below[w]) / (count + 1)
                low[c, w] = high[c, w] - (same[below[w]] - 1) / (count + 1)
    return low, high


def time_of_day_ranks(history: History, slots: NDArray[np.int64], width: int = WIDTH, day: int = DAY) -> Floats:
    """p (W, C) of every score among those of its column within `width` windows of the same time of day.

    slots (W,): each window's time of day, 0 to `day` - 1. The window itself is included; nan where absent.
    """
    if 2 * width + 1 >= day:
        return self_ranks(history)
    by_time = np.argsort(slots, kind="stable").astype(np.int64)
    starts = np.searchsorted(np.asarray(slots)[by_time], np.arange(day + 1)).astype(np.int64)
    return _p(*_day_ranks(*_sorted(history), by_time, starts, width, day))


@nb.njit(cache=True, nogil=True)
def _change(  # type: ignore[no-untyped-def]
    tree, same, below, members, by
):
    """Put the members' scores into a Fenwick tree of counts and into those counts (or take them out); how many there were."""
    moved = 0
    for w in members:
        if below[w] < 0:
            continue
        same[below[w]] += by
        at = below[w] + 1
        while at < len(tree):
            tree[at] += by
            at += at & -at
        moved += by
    return moved


@nb.njit(cache=True, nogil=True)
def _day_ranks(  # type: ignore[no-untyped-def]
    history, order, by_time, starts, width, day
):
    low, high = np.full(history.shape, np.nan), np.full(history.shape, np.nan)
    for c in range(len(history)):
        below, _ = _positions(history[c], order[c])
        tree, same = np.zeros(len(below) + 1, np.int32), np.zeros(len(below), np.int32)
        count = 0
        for slot in range(-width, width):
            at = slot % day
            count += _change(tree, same, below, by_time[starts[at] : starts[at + 1]], 1)
        for slot in range(day):
            enter, leave = (slot + width) % day, (slot - width - 1) % day
            count += _change(tree, same, below, by_time[starts[enter] : starts[enter + 1]], 1)
            if slot:
                count += _change(tree, same, below, by_time[starts[leave] : starts[leave + 1]], -1)
            for w in by_time[starts[slot] : starts[slot + 1]]:
                if below[w] < 0:
                    continue
                lower = 0
                at = below[w]
                while at > 0:
                    lower += tree[at]
                    at -= at & -at
                high[c, w] = (1 + count - lower) / (count + 1)
                low[c, w] = high[c, w] - (same[below[w]] - 1) / (count + 1)
    return low, high


def learn(history: History, slots: NDArray[np.int64]) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Whether each comparison is better ranked by time of day, its dependence v, and the inflation of its bets, all (C,).

    By time of day where that at least halves v: there the day shapes the scores. The bets are those of the p-values that
    windows get: so ranked, and never below the smallest.
    """
    whole, by_time = self_ranks(history), time_of_day_ranks(history, slots)
    v_whole, v_by_time = dependence(np.log10(whole)), dependence(np.log10(by_time))
    by_day = v_by_time <= v_whole / 2
    v = np.where(by_day, v_by_time, v_whole)
    windows = (~np.isnan(history)).sum(axis=0) * np.where(by_day, (2 * WIDTH + 1) / DAY, 1.0)
    p = np.maximum(np.where(by_day, by_time, whole), smallest_p(windows, v))
    return by_day, v, inflation(bets(p))
