"""One file as panes: all its rows and each slice of them, and its windows where rows have times."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from monitor.check.slicing import Slicer
from monitor.files import read_interactions
from records.codec import Refusal
from records.columns import Columns
from records.hashing import hash_column
from records.pane import Accumulator, Pane, merge
from records.signal import Signal
from records.window import WINDOW
from signals import compute
from signals.embedding import Embed, Sampled, chosen
from signals.evaluation.reference_free import NOTHING, Expected
from streams.panes import fold, group_rows

Slice = tuple[str, str]
"""Dimension and value; both empty for all rows."""
MOST_PANES = 2048
"""Panes kept of a file's windows; beyond that its windows become twice as long."""
FEWEST_WINDOWS = 48
"""Windows are not made longer while there are fewer than twice so many."""
UNTIMED = -1
"""Where rows without a time are counted."""
EMBEDDED = 10_000
"""Rows that are embedded for certain, if there are so many; of the others ever fewer are."""
SHOWN = 3
"""Refusals of a file that are kept whole."""


class Options(NamedTuple):
    """What is measured of the rows: mapping of fields, slice dimensions, signals (None: all), evaluations; what
    embeds a sample of them (None: no embeddings); what is expected of answers."""

    mapping: Mapping[str, str] = {}
    by: Sequence[str] = ()
    signals: Collection[str] | None = None
    evaluations: Collection[str] = ()
    embed: Embed | None = None
    expected: Expected = NOTHING


@dataclass
class File:
    """What a file holds: `rows` that were accepted, and `panes` by slice.

    `windows` are panes by start and slice, `width` microseconds each, kept where asked for; `timed`: every row has a
    time; `since`, `until`: the first and last of them, microseconds. `clusters` gives, of a signal that may have several
    values a row, how many it has in all and the sum of their numbers' squares. `refused` counts reasons; `examples` are
    the first of them in words. `skipped` rows are of another application.
    """

    path: str
    rows: int = 0
    skipped: int = 0
    panes: dict[Slice, Pane] = field(default_factory=dict)
    windows: dict[int, dict[Slice, Pane]] = field(default_factory=dict)
    width: int = 0
    timed: bool = True
    since: int | None = None
    until: int | None = None
    clusters: dict[str, tuple[float, float]] = field(default_factory=dict)
    declared: dict[str, Signal] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)


def read_file(
    path: str,
    options: Options,
    *,
    application: str | None = None,
    windows: bool = False,
    texts: bool = False,
    progress: Callable[[float], None] | None = None,
) -> File:
    """Read and fold a file. With `application`, rows that name another one are skipped and counted.

    `windows` keeps windows of 5 minutes, or longer ones where there would be too many; `texts` keeps the words used,
    which explain but are not compared. Raises InputError as `read_interactions`.
    """
    reader = _Reader(File(str(path)), options, windows, texts)
    for frame, refused in read_interactions(path, options.mapping, progress):
        reader.take(frame, refused, application)
    return reader.done()


