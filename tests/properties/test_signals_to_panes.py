"""Interactions to panes by the real parts: where a stream is cut into batches leaves no trace in them."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.interaction import INTERACTION_SCHEMA
from records.pane import EMPTY, Pane, merge
from records.pane_codec import decode_pane, encode_pane
from signals import compute
from streams.panes import PaneKey, fold, group_rows

TEXTS = st.sampled_from(
    [None, "", "How do I get a refund?", "I'm sorry, I cannot help with that.", "é́ \N{SNOWMAN} 10,000", "a b a b a b a b a b",
     "call +44 20 7946 0958 or mary@example.com", "- one\n- two\n\n```py\nx = 1\n```", "x" * 300]
)  # fmt: skip
AMOUNT = st.sampled_from([None, 0.0, 1e-9, 0.25, 3.5, 1e308, -1.0, 5e-324])
INTERACTION = st.fixed_dictionaries(
    {
        "id": st.uuids(version=4).map(str),
        "timestamp": st.integers(0, 14).map(lambda minute: minute * 60_000_000),
        "application": st.sampled_from(["support", "search"]),
        "prompt": TEXTS,
        "response": TEXTS,
        "model": st.sampled_from([None, "m1", "m2"]),
        "duration": AMOUNT,
        "time_to_first_token": AMOUNT,
        "cost_usd": AMOUNT,
        "input_tokens": st.none() | st.integers(-1, 10_000),
        "output_tokens": st.none() | st.sampled_from([0, 7, 2**63 - 1]),
        "error": st.sampled_from([None, "timeout"]),
        "context": st.none() | st.lists(st.sampled_from(["", "a passage"]), max_size=2),
        "tool_calls": st.none()
        | st.lists(
            st.sampled_from(
                [
                    {"name": "search", "arguments": "{}", "error": None, "duration": 1.0},
                    {"name": "lookup", "arguments": None, "error": "no", "duration": None},
                ]
            ),
            max_size=2,
        ),
        "tags": st.none() | st.just([{"key": "tenant", "value": "acme"}]),
        "scores": st.none() | st.just([{"key": "helpful", "value": 0.5}]),
        "reference_answer": st.sampled_from([None, "refund"]),
    }
)


def folded(rows: Sequence[dict[str, Any]], segment: Sequence[int]) -> dict[tuple[PaneKey, int], Pane]:
    frame = pl.DataFrame([{name: row.get(name) for name in INTERACTION_SCHEMA} for row in rows], INTERACTION_SCHEMA)
    slices = {"model": frame["model"]}
    parts = np.array(segment, np.int64)
    grouping = group_rows(frame["application"], frame["timestamp"].to_numpy(), slices, parts)
    panes = fold(compute(frame), grouping, frame["id"], slices)
    return dict(zip(zip(grouping.keys, grouping.segments, strict=True), panes, strict=True))


@settings(max_examples=25)
@given(
    st.lists(INTERACTION, min_size=1, max_size=30, unique_by=lambda row: row["id"]),
    st.lists(st.integers(1, 29), max_size=5),
    st.lists(st.booleans(), min_size=30, max_size=30),
)
def test_batches_cut_anywhere_give_the_panes_of_one_batch(
    rows: list[dict[str, Any]], places: list[int], ends: list[bool]
) -> None:
    segment = np.cumsum(ends[: len(rows)]).tolist()
    parts: dict[tuple[PaneKey, int], Pane] = {}
    for a, b in pairwise(sorted({0, *(min(place, len(rows)) for place in places), len(rows)})):
        for key, pane in folded(rows[a:b], segment[a:b]).items():
            parts[key] = merge(parts.get(key, EMPTY), pane)
    whole = folded(rows, segment)
    assert parts.keys() == whole.keys()
    for key, pane in whole.items():
        assert encode_pane(parts[key]) == encode_pane(pane), key


@pytest.mark.parametrize("enabled", [["output_tokens"], ["output_tokens", "duration"]])
def test_a_stored_pane_reads_the_same_also_where_all_its_signals_have_whole_steps(enabled: list[str]) -> None:
    rows = [{"id": "a", "application": "support", "timestamp": 0, "output_tokens": 7, "duration": 0.25}]
    frame = pl.DataFrame([{name: row.get(name) for name in INTERACTION_SCHEMA} for row in rows], INTERACTION_SCHEMA)
    grouping = group_rows(frame["application"], frame["timestamp"].to_numpy(), {})
    (pane,) = fold(compute(frame, enabled), grouping, frame["id"], {})
    again = decode_pane(encode_pane(pane))
    assert again.resolution.tolist() == pane.resolution.tolist() == [{"output_tokens": 1.0}.get(n, 1e-3) for n in pane.names]
