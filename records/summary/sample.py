"""A bottom-k sample of interactions: the k smallest hashes of their ids, so that merges are exact in any order."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLE_SIZE = 64


@dataclass(frozen=True, slots=True)
class Sample:
    """`hashes` (k,) ascending and distinct; `ids` and `slices` (k,); `keys` (k, signals) the cell each was counted in.

    Never text: ids, cell keys and slice values only.
    """

    hashes: NDArray[np.uint64]
    ids: tuple[str, ...]
    slices: tuple[dict[str, str], ...]
    keys: NDArray[np.int64]


def empty_sample(signals: int = 0) -> Sample:
    return Sample(np.empty(0, np.uint64), (), (), np.empty((0, signals), np.int64))


def merge_samples(a: Sample, b: Sample) -> Sample:
    """The SAMPLE_SIZE smallest hashes of both; both speak of the same list of signals."""
    if not len(a.hashes) or not len(b.hashes):
        return a if len(a.hashes) else b
    hashes, first = np.unique(np.concatenate([a.hashes, b.hashes]), return_index=True)
    take = first[:SAMPLE_SIZE]
    ids, slices = a.ids + b.ids, a.slices + b.slices
    return Sample(
        hashes[:SAMPLE_SIZE],
        tuple(ids[i] for i in take),
        tuple(slices[i] for i in take),
        np.concatenate([a.keys, b.keys])[take],
    )
