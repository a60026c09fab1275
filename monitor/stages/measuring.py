"""From interactions to panes: slices, signals, grouped counts."""

import numpy as np
import polars as pl

from monitor.stages.batch import Batch
from monitor.state import MOST_VALUES, REST, State
from records.columns import Columns
from signals import compute
from streams.panes import fold as fold_columns
from streams.panes import group_rows


def slice_(state: State, batch: Batch) -> None:
    """The value of every slice dimension for each interaction; beyond MOST_VALUES of them it is `__other__`."""
    application = batch.frame["application"]
    names = application.unique(maintain_order=True).to_list()
    dimensions = {d: None for name in names for d in state.application(name).slices}
    for dimension in dimensions:
        own = [name for name in names if dimension in state.application(name).slices]
        values = pl.DataFrame({"application": application, "value": _values(batch.frame, dimension)})
        values = values.with_columns(pl.when(pl.col("application").is_in(own)).then("value").alias("value"))
        batch.slices[dimension] = _registered(state, batch, dimension, values)


def _values(frame: pl.DataFrame, dimension: str) -> pl.Series:
    """The raw column of a dimension: a field of the record, or one of its tags."""
    if not dimension.startswith("tags."):
        return frame[dimension]
    key = dimension.removeprefix("tags.")
    if not frame["tags"].list.len().sum():
        return pl.Series(dimension, [None] * len(frame), dtype=pl.String)
    tags = frame.select(pl.int_range(pl.len()).alias("row"), "tags").explode("tags").unnest("tags")
    mine = tags.filter(pl.col("key") == key).unique("row", keep="last")
    rows = frame.select(pl.int_range(pl.len()).alias("row"))
    return rows.join(mine, on="row", how="left", maintain_order="left")["value"]


def _registered(state: State, batch: Batch, dimension: str, values: pl.DataFrame) -> pl.Series:
    """Register values at first sight, in the order of their interactions; what finds no place is `__other__`."""
    full: list[tuple[str, str]] = []
    seen = values.with_columns(pl.Series("at", batch.frame["timestamp"])).drop_nulls("value")
    for application, value, at in seen.unique(["application", "value"], keep="first", maintain_order=True).iter_rows():
        registry = state.slices.setdefault((application, dimension), {})
        if value in registry:
            continue
        if len(registry) >= MOST_VALUES:
            full.append((application, value))
            value = REST
            if value in registry:
                continue
        registry[value] = len(registry)
        batch.new_values.append((application, dimension, value, registry[value], at))
    if full:
        rest = pl.DataFrame(full, schema=["application", "value"], orient="row").with_columns(pl.lit(REST).alias("rest"))
        values = values.join(rest, on=["application", "value"], how="left", maintain_order="left")
        return values.select(pl.coalesce("rest", "value").alias(dimension))[dimension]
    return values["value"].alias(dimension)


def fold(state: State, batch: Batch) -> None:
    """Signals of all interactions at once, counted into panes by segment."""
    if not len(batch.frame):
        return
    columns = measure(state, batch.frame)
    grouping = group_rows(batch.frame["application"], batch.start, batch.slices, batch.segment)
    panes = fold_columns(columns, grouping, batch.frame["id"], batch.slices)
    for key, segment, pane in zip(grouping.keys, grouping.segments, panes, strict=True):
        batch.panes.setdefault(segment, []).append((key, pane))


def measure(state: State, frame: pl.DataFrame) -> Columns:
    """Signals of a frame, with the evaluations that any of its applications asks for."""
    names = frame["application"].unique().to_list()
    configs = [state.application(name) for name in names]
    wanted = None if any(config.signals is None for config in configs) else {s for c in configs for s in c.signals or ()}
    evaluations = sorted({name for config in configs for name in config.evaluations})
    columns = compute(frame, wanted, evaluations)
    state.declared.update(columns.declared)
    return columns


def codes(
    state: State, batch: Batch, application: str, rows: "np.ndarray[tuple[int], np.dtype[np.int64]]"
) -> tuple[list[str], "np.ndarray[tuple[int, int], np.dtype[np.int32]]"]:
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
