"""From interactions to panes: slices, signals, grouped counts."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from monitor.stages.batch import Batch
from monitor.stages.embedding import sampled
from monitor.state import State
from records.columns import Columns
from signals import compute
from signals.dynamic import declare
from signals.embedding import Sampled
from streams.panes import fold as fold_columns
from streams.panes import group_rows
from streams.slices import MOST_VALUES, REST, dimension_values


def slice_(state: State, batch: Batch) -> None:
    """The value of every slice dimension for each interaction; beyond MOST_VALUES of them it is `__other__`."""
    application = batch.frame["application"]
    names = application.unique(maintain_order=True).to_list()
    dimensions = {d: None for name in names for d in state.application(name).slices}
    for dimension in dimensions:
        own = [name for name in names if dimension in state.application(name).slices]
        values = pl.DataFrame({"application": application, "value": dimension_values(batch.frame, dimension)})
        values = values.with_columns(pl.when(pl.col("application").is_in(own)).then("value").alias("value"))
        batch.slices[dimension] = _registered(state, batch, dimension, values)


def _registered(state: State, batch: Batch, dimension: str, values: pl.DataFrame) -> pl.Series:
    """Register values at first sight, in the order of their interactions; what finds no place is `__other__`."""
    seen = values.with_columns(pl.Series("at", batch.frame["timestamp"])).drop_nulls("value")
    first = list(seen.unique(["application", "value"], keep="first", maintain_order=True).iter_rows())
    new: dict[str, list[tuple[str, int]]] = {}
    for application, value, at in first:
        registry = state.slices.get((application, dimension), {})
        if value not in registry and len(registry) <= MOST_VALUES:
            new.setdefault(application, []).append((value, at))
    for application, rows in new.items():
        state.register(application, dimension, rows)
    full = [(application, value) for application, value, _ in first if value not in state.slices[application, dimension]]
    if full:
        rest = pl.DataFrame(full, schema=["application", "value"], orient="row").with_columns(pl.lit(REST).alias("rest"))
        values = values.join(rest, on=["application", "value"], how="left", maintain_order="left")
        return values.select(pl.coalesce("rest", "value").alias(dimension))[dimension]
    return values["value"].alias(dimension)


def fold(state: State, batch: Batch) -> None:
    """Signals of all interactions at once, counted into panes by segment."""
    for rows in _alike(state, batch.frame["application"]):
        whole = len(rows) == len(batch.frame)
        frame = batch.frame if whole else batch.frame[rows]
        slices = batch.slices if whole else {d: values.gather(pl.Series(rows)) for d, values in batch.slices.items()}
        columns = measure(state, frame, sampled(state, batch, frame["application"][0], rows))
        grouping = group_rows(frame["application"], batch.start[rows], slices, batch.segment[rows])
        panes = fold_columns(columns, grouping, frame["id"], slices)
        for key, segment, pane in zip(grouping.keys, grouping.segments, panes, strict=True):
            batch.panes.setdefault(segment, []).append((key, pane))


def _alike(state: State, application: pl.Series) -> list[NDArray[np.int64]]:
    """Rows of the applications that are measured alike: what one asks for never shows in the panes of another."""
    names: dict[tuple[object, ...], list[str]] = {}
    for name in application.unique(maintain_order=True).to_list():
        config = state.application(name)
        alone = name if config.embeddings is not None else ""  # its sample, and what it compares with, are its own
        judges = tuple(judge.name for judge in config.judges)
        names.setdefault((config.signals, config.scores, config.expected, judges, alone), []).append(name)
    return [np.flatnonzero(application.is_in(mine).to_numpy()) for mine in names.values()]


def measure(state: State, frame: pl.DataFrame, sample: Sampled | None = None) -> Columns:
    """Signals of a frame whose applications are measured alike, embeddings of the sample alone."""
    config = state.application(frame["application"][0])
    enabled = None if config.signals is None else set(config.signals)
    columns = compute(frame, enabled, sorted(config.scores), sample, config.expected)
    for name in {f"scores.{judge.name}" for judge in config.judges} & columns.numeric.keys():
        apart = declare(f"{name}.application")  # the score of that name is the judge's alone
        columns.numeric[apart.name], columns.declared[apart.name] = columns.numeric.pop(name), apart
        del columns.declared[name]
    state.declared.update(columns.declared)
    return columns


def codes(state: State, batch: Batch, application: str, rows: NDArray[np.int64]) -> tuple[list[str], NDArray[np.int32]]:
    """The dimensions of an application, and the registry codes (dimensions, rows) of its interactions; -1 is none."""
    dimensions = list(state.application(application).slices)
    out = np.full((len(dimensions), len(rows)), -1, np.int32)
    for d, dimension in enumerate(dimensions):
        registry = state.slices.get((application, dimension), {})
        values = batch.slices[dimension].gather(pl.Series(rows))
        if registry and values.null_count() < len(values):
            places = pl.DataFrame({"value": list(registry), "code": list(registry.values())})
            joined = values.to_frame("value").join(places, on="value", how="left", maintain_order="left")
            out[d] = joined["code"].fill_null(-1).to_numpy()
    return dimensions, out
