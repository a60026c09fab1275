"""Embeddings of any length in the few dimensions that a pane keeps, the same to the bit on every machine."""

from functools import lru_cache

import numba as nb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.hashing import hash_column
from records.summary.vectors import DIMENSIONS


@nb.njit(cache=True, nogil=True)
def _unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    out = np.full(values.shape, np.nan)
    for i in range(values.shape[0]):
        square = 0.0
        for j in range(values.shape[1]):
            square += values[i, j] * values[i, j]
        if 1e-200 < square < 1e200:
            for j in range(values.shape[1]):
                out[i, j] = values[i, j] / np.sqrt(square)
    return out


def unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The directions of vectors (m, D): length 1, nan where there is none (zero, infinite, nan)."""
    out: NDArray[np.float64] = _unit(np.ascontiguousarray(values, np.float64))
    return out


@lru_cache(maxsize=8)
def _signs(size: int) -> NDArray[np.float64]:
    """Signs (size, DIMENSIONS) drawn by the bits of a hash."""
    hashes = hash_column(pl.Series([f"dimension {i}" for i in range(size)], dtype=pl.String))
    bits = (hashes[:, None] >> np.arange(DIMENSIONS, dtype=np.uint64)) & np.uint64(1)
    signs: NDArray[np.float64] = 1.0 - 2.0 * bits.astype(np.float64)
    return signs


@nb.njit(cache=True, nogil=True)
def _project(values: NDArray[np.float64], signs: NDArray[np.float64]) -> NDArray[np.float64]:
    out: NDArray[np.float64] = np.zeros((values.shape[0], signs.shape[1]))
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            for k in range(signs.shape[1]):
                out[i, k] += values[i, j] * signs[j, k] / np.sqrt(signs.shape[1])
    return out


def project(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vectors (m, D) in DIMENSIONS dimensions, lengths and distances kept on average.

    Source: Achlioptas 2003, "Database-friendly random projections": signs of a fair coin over sqrt(DIMENSIONS). Sums are
    taken in a fixed order, so that the result does not depend on what else is in the batch.
    """
    out: NDArray[np.float64] = _project(np.ascontiguousarray(values, np.float64), _signs(values.shape[1]))
    return out
