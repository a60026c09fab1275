"""Stored panes as the course of a signal: typical values step by step, and the band that is usual for the hour."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.page.reading.kept import Connection, Kept, stretches
from monitor.page.views import TimeAxis
from monitor.store import panes
from records.pane import TOTAL, Pane
from records.pane_codec import decode_pane
from records.summary.buckets import bucket_edges
from records.window import DAY, HOUR, WINDOW

EARLIER_DAYS, LEAST_DAYS = 7, 2
"""Days whose same hour is usual, and how many of them it needs; with fewer the trailing day is."""
LEAST_VALUES = 3
LOW, MIDDLE, HIGH = 10, 50, 90
Slice = tuple[str, str]


class Column(NamedTuple):
    """One signal in one pane: keys (ascending) with their counts, sum of the values in the signal's unit."""

    keys: NDArray[np.int64]
    counts: NDArray[np.int64]
    total: float
    resolution: float


class Extract(NamedTuple):
    """What is kept of a pane: its start, its interactions, and the signals that were asked for (None: it has none)."""

    start: int
    n: int
    columns: tuple[Column | None, ...]


def column(pane: Pane, name: str) -> Column | None:
    """One signal of a pane; None where it has no value of it."""
    place = pane.index(name)
    if place < 0:
        return None
    keys, counts = pane.cells(name)
    if not len(keys):
        return None
    resolution = float(pane.resolution[place])
    return Column(keys.copy(), counts.copy(), float(pane.moments[place, TOTAL]) * resolution, resolution)


def _extract(blob: bytes, start: int, names: tuple[str, ...]) -> Extract:
    pane = decode_pane(blob)
    return Extract(start, pane.n, tuple(column(pane, name) for name in names))


@dataclass(frozen=True, slots=True)
class Source:
    """Where a slice's panes are read from; `now` is the end of the last judged window."""

    c: Connection
    kept: Kept
    application: str
    where: Slice
    now: int

    def extracts(self, names: tuple[str, ...], width: int, since: int, until: int) -> list[Extract]:
        """Panes of `width` that start in [since, until), one a partition, in order."""

        def read(start: int, end: int, keep: bool) -> list[Extract]:
            out = []
            for key, blob in panes.between(self.c, self.application, width, start, end, *self.where):
                made = partial(_extract, blob, key.start, names)
                mark = ("pane", self.application, self.where, names, width, key.start, hash(blob))
                out.append(self.kept.get(mark, made) if keep else made())
            return out

        found: list[Extract] = []
        for start, end, stamp in stretches(since, until, self.now):
            mark = ("panes", self.application, self.where, names, width, start, end, stamp)
            found += read(start, end, True) if stamp is None else self.kept.get(mark, partial(read, start, end, False))
        return found

    def course(self, names: tuple[str, ...], step: int, since: int, until: int) -> list[Extract]:
        """Panes fit for steps of `step`: whole hours where the steps are hours, windows for what is left."""
        if step < HOUR:
            return self.extracts(names, WINDOW, since, until)
        hours = until // HOUR * HOUR
        return self.extracts(names, HOUR, since, hours) + self.extracts(names, WINDOW, hours, until)


def merged(columns: Iterable[Column | None]) -> Column | None:
    """One column of many; None where there is no value at all."""
    known = [one for one in columns if one is not None]
    if len(known) < 2:
        return known[0] if known else None
    keys, counts = np.concatenate([one.keys for one in known]), np.concatenate([one.counts for one in known])
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    counts = np.add.reduceat(counts[order], first)
    return Column(keys[first], counts, sum(one.total for one in known), min(one.resolution for one in known))


def quantile(values: Column | None, share: float) -> float | None:
    """A quantile of a numeric signal: within its bucket (2.2 % to either side) by linear interpolation."""
    if values is None:
        return None
    reached = np.cumsum(values.counts)
    wanted = share * float(reached[-1])
    at = min(int(np.searchsorted(reached, wanted)), len(values.keys) - 1)
    low, high = (float(edge[0]) for edge in bucket_edges(values.keys[at : at + 1]))
    if values.resolution >= 1 and high - low < 1:
        return float(round((low + high) / 2))
    return low + (high - low) * (1.0 - (float(reached[at]) - wanted) / float(values.counts[at]))


def mean(values: Column | None) -> float | None:
    """Mean of a numeric signal."""
    return None if values is None else values.total / float(values.counts.sum())


def share(values: Column | None, key: int) -> float | None:
    """Share of one key among a signal's values."""
    if values is None:
        return None
    return float(values.counts[values.keys == key].sum() / values.counts.sum())


def by_step(extracts: Sequence[Extract], since: int, step: int, count: int) -> list[list[Extract]]:
    """Panes grouped by the step in which they start."""
    groups: list[list[Extract]] = [[] for _ in range(count)]
    for extract in extracts:
        place = (extract.start - since) // step
        if 0 <= place < count:
            groups[place].append(extract)
    return groups


def usual_band(values: NDArray[np.float64], since: int, axis: TimeAxis) -> NDArray[np.float64]:
    """Low, middle and high (3, count) of what is usual for each step of the axis; nan where nothing is known.

    `values` are the steps from `since` to the end of the axis. Usual is the same hour (at least the same step) and those
    beside it, of up to EARLIER_DAYS days before; where fewer than LEAST_DAYS of them are known, the day before the step.
    """
    day, lead = DAY // axis.step, (axis.start - since) // axis.step
    hour = max(1, HOUR // axis.step)
    at = lead + np.arange(axis.count)
    first = at - (axis.start // axis.step + np.arange(axis.count)) % hour
    offsets = (np.arange(-hour, 2 * hour) - day * np.arange(1, EARLIER_DAYS + 1)[:, None]).ravel()
    same_hour = _taken(values, first[:, None] + offsets)
    days = (~np.isnan(same_hour)).reshape(axis.count, EARLIER_DAYS, 3 * hour).any(2).sum(1)
    day_before = _taken(values, at[:, None] - np.arange(1, day + 1))
    return np.where(days >= LEAST_DAYS, _percentiles(same_hour), _percentiles(day_before))


def _taken(values: NDArray[np.float64], places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Values at places, nan before the first."""
    return np.where(places >= 0, values[np.maximum(places, 0)], np.nan)


def _percentiles(pools: NDArray[np.float64]) -> NDArray[np.float64]:
    """LOW, MIDDLE and HIGH centile (3, count) of each row, interpolated; nan where fewer than LEAST_VALUES are known."""
    ordered = np.sort(pools, axis=1)
    known = (~np.isnan(pools)).sum(1)
    place = np.array([LOW, MIDDLE, HIGH])[:, None] / 100 * np.maximum(known - 1, 0)
    below = np.floor(place).astype(np.int64)
    rows = np.arange(len(pools))
    low, high = ordered[rows, below], ordered[rows, np.minimum(below + 1, np.maximum(known - 1, 0))]
    return np.where(known >= LEAST_VALUES, low + (high - low) * (place - below), np.nan)


def optional(values: Iterable[float]) -> tuple[float | None, ...]:
    """nan as None."""
    return tuple(None if value != value else float(value) for value in values)
