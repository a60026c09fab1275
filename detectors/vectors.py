"""Vectors: Hotelling's T-squared of a window's mean, given how live traffic wobbles (statistics.md, section 4).

The sums add and subtract, so a trailing baseline is the sum of its days, as in detectors.wobble. Arrays are over V
comparisons of D dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats, divide
from detectors.scores import MINIMUM_WINDOWS, MOST
from detectors.tails import f_decades
from records.summary.vectors import DIMENSIONS, STEP

ROUNDING = STEP**2 / 12
"""Variance that rounding to STEP adds to a component: no direction has less."""

LEAST = 0.5
"""No direction varies less than this share of what sampling alone would do, however little the healthy windows did."""


class VectorTally(NamedTuple):
    """What those of C comparisons that are of vectors saw: `rows` (V,) among the C, ascending; the sums (V, D) and the sums
    of products (V, D, D) of their vectors. How many they were is the count of their one cell."""

    rows: NDArray[np.int64]
    total: Floats
    square: Floats

    def mean(self, n: Floats) -> Floats:
        """The means (V, D), nan without vectors; n (C,) is how many values all comparisons had."""
        return divide(self.total, n[self.rows][:, None])

    def less(self, rows: NDArray[np.int64], delta: Floats, n: Floats) -> "VectorTally":
        """The same with `delta` (M, D) taken off every vector of the comparisons `rows` (M,); n (C,) as above."""
        mine = np.searchsorted(self.rows, rows)
        moved, cross = n[rows][:, None] * delta, np.einsum("vi,vj->vij", self.total[mine], delta)
        total, square = self.total.copy(), self.square.copy()
        total[mine] -= moved
        square[mine] += np.einsum("vi,vj->vij", moved, delta) - cross - cross.transpose(0, 2, 1)
        return VectorTally(self.rows, total, square)

    def plus(self, other: "VectorTally") -> "VectorTally":
        """Both, of the same comparisons."""
        return VectorTally(self.rows, self.total + other.total, self.square + other.square)

    def select(self, rows: NDArray[np.int64]) -> "VectorTally":
        """What the chosen comparisons (of all C) saw."""
        at, mine = _chosen(self.rows, rows)
        return VectorTally(at, self.total[mine], self.square[mine])

    def where(self, kept: NDArray[np.bool_]) -> "VectorTally":
        """The same where `kept` (C,), nothing elsewhere."""
        mine = kept[self.rows].astype(np.float64)
        return VectorTally(self.rows, self.total * mine[:, None], self.square * mine[:, None, None])


NO_VECTORS = VectorTally(np.empty(0, np.int64), np.empty((0, DIMENSIONS)), np.empty((0, DIMENSIONS, DIMENSIONS)))


def concatenate_vectors(tallies: Sequence[VectorTally], sizes: Sequence[int]) -> VectorTally:
    """The tallies of several groups of comparisons, which are `sizes` many each, one below the other."""
    first = np.cumsum([0, *sizes])[:-1].tolist()
    rows = [t.rows + start for t, start in zip(tallies, first, strict=True)]
    return VectorTally(
        np.concatenate(rows), np.concatenate([t.total for t in tallies]), np.concatenate([t.square for t in tallies])
    )


def _chosen(have: NDArray[np.int64], rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where in `rows` there is one of those that we have, and which of them it is."""
    at = np.flatnonzero(np.isin(rows, have))
    return at, np.searchsorted(have, rows[at])


@dataclass(slots=True)
class VectorSums:
    """Sums over windows w of one length, of n_w vectors each, whose sum is t_w.

    windows: how many windows with vectors; count: sum of n_w; count_square: sum of n_w^2; total: sum of t_w;
    square: sum of the products of all vectors; outer: sum of t_w t_w' / n_w.
    """

    windows: Floats  # (V,)
    count: Floats  # (V,)
    count_square: Floats  # (V,)
    total: Floats  # (V, D)
    square: Floats  # (V, D, D)
    outer: Floats  # (V, D, D)

    @classmethod
    def empty(cls, comparisons: int, dimensions: int) -> "VectorSums":
        """The sums of no windows."""
        v, d = comparisons, dimensions
        shapes: list[tuple[int, ...]] = [(v,), (v,), (v,), (v, d), (v, d, d), (v, d, d)]
        return cls(*(np.zeros(shape) for shape in shapes))

    def add(self, n: Floats, total: Floats, square: Floats, include: NDArray[np.bool_]) -> None:
        """Add one window of each comparison: the number (V,), sum (V, D) and sum of products (V, D, D) of its vectors.

        Where `include` (V,) is false, or a window is empty, nothing is added.
        """
        kept = (include & (n > 0)).astype(np.float64)
        number = n * kept
        self.windows += kept
        self.count += number
        self.count_square += number**2
        self.total += total * kept[:, None]
        self.square += square * kept[:, None, None]
        self.outer += np.einsum("vi,vj->vij", total, total) * divide(kept, n, 0.0)[:, None, None]

    def __iadd__(self, other: "VectorSums") -> "VectorSums":
        for field in fields(self):
            mine = getattr(self, field.name)
            mine += getattr(other, field.name)
        return self

    def __isub__(self, other: "VectorSums") -> "VectorSums":
        for field in fields(self):
            mine = getattr(self, field.name)
            mine -= getattr(other, field.name)
        return self


@dataclass(frozen=True, slots=True)
class VectorWobble:
    """What vectors do when nothing is wrong; nan where fewer than two windows were seen.

    frame: turns a deviation into coordinates in which one vector has variance 1 within a window and the window's mean
    wobbles, beyond sampling, by `values`, independently; they are below 0 where it happened to move less than sampling
    would. mean: of all vectors.
    """

    windows: Floats  # (V,)
    count: Floats  # (V,)
    mean: Floats  # (V, D)
    frame: Floats  # (V, D, D)
    values: Floats  # (V, D)


