"""Evidence that adds up: a CUSUM of fair bets over a comparison's windows (statistics.md, section 6).

Under exchangeable healthy windows 10^bets(p) has a mean of at most 1, so evidence of h decades is reached by luck
about once in 10^h windows. Sources: Ville's inequality; Vovk, Nouretdinov and Gammerman 2003, "Testing
exchangeability on-line" (power bets); Page 1954 for the CUSUM.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from detectors.arrays import Floats, divide

BET = 0.4
"""The power of the bet, k. Smaller bets wait for smaller p."""
_COLUMNS = 256
"""Comparisons transformed at a time, so that memory stays flat."""


def bets(p: Floats) -> Floats:
    """Decades won or lost on a window of p-value p: log10 k + (1 - k)(-log10 p); nan stays nan. Any shape."""
    out: Floats = np.log10(BET) - (1 - BET) * np.log10(p)
    return out


def tied(low: Floats, high: Floats) -> Floats:
    """p of a score that is equal to others, so that its rank is anything from p-value `low` to `high`; any shape.

    It wins what those ranks win on average, (high^k - low^k) / (high - low): a fair bet, as if ties were broken by lot (Vovk,
    Gammerman and Shafer 2005, "smoothed" conformal predictors). `low` where they are the same: nothing is tied.
    """
    apart = high > low
    mean = divide(high**BET - low**BET, BET * (high - low))
    out: Floats = np.where(apart, mean ** (1 / (BET - 1)), low)
    return out


def step(c: Floats, p: Floats, cap: Floats) -> Floats:
    """Evidence (C,) after one more window of p-values p (C,): max(0, c + bet), at most `cap` (C,).

    Where p is nan there was no window to judge and the evidence stays what it was.
    """
    moved = np.clip(c + bets(p), 0.0, cap)
    return np.where(np.isnan(p), c, moved)


def inflation(x: NDArray[np.floating], lags: int = 72) -> Floats:
    """Long-run variance over plain variance (C,) of series x (W, C), at least 1; nan entries are absent windows.

    1 + 2 sum over lags of (1 - lag / (lags + 1)) times the autocorrelation, from the pairs that exist. 72 windows of
    5 minutes are 6 h. Source: Newey and West 1987 (Bartlett weights). Series that never move have 1.
    """
    windows, comparisons = x.shape
    out = np.ones(comparisons)
    for start in range(0, comparisons, _COLUMNS):
        part = slice(start, start + _COLUMNS)
        out[part] = _inflation(np.asarray(x[:, part], np.float64), min(lags, windows - 1), lags)
    return out


def _inflation(x: Floats, most: int, lags: int) -> Floats:
    present = ~np.isnan(x)
    count = present.sum(axis=0)
    mean = np.where(present, x, 0.0).sum(axis=0) / np.maximum(count, 1)
    centred = np.where(present, x - mean, 0.0)
    variance = (centred**2).sum(axis=0) / np.maximum(count, 1)
    if most < 1:
        return np.ones(x.shape[1])
    covariance = _lagged(centred.T, most)
    pairs = np.rint(_lagged(present.T.astype(np.float64), most))
    covariance = divide(covariance, pairs, 0.0)
    weights = 1 - np.arange(1, most + 1) / (lags + 1)
    moved = variance > 1e-12 * np.maximum(mean**2, 1e-12)
    ratio = np.where(moved, divide(covariance @ weights, variance, 0.0), 0.0)
    out: Floats = np.maximum(1.0, 1 + 2 * ratio)
    return out


def _lagged(x: Floats, most: int) -> Floats:
    """sum over w of x[w] x[w + lag] (C, most) for lags 1 to `most` of series (C, W), by FFT."""
    length = fft.next_fast_len(x.shape[1] + most, real=True)
    spectrum = fft.rfft(x, length, axis=1)
    products: Floats = fft.irfft(np.abs(spectrum) ** 2, length, axis=1)
    return products[:, 1 : most + 1]
