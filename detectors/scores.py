"""The score of one window: how surprising it is, in decades, given how live traffic wobbles (statistics.md, section 4).

Three tests look at a window: the shape of its cells (a G-test discounted by direction), the mean rank of ordered
cells, and the mean of the values. The score is the largest of those that apply; ranking it among past scores
(detectors.ranks) makes the maximum honest. A score knows no direction: the signed t of the ranks is ranked beside it, once
for moves up and once for moves down.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats, divide
from detectors.effects import shares
from detectors.tails import f_decades, one_sided, t_decades
from detectors.wobble import Wobble

Bools = NDArray[np.bool_]

SHAPE, RANK, MOMENTS, VECTOR, UPWARDS, DOWNWARDS = 0, 1, 2, 3, 4, 5
"""Which test spoke; -1 where there is no score. The last two where the signed t of the ranks led, not the score."""
MINIMUM_WINDOWS = 24
"""Healthy windows that a wobble must be learned from before it is used."""
MOST = 1e9
"""Decades of a score whose tail is smaller than any number: a spread of next to nothing."""
STEP, SMALLEST = 0.25, 1e-3
"""Of scores of shares: the logarithm of a step, and decades that are none."""
RANKED_CELLS = 5
"""Ordered signals with fewer cells have no rank test: on few rare cells its tail is up to 4 times too heavy."""


@dataclass(frozen=True, slots=True)
class Scores:
    """decades (C,): -log10 of the nominal tail, nan where there is none; spoke (C,): SHAPE, RANK, MOMENTS or -1;
    VECTOR where detectors.vectors did; lean (C,): the signed t of the ranks, above 0 upwards, nan where there is none."""

    decades: Floats
    spoke: NDArray[np.int8]
    lean: Floats

    def stepped(self, shares: Bools) -> "Scores":
        """The same, but where `shares` (C,) of two cells are compared in steps of a quarter of themselves. Few events make few
        scores, which would follow the baseline's own drift from window to window; so they are equal."""
        logarithm = np.log(np.maximum(self.decades, SMALLEST))
        return replace(self, decades=np.where(shares, np.exp(np.round(logarithm / STEP) * STEP), self.decades))

    def each_way(self) -> Floats:
        """What is ranked among its own past (WAYS, C): the score, the signed t, and that the other way round."""
        return np.stack([self.decades, self.lean, -self.lean])


def ways(k: NDArray[np.int64], ordered: Bools, worse: NDArray[np.int8], evaluation: Bools) -> Bools:
    """By which WAYS comparisons are judged (WAYS, C): by the score always; up and down where ranks are tested, of evaluation
    scores only the way that harms. Arguments (C,) as in `window_scores`."""
    ranked = ordered & (k >= RANKED_CELLS)
    up, down = ranked & ~(evaluation & (worse < 0)), ranked & ~(evaluation & (worse > 0))
    return np.stack([np.ones(len(k), bool), up, down])


def g_statistic(base: Floats, now: Floats, k: NDArray[np.int64]) -> Floats:
    """G = 2 sum O ln(O / E) of the 2 x K tables (C,), divided by Williams' factor 1 + (K + 1) / (6 n).

    base, now: counts (C, K); n is the smaller total and K = k (C,). nan where a side is empty.
    Source: Williams 1976, "Improved likelihood ratio tests for complete contingency tables".
    """
    total, n = base.sum(axis=1), now.sum(axis=1)
    both = base + now
    expected = both / np.where(total + n > 0, total + n, 1.0)[:, None]
    g = 2 * (_surprise(base, expected * total[:, None]) + _surprise(now, expected * n[:, None]))
    smaller = np.minimum(total, n)
    factor = 1 + (np.asarray(k) + 1) / (6 * np.where(smaller > 0, smaller, np.nan))
    out: Floats = np.maximum(g, 0.0) / factor
    return out


def _surprise(observed: Floats, expected: Floats) -> Floats:
    ratio = np.where(observed > 0, divide(observed, expected, 1.0), 1.0)
    out: Floats = (observed * np.log(ratio)).sum(axis=1)
    return out


def _effective(n: Floats, total: Floats) -> Floats:
    """What n events of a window are worth beside a baseline of `total`: the variance of a difference of shares is
    that of a share of so many. Equal to n for a long baseline; nan where a side is empty."""
    return np.where((n > 0) & (total > 0), divide(n * total, n + total), np.nan)


def _directed_share(base: Floats, now: Floats, wobble: Wobble, n: Floats, effective: Floats) -> Floats:
    """sum c^2 n / (1 + n lambda) over sum c^2 n (C,): how much of G is left when the wobble is taken off.

    c = V' ((s - p_base) / sqrt(p)): a deviation from the baseline's shares along production's own wobble, so that a
    reference is judged with the same eyes as a trailing baseline. A cell of which the window expects less than half
    an event is whitened as if it expected half, or one rare event would drown all other directions.
    """
    floor = 0.5 / np.where(n > 0, n, 1.0)
    deviation = np.where(np.isnan(effective)[:, None], 0.0, shares(now) - shares(base))
    whitened = deviation / np.sqrt(np.fmax(wobble.p, floor[:, None]))
    square = np.einsum("ck,ckj->cj", whitened, wobble.vectors) ** 2
    plain = square.sum(axis=1)
    directed = (square / (1 + effective[:, None] * wobble.values)).sum(axis=1)
    return divide(directed, plain, 1.0)


def _standard(difference: Floats, variance: Floats) -> Floats:
    """difference / sqrt(variance), nan where the variance is 0 or unknown."""
    return divide(difference, np.sqrt(np.fmax(variance, 0.0)))


