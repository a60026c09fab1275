"""How live traffic wobbles: sums over a baseline's healthy windows, and what is learned from them.

Live traffic is never i.i.d.: its mix moves by the hour, along a few directions (statistics.md, section 4). The sums
add and subtract, so a trailing baseline is the sum of its days.
"""

from dataclasses import dataclass, fields

import numba as nb
import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats, divide

BURST = 10.0
"""So many times the usual number of a window's values, and no more, count of one window."""


@dataclass(slots=True)
class WobbleSums:
    """Sums over windows w of one length, per comparison; K is the padded number of cells.

    windows: how many windows with counts; total: sum of n_w; cells: sum of counts; outer: sum of c c' / n_w.
    mean_windows: how many windows with values; mean_count: sum of their numbers of values; mean_sum: sum of values;
    mean_square: sum of (window's sum)^2 / (window's count); value_square: sum of squares of all values.
    """

    windows: Floats  # (C,)
    total: Floats  # (C,)
    cells: Floats  # (C, K)
    outer: Floats  # (C, K, K)
    mean_windows: Floats  # (C,)
    mean_count: Floats  # (C,)
    mean_sum: Floats  # (C,)
    mean_square: Floats  # (C,)
    value_square: Floats  # (C,)

    @classmethod
    def empty(cls, comparisons: int, cells: int) -> "WobbleSums":
        """The sums of no windows."""
        c, k = comparisons, cells
        shapes: list[tuple[int, ...]] = [(c,), (c,), (c, k), (c, k, k), (c,), (c,), (c,), (c,), (c,)]
        return cls(*(np.zeros(shape) for shape in shapes))

    def add(
        self,
        counts: Floats,
        value_count: Floats,
        value_total: Floats,
        value_square: Floats,
        include: NDArray[np.bool_],
    ) -> None:
        """Add one window of each comparison: counts (C, K), and the number, sum and sum of squares of values (C,).

        Where `include` (C,) is false, or a window is empty, nothing is added. One that holds more than BURST times what those
        before it held on average weighs as BURST of them: a minute of a flood would be the baseline for a week.
        """
        counts = np.ascontiguousarray(counts, np.float64)
        weight = np.minimum(1.0, BURST * divide(divide(self.total, self.windows, np.inf), counts.sum(axis=1), np.inf))
        _add_cells(counts * weight[:, None], include, self.windows, self.total, self.cells, self.outer)
        with_values = include & (value_count > 0)
        number = np.where(with_values, value_count * weight, 0.0)
        total = np.where(with_values, value_total * weight, 0.0)
        self.mean_windows += with_values
        self.mean_count += number
        self.mean_sum += total
        with np.errstate(over="ignore", invalid="ignore"):
            self.mean_square += divide(total, number, 0.0) * total
            self.value_square += np.where(with_values, value_square * weight, 0.0)

    def __iadd__(self, other: "WobbleSums") -> "WobbleSums":
        for field in fields(self):
            mine = getattr(self, field.name)
            mine += getattr(other, field.name)
        return self

    def __isub__(self, other: "WobbleSums") -> "WobbleSums":
        for field in fields(self):
            mine = getattr(self, field.name)
            mine -= getattr(other, field.name)
        return self


_SUMS = [field.name for field in fields(WobbleSums)]
_BLOCK = 2048
"""Comparisons that are learned at a time: matrices of a hundred thousand would go through memory many times."""


@nb.njit(cache=True, nogil=True)
def _add_cells(
    counts: Floats, include: NDArray[np.bool_], windows: Floats, total: Floats, cells: Floats, outer: Floats
) -> None:
    width = counts.shape[1]
    for c in range(len(counts)):
        n = counts[c].sum()
        if not include[c] or n <= 0:
            continue
        windows[c] += 1
        total[c] += n
        for i in range(width):
            share = counts[c, i] / n
            cells[c, i] += counts[c, i]
            if share > 0:
                for j in range(width):
                    outer[c, i, j] += share * counts[c, j]


