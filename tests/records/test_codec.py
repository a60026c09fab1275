import json
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.codec import Decoded, decode_records, split_body
from records.hashing import hash_text
from records.interaction import INTERACTION_SCHEMA
from records.refusal import REASONS
from tests.records.codec_examples import ACCEPTED_AT, POISON, line, raw


def decode(*values: bytes) -> Decoded:
    return decode_records(values, [ACCEPTED_AT] * len(values))


def decode_body(body: bytes) -> Decoded:
    return decode(b"\n".join(split_body(body)))


def only(data: bytes) -> dict[str, object]:
    """The one row of one valid line."""
    decoded = decode(data)
    assert not decoded.refused
    return decoded.frame.row(0, named=True)


@pytest.mark.parametrize("name", POISON)
def test_a_poisonous_line_is_refused_with_its_reason_and_the_rest_is_kept(name: str) -> None:
    data, field, reason, words = POISON[name]
    decoded = decode_records([line(id="before"), data, line(id="after")], [ACCEPTED_AT] * 3)
    assert decoded.frame["id"].to_list() == ["before", "after"]
    assert decoded.record.tolist() == [0, 2]
    (refusal,) = decoded.refused
    assert (refusal.record, refusal.index, refusal.field, refusal.reason) == (1, 0, field, reason)
    assert words in refusal.text
    assert refusal.line == data
    assert refusal.reason in REASONS


def test_no_sentence_holds_the_decoders_own_words() -> None:
    decoded = decode_records([entry[0] for entry in POISON.values()], [ACCEPTED_AT] * len(POISON))
    assert len(decoded.refused) == len(POISON)
    for refusal in decoded.refused:
        assert not any(word in refusal.text for word in ("$.", "`", "malformed", "recursion", "utf-16", "Expected"))


FINE = {
    "negative duration": ({"duration": -1.5}, "duration", -1.5),
    "1e308": ({"cost_usd": 1e308}, "cost_usd", 1e308),
    "zero tokens": ({"input_tokens": 0}, "input_tokens", 0),
    "2**63-1 tokens": ({"input_tokens": 2**63 - 1}, "input_tokens", 2**63 - 1),
    "empty response": ({"response": ""}, "response", ""),
    "null response": ({"response": None}, "response", None),
    "NUL in the prompt": ({"prompt": "a\0b"}, "prompt", "a\0b"),
    "backslash u0000 in the model": ({"model": "a\\u0000"}, "model", "a\\u0000"),
    "schema 1": ({"schema": "1"}, "id", "a-1"),
    "schema 1.7": ({"schema": "1.7"}, "id", "a-1"),
    "128 characters": ({"id": "é" * 128}, "id", "é" * 128),
    "five minutes ahead": ({"timestamp": 1_767_225_900}, "timestamp", ACCEPTED_AT + 300_000_000),
    "1970": ({"timestamp": 0}, "timestamp", 0),
    "a whole second": ({"timestamp": "2025-01-31T12:00:00Z"}, "timestamp", 1738324800_000000),
    "an offset": ({"timestamp": "2025-01-31T12:00:00+05:30"}, "timestamp", 1738305000_000000),
    "a fraction": ({"timestamp": "2025-01-31t12:00:00.1234567z"}, "timestamp", 1738324800_123456),
    "a float": ({"timestamp": 1738324800.25}, "timestamp", 1738324800_250000),
    "no context": ({"context": []}, "context", []),
    "a null tag": ({"tags": {"a": None, "b": "c"}}, "tags", [{"key": "b", "value": "c"}]),
    "only null tags": ({"tags": {"a": None}}, "tags", []),
    "scores": ({"scores": {"a": 1, "b": None}}, "scores", [{"key": "a", "value": 1.0}]),
    "brackets in text": ({"prompt": '["{' * 500}, "prompt", '["{' * 500),
    "100 levels": ({"more": json.loads("[" * 99 + "]" * 99)}, "id", "a-1"),
    "a surrogate pair": ({"prompt": "\U0001f600"}, "prompt", "\U0001f600"),
}


