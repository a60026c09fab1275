"""Logarithms of upper tails, right where the tail itself is too small for a float.

A score is -log10 of a tail, and scores are ranked among each other (statistics.md, section 5), so two windows of
1e-400 and 1e-500 must still differ, and a hundred thousand are due at once: the incomplete beta function is evaluated
as a logarithm by its continued fraction, ten times as fast as scipy's. scipy's own is used for very many degrees of
freedom, and its incomplete gamma function where it is well above the smallest float; below that, its continued fraction.
Sources: DLMF 8.17.22 (continued fraction of I_x(a, b)), DLMF 8.9.2 (of Q(a, x)); Lentz 1976.
"""

import numba as nb
import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from detectors.arrays import Floats

LN10 = float(np.log(10.0))
_SMALL = 1e-280
"""Below this a tail of scipy's is not relied on."""
_MANY = 1e4
"""Degrees of freedom, halved, above which the incomplete beta function is scipy's."""


def _log_beta_tail(a: ArrayLike, b: ArrayLike, odds: ArrayLike) -> Floats:
    """ln I_x(a, b) with x = 1/(1 + odds): `odds` = (1 - x)/x keeps its digits where x is nearly 1."""
    a, b, odds = np.broadcast_arrays(*(np.asarray(part, np.float64) for part in (a, b, odds)))
    flat = (np.ascontiguousarray(part).ravel() for part in (a, b, odds, special.betaln(a, b)))
    out: Floats = _log_beta(*flat).reshape(a.shape)
    many = (np.maximum(a, b) > _MANY) & np.isfinite(out) & (out > np.log(_SMALL))
    if many.any():  # there the fraction's terms cancel
        left, right, against = a[many], b[many], odds[many]
        near = special.betaincc(right, left, against / (1 + against))
        out[many] = np.log(np.where(against < 1, near, special.betainc(left, right, 1 / (1 + against))))
    return out


@nb.njit(cache=True, nogil=True)
def _log_beta(a: Floats, b: Floats, odds: Floats, log_beta: Floats) -> Floats:
    """The smaller of the tail and its complement from the continued fraction, which converges quickly there."""
    out = np.full(len(a), np.nan)
    for i in range(len(a)):
        if not (0 < a[i] < np.inf and 0 < b[i] < np.inf and odds[i] >= 0):
            continue
        if odds[i] == 0 or odds[i] == np.inf:
            out[i] = 0.0 if odds[i] == 0 else -np.inf
            continue
        log_x = -np.log1p(odds[i])
        front = a[i] * log_x + b[i] * (np.log(odds[i]) + log_x) - log_beta[i]
        x = 1 / (1 + odds[i])
        if x < (a[i] + 1) / (a[i] + b[i] + 2):
            out[i] = front - np.log(a[i]) + np.log(_beta_fraction(a[i], b[i], x))
        else:
            out[i] = np.log1p(-min(np.exp(front - np.log(b[i])) * _beta_fraction(b[i], a[i], odds[i] * x), 1.0))
    return out


@nb.njit(cache=True, nogil=True)
def _beta_fraction(a: float, b: float, x: float) -> float:
    """I_x(a, b) over x^a (1-x)^b / (a B(a, b)), by Lentz's method."""
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    h = d
    for m in range(1, 100_000):
        step = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + step * d)
        c = 1 + step / c
        h *= c * d
        step = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / (1 + step * d)
        c = 1 + step / c
        h *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return h


def f_decades(x: ArrayLike, df1: ArrayLike, df2: ArrayLike) -> Floats:
    """-log10 P(F >= x) of an F distribution with df1 and df2 degrees of freedom; broadcasts."""
    df1, df2 = np.asarray(df1, np.float64), np.asarray(df2, np.float64)
    with np.errstate(all="ignore"):
        odds = np.maximum(np.asarray(x, np.float64), 0.0) * df1 / df2
    return _decades(_log_beta_tail(df2 / 2, df1 / 2, odds))


def t_decades(t: ArrayLike, df: ArrayLike) -> Floats:
    """-log10 P(|T| >= |t|) of Student's t, both sides; broadcasts."""
    df = np.asarray(df, np.float64)
    with np.errstate(all="ignore"):
        odds = np.square(np.asarray(t, np.float64)) / df
    return _decades(_log_beta_tail(df / 2, 0.5, odds))


def one_sided(decades: ArrayLike, worse: ArrayLike) -> Floats:
    """Decades of one side from those of both: half of the tail where `worse`, all but half of it elsewhere."""
    both = np.asarray(decades, np.float64)
    half = both + np.log10(2.0)
    return np.where(np.asarray(worse, bool), half, _decades(np.log1p(-np.exp(-half * LN10))))


def chi_square_decades(x: ArrayLike, df: ArrayLike) -> Floats:
    """-log10 P(X >= x) of a chi-square distribution; broadcasts."""
    shape, half = np.broadcast_arrays(np.asarray(df, np.float64) / 2, np.asarray(x, np.float64) / 2)
    with np.errstate(all="ignore"):
        tail = special.gammaincc(shape, half)
        out: Floats = np.asarray(np.log(tail))
        deep = (tail < _SMALL) & np.isfinite(half)
        if deep.any():
            out[deep] = _log_gamma_fraction(shape[deep], half[deep])
    return np.where(np.isnan(shape + half), np.nan, _decades(out))


def _log_gamma_fraction(a: Floats, x: Floats) -> Floats:
    """ln Q(a, x) by Legendre's continued fraction, evaluated by Lentz; for x well above a."""
    b = x + 1 - a
    c, d = np.full_like(x, 1e300), 1 / b
    h = d.copy()
    for i in range(1, 10_000):
        step = -i * (i - a)
        b = b + 2
        d = 1 / (step * d + b)
        c = b + step / c
        h *= c * d
        if np.all(np.abs(c * d - 1) < 1e-15):
            break
    out: Floats = a * np.log(x) - x - special.gammaln(a) + np.log(h)
    return out


def normal_decades(z: ArrayLike) -> Floats:
    """-log10 P(|Z| >= |z|) of the normal distribution, both sides."""
    return _decades(special.log_ndtr(-np.abs(np.asarray(z, np.float64))) + np.log(2.0))


def _decades(log_tail: Floats) -> Floats:
    out: Floats = np.maximum(-log_tail / LN10, 0.0)
    return out