def _rank_t(base: Floats, now: Floats, wobble: Wobble, effective: Floats) -> Floats:
    """The difference of mean midranks over its standard deviation (C,)."""
    difference = ((shares(now) - shares(base)) * wobble.rank).sum(axis=1)
    return _standard(difference, wobble.rank_variance / effective + wobble.rank_wobble)


def _moments_t(
    wobble: Wobble,
    base: tuple[Floats, Floats, Floats],
    now: tuple[Floats, Floats, Floats],
    evaluation: Bools,
) -> tuple[Floats, Floats]:
    """t and its degrees of freedom (C,) for the difference of means; base, now: mean, variance, number of values.

    The variance is s^2/n of the healthy windows and of the baseline, plus the wobble. For evaluation scores it is
    Welch's, from the window's own variance (the baseline's where all values of the window are equal).
    """
    (mean_b, var_b, n_b), (mean_w, var_w, n_w) = base, now
    of_base = np.where(n_b > 0, var_b / n_b, np.nan)
    own = np.where(var_w > 0, var_w, var_b)
    of_window = np.where(n_w > 0, np.where(evaluation, own, wobble.mean_variance) / n_w, np.nan)
    variance = of_base + of_window + wobble.mean_wobble
    rest = of_base**2 / (n_b - 1) + of_window**2 / (n_w - 1) + wobble.mean_wobble**2 / (wobble.windows - 1)
    welch = variance**2 / rest
    difference = mean_w - mean_b
    t = _standard(difference, np.where(np.isfinite(variance), variance, np.nan))
    return t, np.where(evaluation, welch, wobble.windows - 1)


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def worse_means(
    wobble: Wobble, v: Floats, base: tuple[Floats, Floats, Floats], now: tuple[Floats, Floats, Floats], worse: NDArray[np.int8]
) -> Floats:
    """Decades (C,) of Welch's test that means moved the way that harms, wobble added; base, now: mean, variance and number of
    values; worse as in `window_scores`; v: how much windows repeat their neighbours (detectors.ranks), so that the wobble is
    known from so many fewer. nan without values, a direction, or healthy windows enough.

    Values vary as much as on the side where they vary more: a share of right answers that falls varies less, and its own
    variance would make its tail ten times too small where it is to be taken at its word.
    """
    mean, variance, n = now
    known = replace(wobble, windows=np.maximum(wobble.windows / v, 2.0))
    t, df = _moments_t(known, base, (mean, np.fmax(variance, base[1]), n), np.ones(len(worse), bool))
    able = (worse != 0) & (wobble.windows >= MINIMUM_WINDOWS)
    return np.where(able, one_sided(t_decades(t, df), t * worse > 0), np.nan)


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def window_scores(
    base: Floats,
    now: Floats,
    k: NDArray[np.int64],
    ordered: Bools,
    numeric: Bools,
    worse: NDArray[np.int8],
    wobble: Wobble,
    base_mean: Floats,
    base_var: Floats,
    base_n: Floats,
    now_mean: Floats,
    now_var: Floats,
    now_n: Floats,
    evaluation: Bools,
) -> Scores:
    """Scores of C windows against their baselines.

    base, now: counts (C, K), of which k (C,) cells are real; ordered: the cells have an order; numeric: there are
    moments (mean, variance, number of values; else nan); worse: +1 where more of the last cell or a higher mean
    harms, -1 where less does, 0 where both count. `wobble` is production's own, also where `base` is a reference.
    Shares (two cells, not numeric) with a worse direction are tested one-sided, and so is everything of evaluation
    scores that have one. nan: an empty side, one cell, or fewer than
    MINIMUM_WINDOWS healthy windows.
    """
    n, total = now.sum(axis=1), base.sum(axis=1)
    effective = _effective(n, total)
    usable = (n > 0) & (total > 0) & (k >= 2) & (wobble.windows >= MINIMUM_WINDOWS)
    df1 = np.maximum(k - 1, 1).astype(np.float64)
    g_star = g_statistic(base, now, k) * _directed_share(base, now, wobble, n, effective)
    shape = f_decades(g_star / df1, df1, np.maximum(wobble.windows - k, 1))
    rank_t = _rank_t(base, now, wobble, effective)
    rank = t_decades(rank_t, np.maximum(wobble.windows - 1, 1))
    t, df = _moments_t(wobble, (base_mean, base_var, base_n), (now_mean, now_var, now_n), evaluation)
    moments = np.where(numeric, t_decades(t, df), np.nan)

    directed = (worse != 0) & (evaluation | ((k == 2) & ~numeric))
    last = np.take_along_axis(shares(now) - shares(base), np.maximum(k - 1, 0)[:, None], axis=1)[:, 0]
    difference = now_mean - base_mean
    lean = np.where(numeric & np.isfinite(difference), difference, np.where(k == 2, last, rank_t))
    harms = lean * worse > 0
    one_shape = np.where(k == 2, one_sided(shape, harms), np.where(harms, shape, 0.0))
    shape = np.where(directed, one_shape, shape)
    rank = np.where(directed, one_sided(rank, rank_t * worse > 0), rank)
    moments = np.where(directed, one_sided(moments, t * worse > 0), moments)
    rank, rank_t = np.where(ordered & (k >= RANKED_CELLS), [rank, rank_t], np.nan)
    return _largest(np.stack([shape, rank, moments]), rank_t, usable)


def _largest(tests: Floats, rank_t: Floats, usable: Bools) -> Scores:
    """The largest of the tests (3, C); a test that cannot speak is nan."""
    known = np.nan_to_num(tests, nan=-1.0, posinf=MOST)
    spoke = np.where(usable, known.argmax(axis=0), -1).astype(np.int8)
    lean = np.where(usable, np.clip(rank_t, -MOST, MOST), np.nan)
    return Scores(np.where(usable, known.max(axis=0), np.nan), spoke, lean)
