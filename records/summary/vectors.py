"""The moments of vectors as counts: what a pane keeps of a vector signal.

Components are rounded to STEP, so their sums and the sums of their products are integers: they merge and subtract like any
other count, exactly and in any order. Key VECTORS holds how many there are, the next DIMENSIONS keys the sums of their
components, the others the upper triangle of the sums of products, row by row.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 16
STEP = 1e-3
"""Part of what is stored, as the order of the keys is: never change it."""
VECTORS = 0
"""The key that counts vectors."""
_ROW, _COLUMN = np.triu_indices(DIMENSIONS)
MOMENTS = 1 + DIMENSIONS + len(_ROW)


class VectorMoments(NamedTuple):
    """`n` vectors, their sum (DIMENSIONS,) and the sum of their products (DIMENSIONS, DIMENSIONS)."""

    n: int
    total: NDArray[np.float64]
    square: NDArray[np.float64]

    def covariance(self) -> NDArray[np.float64]:
        """Of one vector (DIMENSIONS, DIMENSIONS), nan below two of them; that of rounding to STEP is part of it."""
        centred = self.square - np.outer(self.total, self.total) / max(self.n, 1)
        out: NDArray[np.float64] = centred / (self.n - 1) if self.n > 1 else np.full_like(self.square, np.nan)
        return out + np.eye(DIMENSIONS) * STEP**2 / 12


def moment_counts(
    values: NDArray[np.float64], groups: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Group, key and count of every entry, ascending and never 0; values (m, DIMENSIONS), finite; groups (m,)."""
    order = np.argsort(groups, kind="stable")
    found, starts = np.unique(groups[order], return_index=True)
    if not len(found):
        return np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int64)
    steps = np.rint(values[order] / STEP).astype(np.int64)
    table = np.column_stack([np.ones(len(steps), np.int64), steps, steps[:, _ROW] * steps[:, _COLUMN]])
    sums = np.add.reduceat(table, starts, axis=0)
    group, key = np.nonzero(sums)
    return found[group].astype(np.int32), key.astype(np.int64), sums[group, key]


def vector_moments(keys: NDArray[np.int64], counts: NDArray[np.int64]) -> VectorMoments:
    """The moments that a vector signal's counts stand for, in the unit of its components."""
    sums = np.zeros(MOMENTS)
    sums[keys] = counts
    square = np.zeros((DIMENSIONS, DIMENSIONS))
    square[_ROW, _COLUMN] = square[_COLUMN, _ROW] = sums[1 + DIMENSIONS :] * STEP**2
    return VectorMoments(int(sums[VECTORS]), sums[1 : 1 + DIMENSIONS] * STEP, square)
