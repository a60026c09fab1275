"""Runs: the interactions of one conversation count together once it was idle, in the window in which that shows.

What a batch holds of them is written with its panes, one row a window; whoever closes a window joins the pieces of all
batches and partitions. An interaction that continues a run comes before the run would be over, so by the time its window
closes it is there: which run an interaction belongs to depends on no order. What is too late for its window joins the run
that is open then, or is one of its own.
"""

from dataclasses import replace

import numpy as np
import polars as pl
from sqlalchemy import Connection

from monitor.stages.batch import Batch
from monitor.state import State
from monitor.store import runs as stored
from records.pane import Pane
from records.summary.sample import empty_sample
from records.window import WINDOW
from signals import runs
from streams.panes import PaneKey, fold, group_rows


def follow(state: State, batch: Batch) -> None:
    """The pieces of runs that a batch holds, by segment, application and window."""
    application = batch.frame["application"]
    for name in application.unique(maintain_order=True).to_list():
        config = state.application(name)
        if config.conversations is None:
            continue
        mine = np.flatnonzero((application == name).to_numpy())
        slices = {dimension: batch.slices[dimension].gather(pl.Series(mine)) for dimension in config.slices}
        by = {"segment": batch.segment[mine], "start": batch.start[mine]}
        found = runs.pieces(batch.frame[mine], batch.hashes[mine], slices, by, config.expected.tools)
        for (segment, start), pieces in found.group_by("segment", "start", maintain_order=True):
            batch.runs.setdefault(int(segment), []).append((name, int(start), pieces.drop("segment", "start")))


def keep(c: Connection, batch: Batch, segment: int) -> None:
    """Write down the pieces of a segment."""
    for application, start, pieces in batch.runs.get(segment, []):
        stored.append(c, application, start, int(batch.accepted_at.max()), pieces)


def over(state: State, c: Connection, application: str, start: int) -> dict[PaneKey, Pane]:
    """The runs that are over when the window at `start` closes, as panes of that window; none of them is counted again."""
    config, end = state.application(application), start + WINDOW
    if config.conversations is None:
        return {}
    idle = config.conversations.idle
    held, accepted_at = stored.take(c, application, end)
    if not held:
        return {}
    every = runs.joined(held, idle)
    ended = pl.col("last") + idle < end
    stored.put(c, application, accepted_at, every.filter(~ended))
    return _panes(state, application, start, every.filter(ended))


def due(state: State, c: Connection, application: str, start: int) -> int | None:
    """The first window after the one at `start` in which an open run may be over; None where none is open."""
    config, oldest = state.application(application).conversations, stored.oldest(c, application)
    if config is None or oldest is None:
        return None
    return max((oldest + config.idle) // WINDOW * WINDOW, start + WINDOW)


def _panes(state: State, application: str, start: int, ended: pl.DataFrame) -> dict[PaneKey, Pane]:
    """Panes that hold runs alone: their interactions are counted already."""
    config = state.application(application)
    columns = runs.measure(ended)
    if config.signals is not None:
        columns = replace(columns, numeric={name: v for name, v in columns.numeric.items() if name in config.signals})
    if not len(ended) or not columns.numeric:
        return {}
    nothing = pl.Series([None] * len(ended), dtype=pl.String)
    slices = {d: ended[f"{runs.SLICE}{d}"] if f"{runs.SLICE}{d}" in ended.columns else nothing for d in config.slices}
    grouping = group_rows(pl.Series([application] * len(ended)), np.full(len(ended), start), slices)
    panes = fold(columns, grouping, pl.Series([""] * len(ended)), slices)
    blank = ((key, pane, empty_sample(len(pane.names))) for key, pane in zip(grouping.keys, panes, strict=True))
    return {key: replace(pane, n=0, sample=sample) for key, pane, sample in blank}
