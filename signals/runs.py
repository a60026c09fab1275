"""Runs of an agent: the interactions of one conversation, each no more than `idle` after another of them.

A run in the making is a row of what adds up in any order (sums, the first, the last, a bottom-k sample of its calls), so its
pieces may be counted by different processes and joined later.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.columns import Columns
from records.hashing import hash_column
from signals.agent import Tool, canonical, unfit
from signals.catalogue import BY_NAME
from signals.labels import flatten

KEPT = 64
"""Different calls of a run that are kept, those of the lowest hashes: of longer runs repeated calls are those of a sample."""
SLICE = "slice "
"""What begins the columns that hold the slices of a run: those of its last interaction."""
_COUNTS = ("steps", "told", "calls", "failed", "unknown")
_CALLS = pl.List(pl.Struct({"call": pl.UInt64, "times": pl.Int64}))
SCHEMA = pl.Schema(
    {
        "conversation": pl.UInt64(),  # hash of its id
        "first": pl.Int64(),  # event time of the first and the last interaction, microseconds
        "last": pl.Int64(),
        "order": pl.UInt64(),  # hash of the last interaction, which decides where two are of one time
        "steps": pl.Int64(),  # interactions; `told` of them have a list of tool calls
        "told": pl.Int64(),
        "calls": pl.Int64(),
        "failed": pl.Int64(),
        "unknown": pl.Float64(),  # nan where no tools are declared
        "distinct": _CALLS,
    }
)


def pieces(
    frame: pl.DataFrame,
    hashes: NDArray[np.uint64],
    slices: Mapping[str, pl.Series],
    by: Mapping[str, NDArray[np.int64]],
    tools: Sequence[Tool],
) -> pl.DataFrame:
    """The runs of n interactions with their hashes (n,), of each group `by` alone; without a conversation there is none.

    `slices`: dimension to value (n,). The columns are those of SCHEMA, `by` and one a dimension.
    """
    lengths = frame["tool_calls"].list.len().cast(pl.Float64).to_numpy()
    rows, items = flatten(frame["tool_calls"], lengths)
    failed = (items["error"].fill_null("") != "").to_numpy()
    unknown = (~items["name"].is_in([tool.name for tool in tools]) | unfit(items, tools)).to_numpy()
    arguments = items["arguments"].fill_null("{}").map_elements(canonical, return_dtype=pl.String)
    called = pl.DataFrame({"row": rows.astype(np.int64), "call": hash_column(items["name"] + "\0" + arguments)})
    distinct = called.group_by("row").agg(pl.struct("call", times=pl.lit(1, pl.Int64)).alias("distinct"))
    told, n = ~np.isnan(lengths), len(frame)
    single = pl.DataFrame(
        {
            **by,
            "row": np.arange(n, dtype=np.int64),
            "conversation": hash_column(frame["conversation_id"]),
            "first": frame["timestamp"],
            "last": frame["timestamp"],
            "order": hashes,
            "steps": np.ones(n, np.int64),
            "told": told.astype(np.int64),
            "calls": np.nan_to_num(lengths).astype(np.int64),
            "failed": np.bincount(rows, failed, n).astype(np.int64),
            "unknown": np.bincount(rows, unknown, n).astype(np.float64) if tools else np.full(n, np.nan),
            **{f"{SLICE}{dimension}": values for dimension, values in slices.items()},
        }
    )
    mine = single.filter(frame["conversation_id"].fill_null("") != "").join(distinct, on="row", how="left").drop("row")
    return _added(mine.cast({"distinct": _CALLS}), [*by, "conversation"])


def _added(parts: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """One row for each group, whatever the order of the rows."""
    slices = [name for name in parts.columns if name.startswith(SLICE)]
    added = (
        parts.sort("last", "order")
        .group_by(by)
        .agg(pl.col("first").min(), pl.col("last", "order", *slices).last(), pl.col(_COUNTS).sum())
    )
    calls = (
        parts.select(*by, "distinct").explode("distinct").drop_nulls("distinct").unnest("distinct")
        .group_by(*by, "call").agg(pl.col("times").sum()).sort("call").group_by(by).head(KEPT)
        .group_by(by).agg(pl.struct("call", "times").alias("distinct"))
    )  # fmt: skip
    order = [name for name in by if name not in SCHEMA] + list(SCHEMA) + slices
    return added.join(calls, on=by, how="left").select(order).sort(*by, "first")


def joined(parts: Sequence[pl.DataFrame], idle: int) -> pl.DataFrame:
    """The runs that pieces make: those of one conversation that are at most `idle` microseconds apart are one."""
    rows = pl.concat([pl.DataFrame(schema=SCHEMA), *parts], how="diagonal").sort("conversation", "first", "last")
    before = pl.col("last").cum_max().shift(1).over("conversation")
    begins = (pl.col("first") - before > idle).fill_null(True)
    return _added(rows.with_columns(begins.cum_sum().alias("run")), ["conversation", "run"]).drop("run")


def measure(runs: pl.DataFrame) -> Columns:
    """The signals of runs that are over (n,). What nothing was told of is missing, and so are shares of no calls."""
    steps, told, calls, failed, unknown = (runs[name].cast(pl.Float64).to_numpy() for name in _COUNTS)
    times = runs["distinct"].list.eval(pl.element().struct.field("times"))
    sampled, different = (column.cast(pl.Float64).to_numpy() for column in (times.list.sum(), times.list.len()))
    nothing = np.full(len(runs), np.nan)
    numeric = {
        "run_steps": steps,
        "run_seconds": (runs["last"] - runs["first"]).to_numpy() / 1e6,
        "run_tool_calls": np.where(told > 0, calls, np.nan),
        "run_tool_errors": np.divide(failed, calls, out=nothing.copy(), where=calls > 0),
        "run_repeated_calls": np.divide(sampled - different, sampled, out=nothing.copy(), where=sampled > 0),
        "run_unknown_calls": np.divide(unknown, calls, out=nothing.copy(), where=calls > 0),
    }
    return Columns(len(runs), {name: BY_NAME[name] for name in numeric}, numeric)
