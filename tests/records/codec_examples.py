"""Interactions for the codec's tests: one that is valid, and those that are not, each with its reason."""

import json
from typing import Any

ACCEPTED_AT = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
VALID: dict[str, Any] = {"id": "a-1", "timestamp": "2025-12-31T23:59:00Z", "application": "support"}


def line(**fields: Any) -> bytes:
    """A valid interaction with these fields besides, or instead."""
    return json.dumps({**VALID, **fields}).encode()


def raw(fields: bytes) -> bytes:
    """A valid interaction with these fields as they are written here."""
    return json.dumps(VALID).encode()[:-1] + b", " + fields + b"}"


def without(*names: str) -> bytes:
    return json.dumps({key: value for key, value in VALID.items() if key not in names}).encode()


DEEP = b"[" * 100_000 + b"]" * 100_000

# name: (line, field, reason, what the sentence must say)
POISON: dict[str, tuple[bytes, str, str, str]] = {
    "truncated": (line()[:-9], "", "invalid_json", "ends in the middle"),
    "no JSON": (b"hello", "", "invalid_json", "not valid JSON at byte 0"),
    "two objects": (line() + b" " + line(), "", "invalid_json", "not valid JSON"),
    "single quotes": (b"{'id': 1}", "", "invalid_json", "not valid JSON"),
    "byte order mark": (b"\xef\xbb\xbf" + line(), "", "invalid_json", "byte order mark"),
    "a raw line break escape": (raw(b'"prompt": "a\tb"'), "", "invalid_json", "not valid JSON"),
    "a list": (b"[1, 2]", "", "wrong_type", "the line is a list; an object is expected"),
    "a string": (b'"hello"', "", "wrong_type", "the line is a string"),
    "null": (b"null", "", "wrong_type", "the line is null"),
    "no id": (without("id"), "id", "missing_field", "id is missing"),
    "no timestamp": (without("timestamp"), "timestamp", "missing_field", "timestamp is missing"),
    "no application": (without("application"), "application", "missing_field", "application is missing"),
    "null id": (line(id=None), "id", "missing_field", "id is null; a string is expected"),
    "a number as id": (line(id=7), "id", "wrong_type", "id is an integer; a string is expected"),
    "empty id": (line(id=""), "id", "out_of_range", "id must have at least 1 characters"),
    "long id": (line(id="x" * 129), "id", "out_of_range", "id must have at most 128 characters"),
    "long application": (line(application="é" * 129), "application", "out_of_range", "at most 128"),
    "a number as prompt": (line(prompt=1), "prompt", "wrong_type", "prompt is an integer; a string is expected"),
    "a list as prompt": (line(prompt=[{"role": "user"}]), "prompt", "wrong_type", "prompt is a list"),
    "text as tokens": (line(input_tokens="7"), "input_tokens", "wrong_type", "an integer is expected"),
    "half a token": (line(output_tokens=1.5), "output_tokens", "wrong_type", "is a number; an integer is expected"),
    "2**63 tokens": (line(input_tokens=2**63), "input_tokens", "out_of_range", "beyond the range"),
    "-2**63-1 tokens": (line(input_tokens=-(2**63) - 1), "input_tokens", "out_of_range", "beyond the range"),
    "5,000 digits": (raw(b'"input_tokens": ' + b"9" * 5000), "input_tokens", "out_of_range", "beyond the range"),
    "1e999": (raw(b'"duration": 1e999'), "duration", "out_of_range", "beyond the range"),
    "true as duration": (line(duration=True), "duration", "wrong_type", "duration is true or false"),
    "NaN": (line(duration=float("nan")), "duration", "not_finite", "duration holds NaN"),
    "Infinity": (line(scores={"a": float("inf")}), "scores", "not_finite", "scores holds NaN or Infinity"),
    "NaN in an unknown field": (line(more=[float("nan")]), "more", "not_finite", "more holds NaN"),
    "nothing but NaN": (b"NaN", "", "not_finite", "the line holds NaN"),
    "a number as tag": (line(tags={"tenant": 5}), "tags", "wrong_type", "tags[...] is an integer"),
    "tags as a list": (line(tags=["a"]), "tags", "wrong_type", "tags is a list; an object is expected"),
    "text as score": (line(scores={"a": "b"}), "scores", "wrong_type", "a number is expected"),
    "context as text": (line(context="a"), "context", "wrong_type", "a list is expected"),
    "a number in context": (line(context=["a", 1]), "context", "wrong_type", "context[1] is an integer"),
    "a tool without name": (line(tool_calls=[{}]), "tool_calls", "missing_field", "name is missing in tool_calls[0]"),
    "arguments as a list": (line(tool_calls=[{"name": "f", "arguments": [1]}]), "tool_calls", "wrong_type", "a list"),
    "messages without role": (line(messages=[{"content": "a"}]), "messages", "missing_field", "role is missing"),
    "schema 2": (line(schema="2"), "schema", "unknown_schema", "'2' is not known"),
    "schema 2.1": (line(schema="2.1"), "schema", "unknown_schema", "reads schema 1"),
    "schema 10": (line(schema="10"), "schema", "unknown_schema", "'10'"),
    "schema one": (line(schema="one"), "schema", "unknown_schema", "'one'"),
    "schema as a number": (line(schema=1), "schema", "wrong_type", "schema is an integer"),
    "five minutes and a bit ahead": (line(timestamp=1_767_225_900.001), "timestamp", "future_timestamp", "300 s"),
    "a year ahead": (line(timestamp="2027-01-01T00:00:00Z"), "timestamp", "future_timestamp", "31536000 s after"),
    "no time": (line(timestamp="yesterday"), "timestamp", "invalid_timestamp", "'yesterday' is not RFC 3339"),
    "no offset": (line(timestamp="2025-12-31T23:59:00"), "timestamp", "invalid_timestamp", "no offset from UTC"),
    "30 February": (line(timestamp="2025-02-30T00:00:00Z"), "timestamp", "invalid_timestamp", "RFC 3339"),
    "milliseconds": (line(timestamp=1_767_225_540_000), "timestamp", "out_of_range", "epoch seconds are expected"),
    "before 1970": (line(timestamp=-1), "timestamp", "out_of_range", "1970"),
    "1e300 seconds": (line(timestamp=1e300), "timestamp", "out_of_range", "1970"),
    "2**80 seconds": (line(timestamp=2**80), "timestamp", "out_of_range", "beyond the range"),
    "true as timestamp": (line(timestamp=True), "timestamp", "wrong_type", "timestamp is true or false"),
    "half a surrogate pair": (raw(b'"prompt": "\\ud800"'), "prompt", "invalid_unicode", "prompt holds half"),
    "a pair the wrong way": (raw(b'"prompt": "\\udc00\\ud800"'), "prompt", "invalid_unicode", "surrogate"),
    "half a pair in an unknown field": (raw(b'"more": ["\\uDBFF x"]'), "more", "invalid_unicode", "more holds half"),
    "half a pair in a tag's name": (raw(b'"tags": {"\\ud800": "a"}'), "tags", "invalid_unicode", "tags holds half"),
    "half a pair in a field's name": (raw(b'"\\ud800": 1'), "", "invalid_unicode", "the line holds half"),
    "no UTF-8": (raw(b'"prompt": "\xff"'), "", "invalid_unicode", "not UTF-8 at byte"),
    "no UTF-8 in an unknown field": (raw(b'"more": "\xc3("'), "", "invalid_unicode", "not UTF-8 at byte"),
    "a surrogate in UTF-8": (raw(b'"prompt": "\xed\xa0\x80"'), "", "invalid_unicode", "not UTF-8 at byte"),
    "NUL in id": (line(id="a\0"), "id", "invalid_unicode", "id holds a NUL"),
    "NUL in application": (line(application="\0"), "application", "invalid_unicode", "application holds a NUL"),
    "NUL in model": (line(model="a\0b"), "model", "invalid_unicode", "model holds a NUL"),
    "NUL in a tag's name": (line(tags={"\0": "a"}), "tags", "invalid_unicode", "tags holds a NUL"),
    "NUL in a tag": (line(tags={"a": "\0"}), "tags", "invalid_unicode", "tags holds a NUL"),
    "NUL in a score's name": (line(scores={"\0": 1}), "scores", "invalid_unicode", "scores holds a NUL"),
    "NUL in a tool's name": (line(tool_calls=[{"name": "\0"}]), "tool_calls", "invalid_unicode", "holds a NUL"),
    "2 MiB": (line(prompt="x" * (2 << 20)), "", "too_large", "at most 1048576"),
    "2 MiB of noise": (b"\xff" * (2 << 20), "", "too_large", "at most 1048576"),
    "100,000 levels": (raw(b'"more": ' + DEEP), "", "too_deep", "more than 100 levels"),
    "100,000 levels in arguments": (
        raw(b'"tool_calls": [{"name": "f", "arguments": {"a": ' + DEEP + b"}}]"), "", "too_deep", "100 levels",
    ),
    "100,000 levels of nothing": (b'{"a":' * 100_000, "", "too_deep", "more than 100 levels"),
    "101 levels": (raw(b'"more": ' + b"[" * 100 + b"]" * 100), "", "too_deep", "more than 100 levels"),
}  # fmt: skip
