"""Columns of a batch to panes: grouped counts of every signal by application, slice and minute of event time."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numba as nb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.columns import WORD_BUCKETS, Columns, Labels, Vectors, Words
from records.hashing import hash_column
from records.pane import DOCUMENTS, NO_MOMENTS, Pane
from records.signal import Kind
from records.summary.buckets import MISSING, bucket_keys
from records.summary.counts import Counts, cap_categories, empty_counts
from records.summary.sample import SAMPLE_SIZE, Sample, empty_sample
from records.summary.vectors import moment_counts
from records.window import WINDOW

ALL = ""
"""The dimension of the slice that holds all traffic."""


class PaneKey(NamedTuple):
    """`dimension` and `value` are empty for all traffic; `start` is event time, microseconds since 1970 UTC."""

    application: str
    dimension: str
    value: str
    start: int


class Grouping(NamedTuple):
    """`keys` and `segments` of the panes and, for each dimension, the pane of every row (-1: none).

    The first dimension is all traffic.
    """

    keys: list[PaneKey]
    segments: list[int]
    codes: NDArray[np.int32]


def group_rows(
    application: pl.Series,
    timestamp: NDArray[np.int64],
    slices: Mapping[str, pl.Series],
    segment: NDArray[np.int64] | None = None,
    width: int = WINDOW,
) -> Grouping:
    """Which panes each row belongs to.

    `slices`: dimension to its value per row, null where the row has no such slice. Rows of different `segment` (n,)
    never share a pane: a batch is folded once and its parts still arrive one after the other.
    """
    starts, start_of = np.unique(timestamp // width * width, return_inverse=True)
    parts, part_of = np.unique(segment if segment is not None else np.zeros(len(timestamp), np.int64), return_inverse=True)
    names, name_of = _dense(application)
    base = (part_of * len(names) + name_of) * len(starts) + start_of
    keys: list[PaneKey] = []
    segments: list[int] = []
    codes = []
    for dimension, column in {ALL: None, **slices}.items():
        values, value_of = ([""], np.zeros(len(base), np.int64)) if column is None else _dense(column)
        joint = np.where(value_of >= 0, base * len(values) + value_of, -1)
        found, code = np.unique(joint, return_inverse=True)
        absent = int(len(found) > 0 and found[0] < 0)
        codes.append(np.where(joint >= 0, code - absent + len(keys), -1).astype(np.int32))
        for j in found[absent:].tolist():
            rest, value = divmod(j, len(values))
            rest, start = divmod(rest, len(starts))
            part, name = divmod(rest, len(names))
            keys.append(PaneKey(names[name], dimension, values[value], int(starts[start])))
            segments.append(int(parts[part]))
    return Grouping(keys, segments, np.vstack(codes))


def _dense(column: pl.Series) -> tuple[list[str], NDArray[np.int64]]:
    """Distinct values in order, and for each row the position of its own (-1: null)."""
    values = column.unique().drop_nulls().sort()
    codes = column.cast(pl.Enum(values)).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
    return values.to_list(), codes


@nb.njit(cache=True, nogil=True)
def _factor(keys, table):  # type: ignore[no-untyped-def]
    """Dense codes of one signal's histogram keys and the ascending keys they stand for; `table` is scratch, all -1."""
    half = len(table) // 2
    seen = np.empty(len(keys), np.int64)
    size = 0
    for i in range(len(keys)):
        k = keys[i]
        if k <= MISSING + 1:
            continue
        if table[k + half] < 0:
            table[k + half] = 0
            seen[size] = k
            size += 1
    unique = np.sort(seen[:size])
    for j in range(size):
        table[unique[j] + half] = j + 1
    codes = np.empty(len(keys), np.int32)
    for i in range(len(keys)):
        k = keys[i]
        codes[i] = -1 if k == MISSING else (0 if k == MISSING + 1 else table[k + half])
    for j in range(size):
        table[unique[j] + half] = -1
    return codes, np.concatenate((np.array([MISSING + 1]), unique))


@nb.njit(cache=True, nogil=True)
def _count(codes, groups, group_count, size):  # type: ignore[no-untyped-def]
    """Entries (group, code, count), ascending, of one signal over all dimensions."""
    table = np.zeros((group_count, size), np.int32)
    for i in range(len(codes)):
        if codes[i] >= 0:
            for d in range(groups.shape[0]):
                if groups[d, i] >= 0:
                    table[groups[d, i], codes[i]] += 1
    filled = 0
    for g in range(group_count):
        for c in range(size):
            filled += table[g, c] > 0
    group, code, count = np.empty(filled, np.int32), np.empty(filled, np.int32), np.empty(filled, np.int64)
    out = 0
    for g in range(group_count):
        for c in range(size):
            if table[g, c] > 0:
                group[out], code[out], count[out] = g, c, table[g, c]
                out += 1
    return group, code, count


