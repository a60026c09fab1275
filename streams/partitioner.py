"""Kafka's default partitioner for records with a key, over a column of keys: murmur2 of the UTF-8 bytes.

The hash is org.apache.kafka.common.utils.Utils.murmur2: MurmurHash2 (Austin Appleby) of 32 bits, seed 0x9747B28C.
"""

import numba as nb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.hashing import column_bytes

_MIX, _SEED = np.uint32(0x5BD1E995), np.uint32(0x9747B28C)


@nb.njit(cache=True, nogil=True)
def _murmur2(offsets: NDArray[np.int64], data: NDArray[np.uint8]) -> NDArray[np.uint32]:
    out = np.empty(len(offsets) - 1, np.uint32)
    for i in range(len(out)):
        start, end = offsets[i], offsets[i + 1]
        h = _SEED ^ np.uint32(end - start)
        while end - start >= 4:
            k = np.uint32(data[start]) | np.uint32(data[start + 1]) << np.uint32(8)
            k |= np.uint32(data[start + 2]) << np.uint32(16) | np.uint32(data[start + 3]) << np.uint32(24)
            k = np.uint32(k * _MIX)
            k = np.uint32((k ^ (k >> np.uint32(24))) * _MIX)
            h = np.uint32(h * _MIX) ^ k
            start += 4
        if end > start:
            for j in range(end - start):
                h ^= np.uint32(data[start + j]) << np.uint32(8 * j)
            h = np.uint32(h * _MIX)
        h = np.uint32((h ^ (h >> np.uint32(13))) * _MIX)
        out[i] = h ^ (h >> np.uint32(15))
    return out


def partitions(ids: pl.Series, count: int) -> NDArray[np.int32]:
    """The partition (n,) of each id of a string column, of `count` partitions."""
    hashes: NDArray[np.uint32] = _murmur2(*column_bytes(ids))
    return ((hashes & np.uint32(0x7FFFFFFF)) % np.uint32(count)).astype(np.int32)
