"""Counts per (signal, cell key): the exact, mergeable part of a pane.

Entries are sorted by signal, then key, and never zero.
"""

from dataclasses import dataclass

import numba as nb
import numpy as np
from numpy.typing import NDArray

from records.summary.buckets import OTHER

CATEGORIES = 256
"""Values kept of a categorical signal: those of the smallest hashes, so any order of merging keeps the same ones."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Three aligned arrays (entries,): index of the signal, key of the cell, how often."""

    signal: NDArray[np.int32]
    key: NDArray[np.int64]
    count: NDArray[np.int64]


def empty_counts() -> Counts:
    return Counts(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int64))


@nb.njit(cache=True, nogil=True)
def _combine(sa, ka, ca, sb, kb, cb, sign):  # type: ignore[no-untyped-def]
    size = len(sa) + len(sb)
    signal, key, count = np.empty(size, np.int32), np.empty(size, np.int64), np.empty(size, np.int64)
    i = j = out = 0
    while i < len(sa) or j < len(sb):
        if j == len(sb):
            side = -1
        elif i == len(sa):
            side = 1
        elif sa[i] != sb[j]:
            side = -1 if sa[i] < sb[j] else 1
        elif ka[i] != kb[j]:
            side = -1 if ka[i] < kb[j] else 1
        else:
            side = 0
        total = 0
        if side <= 0:
            signal[out], key[out] = sa[i], ka[i]
            total += ca[i]
            i += 1
        if side >= 0:
            signal[out], key[out] = sb[j], kb[j]
            total += sign * cb[j]
            j += 1
        count[out] = total
        out += total != 0
    return signal[:out].copy(), key[:out].copy(), count[:out].copy()


def add_counts(a: Counts, b: Counts) -> Counts:
    """Entry by entry a + b; both speak of the same list of signals."""
    return Counts(*_combine(a.signal, a.key, a.count, b.signal, b.key, b.count, 1))


def subtract_counts(a: Counts, b: Counts) -> Counts:
    """Entry by entry a - b; exact, also where a categorical was capped, as far as both hold the category."""
    return Counts(*_combine(a.signal, a.key, a.count, b.signal, b.key, b.count, -1))


def cap_categories(counts: Counts, categorical: NDArray[np.bool_], commonest: bool = False) -> Counts:
    """Fold categories beyond the CATEGORIES smallest keys (or the commonest) of each categorical signal into OTHER."""
    if len(counts.signal) <= CATEGORIES:
        return counts
    sizes = np.bincount(counts.signal, minlength=len(categorical))
    if not (categorical & (sizes > CATEGORIES)).any():
        return counts
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    rank = np.arange(len(counts.signal)) - starts[counts.signal]
    if commonest:
        order = np.lexsort((counts.key, -counts.count, counts.signal))
        rank[order] = rank.copy()
    folded = categorical[counts.signal] & (rank >= CATEGORIES)
    kept = ~folded
    extra = np.bincount(counts.signal[folded], weights=counts.count[folded], minlength=len(categorical))
    owners = np.flatnonzero(extra).astype(np.int32)
    other = Counts(owners, np.full(len(owners), OTHER), extra[owners].astype(np.int64))
    return add_counts(Counts(counts.signal[kept], counts.key[kept], counts.count[kept]), other)