class _Reader:
    def __init__(self, file: File, options: Options, windows: bool, texts: bool):
        self.file, self.options, self.texts = file, options, texts
        self.slicer = Slicer(options.by)
        self.totals: dict[Slice, Accumulator] = {}
        file.width = WINDOW if windows else 0
        self.seen = 0

    def take(self, frame: pl.DataFrame, refused: Sequence[Refusal], application: str | None) -> None:
        """Add a chunk."""
        ids = self._ids(frame, refused)
        self._refuse(refused)
        if application is not None:
            mine = frame["application"].is_null() | (frame["application"] == application).fill_null(False)
            self.file.skipped += len(frame) - int(mine.sum())
            frame, ids = frame.filter(mine), ids.filter(mine)
        if not len(frame):
            return
        columns = compute(frame, self.options.signals, self.options.evaluations, self._sampled(ids), self.options.expected)
        self.file.declared.update(columns.declared)
        self._cluster(columns)
        self._fold(columns if self.texts else replace(columns, text={}), frame, ids)
        self.file.rows += len(frame)

    def _sampled(self, ids: pl.Series) -> Sampled | None:
        if self.options.embed is None:
            return None
        place = np.arange(1, len(ids) + 1) + self.file.rows
        return Sampled(self.options.embed, chosen(hash_column(ids), place, EMBEDDED))

    def _ids(self, frame: pl.DataFrame, refused: Sequence[Refusal]) -> pl.Series:
        """Ids of the rows; where a row has none, its number in the file (blank lines not counted)."""
        total = len(frame) + len(refused)
        places = np.clip(np.array([r.index - 1 - self.seen for r in refused], np.int64), 0, max(total - 1, 0))
        numbers = np.delete(np.arange(1, total + 1), places)[: len(frame)] + self.seen
        self.seen += total
        named = pl.DataFrame({"id": frame["id"], "number": pl.Series(numbers[: len(frame)]).cast(pl.String)})
        return named.select(pl.coalesce("id", pl.lit("row ") + pl.col("number")).alias("id"))["id"]

    def _refuse(self, refused: Sequence[Refusal]) -> None:
        for refusal in refused:
            self.file.refused[refusal.reason] = self.file.refused.get(refusal.reason, 0) + 1
        self.file.examples += [refusal.text for refusal in refused[: SHOWN - len(self.file.examples)]]

    def _cluster(self, columns: Columns) -> None:
        """Several values of one row are no independent observations: count how they cluster."""
        for name, labels in columns.categorical.items():
            if labels.rows is not None:
                sizes = np.bincount(labels.rows[labels.codes >= 0]).astype(np.float64)
                items, squares = self.file.clusters.get(name, (0.0, 0.0))
                self.file.clusters[name] = (items + sizes.sum(), squares + (sizes**2).sum())

    def _times(self, frame: pl.DataFrame) -> NDArray[np.int64]:
        times = frame["timestamp"]
        if times.null_count():
            self.file.timed = False
        known: NDArray[np.int64] = times.drop_nulls().to_numpy()
        if len(known):
            first, last = int(known.min()), int(known.max())
            self.file.since = first if self.file.since is None else min(first, self.file.since)
            self.file.until = last if self.file.until is None else max(last, self.file.until)
        filled: NDArray[np.int64] = times.fill_null(UNTIMED).to_numpy()
        return filled

    def _fold(self, columns: Columns, frame: pl.DataFrame, ids: pl.Series) -> None:
        times = self._times(frame)
        if not self.file.timed:
            self.file.width = 0
            self.file.windows.clear()
        slices = self.slicer.take(frame)
        one = pl.Series([""]).new_from_index(0, len(frame))
        width = self.file.width
        grouping = group_rows(one, times if width else np.zeros_like(times), slices, width=width or WINDOW)
        for key, pane in zip(grouping.keys, fold(columns, grouping, ids, slices), strict=True):
            where = (key.dimension, key.value)
            self.totals.setdefault(where, Accumulator()).add(pane)
            if width:
                own = self.file.windows.setdefault(key.start, {})
                own[where] = merge(own[where], pane) if where in own else pane
        while len(self.file.windows) >= 2 * FEWEST_WINDOWS and sum(map(len, self.file.windows.values())) > MOST_PANES:
            self.file.windows, self.file.width = lengthened(self.file.windows, 2 * width), 2 * width
            width = self.file.width

    def done(self) -> File:
        """The file, all of it read."""
        self.file.panes = {where: panes.total() for where, panes in self.totals.items()}
        if not self.file.rows:
            self.file.timed = False
        return self.file


def lengthened(windows: Mapping[int, Mapping[Slice, Pane]], width: int) -> dict[int, dict[Slice, Pane]]:
    """The windows merged into windows of `width` microseconds, a multiple of their own."""
    longer: dict[int, dict[Slice, Pane]] = {}
    for start, panes in windows.items():
        own = longer.setdefault(start // width * width, {})
        for where, pane in panes.items():
            own[where] = merge(own[where], pane) if where in own else pane
    return longer