@pytest.mark.parametrize("name", FINE)
def test_a_value_at_the_edge_is_kept(name: str) -> None:
    fields, column, value = FINE[name]
    assert only(line(**fields))[column] == value


CONVERSATIONS = {
    "plain": ([{"role": "user", "content": "a"}], "a", None),
    "the last of the user": (
        [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}],
        "c", None,
    ),
    "a system message": ([{"role": "system", "content": "s"}, {"role": "user", "content": "a"}], "a", "s"),
    "two of them": ([{"role": "system", "content": "s"}, {"role": "developer", "content": "t"}], None, "s\n\nt"),
    "parts": (
        [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {}},
                                      {"type": "text", "text": "b"}]}],
        "a\nb", None,
    ),
    "only a picture": ([{"role": "user", "content": [{"type": "image_url"}]}], None, None),
    "none": ([], None, None),
}  # fmt: skip


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_messages_are_accepted_instead_of_a_prompt(name: str) -> None:
    messages, prompt, system = CONVERSATIONS[name]
    row = only(line(messages=messages))
    assert (row["prompt"], row["system"]) == (prompt, system)


def test_a_prompt_beats_messages() -> None:
    said = [{"role": "system", "content": "s"}, {"role": "user", "content": "b"}]
    row = only(line(prompt="a", messages=said))
    assert (row["prompt"], row["system"]) == ("a", "s")


def test_arguments_of_tools_are_compact_json_or_the_string_they_were() -> None:
    calls = raw(
        b'"tool_calls": [{"name": "f", "arguments": {"a": [1,  {"b" : null}], "c": "x  y"}, "duration": 1},'
        b' {"name": "g", "arguments": "{\\"a\\": 1}", "error": "timeout"}, {"name": "h", "arguments": null}]'
    )
    assert only(calls)["tool_calls"] == [
        {"name": "f", "arguments": '{"a":[1,{"b":null}],"c":"x  y"}', "error": None, "duration": 1.0},
        {"name": "g", "arguments": '{"a": 1}', "error": "timeout", "duration": None},
        {"name": "h", "arguments": None, "error": None, "duration": None},
    ]


def test_a_user_is_seen_by_nobody_but_as_a_hash() -> None:
    decoded = decode(line(user="mary"), line(), line(user=""))
    assert decoded.frame["user"].to_list() == [f"{hash_text('mary'):016x}", None, f"{hash_text(''):016x}"]


def test_lists_of_different_lengths_stay_with_their_rows() -> None:
    contexts = [["a", "b"], None, [], ["c"], ["d", "e"], None, ["f", "g", "h"]]
    decoded = decode(*(line(context=context) for context in contexts))
    assert decoded.frame["context"].to_list() == contexts


def test_unknown_fields_are_counted_by_name_in_the_lines_that_are_accepted() -> None:
    decoded = decode(line(), line(trace="a", span=1), line(trace=None), line(id=3, trace="b"), line(timestamp=-1, x=1))
    assert decoded.unknown == {"trace": 2, "span": 1}
    assert len(decoded.frame) == 3
    assert decode(line()).unknown == {}
    assert decode(line(**{"x" * 1000: 1})).unknown == {"x" * 128: 1}


def test_every_row_knows_the_record_and_the_line_it_came_from() -> None:
    first = b"\n" + line(id="a") + b"\r\n \n" + line(id="b") + b"\n"
    second = b"{\n" + line(id="c")
    decoded = decode(first, b"", second, line(id="d"))
    assert decoded.frame["id"].to_list() == ["a", "b", "c", "d"]
    assert decoded.record.tolist() == [0, 0, 2, 3]
    assert decoded.rows.tolist() == [0, 1, 1, 0]
    assert (decoded.record.dtype, decoded.rows.dtype) == (np.int32, np.int64)
    assert [(r.record, r.index, r.line) for r in decoded.refused] == [(2, 0, b"{")]
    assert [json.loads(kept)["id"] for kept in decoded.lines] == ["a", "b", "c", "d"]