@nb.njit(cache=True, nogil=True)
def _moments(values, codes, groups, resolution, out):  # type: ignore[no-untyped-def]
    """Add one numeric signal to `out` (groups, 4); values that are missing or bad (code <= 0) add nothing."""
    for i in range(len(values)):
        if codes[i] <= 0:
            continue
        step = min(max(np.round(values[i] / resolution), -(2.0**60)), 2.0**60)
        for d in range(groups.shape[0]):
            g = groups[d, i]
            if g >= 0:
                out[g, 0] += step
                out[g, 1] += step * step
                out[g, 2] = min(out[g, 2], values[i] + 0.0)  # there is one zero, whichever sign came first
                out[g, 3] = max(out[g, 3], values[i] + 0.0)


class _Coded(NamedTuple):
    """A signal ready to be counted: `codes` index `keys` (-1: nothing), item by item, item j in row rows[j] where given.

    Of vectors nothing is coded: `vectors` are those of `rows`.
    """

    name: str
    kind: Kind
    resolution: float
    codes: NDArray[np.int32]
    keys: NDArray[np.int64]
    rows: NDArray[np.int32] | None = None
    values: NDArray[np.float64] | None = None
    labels: Mapping[int, str] = {}
    vectors: NDArray[np.float64] | None = None


def _code_labels(name: str, labels: Labels) -> _Coded:
    hashes = (hash_column(pl.Series(labels.values, dtype=pl.String)) >> np.uint64(1)).astype(np.int64)
    order = np.argsort(hashes, kind="stable")
    place = np.empty(len(order) + 1, np.int32)
    place[order], place[-1] = np.arange(len(order)), -1
    names = dict(zip(hashes.tolist(), labels.values, strict=True))
    return _Coded(name, Kind.CATEGORICAL, 0.0, place[labels.codes], hashes[order], labels.rows, None, names)


@nb.njit(cache=True, nogil=True)
def _documents(rows, buckets):  # type: ignore[no-untyped-def]
    """Codes of words, their bucket + 1, and of the documents that hold them, 0; and the row of each."""
    codes, of_code = np.empty(2 * len(rows), np.int32), np.empty(2 * len(rows), np.int32)
    size, before = 0, -1
    for j in range(len(rows)):
        if rows[j] != before:
            codes[size], of_code[size] = 0, rows[j]
            size, before = size + 1, rows[j]
        codes[size], of_code[size] = buckets[j] + 1, rows[j]
        size += 1
    return codes[:size], of_code[:size]


def _code_words(name: str, words: Words) -> _Coded:
    codes, rows = _documents(words.rows, words.buckets)
    return _Coded(name, Kind.TEXT, 0.0, codes, np.arange(DOCUMENTS, WORD_BUCKETS), rows)


def _code_vectors(name: str, vectors: Vectors) -> _Coded:
    nothing = np.empty(0, np.int32)
    return _Coded(name, Kind.VECTOR, 0.0, nothing, nothing.astype(np.int64), vectors.rows, vectors=vectors.values)


def _code(columns: Columns) -> list[_Coded]:
    scratch = np.full(80_001, -1, np.int32)
    coded = []
    for name, values in columns.numeric.items():
        signal = columns.declared[name]
        codes, keys = _factor(bucket_keys(values, signal.low, signal.high, signal.resolution), scratch)
        coded.append(_Coded(name, Kind.NUMERIC, signal.resolution, codes, keys, None, values))
    for name, flags in columns.boolean.items():
        coded.append(_Coded(name, Kind.BOOLEAN, 0.0, flags.astype(np.int32), np.array([0, 1])))
    coded += [_code_labels(name, labels) for name, labels in columns.categorical.items()]
    coded += [_code_words(name, words) for name, words in columns.text.items()]
    coded += [_code_vectors(name, vectors) for name, vectors in columns.vector.items()]
    return sorted(coded, key=lambda c: c.name)


