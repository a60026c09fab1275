"""Batches of rows that hold everything a pane keeps, and the panes they fold into."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from hypothesis import strategies as st
from numpy.typing import NDArray

from records.columns import Columns, Labels, Vectors, Words
from records.pane import EMPTY, Pane
from records.signal import Kind, Signal
from records.summary.vectors import DIMENSIONS
from streams.panes import PaneKey, fold, group_rows

STEP = 0.25
"""Resolution of the numeric signals: a power of two, so that what is an integer of it is one exactly."""
DECLARED = {
    "exact": Signal("exact", Kind.NUMERIC, "exact", "", resolution=STEP),
    "poison": Signal("poison", Kind.NUMERIC, "poison", "", resolution=STEP),
    "flag": Signal("flag", Kind.BOOLEAN, "flag", ""),
    "category": Signal("category", Kind.CATEGORICAL, "category", ""),
    "tools": Signal("tools", Kind.CATEGORICAL, "tools", ""),
    "words": Signal("words", Kind.TEXT, "words", ""),
    "vector": Signal("vector", Kind.VECTOR, "vector", ""),
}
POISON = [float("nan"), float("inf"), -float("inf"), 1e308, -1e308, 5e-324, -5e-324, 0.0, -0.0, 1.0, -1.0]


@dataclass(frozen=True)
class Row:
    """One interaction; None is missing."""

    id: int
    exact: int | None
    poison: float
    flag: bool | None
    category: int | None
    tools: list[int]
    words: list[int]
    tenant: str | None
    minute: int
    vector: int | None = None


def rows_of(categories: int = 12) -> st.SearchStrategy[Row]:
    return st.builds(
        Row,
        id=st.integers(0, 10**9),
        exact=st.none() | st.integers(-(2**20), 2**20),
        poison=st.sampled_from(POISON) | st.floats(),
        flag=st.none() | st.booleans(),
        category=st.none() | st.integers(0, categories - 1),
        tools=st.lists(st.integers(0, 3), max_size=3),
        words=st.lists(st.integers(0, 40), max_size=4, unique=True),
        tenant=st.sampled_from([None, "acme", "globex"]),
        minute=st.integers(0, 14),
        vector=st.none() | st.integers(0, 99),
    )


def batches(most: int = 40, categories: int = 12) -> st.SearchStrategy[list[Row]]:
    return st.lists(rows_of(categories), max_size=most, unique_by=lambda row: row.id)


def vectors_of(rows: Sequence[Row]) -> NDArray[np.float64]:
    """The vectors of the rows that have one."""
    seeds = [row.vector for row in rows if row.vector is not None]
    return np.array([np.random.default_rng(seed).normal(size=DIMENSIONS) for seed in seeds]).reshape(-1, DIMENSIONS)


def columns_of(rows: Sequence[Row]) -> Columns:
    """The columns of a batch. Values of a categorical are numbered as they come, so that codes differ by batch."""
    values = list(dict.fromkeys(f"c{row.category}" for row in rows if row.category is not None))
    codes = [-1 if row.category is None else values.index(f"c{row.category}") for row in rows]
    used = list(dict.fromkeys(f"t{tool}" for row in rows for tool in row.tools))
    owners = [i for i, row in enumerate(rows) for _ in row.tools]
    tools = [used.index(f"t{tool}") for row in rows for tool in row.tools]
    embedded = [i for i, row in enumerate(rows) if row.vector is not None]
    pairs = [(i, word) for i, row in enumerate(rows) for word in sorted(row.words)]
    return Columns(
        len(rows),
        DECLARED,
        numeric={
            "exact": np.array([np.nan if row.exact is None else row.exact * STEP for row in rows], np.float64),
            "poison": np.array([row.poison for row in rows], np.float64),
        },
        boolean={"flag": np.array([-1 if row.flag is None else row.flag for row in rows], np.int8)},
        categorical={
            "category": Labels(np.array(codes, np.int32), values),
            "tools": Labels(np.array(tools, np.int32), used, np.array(owners, np.int32)),
        },
        text={"words": Words(np.array([i for i, _ in pairs], np.int32), np.array([w for _, w in pairs], np.int32))},
        vector={"vector": Vectors(np.array(embedded, np.int32), vectors_of(rows))},
    )


def fold_rows(rows: Sequence[Row], segment: Sequence[int] | None = None) -> dict[tuple[PaneKey, int], Pane]:
    """The panes of a batch by key and segment."""
    slices = {"tags.tenant": pl.Series("tags.tenant", [row.tenant for row in rows], dtype=pl.String)}
    application = pl.Series(["support"] * len(rows), dtype=pl.String)
    at = np.array([row.minute * 60_000_000 for row in rows], np.int64)
    grouping = group_rows(application, at, slices, None if segment is None else np.array(segment, np.int64))
    ids = pl.Series([f"i{row.id}" for row in rows], dtype=pl.String)
    panes = fold(columns_of(rows), grouping, ids, slices)
    return dict(zip(zip(grouping.keys, grouping.segments, strict=True), panes, strict=True))


def pane_of(rows: Sequence[Row]) -> Pane:
    """The one pane of all traffic that rows of any minute make."""
    folded = fold_rows([Row(**{**vars(row), "minute": 0}) for row in rows])
    found = [pane for (key, _), pane in folded.items() if not key.dimension]
    return found[0] if found else EMPTY


def bits(pane: Pane) -> dict[str, Any]:
    """All of a pane that must not depend on the order of merging, to the bit."""
    inexact = pane.index("poison")
    sums = np.delete(pane.moments, inexact, axis=0) if inexact >= 0 else pane.moments
    return {
        "n": pane.n,
        "names": pane.names,
        "kinds": pane.kinds.tolist(),
        "resolution": pane.resolution.tolist(),
        "sums": sums.tolist(),
        "bounds": pane.moments[:, 2:].tobytes(),
        "signal": pane.counts.signal.tolist(),
        "key": pane.counts.key.tolist(),
        "count": pane.counts.count.tolist(),
        "labels": dict(pane.labels),
        "hashes": pane.sample.hashes.tolist(),
        "ids": pane.sample.ids,
        "slices": pane.sample.slices,
        "keys": pane.sample.keys.tolist(),
    }