def test_the_future_is_judged_against_each_records_own_time() -> None:
    late = line(timestamp="2026-01-01T01:00:00Z")
    decoded = decode_records([late, late], [ACCEPTED_AT, ACCEPTED_AT + 3_600_000_000])
    assert decoded.record.tolist() == [1]
    assert [refusal.reason for refusal in decoded.refused] == ["future_timestamp"]


def test_nothing_gives_an_empty_frame() -> None:
    for decoded in (decode(), decode(b""), decode(b"{"), decode_body(b"")):
        assert decoded.frame.schema == INTERACTION_SCHEMA
        assert len(decoded.frame) == 0


BODIES = {
    "lines": (b'{"a": 1}\n\n{"a": 2}\n', [b'{"a": 1}', b'{"a": 2}']),
    "an array": (b' [{"a": 1}, {"a":\n2}]\n', [b'{"a": 1}', b'{"a": 2}']),
    "an object": (b'{"a": 1}', [b'{"a": 1}']),
    "an object on many lines": (b'{\n "a": 1\n}\n', [b'{  "a": 1 }']),
    "an empty array": (b"[]", []),
    "nothing": (b" \n", []),
    "a broken array": (b'[{"a": 1},\n', [b'[{"a": 1},']),
    "a broken object": (b'{"a":\n1', [b'{"a":', b"1"]),
    "a deep array": (b"[" * 100_000, [b"[" * 100_000]),
    "a broken element": (b'[{"a": 1}, {"a": }, {"a":\n3}]', [b'{"a": 1}', b'{"a": }', b'{"a":\r3}']),
    "a word as an element": (b'[{"a": "[,]\\"}"},nul,"]"]', [b'{"a": "[,]\\"}"}', b"nul", b'"]"']),
    "a line break in a string": (b'[{"a": "b\nc"}, 1]', [b'{"a": "b\rc"}', b"1"]),
    "brackets that do not match": (b'[{"a": 1], {"a": 2}]', [b'{"a": 1]', b'{"a": 2}']),
    "a bracket too many": (b'[{"a": [}, {"a": 2}]', [b'[{"a": [}, {"a": 2}]']),
    "an element that is not there": (b'[{"a": 1},]', [b'[{"a": 1},]']),
    "more after an array": (b"[1] 2", [b"[1] 2"]),
    "a string without an end": (b'[{"a": 1}, "b]', [b'[{"a": 1}, "b]']),
    "two megabytes of quotes without an end": (b'[nul, "' + b'\\"' * 2**20, [b'[nul, "' + b'\\"' * 2**20]),
    "a deep element": (b"[1," + b"[" * 5_000 + b"]" * 5_000 + b"]", [b"1", b"[" * 5_000 + b"]" * 5_000]),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_is_an_array_an_object_or_lines(name: str) -> None:
    body, lines = BODIES[name]
    assert split_body(body) == lines


def test_a_body_that_is_an_array_is_indexed_by_its_items() -> None:
    decoded = decode_body(b"[" + line(id="a") + b",\n7," + line(id="b") + b"]")
    assert decoded.rows.tolist() == [0, 2]
    assert decoded.record.tolist() == [0, 0]
    assert [(r.index, r.reason) for r in decoded.refused] == [(1, "wrong_type")]


UNBALANCED = {"truncated", "100,000 levels of nothing"}


@pytest.mark.parametrize("name", sorted(POISON.keys() - UNBALANCED))
def test_a_poisonous_element_of_an_array_is_refused_alone(name: str) -> None:
    data, field, reason, _ = POISON[name]
    decoded = decode_body(b"[" + b" ,\n".join([line(id="before"), data, line(id="after")]) + b"]")
    assert decoded.frame["id"].to_list() == ["before", "after"]
    assert [(r.index, r.field, r.reason, r.line) for r in decoded.refused] == [(1, field, reason, data)]


@given(st.binary(max_size=60) | st.text('[]{},:"\\\n 1a', max_size=60).map(str.encode))
def test_any_body_becomes_lines_that_hold_all_but_space_and_punctuation(body: bytes) -> None:
    lines = split_body(b"[" + body)
    assert all(line and b"\n" not in line for line in lines)
    kept = b"".join(lines)
    assert all(kept.count(byte) == body.count(byte) for byte in (b"a", b"1", b":", b'"'))


def test_a_decision_does_not_depend_on_the_depth_of_the_callers_stack() -> None:
    nested = raw(b'"more": ' + b"[" * 99 + b"]" * 99)

    def call(levels: int) -> int:
        return call(levels - 1) if levels else len(decode(nested).frame)

    assert call(0) == call(sys.getrecursionlimit() // 2) == 1


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NAME = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=128)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
INTERACTIONS = st.fixed_dictionaries(
    {"id": NAME, "timestamp": st.integers(0, 1_767_225_900), "application": NAME},
    optional={
        "prompt": st.none() | TEXT, "response": st.none() | TEXT, "system": TEXT, "model": st.none() | NAME,
        "input_tokens": st.integers(-(2**63), 2**63 - 1), "duration": NUMBER, "cost_usd": st.none() | NUMBER,
        "context": st.none() | st.lists(TEXT, max_size=3), "tags": st.none() | st.dictionaries(NAME, NAME, max_size=3),
        "scores": st.dictionaries(NAME, NUMBER, max_size=2), "conversation_id": NAME, "reference_answer": TEXT,
        "tool_calls": st.lists(st.fixed_dictionaries({"name": NAME, "arguments": TEXT, "error": st.none() | TEXT,
                                                      "duration": st.none() | NUMBER}), max_size=2),
    },
)  # fmt: skip


def as_row(interaction: dict[str, object]) -> dict[str, object]:
    """What the frame should hold, by the plainest way there is."""
    row: dict[str, object] = dict.fromkeys(INTERACTION_SCHEMA) | interaction
    row["timestamp"] = int(str(interaction["timestamp"])) * 1_000_000
    for name in ("tags", "scores"):
        mapping = row[name]
        row[name] = [{"key": k, "value": v} for k, v in mapping.items()] if isinstance(mapping, dict) else None
    return row


@settings(deadline=None)
@given(st.lists(INTERACTIONS, max_size=8), st.booleans())
def test_what_was_written_is_what_is_read(interactions: list[dict[str, object]], ascii_only: bool) -> None:
    lines = [json.dumps(interaction, ensure_ascii=ascii_only).encode() for interaction in interactions]
    decoded = decode(*lines)
    expected = pl.DataFrame([as_row(i) for i in interactions], schema=INTERACTION_SCHEMA)
    assert not decoded.refused
    assert decoded.frame.equals(expected)
    assert decode(b"\n".join(lines)).frame.equals(decoded.frame)
    assert decode_body(b"[" + b",".join(lines) + b"]").frame.equals(decoded.frame)


SMALL_POISON = sorted(name for name, entry in POISON.items() if len(entry[0]) < 10_000)


@settings(deadline=None)
@given(st.lists(st.none() | st.sampled_from(SMALL_POISON), max_size=12), st.booleans())
def test_valid_and_invalid_lines_in_any_order_get_what_each_gets_alone(mix: list[str | None], together: bool) -> None:
    lines = [line(id=str(j), new=j) if name is None else POISON[name][0] for j, name in enumerate(mix)]
    decoded = decode(b"\n".join(lines)) if together else decode(*lines)
    kept = [j for j, name in enumerate(mix) if name is None]
    places = decoded.rows if together else decoded.record
    assert places.tolist() == kept
    assert decoded.frame["id"].to_list() == [str(j) for j in kept]
    assert decoded.lines == [lines[j] for j in kept]
    assert decoded.unknown.get("new", 0) == len(kept)
    refused = [(r.index if together else r.record, r.field, r.reason, r.line) for r in decoded.refused]
    assert refused == [(j, *POISON[name][1:3], POISON[name][0]) for j, name in enumerate(mix) if name is not None]
