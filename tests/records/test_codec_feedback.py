import json
from typing import Any

import pytest

from records.codec import decode_feedback_records
from records.interaction import FEEDBACK_SCHEMA
from tests.records.codec_examples import ACCEPTED_AT

VALID = {"interaction_id": "a-1", "application": "support", "timestamp": 1_767_225_540, "name": "rating", "value": 4}


def line(**fields: Any) -> bytes:
    return json.dumps({**VALID, **fields}).encode()


VALUES: dict[str, tuple[Any, float | None, str | None]] = {
    "an integer": (4, 4.0, None),
    "a number": (-0.5, -0.5, None),
    "true": (True, 1.0, None),
    "false": (False, 0.0, None),
    "a string": ("Paris", None, "Paris"),
    "an empty string": ("", None, ""),
    "a string of digits": ("4", None, "4"),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_is_a_number_or_a_text(name: str) -> None:
    value, number, text = VALUES[name]
    frame = decode_feedback_records([line(value=value)], [ACCEPTED_AT]).frame
    assert frame.schema == FEEDBACK_SCHEMA
    assert frame.row(0) == ("a-1", "support", 1_767_225_540_000_000, "rating", number, text, "application")


@pytest.mark.parametrize("source", ["human", "judge", "application"])
def test_a_source_is_kept(source: str) -> None:
    assert decode_feedback_records([line(source=source)], [ACCEPTED_AT]).frame["source"].to_list() == [source]


REFUSED: dict[str, tuple[bytes, str, str]] = {
    "no value": (json.dumps({k: v for k, v in VALID.items() if k != "value"}).encode(), "value", "missing_field"),
    "null value": (line(value=None), "value", "missing_field"),
    "a list as value": (line(value=[1]), "value", "wrong_type"),
    "NaN": (line(value=float("nan")), "value", "not_finite"),
    "2**70": (line(value=2**70), "value", "out_of_range"),
    "a NUL in the value": (line(value="a\0"), "value", "invalid_unicode"),
    "empty name": (line(name=""), "name", "out_of_range"),
    "long interaction id": (line(interaction_id="x" * 129), "interaction_id", "out_of_range"),
    "another source": (line(source="robot"), "source", "out_of_range"),
    "the future": (line(timestamp=1_767_229_200), "timestamp", "future_timestamp"),
    "another schema": (line(schema="3"), "schema", "unknown_schema"),
    "half a pair": (line(value="?").replace(b"?", b"\\ud800"), "value", "invalid_unicode"),
    "truncated": (line()[:-1], "", "invalid_json"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_feedback_that_is_wrong_is_refused_and_the_rest_is_kept(name: str) -> None:
    data, field, reason = REFUSED[name]
    decoded = decode_feedback_records([line(), data, line(name="correct", extra=1)], [ACCEPTED_AT] * 3)
    assert decoded.frame["name"].to_list() == ["rating", "correct"]
    assert decoded.record.tolist() == [0, 2]
    assert [(r.record, r.field, r.reason, r.line) for r in decoded.refused] == [(1, field, reason, data)]
    assert decoded.unknown == {"extra": 1}


def test_nothing_gives_an_empty_frame() -> None:
    assert decode_feedback_records([], []).frame.schema == FEEDBACK_SCHEMA
