"""Runs from their pieces: whatever they were cut into and in whatever order they come, they are what one look at all says."""

from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.interaction import INTERACTION_SCHEMA
from signals import runs
from signals.agent import Tool
from signals.runs import KEPT, SLICE

WINDOW, IDLE = 10, 14
SCHEMA = {name: INTERACTION_SCHEMA[name] for name in ("conversation_id", "timestamp", "tool_calls")}
Call = tuple[str, str, bool]
"""Name, arguments, whether it failed."""


class Step(NamedTuple):
    """One interaction of a conversation, at a time, with its calls (None: it tells of none)."""

    id: int
    conversation: int | None
    at: int
    calls: list[Call] | None
    model: str | None = None


ARGUMENTS = ['{"a":1,"b":2}', '{"b": 2, "a": 1}', '{"c":1}', "torn"]
CALLS = st.tuples(st.sampled_from(["search", "buy"]), st.sampled_from(ARGUMENTS), st.booleans())
STEPS = st.lists(
    st.builds(
        Step,
        st.integers(0, 2**40),
        st.none() | st.integers(0, 2),
        st.integers(0, 99),
        st.none() | st.lists(CALLS, max_size=3),
        st.sampled_from([None, "x", "y"]),
    ),
    max_size=25,
    unique_by=lambda step: step.id,
)
TOOLS = (Tool("search", ("a", "b")),)


def pieces(steps: list[Step], tools: tuple[Tool, ...] = TOOLS) -> list[pl.DataFrame]:
    """The pieces of one batch, by window."""
    rows: list[dict[str, Any]] = [
        {
            "conversation_id": None if step.conversation is None else f"c{step.conversation}",
            "timestamp": step.at,
            "tool_calls": None
            if step.calls is None
            else [{"name": n, "arguments": a, "error": "no" if f else None, "duration": None} for n, a, f in step.calls],
        }
        for step in steps
    ]
    frame = pl.DataFrame(rows, SCHEMA)
    start = frame["timestamp"].to_numpy() // WINDOW * WINDOW
    hashes = np.array([step.id for step in steps], np.uint64)
    slices = {"model": pl.Series([step.model for step in steps], dtype=pl.String)}
    found = runs.pieces(frame, hashes, slices, {"start": start}, tools)
    return [part for _, part in found.group_by("start", maintain_order=True)]


def told(over: pl.DataFrame) -> list[tuple[Any, ...]]:
    """What runs say, comparable."""
    columns = runs.measure(over).numeric
    values = np.round(np.column_stack([columns[name] for name in sorted(columns)]), 9)
    slices = over[f"{SLICE}model"].to_list() if f"{SLICE}model" in over.columns else []
    rows = [tuple(None if np.isnan(v) else v for v in row) for row in values.tolist()]
    return sorted(zip(over["first"].to_list(), rows, slices, strict=True), key=str)


def looked_at(steps: list[Step]) -> list[tuple[Any, ...]]:
    """The same by one look at all."""
    out = []
    for conversation in {step.conversation for step in steps if step.conversation is not None}:
        mine = sorted((s for s in steps if s.conversation == conversation), key=lambda s: (s.at, s.id))
        cuts = [i for i in range(1, len(mine)) if mine[i].at - mine[i - 1].at > IDLE]
        for i, j in zip([0, *cuts], [*cuts, len(mine)], strict=True):
            run = mine[i:j]
            calls = [call for step in run for call in step.calls or []]
            same = {(name, ARGUMENTS[0] if arguments == ARGUMENTS[1] else arguments) for name, arguments, _ in calls}
            unknown = sum(name != "search" or arguments in ARGUMENTS[2:] for name, arguments, _ in calls)
            n = len(calls) or None
            parts = [n and (n - len(same)) / n, (run[-1].at - run[0].at) / 1e6, float(len(run))]
            silent = all(step.calls is None for step in run)
            tools = [None if silent else float(len(calls)), n and sum(f for *_, f in calls) / n, n and unknown / n]
            row = tuple(None if v is None else round(v, 9) for v in (*parts, *tools))
            out.append((run[0].at, row, run[-1].model))
    return sorted(out, key=str)