def learn_vectors(sums: VectorSums) -> VectorWobble:
    """The wobble of V comparisons from the sums over their healthy windows.

    S_within = (square - outer) / (N - W), and between windows B = outer - N mm' is on average (W - 1) S_within +
    (N - sum n_w^2 / N) S_wobble: the moment estimator of a one-way layout with random effects (Searle, Casella and
    McCulloch 1992, section 3.6, in matrices). It is not cut off at 0: with windows of equal n, S_within / n + S_wobble is
    then the covariance of the windows' means, and T-squared with it has its exact tail however they wobble.
    """
    known = (sums.windows >= 2) & (sums.count > sums.windows)
    count, windows = np.where(known, sums.count, np.nan), np.where(known, sums.windows, np.nan)
    mean = sums.total / count[:, None]
    within = (sums.square - sums.outer) / (count - windows)[:, None, None]
    size, axes = np.linalg.eigh(np.where(known[:, None, None], within, 0.0))
    whiten = axes.transpose(0, 2, 1) / np.sqrt(np.maximum(size, 0.0) + ROUNDING)[:, :, None]
    between = sums.outer - np.einsum("vi,vj->vij", mean, mean) * count[:, None, None]
    between = np.einsum("vij,vjk,vlk->vil", whiten, between, whiten) - np.eye(size.shape[1]) * (windows - 1)[:, None, None]
    each = divide(1.0, count - sums.count_square / count)
    values, turn = np.linalg.eigh(np.where(np.isnan(each)[:, None, None], 0.0, between * each[:, None, None]))
    frame = np.einsum("vji,vjk->vik", turn, whiten)
    usable = np.isfinite(each)[:, None]
    return VectorWobble(
        sums.windows, sums.count, mean, np.where(usable[:, :, None], frame, np.nan),
        np.where(usable, values, np.nan),
    )  # fmt: skip


class VectorBase(NamedTuple):
    """The baselines of those of C comparisons that are of vectors: their `rows` (V,), mean (V, D), how many n (V,); and
    `wobble`, production's own."""

    rows: NDArray[np.int64]
    mean: Floats
    n: Floats
    wobble: VectorWobble

    def moved(self, rows: NDArray[np.int64], beside: VectorTally, n: Floats) -> "VectorBase":
        """With the means of `beside` for the comparisons `rows` (M,); n (of its C) is how many values it had."""
        mine, mean, number = np.searchsorted(self.rows, rows), self.mean.copy(), self.n.copy()
        mean[mine], number[mine] = beside.mean(n), n[beside.rows]
        return self._replace(mean=mean, n=number)

    def select(self, rows: NDArray[np.int64]) -> "VectorBase":
        """Those of the chosen comparisons (of all C)."""
        at, mine = _chosen(self.rows, rows)
        wobble = VectorWobble(*(getattr(self.wobble, field.name)[mine] for field in fields(VectorWobble)))
        return VectorBase(at, self.mean[mine], self.n[mine], wobble)


NO_BASE = VectorBase(NO_VECTORS.rows, NO_VECTORS.total, np.empty(0), learn_vectors(VectorSums.empty(0, DIMENSIONS)))


@np.errstate(invalid="ignore", over="ignore")
def vector_scores(base: VectorBase, mean: Floats, n: Floats) -> Floats:
    """Decades (V,) of windows of n (V,) vectors with mean (V, D).

    T^2 = d' (S_within / n + S_within / base.n + S_wobble)^-1 d, and T^2 (W - D) / (D (W - 1)) has the F tail with D and
    W - D degrees of freedom (Hotelling 1931), W healthy windows; below a few hundred of them LEAST makes it conservative.
    nan: an empty side, or fewer than MINIMUM_WINDOWS healthy windows.
    """
    wobble, d = base.wobble, mean.shape[1]
    usable = (n > 0) & (base.n > 0) & (wobble.windows >= max(MINIMUM_WINDOWS, d + 1)) & np.isfinite(wobble.values).all(axis=1)
    sampling = divide(1.0, n) + divide(1.0, base.n)
    variance = np.maximum(sampling[:, None] + wobble.values, LEAST * sampling[:, None])
    t_square = (_coordinates(base, mean) ** 2 / variance).sum(axis=1)
    windows = np.where(usable, wobble.windows, d + 1.0)
    statistic = np.where(usable, t_square * (windows - d) / (d * (windows - 1)), 0.0)
    decades = f_decades(statistic, np.full(len(n), float(d)), windows - d)
    return np.where(usable, np.minimum(decades, MOST), np.nan)


def mahalanobis(base: VectorBase, mean: Floats) -> Floats:
    """Distance of the means (V,), in standard deviations of one vector within a window."""
    distance: Floats = np.sqrt((_coordinates(base, mean) ** 2).sum(axis=1))
    return distance


def beyond_chance(distance: Floats, base_n: Floats, n: Floats, dimensions: int = DIMENSIONS) -> Floats:
    """A distance (V,) without what sampling alone adds to its square: dimensions (1 / n + 1 / base_n)."""
    chance = dimensions * (divide(1.0, n) + divide(1.0, base_n))
    out: Floats = np.sqrt(np.maximum(distance**2 - chance, 0.0))
    return out


def _coordinates(base: VectorBase, mean: Floats) -> Floats:
    out: Floats = np.einsum("vij,vj->vi", base.wobble.frame, mean - base.mean)
    return out
