"""Vectors: Hotelling's T-squared of a window's mean, given how live traffic wobbles (statistics.md, section 4).

The sums add and subtract, so a trailing baseline is the sum of its days, as in detectors.wobble. Arrays are over V
comparisons of D dimensions.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats, divide
from detectors.scores import MINIMUM_WINDOWS, MOST
from detectors.tails import f_decades
from records.summary.vectors import STEP

ROUNDING = STEP**2 / 12
"""Variance that rounding to STEP adds to a component: no direction has less."""

LEAST = 0.5
"""No direction varies less than this share of what sampling alone would do, however little the healthy windows did."""


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


@np.errstate(invalid="ignore", over="ignore")
def vector_scores(base_mean: Floats, base_n: Floats, mean: Floats, n: Floats, wobble: VectorWobble) -> Floats:
    """Decades (V,) of windows of n (V,) vectors with mean (V, D) against baselines of base_n (V,) with base_mean (V, D).

    T^2 = d' (S_within / n + S_within / base_n + S_wobble)^-1 d, and T^2 (W - D) / (D (W - 1)) has the F tail with D and
    W - D degrees of freedom (Hotelling 1931), W healthy windows; below a few hundred of them LEAST makes it conservative.
    nan: an empty side, or fewer than MINIMUM_WINDOWS healthy windows.
    """
    d = wobble.values.shape[1]
    usable = (n > 0) & (base_n > 0) & (wobble.windows >= max(MINIMUM_WINDOWS, d + 1)) & np.isfinite(wobble.values).all(axis=1)
    sampling = divide(1.0, n) + divide(1.0, base_n)
    variance = np.maximum(sampling[:, None] + wobble.values, LEAST * sampling[:, None])
    t_square = (_coordinates(base_mean, mean, wobble) ** 2 / variance).sum(axis=1)
    windows = np.where(usable, wobble.windows, np.nan)
    decades = f_decades(t_square * (windows - d) / (d * (windows - 1)), np.full(len(n), float(d)), np.fmax(windows - d, 1.0))
    return np.where(usable, np.minimum(decades, MOST), np.nan)


def mahalanobis(base_mean: Floats, mean: Floats, wobble: VectorWobble) -> Floats:
    """Distance of the means (V,), in standard deviations of one vector within a window."""
    distance: Floats = np.sqrt((_coordinates(base_mean, mean, wobble) ** 2).sum(axis=1))
    return distance


def beyond_chance(distance: Floats, base_n: Floats, n: Floats, dimensions: int) -> Floats:
    """A distance (V,) without what sampling alone adds to its square: D (1 / n + 1 / base_n)."""
    chance = dimensions * (divide(1.0, n) + divide(1.0, base_n))
    out: Floats = np.sqrt(np.maximum(distance**2 - chance, 0.0))
    return out


def _coordinates(base_mean: Floats, mean: Floats, wobble: VectorWobble) -> Floats:
    out: Floats = np.einsum("vij,vj->vi", wobble.frame, mean - base_mean)
    return out
