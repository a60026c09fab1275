"""Stable 64-bit hashes of strings: FNV-1a with MurmurHash3's finaliser, the same on every machine and in every release."""

import numba as nb
import numpy as np
import polars as pl
from numpy.typing import NDArray


@nb.njit(cache=True, nogil=True)
def _hash(offsets: NDArray[np.int64], data: NDArray[np.uint8]) -> NDArray[np.uint64]:
    out = np.empty(len(offsets) - 1, np.uint64)
    for i in range(len(out)):
        h = np.uint64(14695981039346656037)
        for j in range(offsets[i], offsets[i + 1]):
            h = (h ^ np.uint64(data[j])) * np.uint64(1099511628211)
        h ^= h >> np.uint64(33)
        h *= np.uint64(0xFF51AFD7ED558CCD)
        h ^= h >> np.uint64(33)
        h *= np.uint64(0xC4CEB9FE1A85EC53)
        out[i] = h ^ (h >> np.uint64(33))
    return out


def column_bytes(column: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """A string column as offsets (n + 1,) and its UTF-8 bytes; a null is empty."""
    offsets = np.zeros(len(column) + 1, np.int64)
    np.cumsum(column.str.len_bytes().fill_null(0).to_numpy(), out=offsets[1:])
    joined = column.str.join("").cast(pl.Binary).item() if len(column) else b""
    return offsets, np.frombuffer(joined or b"", np.uint8)


def hash_column(column: pl.Series) -> NDArray[np.uint64]:
    """Hashes (n,) of a string column; a null hashes as the empty string."""
    hashes: NDArray[np.uint64] = _hash(*column_bytes(column))
    return hashes


def hash_text(text: str) -> int:
    """The same hash of one string."""
    data = np.frombuffer(text.encode(), np.uint8)
    return int(_hash(np.array([0, len(data)], np.int64), data)[0])
