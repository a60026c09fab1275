"""Logarithms of upper tails, right where the tail itself is too small for a float.

A score is -log10 of a tail, and scores are ranked among each other (statistics.md, section 5), so two windows of
1e-400 and 1e-500 must still differ. scipy's regularised incomplete beta and gamma functions are used wherever they
are well above the smallest float; below that, the series and the continued fraction that they are defined by.
Sources: DLMF 8.17.7 (I_x(a, b) as a hypergeometric series), DLMF 8.9.2 (continued fraction of Q(a, x)).
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from detectors.arrays import Floats

LN10 = float(np.log(10.0))
_SMALL = 1e-280
"""Below this the tail is taken from its series."""


def _log_beta_series(a: Floats, b: Floats, odds: Floats) -> Floats:
    """ln I_x(a, b), x = 1/(1 + odds), by x^a (1-x)^b / (a B(a, b)) * 2F1(a + b, 1; a + 1; x)."""
    log_x = -np.log1p(odds)
    x = np.exp(log_x)
    term = np.ones_like(x)
    total = np.ones_like(x)
    for i in range(10_000):
        term *= (a + b + i) / (a + 1 + i) * x
        total += term
        if np.all(term < 1e-16 * total):
            break
    prefix = a * log_x + b * (np.log(odds) + log_x) - np.log(a) - special.betaln(a, b)
    out: Floats = prefix + np.log(total)
    return out


def _log_beta_tail(a: ArrayLike, b: ArrayLike, odds: ArrayLike) -> Floats:
    """ln I_x(a, b) with x = 1/(1 + odds): `odds` = (1 - x)/x keeps its digits where x is nearly 1."""
    a, b, odds = np.broadcast_arrays(*(np.asarray(part, np.float64) for part in (a, b, odds)))
    with np.errstate(all="ignore"):
        near = special.betaincc(b, a, odds / (1 + odds))
        tail = np.where(odds < 1, near, special.betainc(a, b, 1 / (1 + odds)))
        out: Floats = np.asarray(np.log(tail))
        deep = (tail < _SMALL) & (odds > 0) & np.isfinite(odds)
        if deep.any():
            out[deep] = _log_beta_series(a[deep], b[deep], odds[deep])
    return np.where(np.isnan(a + b + odds), np.nan, out)


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
