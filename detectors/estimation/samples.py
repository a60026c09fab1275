"""One table of the bottom-k samples of panes: a row an interaction, a column a signal, the days one after the other."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from records.pane import Pane
from records.signal import Kind
from records.summary.buckets import BAD, MISSING, bucket_middles

MOST_ROWS, MOST_COLUMNS, MOST_CATEGORIES = 20_000, 150, 64
HOURS = 24


class Table(NamedTuple):
    """day (n,): 0 to D - 1, ascending; numeric (n, p): middles of buckets, nan where missing; categorical (n, q): codes,
    -1 where missing."""

    day: NDArray[np.int64]
    numeric: NDArray[np.float64]
    categorical: NDArray[np.int64]


def tabulate(days: Sequence[Sequence[Pane]]) -> Table:
    """The samples of each day's panes of an hour, every hour with as many rows as the others where it has them.

    Left out are texts, signals with one value, and those that a single day has values of; of categories the commonest
    stay, the rest is one. Where there are too many signals, those with the most values stay.
    """
    each = max(1, MOST_ROWS // (HOURS * max(len(days), 1)))
    hours = [(d, pane, keys) for d, panes in enumerate(days) for pane in panes if len(keys := pane.sample.keys[:each])]
    day = np.repeat([d for d, _, _ in hours], [len(keys) for _, _, keys in hours]).astype(np.int64)
    kinds = {name: Kind(kind) for _, pane, _ in hours for name, kind in zip(pane.names, pane.kinds.tolist(), strict=True)}
    names = sorted(name for name, kind in kinds.items() if kind in (Kind.NUMERIC, Kind.BOOLEAN, Kind.CATEGORICAL))
    keys = np.full((len(day), len(names)), MISSING, np.int64)
    column = {name: i for i, name in enumerate(names)}
    row = 0
    for _, pane, sampled in hours:
        known = [i for i, name in enumerate(pane.names) if name in column]
        keys[row : row + len(sampled), [column[pane.names[i]] for i in known]] = sampled[:, known]
        row += len(sampled)
    chosen = sorted(_telling(keys, day), key=lambda j: (-int((keys[:, j] > BAD).sum()), j))[:MOST_COLUMNS]
    numeric = [_number(keys[:, j], kinds[names[j]]) for j in sorted(chosen) if kinds[names[j]] != Kind.CATEGORICAL]
    categorical = [_codes(keys[:, j]) for j in sorted(chosen) if kinds[names[j]] == Kind.CATEGORICAL]
    empty = np.empty((len(day), 0))
    return Table(day, np.column_stack([empty, *numeric]), np.column_stack([empty, *categorical]).astype(np.int64))


def _telling(keys: NDArray[np.int64], day: NDArray[np.int64]) -> Iterator[int]:
    """Columns that differ, and that the days without any one of them still have values of."""
    for j in range(keys.shape[1]):
        there = keys[:, j] > BAD
        if len(np.unique(keys[there, j])) > 1 and len(np.unique(day[there])) > 1:
            yield j


def _number(keys: NDArray[np.int64], kind: Kind) -> NDArray[np.float64]:
    there = keys > BAD
    return np.where(there, keys if kind == Kind.BOOLEAN else bucket_middles(np.where(there, keys, 0)), np.nan)


def _codes(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Commonest first; what is beyond MOST_CATEGORIES - 1 of them shares the last code."""
    there = keys > BAD
    _, code, count = np.unique(keys[there], return_inverse=True, return_counts=True)
    place = np.argsort(np.argsort(-count, kind="stable"))
    codes = np.full(len(keys), -1, np.int64)
    codes[there] = np.minimum(place[code], MOST_CATEGORIES - 1)
    return codes