def _entries(
    c: _Coded, groups: NDArray[np.int32], size: int, all_traffic: int
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Group, key and count of one signal, ascending; the first `all_traffic` of the `size` groups are of no slice."""
    bounded = c.kind in (Kind.TEXT, Kind.VECTOR)
    of_items = groups[:1] if bounded else groups
    if c.rows is not None:
        of_items = np.take(of_items, c.rows, axis=1)
    if c.vectors is not None:
        return moment_counts(c.vectors, of_items[0])
    group, code, count = _count(c.codes, of_items, all_traffic if bounded else size, len(c.keys))
    return group, c.keys[code], count


def fold(columns: Columns, grouping: Grouping, ids: pl.Series, slices: Mapping[str, pl.Series]) -> list[Pane]:
    """The panes of a batch, one for each key of the grouping; `ids` (n,), all different, draw the sample.

    Texts, vectors and samples are kept for all traffic only, to bound storage.
    """
    size, coded = len(grouping.keys), _code(columns)
    groups, moments = grouping.codes, np.tile(NO_MOMENTS, (size, len(coded), 1))
    nothing = empty_counts()
    entries = [(nothing.signal, nothing.signal, nothing.key, nothing.count)]
    all_traffic = int(groups[0].max(initial=-1)) + 1
    for s, c in enumerate(coded):
        group, key, count = _entries(c, groups, size, all_traffic)
        entries.append((group, np.full(len(group), s, np.int32), key, count))
        if c.values is not None:
            _moments(c.values, c.codes, groups, c.resolution, moments[:, s])
    group, signal, key, count = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    order = np.argsort(group, kind="stable")
    bounds = np.searchsorted(group[order], np.arange(size + 1))
    totals = np.bincount(groups[groups >= 0], minlength=size)
    samples = _samples(coded, groups[0], ids, slices)
    labels = {key: label for c in coded for key, label in c.labels.items()}
    return [
        _pane(
            coded,
            labels,
            int(totals[g]),
            moments[g],
            Counts(signal[part], key[part], count[part]),
            samples.get(g, empty_sample()),
        )
        for g in range(size)
        for part in (order[bounds[g] : bounds[g + 1]],)
    ]


def _pane(
    coded: Sequence[_Coded],
    labels: Mapping[int, str],
    n: int,
    moments: NDArray[np.float64],
    counts: Counts,
    sample: Sample,
) -> Pane:
    """One pane with only the signals that it holds anything of."""
    held = np.unique(counts.signal)
    place = np.zeros(len(coded), np.int32)
    place[held] = np.arange(len(held))
    mine = [coded[i] for i in held]
    kinds = np.array([c.kind for c in mine], np.uint8)
    counts = Counts(place[counts.signal], counts.key, counts.count)
    counts = cap_categories(counts, kinds == Kind.CATEGORICAL)
    labels = {k: labels[k] for k in counts.key[kinds[counts.signal] == Kind.CATEGORICAL].tolist() if k in labels}
    sample = Sample(
        sample.hashes,
        sample.ids,
        sample.slices,
        sample.keys[:, held] if len(sample.ids) else empty_sample(len(held)).keys,
    )
    resolution = np.array([c.resolution for c in mine], np.float64)
    return Pane(n, tuple(c.name for c in mine), kinds, resolution, moments[held], counts, labels, sample)


def _samples(
    coded: Sequence[_Coded], group: NDArray[np.int32], ids: pl.Series, slices: Mapping[str, pl.Series]
) -> dict[int, Sample]:
    """The bottom-k sample of each pane of all traffic."""
    hashes = hash_column(ids)
    order = np.lexsort((hashes, group))
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    chosen = order[rank < SAMPLE_SIZE]
    keys = np.full((len(chosen), len(coded)), MISSING, np.int64)
    for s, c in enumerate(coded):
        if c.rows is None:
            keys[:, s] = np.where(c.codes[chosen] >= 0, c.keys[c.codes[chosen]] if len(c.keys) else MISSING, MISSING)
    rows = pl.Series(chosen)
    names = ids.gather(rows).to_list()
    values = pl.DataFrame(dict(slices)).select(pl.all().gather(rows)).to_dicts() if slices else [{} for _ in names]
    of_group = group[chosen]
    out = {}
    for g in np.unique(of_group).tolist():
        mine = np.flatnonzero(of_group == g)
        tags = tuple({k: v for k, v in values[i].items() if v is not None} for i in mine)
        out[g] = Sample(hashes[chosen[mine]], tuple(names[i] for i in mine), tags, keys[mine])
    return out
