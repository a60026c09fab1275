"""Interactions seen lately, as sorted arrays of 64-bit hashes: the same one again is counted once.

Eight bytes an interaction. Ids are kept by generation, a sixth of the time that duplicates are looked for, so one is
remembered for at least `within` and at most a sixth longer; what decides is the time each record was accepted, so a
replay decides the same.
"""

import numba as nb
import numpy as np
from numpy.typing import NDArray

from records.hashing import hash_text

GENERATIONS = 6
_GOLDEN = 0x9E3779B97F4A7C15
_NEVER = -(2**62)


def interaction_hash(application: str, ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hashes (n,) of interactions: (application, id) is what makes one."""
    return ids ^ np.uint64(hash_text(application) * _GOLDEN % 2**64)


@nb.njit(cache=True, nogil=True)
def _unseen(
    hashes: NDArray[np.uint64], order: NDArray[np.int64], generation: NDArray[np.int64], counted: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which rows come more than GENERATIONS after the last one of the same hash that counted; `order` sorts by hash, then
    row, and `counted` is the generation of the last one before this batch."""
    new = np.zeros(len(hashes), np.bool_)
    last = _NEVER
    for i in range(len(order)):
        row = order[i]
        if i == 0 or hashes[row] != hashes[order[i - 1]]:
            last = counted[row]
        if generation[row] - last > GENERATIONS:
            new[row] = True
            last = generation[row]
    return new


class RecentIds:
    """Hashes of the last `within` microseconds of accepted records."""

    def __init__(self, within: int):
        self.width = max(within // GENERATIONS, 1)
        self._levels: dict[int, list[NDArray[np.uint64]]] = {}

    def __len__(self) -> int:
        return sum(len(level) for levels in self._levels.values() for level in levels)

    def unseen(self, hashes: NDArray[np.uint64], accepted_at: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of `hashes` (n,) are new, also among themselves; nothing is remembered yet.

        Where batches are cut changes no answer, as long as the accept times do not fall.
        """
        generation = accepted_at // self.width
        counted = np.full(len(hashes), _NEVER)
        for g, levels in self._levels.items():
            for level in levels:
                at = np.minimum(np.searchsorted(level, hashes), len(level) - 1)
                seen = level[at] == hashes
                counted[seen] = np.maximum(counted[seen], g)
        new: NDArray[np.bool_] = _unseen(hashes, np.argsort(hashes, kind="stable"), generation, counted)
        return new

    def add(self, hashes: NDArray[np.uint64], accepted_at: NDArray[np.int64]) -> None:
        """Remember `hashes` (n,), and forget generations that no record accepted from now on looks at."""
        generation = accepted_at // self.width
        for g in np.unique(generation).tolist():
            levels = self._levels.setdefault(g, [])
            levels.append(np.sort(hashes[generation == g]))
            while len(levels) > 1 and len(levels[-2]) < 2 * len(levels[-1]):
                levels[-2:] = [np.sort(np.concatenate(levels[-2:]), kind="stable")]
        if len(generation):
            oldest = int(generation[-1]) - GENERATIONS
            self._levels = {g: levels for g, levels in self._levels.items() if g >= oldest}
