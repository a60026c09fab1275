"""Keys of the exponential histogram: OpenTelemetry's and Prometheus' native buckets at scale 4.

Bucket i of a positive value holds (2**(i/16), 2**((i+1)/16)], so a value is known to within 2.2 %.
A key orders like the values it stands for: 0 is zero, i + OFFSET a positive bucket, -(i + OFFSET) its mirror.
Source: OpenTelemetry metrics data model, "ExponentialHistogram", base = 2**(2**-scale).
"""

import math
from math import isqrt

import numba as nb
import numpy as np
from numpy.typing import NDArray

SCALE = 16
"""Buckets per power of two (2**4)."""
OFFSET = 20_000
"""More than 16 * 1,074, the index of the smallest subnormal: keys of positive values stay positive."""
MISSING = np.iinfo(np.int64).min
BAD = MISSING + 1
OTHER = np.iinfo(np.int64).max
"""Reserved keys: no value, a value that cannot be, a category beyond those that are kept."""

_EXACT = 2.0**52
"""From so many steps on a double is whole anyway."""

_BOUNDS = np.array([isqrt(isqrt(isqrt(isqrt(1 << (52 * SCALE + j))))) for j in range(SCALE + 1)]) / 2**52
"""The largest doubles that are not above 2**(j/16): a double is above one of them just where it is above the power."""
_SLOTS = 2 * SCALE
_BELOW = np.searchsorted(_BOUNDS, 1 + np.arange(_SLOTS) / _SLOTS)
"""How many of the bounds lie below each slot of [1, 2); at most one lies in it."""
_HIGHEST = math.nextafter(1024.0, 0.0)
"""The exponent of the largest finite edge."""


@nb.njit(cache=True, nogil=True)
def _key(x: float, bounds: NDArray[np.float64], below: NDArray[np.int64]) -> int:
    if x == 0.0:
        return 0
    mantissa, exponent = math.frexp(abs(x))
    mantissa *= 2.0
    sub = below[int((mantissa - 1.0) * _SLOTS)]
    sub += bounds[sub] < mantissa
    key = int((exponent - 1) * 16 + sub - 1 + 20_000)
    return key if x > 0 else -key


@nb.njit(cache=True, nogil=True)
def _keys(
    values: NDArray[np.float64], low: float, high: float, steps: float, bounds: NDArray[np.float64], below: NDArray[np.int64]
) -> NDArray[np.int64]:
    out = np.empty(len(values), np.int64)
    small = np.empty(256, np.int64)
    for v in range(256):
        small[v] = _key(float(v), bounds, below)
    for i in range(len(values)):
        x = values[i]
        if abs(x) * steps < _EXACT:
            x = np.rint(x * steps) / steps
        if x != x:
            out[i] = MISSING
        elif math.isinf(x) or x < low or x > high:
            out[i] = BAD
        elif 0.0 <= x < 256.0 and x == math.floor(x):
            out[i] = small[int(x)]
        else:
            out[i] = _key(x, bounds, below)
    return out


def bucket_keys(
    values: NDArray[np.float64], low: float = -math.inf, high: float = math.inf, resolution: float = 0.0
) -> NDArray[np.int64]:
    """Keys (n,) of values (n,): NaN is MISSING, infinities and what lies outside [low, high] are BAD.

    Values are rounded to whole steps of a `resolution` first, if there is one: noise below it would move a constant that lies
    on a bucket's edge from one bucket to the next.
    """
    steps = 1 / resolution if resolution else math.inf
    keys: NDArray[np.int64] = _keys(values, low, high, steps, _BOUNDS, _BELOW)
    return keys


def bucket_edges(keys: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper edge of each bucket, in the signal's unit; both are 0 for the zero bucket, and all are finite."""
    index = np.abs(keys) - OFFSET
    near = np.where(keys == 0, 0.0, np.exp2(index / SCALE))
    far = np.where(keys == 0, 0.0, np.exp2(np.minimum((index + 1) / SCALE, _HIGHEST)))
    negative = keys < 0
    return np.where(negative, -far, near), np.where(negative, -near, far)


def bucket_middles(keys: NDArray[np.int64]) -> NDArray[np.float64]:
    """The value that stands for each bucket: the middle of its edges, at most 2.2 % from any value in it."""
    low, high = bucket_edges(keys)
    return low / 2 + high / 2
