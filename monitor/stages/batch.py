"""What travels through the stages: one batch of log records and what becomes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from monitor.state import Partition
from records.codec import Refusal
from records.pane import Pane
from streams.embedded import LogRecord
from streams.panes import PaneKey
from streams.watermark import Closing

Parts = dict[int, list[tuple[PaneKey, Pane]]]
"""What is added to panes, by segment of the batch."""


def _no_numbers() -> NDArray[np.int64]:
    return np.empty(0, np.int64)


@dataclass
class Batch:
    """R records of one partition, in order. Of the n interactions kept: `frame`, and arrays (n,) aligned with it.

    record: which log record each came in; hashes: of (application, id); start: of its pane; segment: part of the
    batch, a new one after every record that lets windows close (`closings`, by record). `slices`: dimension to value.
    `panes` are by segment, and so are `runs`: pieces of an application's runs in a window. `duplicates` and `late` count
    interactions by application; `progress` is the watermark of an application after each of the R records.
    """

    partition: Partition
    records: Sequence[LogRecord]
    accepted_at: NDArray[np.int64]
    frame: pl.DataFrame = field(default_factory=pl.DataFrame)
    record: NDArray[np.int64] = field(default_factory=_no_numbers)
    hashes: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    start: NDArray[np.int64] = field(default_factory=_no_numbers)
    segment: NDArray[np.int64] = field(default_factory=_no_numbers)
    slices: dict[str, pl.Series] = field(default_factory=dict)
    feedback: pl.DataFrame = field(default_factory=pl.DataFrame)
    feedback_record: NDArray[np.int64] = field(default_factory=_no_numbers)
    refused: list[Refusal] = field(default_factory=list)
    unknown: dict[str, int] = field(default_factory=dict)
    duplicates: dict[str, int] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)
    progress: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    closings: list[Closing] = field(default_factory=list)
    panes: Parts = field(default_factory=dict)
    runs: dict[int, list[tuple[str, int, pl.DataFrame]]] = field(default_factory=dict)

    @property
    def watermarks(self) -> dict[str, int]:
        """The event time that each application of this batch reached with it."""
        return {name: int(watermark[-1]) for name, watermark in self.progress.items()}

    @property
    def next_offset(self) -> int:
        """Where the stream goes on after this batch."""
        return self.records[-1].offset + 1

    def segment_of(self, record: NDArray[np.int64]) -> NDArray[np.int64]:
        """The segment of each log record: how many records before it let windows close."""
        return np.searchsorted(self.boundaries, record, side="left")

    @property
    def boundaries(self) -> NDArray[np.int64]:
        """Records after which windows close, ascending."""
        return np.unique(np.array([closing.record for closing in self.closings], np.int64))

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Drop the interactions that are not `kept` (n,)."""
        if not kept.all():
            self.frame = self.frame.filter(pl.Series(kept))
            self.record = self.record[kept]
            self.hashes = self.hashes[kept] if len(self.hashes) == len(kept) else self.hashes
