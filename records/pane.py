"""A pane: all that is kept of the interactions of one application, slice and stretch of event time.

Panes form a commutative monoid under `merge` with `EMPTY`: counts, keys, labels and samples are exact to the bit in any
order and grouping; sums are exact while they stay under 2**53 steps of the signal's resolution, else equal to 1e-9.
`subtract` takes a slice away from all traffic: counts and sums subtract, minima, maxima and samples do not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from records.signal import Kind
from records.summary.buckets import BAD, MISSING, OTHER
from records.summary.counts import Counts, add_counts, cap_categories, empty_counts, subtract_counts
from records.summary.sample import Sample, empty_sample, merge_samples
from records.summary.vectors import VectorMoments, vector_moments

TOTAL, SQUARE, LOW, HIGH = range(4)
DOCUMENTS = -1
"""Key under which a text signal counts its documents; the other keys are word buckets."""
NO_MOMENTS = (0.0, 0.0, np.inf, -np.inf)


@dataclass(frozen=True, slots=True)
class Pane:
    """`n` interactions; S signals in `names` (sorted), with their `kinds` (S,) and `resolution` (S,).

    `moments` (S, 4): sum and sum of squares in steps of the resolution, lowest and highest in the signal's unit.
    `labels` gives the value of each categorical key. What a signal lacks of `n` was missing, or not in its sample.
    """

    n: int
    names: tuple[str, ...]
    kinds: NDArray[np.uint8]
    resolution: NDArray[np.float64]
    moments: NDArray[np.float64]
    counts: Counts
    labels: Mapping[int, str] = field(default_factory=dict)
    sample: Sample = field(default_factory=empty_sample)

    def index(self, name: str) -> int:
        """Position of a signal, -1 where the pane has none of it."""
        return _positions(self.names).get(name, -1)

    def cells(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Keys (ascending) and counts of one signal, without the reserved BAD."""
        i = self.index(name)
        start, stop = np.searchsorted(self.counts.signal, (i, i + 1)) if i >= 0 else (0, 0)
        keys, counts = self.counts.key[start:stop], self.counts.count[start:stop]
        good = keys != BAD
        return keys[good], counts[good]

    def vectors(self, name: str) -> VectorMoments:
        """The moments of a vector signal; those of no vector where the pane has none of it."""
        return vector_moments(*self.cells(name))

    def label(self, key: int) -> str:
        return "__other__" if key == OTHER else self.labels.get(key, "?")


EMPTY = Pane(0, (), np.empty(0, np.uint8), np.empty(0), np.empty((0, 4)), empty_counts())


@lru_cache(maxsize=4096)
def _positions(names: tuple[str, ...]) -> dict[str, int]:
    return {name: i for i, name in enumerate(names)}


@lru_cache(maxsize=4096)
def _union(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({*a, *b}))


def _align(pane: Pane, names: tuple[str, ...]) -> Pane:
    """The same pane, speaking of a longer list of signals."""
    if pane.names == names:
        return pane
    where = _positions(names)
    place = np.array([where[name] for name in pane.names], np.int32)
    kinds, resolution = np.zeros(len(names), np.uint8), np.zeros(len(names))
    moments = np.tile(NO_MOMENTS, (len(names), 1))
    keys = np.full((len(pane.sample.hashes), len(names)), MISSING, np.int64)
    if len(place):
        kinds[place], resolution[place], moments[place] = pane.kinds, pane.resolution, pane.moments
        keys[:, place] = pane.sample.keys
    sample = Sample(pane.sample.hashes, pane.sample.ids, pane.sample.slices, keys)
    counts = pane.counts
    signal = place[counts.signal] if len(counts.signal) else counts.signal
    return Pane(pane.n, names, kinds, resolution, moments, Counts(signal, counts.key, counts.count), pane.labels, sample)


def _rescaled(pane: Pane, resolution: NDArray[np.float64]) -> NDArray[np.float64]:
    """Moments in steps of another resolution: panes written before a declaration changed still add up."""
    own = pane.resolution
    if np.array_equal(own, resolution):
        return pane.moments
    ratio = np.divide(own, resolution, out=np.ones_like(own), where=(own > 0) & (resolution > 0))
    moments = pane.moments.copy()
    moments[:, TOTAL] *= ratio
    moments[:, SQUARE] *= ratio**2
    return moments