@dataclass(frozen=True, slots=True)
class Wobble:
    """What a comparison's healthy windows do when nothing is wrong; nan where there are none.

    p: pooled shares. values, vectors: eigenvalues (negative ones are 0) and vectors (in columns) of the wobble's
    covariance S whitened by 1/sqrt(p). rank: midranks of p's cells in [0, 1]; rank_variance: their variance v0 under
    p, of one event; rank_wobble: tau^2, how much the mean rank wobbles beyond sampling. mean, mean_variance,
    mean_wobble: the same three of the values themselves, in the signal's unit.
    """

    p: Floats  # (C, K)
    values: Floats  # (C, K)
    vectors: Floats  # (C, K, K)
    windows: Floats  # (C,)
    rank: Floats  # (C, K)
    rank_variance: Floats  # (C,)
    rank_wobble: Floats  # (C,)
    mean: Floats  # (C,)
    mean_variance: Floats  # (C,)
    mean_wobble: Floats  # (C,)


def learn_wobble(sums: WobbleSums, k: NDArray[np.int64]) -> Wobble:
    """The wobble of C comparisons from the sums over their healthy windows; cells from k (C,) on are padding.

    S = sum v_w (s_w - p)(s_w - p)' - M sum v_w / n_w with v_w = n_w / sum n and M = diag(p) - pp', which the sums give
    as outer / n - pp' - M windows / n. Source: statistics.md, section 4 (moment estimator of the covariance between
    windows beyond multinomial sampling).
    """
    parts = [slice(low, low + _BLOCK) for low in range(0, max(len(k), 1), _BLOCK)]
    learned = [_learn(WobbleSums(*(getattr(sums, name)[part] for name in _SUMS)), np.asarray(k)[part]) for part in parts]
    if len(learned) == 1:
        return learned[0]
    return Wobble(*(np.concatenate([getattr(block, field.name) for block in learned]) for field in fields(Wobble)))


def _learn(sums: WobbleSums, k: NDArray[np.int64]) -> Wobble:
    real = np.arange(sums.cells.shape[1]) < k[:, None]
    seen = sums.total > 0
    total = np.where(seen, sums.total, np.nan)
    p = np.where(real, np.maximum(sums.cells, 0.0), 0.0) / total[:, None]
    between = _between(sums, p, total)
    root = divide(1.0, np.sqrt(p), 0.0)
    whitened = between * root[:, :, None] * root[:, None, :]
    values, vectors = np.zeros_like(p), np.tile(np.eye(p.shape[1]), (len(p), 1, 1))
    values[seen], vectors[seen] = np.linalg.eigh(whitened[seen])
    rank = np.cumsum(p, axis=1) - p / 2
    rank_variance = (p * (rank - 0.5) ** 2).sum(axis=1)
    rank_wobble = np.einsum("ci,cij,cj->c", rank, between, rank)
    mean, mean_variance, mean_wobble = _moments(sums)
    return Wobble(
        p, np.maximum(values, 0.0), vectors, sums.windows, rank, rank_variance,
        np.maximum(rank_wobble, 0.0), mean, mean_variance, mean_wobble,
    )  # fmt: skip


def _between(sums: WobbleSums, p: Floats, total: Floats) -> Floats:
    product = p[:, :, None] * p[:, None, :]
    sampling = np.eye(p.shape[1]) * p[:, None, :] - product
    with np.errstate(invalid="ignore"):
        out: Floats = sums.outer / total[:, None, None] - product - sampling * (sums.windows / total)[:, None, None]
    return out


def _moments(sums: WobbleSums) -> tuple[Floats, Floats, Floats]:
    """Mean, variance of one value and wobble variance of a window's mean (C,); nan without values.

    A variance below 1e-12 of the mean's square is what is left of rounding: 0.
    """
    n = np.where(sums.mean_count > 0, sums.mean_count, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = sums.mean_sum / n
        variance = sums.value_square / n - mean**2
        variance = np.where(variance <= 1e-12 * mean**2, 0.0, variance)
        wobble = np.maximum(sums.mean_square / n - mean**2 - variance * sums.mean_windows / n, 0.0)
        wobble = np.where(wobble <= 1e-12 * mean**2, 0.0, wobble)
    return mean, variance, wobble
