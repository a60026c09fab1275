"""Cells: how the values of each signal of one slice are binned, decided by a baseline (statistics.md, section 3).

Numeric signals get the baseline's deciles moved to bucket edges and de-duplicated, so discrete and constant signals have
fewer cells; categories keep the commonest values and one cell for the rest, so that a value never seen has a place too.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numba as nb
import numpy as np
from numpy.typing import NDArray

from detectors.vectors import NO_VECTORS, VectorTally
from records.pane import SQUARE, TOTAL, Pane
from records.signal import Kind, is_paired
from records.summary.buckets import BAD, OTHER, bucket_edges
from records.summary.vectors import VECTORS

CELLS = 10
"""At most so many cells: with fewer than five expected in each no tail is right."""
OUT_OF_RANGE, NEVER_SEEN = "quality.out_of_range", "quality.never_seen"


@dataclass(frozen=True, slots=True)
class Tally:
    """What the C comparisons of a slice saw in one pane.

    `cells` (C, CELLS) counts; `n` (C,) values; `mean` and `variance` (C,) in the signal's unit, nan where not numeric.
    """

    cells: NDArray[np.float64]
    n: NDArray[np.float64]
    total: NDArray[np.float64]
    square: NDArray[np.float64]
    vectors: VectorTally = NO_VECTORS

    def mean(self) -> NDArray[np.float64]:
        mean: NDArray[np.float64] = np.divide(self.total, self.n, out=np.full(len(self.n), np.nan), where=self.n > 0)
        return mean

    def variance(self) -> NDArray[np.float64]:
        mean = self.mean()
        spread = np.divide(self.square, self.n, out=np.full(len(self.n), np.nan), where=self.n > 0) - mean**2
        bessel = np.divide(self.n, self.n - 1, out=np.ones(len(self.n)), where=self.n > 1)
        variance: NDArray[np.float64] = np.maximum(spread * bessel, 0.0)
        return variance

    def select(self, rows: NDArray[np.int64]) -> "Tally":
        vectors = self.vectors.select(rows)
        return Tally(self.cells[rows], self.n[rows], self.total[rows], self.square[rows], vectors)

    def where(self, kept: NDArray[np.bool_]) -> "Tally":
        """The same where `kept` (C,), nothing elsewhere."""
        blank = np.where(np.isnan(self.total), np.nan, 0.0)
        return Tally(
            np.where(kept[:, None], self.cells, 0.0), np.where(kept, self.n, 0.0),
            np.where(kept, self.total, blank), np.where(kept, self.square, blank), self.vectors.where(kept),
        )  # fmt: skip


def add_tallies(a: Tally, b: Tally) -> Tally:
    return Tally(a.cells + b.cells, a.n + b.n, a.total + b.total, a.square + b.square, a.vectors.plus(b.vectors))


@dataclass(frozen=True, slots=True)
class Cells:
    """The binning of every signal of one slice against one baseline; row i of every array is the signal `names[i]`.

    `k` (C,) real cells; entries starts[i] to starts[i + 1] belong to row i: an entry begins at key `first` and counts into
    `cell`. Numeric cells reach up to the next entry, categories stand for their key alone (any other: the last cell).
    `lowest` and `highest` (C,) are the first and last key that the baseline had. A vector signal has one cell, which holds
    how many vectors there were.
    """

    names: tuple[str, ...]
    kinds: NDArray[np.uint8]
    k: NDArray[np.int64]
    starts: NDArray[np.int64]
    first: NDArray[np.int64]
    cell: NDArray[np.int64]
    lowest: NDArray[np.int64]
    highest: NDArray[np.int64]
    _alignments: dict[tuple[str, ...], tuple[NDArray[np.int64], NDArray[np.int64]]] = field(default_factory=dict)

    def tally(self, pane: Pane) -> Tally:
        """Counts and sums of a pane in these cells; what the pane does not hold is zero."""
        place, back = self._aligned(pane.names)
        numeric, counts = self.kinds == Kind.NUMERIC, pane.counts
        cells = np.zeros((len(self.names), CELLS))
        quality = cells[-2:] if self.names[-2:] == (OUT_OF_RANGE, NEVER_SEEN) else np.zeros((2, CELLS))
        _count(
            self.starts, self.first, self.cell, self.k, numeric, self.lowest, self.highest,
            back, counts.signal, counts.key, counts.count, cells, quality,
        )  # fmt: skip
        vectors = self._vectors(pane, cells) if (self.kinds == Kind.VECTOR).any() else NO_VECTORS
        n = cells.sum(1)
        held = (place >= 0) & numeric
        total = np.where(numeric, 0.0, np.nan)
        square = total.copy()
        step = pane.resolution[place[held]]
        total[held] = pane.moments[place[held], TOTAL] * step
        square[held] = pane.moments[place[held], SQUARE] * step**2
        return Tally(cells, n, total, square, vectors)

    def _vectors(self, pane: Pane, cells: NDArray[np.float64]) -> VectorTally:
        """The sums of the vector signals; how many vectors there were goes into their one cell."""
        rows = np.flatnonzero(self.kinds == Kind.VECTOR)
        moments = [pane.vectors(self.names[row]) for row in rows.tolist()]
        cells[rows, 0] = [one.n for one in moments]
        return VectorTally(rows, np.array([one.total for one in moments]), np.array([one.square for one in moments]))

    def _aligned(self, names: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where each row is among a pane's signals, and the row that counts each of those by its keys; -1 is nowhere."""
        found = self._alignments.get(names)
        if found is None:
            if len(self._alignments) > 64:
                self._alignments.clear()
            position = {name: i for i, name in enumerate(names)}
            place = np.array([position.get(name, -1) for name in self.names], np.int64)
            back = np.full(len(names), -1, np.int64)
            counted = (place >= 0) & (self.kinds != Kind.VECTOR)
            back[place[counted]] = np.flatnonzero(counted)
            found = self._alignments[names] = (place, back)
        return found

    def place(self, signal: NDArray[np.int64], key: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Cell of each entry, and whether the baseline knew its value (always so for numeric signals)."""
        entry = _locate(self.starts, self.first, signal, key)
        numeric = self.kinds[signal] == Kind.NUMERIC
        known = numeric | (self.first[entry] == key)
        return np.where(known, self.cell[entry], self.k[signal] - 1), known


@nb.njit(cache=True, nogil=True)
def _entry(starts, first, signal, key):  # type: ignore[no-untyped-def]
    """The last entry of a signal whose first key is not above `key`, else its first entry."""
    low, high = starts[signal], starts[signal + 1]
    while high - low > 1:
        middle = (low + high) // 2
        if first[middle] <= key:
            low = middle
        else:
            high = middle
    return low


@nb.njit(cache=True, nogil=True)
def _locate(starts, first, signal, key):  # type: ignore[no-untyped-def]
    """`_entry` of each (signal, key)."""
    out = np.empty(len(signal), np.int64)
    for i in range(len(signal)):
        out[i] = _entry(starts, first, signal[i], key[i])
    return out


@nb.njit(cache=True, nogil=True)
def _count(  # type: ignore[no-untyped-def]
    starts, first, cell, k, numeric, lowest, highest, back, signal, key, count, cells, quality
):
    """Count a pane's entries into cells (C, CELLS) and into the rows that speak of all signals, `quality` (2, CELLS): values
    within and out of the baseline's range, categories that it had and never had."""
    for i in range(len(signal)):
        row = back[signal[i]]
        if row < 0 or key[i] == BAD:
            continue
        entry = _entry(starts, first, row, key[i])
        known = numeric[row] or first[entry] == key[i]
        cells[row, cell[entry] if known else k[row] - 1] += count[i]
        bad = key[i] < lowest[row] or key[i] > highest[row] if numeric[row] else not known
        quality[0 if numeric[row] else 1, int(bad)] += count[i]


@nb.njit(cache=True, nogil=True)
def _numeric_entries(keys: NDArray[np.int64], counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """First keys of the entries of a numeric signal, the cell of each, and how many cells: its deciles at bucket edges.

    A constant gets its value and the rest, whichever side that lies on; where all deciles are the highest value, what lies
    below it has a cell.
    """
    if len(keys) == 1:
        return np.array([BAD + 1, keys[0], keys[0] + 1]), np.array([1, 0, 1]), 2
    first, size = np.empty(CELLS, np.int64), 1
    first[0] = BAD + 1
    total, below, at, last = counts.sum(), counts[0], 0, len(keys) - 1
    for decile in range(1, CELLS):
        while below / total < decile / CELLS - 1e-12:
            at += 1
            below += counts[at]
        if at == last:
            break
        if keys[at] + 1 != first[size - 1]:
            first[size] = keys[at] + 1
            size += 1
    if size == 1:
        first[1], size = keys[last - 1] + 1, 2
    return first[:size], np.arange(size), size


def _category_entries(keys: NDArray[np.int64], counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Known keys ascending, the cell of each, and how many cells: the commonest have one each, the last is everything else."""
    keys, counts = keys[keys != OTHER], counts[keys != OTHER]
    order = np.lexsort((keys, -counts))[: CELLS - 1]
    cell = np.full(len(keys), len(order), np.int64)
    cell[order] = np.arange(len(order))
    return keys, cell, len(order) + 1


def make_cells(base: Pane, vectors: bool = True) -> Cells:
    """The binning that a baseline's pane decides: one row for each signal that can be compared, two more for data quality.

    Texts are not compared: they explain; nor are scores of pairs. Of slices, which have none of their own, `vectors` are not.
    """
    names, kinds, k, starts, first, cell, ends = [], [], [], [0], [], [], []
    good = base.counts.key != BAD
    all_keys, all_counts = base.counts.key[good], base.counts.count[good]
    bounds = np.searchsorted(base.counts.signal[good], np.arange(len(base.names) + 1)).tolist()
    for i, (name, kind) in enumerate(zip(base.names, base.kinds.tolist(), strict=True)):
        keys, counts = all_keys[bounds[i] : bounds[i + 1]], all_counts[bounds[i] : bounds[i + 1]]
        untested = kind == Kind.TEXT or (kind == Kind.VECTOR and not vectors) or is_paired(name)
        if untested or not counts.any():
            continue
        if kind == Kind.NUMERIC:
            mine, place, size = _numeric_entries(keys, counts)
        elif kind == Kind.BOOLEAN:
            mine, place, size = np.array([0, 1]), np.arange(2), 2
        elif kind == Kind.VECTOR:
            mine, place, size = np.array([VECTORS]), np.array([0]), 1
        else:
            mine, place, size = _category_entries(keys, counts)
            if not len(mine):
                mine, place = np.array([OTHER]), np.array([0])
        names.append(name)
        kinds.append(kind)
        k.append(size)
        first.append(mine)
        cell.append(place)
        starts.append(starts[-1] + len(mine))
        ends.append((keys[0], keys[-1]))
    for name in (OUT_OF_RANGE, NEVER_SEEN):
        if names:
            names.append(name)
            kinds.append(Kind.BOOLEAN)
            k.append(2)
            starts.append(starts[-1])
            ends.append((0, 0))
    low, high = (np.array([e[side] for e in ends], np.int64) for side in (0, 1))
    return Cells(
        tuple(names), np.array(kinds, np.uint8), np.array(k, np.int64), np.array(starts, np.int64),
        np.concatenate(first) if first else np.empty(0, np.int64),
        np.concatenate(cell).astype(np.int64) if cell else np.empty(0, np.int64), low, high,
    )  # fmt: skip


def cell_bounds(cells: Cells, row: int) -> list[tuple[float, float]]:
    """Lower (exclusive) and upper (inclusive) edge of each cell of a numeric row, in the signal's unit.

    Both are nan for the rest of a constant, which lies on either side of it.
    """
    mine = cells.first[cells.starts[row] : cells.starts[row + 1]]
    if len(mine) > cells.k[row]:
        low, high = bucket_edges(mine[1:2])
        return [(float(low[0]), float(high[0])), (np.nan, np.nan)]
    _, upper = bucket_edges(mine[1:] - 1)
    edges = [-np.inf, *upper.tolist(), np.inf]
    return list(pairwise(edges))


def category_names(cells: Cells, base: Pane, row: int) -> list[str]:
    """The value of each cell of a categorical row; the last stands for everything else."""
    part = slice(cells.starts[row], cells.starts[row + 1])
    names = ["any other value"] * int(cells.k[row])
    for key, cell in zip(cells.first[part].tolist(), cells.cell[part].tolist(), strict=True):
        if cell < cells.k[row] - 1:
            names[cell] = base.label(key)
    return names