def _paired(a: Pane, b: Pane) -> tuple[Pane, Pane, NDArray[np.float64]]:
    names = a.names if a.names == b.names else _union(a.names, b.names)
    a, b = _align(a, names), _align(b, names)
    either = np.where(a.resolution > 0, a.resolution, b.resolution)
    both = (a.resolution > 0) & (b.resolution > 0)
    return a, b, np.where(both, np.minimum(a.resolution, b.resolution), either)


def merge(a: Pane, b: Pane, commonest: bool = False) -> Pane:
    """The pane of everything that either holds; with the `commonest` categories where there are too many, which makes the order
    of merging matter."""
    if not a.names and not a.n:
        return b
    if not b.names and not b.n:
        return a
    a, b, resolution = _paired(a, b)
    kinds = np.maximum(a.kinds, b.kinds)
    x, y = _rescaled(a, resolution), _rescaled(b, resolution)
    moments = np.empty_like(x)
    moments[:, :LOW] = x[:, :LOW] + y[:, :LOW]
    moments[:, LOW] = np.minimum(x[:, LOW], y[:, LOW])
    moments[:, HIGH] = np.maximum(x[:, HIGH], y[:, HIGH])
    counts = cap_categories(add_counts(a.counts, b.counts), kinds == Kind.CATEGORICAL, commonest)
    labels = a.labels if a.labels == b.labels else _kept_labels({**a.labels, **b.labels}, counts, kinds)
    return Pane(a.n + b.n, a.names, kinds, resolution, moments, counts, labels, merge_samples(a.sample, b.sample))


def _kept_labels(labels: dict[int, str], counts: Counts, kinds: NDArray[np.uint8]) -> dict[int, str]:
    keys = set(counts.key[kinds[counts.signal] == Kind.CATEGORICAL].tolist())
    return {key: label for key, label in labels.items() if key in keys}


def merge_all(panes: Iterable[Pane], commonest: bool = False) -> Pane:
    """Merge any number of panes, pairwise in a tree: the cost grows with what is different, not with how many there are."""
    row = list(panes)
    while len(row) > 1:
        row = [merge(row[i], row[i + 1], commonest) if i + 1 < len(row) else row[i] for i in range(0, len(row), 2)]
    return row[0] if row else EMPTY


class Accumulator:
    """Merges panes as they come, in a tree: n of them cost O(log n) memory and O(n log n) work.

    A baseline is made of the `commonest` categories: those that one flood of new values brings would crowd out all others.
    """

    def __init__(self, commonest: bool = False) -> None:
        self._commonest = commonest
        self._row: list[tuple[int, Pane]] = []
        self.added = 0

    def add(self, pane: Pane) -> None:
        self.added += 1
        size = 1
        while self._row and self._row[-1][0] == size:
            pane, size = merge(self._row.pop()[1], pane, self._commonest), 2 * size
        self._row.append((size, pane))

    def total(self) -> Pane:
        return merge_all((pane for _, pane in reversed(self._row)), self._commonest)


def without_text(pane: Pane) -> Pane:
    """The pane without what only explains (texts and the sample): what baselines are learned from."""
    kept = pane.kinds[pane.counts.signal] != Kind.TEXT if len(pane.names) else np.empty(0, bool)
    counts = Counts(pane.counts.signal[kept], pane.counts.key[kept], pane.counts.count[kept])
    sample = empty_sample(len(pane.names))
    return Pane(pane.n, pane.names, pane.kinds, pane.resolution, pane.moments, counts, pane.labels, sample)


def subtract(a: Pane, b: Pane) -> Pane:
    """What of `a` is not in `b`. Lowest and highest stay those of `a` (bounds); the sample is empty."""
    a, b, resolution = _paired(a, b)
    moments = _rescaled(a, resolution).copy()
    moments[:, :LOW] -= _rescaled(b, resolution)[:, :LOW]
    counts = subtract_counts(a.counts, b.counts)
    return Pane(a.n - b.n, a.names, a.kinds, resolution, moments, counts, a.labels, empty_sample(len(a.names)))
