"""How large a difference is, in the literature's units (statistics.md, section 3).

Cell effects take counts (C, K): C comparisons of K cells, padded cells hold 0 on both sides and change nothing.
A side without any count has no distribution: the effect is nan. Nothing here warns or raises.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from detectors.arrays import Floats, divide
from records.summary.buckets import bucket_middles


def shares(counts: Floats) -> Floats:
    """Counts (C, K) as shares (C, K) that sum to 1; nan where a row is empty."""
    return divide(counts, counts.sum(axis=-1, keepdims=True))


def jensen_shannon(base: Floats, now: Floats) -> Floats:
    """Jensen-Shannon distance (C,), base 2, in [0, 1].

    With m = (p + q)/2 and d = (q - p)/(q + p) the divergence is sum m ((1+d) ln(1+d) + (1-d) ln(1-d)) / 2. For
    small d the bracket is summed as d^2 + d^4/6 + d^6/15 + ..., so that nearly equal shares keep their digits.
    Source: Lin 1991, "Divergence measures based on the Shannon entropy"; Endres and Schindelin 2003 for the distance.
    """
    p, q = shares(base), shares(now)
    middle = (p + q) / 2
    d = divide(q - p, q + p, 0.0)
    square = d * d
    series = square * (1 + square * (1 / 6 + square * (1 / 15 + square * (1 / 28 + square / 45))))
    direct = special.xlogy(1 + d, 1 + d) + special.xlogy(1 - d, 1 - d)
    divergence = (middle * np.where(square < 1e-3, series, direct)).sum(axis=-1) / 2
    out: Floats = np.sqrt(np.clip(divergence / np.log(2), 0, 1))
    return out


def psi(base: Floats, now: Floats, k: NDArray[np.int64]) -> Floats:
    """Population stability index (C,) = sum (q - p) ln(q / p), half a count added to each of the k (C,) real cells."""
    real = np.arange(base.shape[-1]) < np.asarray(k)[:, None]
    p, q = (shares(np.where(real, counts + 0.5, 0.0)) for counts in (base, now))
    ratio = divide(q, p, 1.0)
    known = (base.sum(axis=-1) > 0) & (now.sum(axis=-1) > 0)
    return np.where(known, ((q - p) * np.log(ratio)).sum(axis=-1), np.nan)


def hellinger(base: Floats, now: Floats) -> Floats:
    """Hellinger distance (C,) in [0, 1]."""
    out: Floats = np.sqrt(((np.sqrt(shares(now)) - np.sqrt(shares(base))) ** 2).sum(axis=-1) / 2)
    return np.minimum(out, 1.0)


def total_variation(base: Floats, now: Floats) -> Floats:
    """Total variation (C,) in [0, 1]: the share that would have to change its cell."""
    out: Floats = np.abs(shares(now) - shares(base)).sum(axis=-1) / 2
    return out


def l_infinity(base: Floats, now: Floats) -> Floats:
    """The largest difference of one cell's share (C,), in [0, 1]."""
    out: Floats = np.abs(shares(now) - shares(base)).max(axis=-1)
    return out


def kolmogorov_smirnov(keys_a: NDArray[np.int64], counts_a: ArrayLike, keys_b: NDArray[np.int64], counts_b: ArrayLike) -> float:
    """Kolmogorov-Smirnov D in [0, 1] over the histogram's bucket edges; nan where a side is empty.

    Keys are sorted bucket keys (records.summary.buckets), without the reserved ones.
    """
    _, below_a, below_b = _cumulative(keys_a, counts_a, keys_b, counts_b)
    return float(np.abs(below_a - below_b).max(initial=0.0)) if len(below_a) else float("nan")


def wasserstein(
    keys_a: NDArray[np.int64], counts_a: ArrayLike, keys_b: NDArray[np.int64], counts_b: ArrayLike
) -> tuple[float, float]:
    """Wasserstein-1 distance of b from a: in the signal's unit, and divided by the standard deviation of a.

    Each bucket stands where its middle is, 2.2 % at most from its values. nan where a side is empty; the second is
    nan where a has no spread.
    """
    keys, below_a, below_b = _cumulative(keys_a, counts_a, keys_b, counts_b)
    if not len(keys):
        return float("nan"), float("nan")
    middles = bucket_middles(keys)
    distance = float((np.abs(below_a - below_b)[:-1] * np.diff(middles)).sum())
    share = np.diff(below_a, prepend=0.0)
    mean = (share * middles).sum()
    spread = float(np.sqrt((share * (middles - mean) ** 2).sum()))
    narrow = spread <= 1e-12 * np.abs(middles).max()
    return distance, float("nan") if narrow else distance / spread


def _cumulative(
    keys_a: NDArray[np.int64], counts_a: ArrayLike, keys_b: NDArray[np.int64], counts_b: ArrayLike
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """All keys (U,), sorted, and the share of either side up to and including each; empty where a side is."""
    keys = np.union1d(keys_a, keys_b)
    sides = []
    for own, counts in ((keys_a, counts_a), (keys_b, counts_b)):
        full = np.zeros(len(keys))
        np.add.at(full, np.searchsorted(keys, own), np.asarray(counts, np.float64))
        sides.append(np.cumsum(full))
    if not len(keys) or sides[0][-1] <= 0 or sides[1][-1] <= 0:
        return keys[:0], np.empty(0), np.empty(0)
    return keys, sides[0] / sides[0][-1], sides[1] / sides[1][-1]


def standardised_mean_difference(mean_b: Floats, var_b: Floats, mean_w: Floats) -> Floats:
    """(mean_w - mean_b) / sqrt(var_b) (C,), signed (Glass's delta); 0 where neither mean nor spread exists, nan where
    the means differ and the baseline has no spread."""
    difference = np.asarray(mean_w, np.float64) - np.asarray(mean_b, np.float64)
    spread = np.sqrt(np.maximum(np.asarray(var_b, np.float64), 0.0))
    return np.where(difference == 0, 0.0, divide(difference, spread))


def share_ratio(events_b: ArrayLike, total_b: ArrayLike, events_w: ArrayLike, total_w: ArrayLike) -> Floats:
    """The window's share of events over the baseline's (C,): 1 is no change.

    Where one side has no event at all, half an event is added to both (Haldane and Anscombe), so that the ratio
    stays finite; where neither has one, nothing changed. nan where a total is 0.
    """
    a, n, b, m = (np.asarray(part, np.float64) for part in (events_b, total_b, events_w, total_w))
    extra = np.where((a == 0) != (b == 0), 0.5, 0.0)
    ratio = divide(b + extra, m + 2 * extra) * divide(n + 2 * extra, a + extra)
    return np.where((n > 0) & (m > 0), np.where((a == 0) & (b == 0), 1.0, ratio), np.nan)
