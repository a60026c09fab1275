"""Two files, compared once: no time, no budget to spend over a month, but one answer (statistics.md, section 6).

G and the rank-sum with i.i.d. tails where rows have no time; where they do, the reference's own windows give the
wobble and the window's score is used. `false_alarm_rate` is family-wise: the chance that a clean pair says anything.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats, divide
from detectors.scores import RANK, RANKED_CELLS, SHAPE, Scores, g_statistic
from detectors.tails import chi_square_decades, normal_decades

Bools = NDArray[np.bool_]


class TwoFiles(NamedTuple):
    """decades (C,): -log10 p of each comparison, nan where a side is empty or there is one cell; spoke as in Scores."""

    decades: Floats
    spoke: NDArray[np.int8]


def compare(base: Floats, now: Floats, k: NDArray[np.int64], ordered: Bools) -> TwoFiles:
    """p = min(1, 2 min(p_G, p_W)) of ordered cells, p_G of the others, as decades (C,); counts (C, K), k (C,) cells.

    p_G: chi-square tail of G with Williams' factor; p_W: the midrank rank-sum test on the cells, tie-corrected
    normal tail. Ordered signals with fewer than five cells are tested by G alone.
    """
    usable = (base.sum(axis=1) > 0) & (now.sum(axis=1) > 0) & (k >= 2)
    shape = chi_square_decades(g_statistic(base, now, k), np.maximum(k - 1, 1))
    ranked = ordered & (k >= RANKED_CELLS)
    rank = np.where(ranked, normal_decades(rank_sum_z(base, now)), -np.inf)
    best = np.where(ranked, np.fmax(shape, rank) - np.log10(2), shape)
    spoke = np.where(rank > shape, RANK, SHAPE)
    return TwoFiles(np.where(usable, np.maximum(best, 0.0), np.nan), np.where(usable, spoke, -1).astype(np.int8))


def rank_sum_z(base: Floats, now: Floats) -> Floats:
    """Wilcoxon's rank-sum of counts (C, K) in ordered cells, standardised, positive where `now` ranks higher.

    Ties (all of a cell) share their midrank; the variance is corrected for them. 0 where all are tied or a side is
    empty. Source: Lehmann 1975, "Nonparametrics", section 1.4; scipy's mannwhitneyu without continuity correction.
    """
    total, n = base.sum(axis=1), now.sum(axis=1)
    everything = total + n
    both = base + now
    middle = np.cumsum(both, axis=1) - both / 2
    difference = (now * middle).sum(axis=1) - n * everything / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        ties = (both**3 - both).sum(axis=1) / (everything * (everything - 1))
        variance = total * n / 12 * (everything + 1 - ties)
    moved = variance > 1e-9 * total * n
    return np.where(moved, divide(difference, np.sqrt(np.where(moved, variance, 1.0))), 0.0)


def with_windows(scores: Scores, ordered: Bools, numeric: Bools, k: NDArray[np.int64]) -> TwoFiles:
    """The same from scores that know the reference's wobble: p = min(1, tests x 10^-score), the tests that could speak."""
    tests = 1.0 + (ordered & (k >= RANKED_CELLS)) + numeric
    return TwoFiles(np.maximum(scores.decades - np.log10(tests), 0.0), scores.spoke)