@settings(max_examples=50)
@given(STEPS, st.randoms(use_true_random=False), st.integers(1, 4))
def test_runs_are_those_of_one_look_at_all_however_they_are_cut_and_ordered(steps: list[Step], chance: Any, cuts: int) -> None:
    shuffled = chance.sample(steps, len(steps))
    parts = [part for i in range(cuts) for part in pieces(shuffled[i::cuts])]
    chance.shuffle(parts)
    assert told(runs.joined(parts, IDLE)) == looked_at(steps)


@settings(max_examples=20)
@given(STEPS, st.integers(1, 4))
def test_closing_window_by_window_ends_the_same_runs_each_where_it_was_idle(steps: list[Step], cuts: int) -> None:
    parts = [part for i in range(cuts) for part in pieces(steps[i::cuts])]
    held: list[pl.DataFrame] = []
    over = []
    for end in range(WINDOW, 150, WINDOW):
        held += [part for part in parts if part["start"][0] < end]
        parts = [part for part in parts if part["start"][0] >= end]
        every = runs.joined([part.drop("start", strict=False) for part in held], IDLE)
        ended = pl.col("last") + IDLE < end
        over.append(every.filter(ended))
        assert all(end - WINDOW <= last + IDLE for last in over[-1]["last"].to_list())
        held = [every.filter(~ended)]
    assert not len(held[0])
    assert told(pl.concat(over, how="diagonal")) == looked_at(steps)


@pytest.mark.parametrize(
    ("calls", "tools", "expected"),
    [
        (None, TOOLS, {"run_tool_calls": None, "run_tool_errors": None, "run_unknown_calls": None}),
        ([], TOOLS, {"run_tool_calls": 0, "run_tool_errors": None, "run_repeated_calls": None}),
        ([("search", "{}", True)], (), {"run_tool_calls": 1, "run_tool_errors": 1, "run_unknown_calls": None}),
        ([("buy", "{}", False)] * 4, TOOLS, {"run_repeated_calls": 0.75, "run_unknown_calls": 1, "run_steps": 1}),
    ],
)
def test_what_a_run_does_not_tell_is_missing(
    calls: list[Call] | None, tools: tuple[Tool, ...], expected: dict[str, float | None]
) -> None:
    columns = runs.measure(runs.joined(pieces([Step(1, 1, 5, calls)], tools), IDLE)).numeric
    found = {name: None if np.isnan(columns[name][0]) else columns[name][0] for name in expected}
    assert found == expected


def test_an_empty_name_of_a_conversation_is_none() -> None:
    frame = pl.DataFrame([{"conversation_id": "", "timestamp": 5, "tool_calls": None}], SCHEMA)
    assert not len(runs.pieces(frame, np.array([1], np.uint64), {}, {}, ()))


def test_pieces_from_before_a_slice_was_configured_join_those_of_after() -> None:
    older, newer = pieces([Step(1, 1, 5, None, "x"), Step(2, 2, 5, None, "x")])[0], pieces([Step(3, 1, 8, [], "y")])[0]
    every = runs.joined([older, newer.rename({f"{SLICE}model": f"{SLICE}tags.tenant"})], IDLE).sort("order")
    assert every.select("steps", f"{SLICE}model", f"{SLICE}tags.tenant").rows() == [(1, "x", None), (2, None, "y")]


def test_of_a_run_with_many_different_calls_a_sample_tells_which_share_is_repeated() -> None:
    steps = [Step(i, 1, i % 100, [("search", str(i % 400), False)]) for i in range(1000)]
    one, many = runs.joined(pieces(steps), IDLE), runs.joined([p for i in range(9) for p in pieces(steps[i::9])], IDLE)
    assert one["distinct"].list.len().to_list() == many["distinct"].list.len().to_list() == [KEPT]
    assert told(one) == told(many)
    assert runs.measure(one).numeric["run_repeated_calls"][0] == pytest.approx(0.6, abs=0.03)
    assert runs.measure(one).numeric["run_tool_calls"].tolist() == [1000]
