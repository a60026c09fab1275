"""Why a line is refused: one stable word for machines and one sentence for people."""

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec

REASONS = {
    "invalid_json": "the line is not one JSON object",
    "not_finite": "NaN or Infinity was written as a number, which JSON does not have",
    "invalid_unicode": "bytes that are not UTF-8, half a surrogate pair, or a NUL where a name is expected",
    "missing_field": "a required field is absent or null",
    "wrong_type": "a field holds another type than expected",
    "out_of_range": "a field is of the right type, but too long, too short, too large or not among the values allowed",
    "invalid_timestamp": "the timestamp is not RFC 3339 with its offset from UTC",
    "future_timestamp": "the timestamp lies more than 5 minutes after the record was accepted",
    "too_old": "the timestamp is older than the panes that are kept",
    "too_large": "the line is longer than 1 MiB",
    "too_deep": "lists and objects are nested too deeply",
    "unknown_schema": "the record follows a schema that this version does not know",
}
"""Every reason, and what it says. The words are stable: they are headers, metric labels and answers of the API."""

_PLACE = re.compile(r" - at (?:`(?:key|value)` in )?`\$\.?(?P<path>[^`]*)`$")
_MISSING = re.compile(r"^Object missing required field `(?P<name>[^`]*)`")
_TYPES = re.compile(r"^Expected `(?P<expected>[^`]*)`, got `(?P<got>[^`]*)`")
_HALF_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}|\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_KINDS = {"str": "a string", "int": "an integer", "float": "a number", "bool": "true or false", "object": "an object",
          "array": "a list", "null": "null"}  # fmt: skip


class Refusal(msgspec.Struct, frozen=True):
    """One line that is not counted. `line` holds its original bytes.

    `record` is the index of the input that held the line, `index` the line's place among that input's lines
    (blank ones not counted), both from 0. `field` is the top-level field, empty where the whole line is meant.
    """

    record: int
    index: int
    field: str
    reason: str
    text: str
    line: bytes


class Cause(msgspec.Struct, frozen=True):
    """What is wrong with a line, before it is known which line it was."""

    field: str
    reason: str
    text: str


class NotFinite(float):
    """Marks a NaN or Infinity literal while a refused line is examined."""


def explain(line: bytes, error: Exception) -> Cause:
    """The cause behind an `error` that the decoder raised for a `line` of UTF-8 of bounded depth."""
    if isinstance(error, msgspec.ValidationError):
        return _explain_validation(str(error))
    try:
        value = json.loads(line, parse_constant=NotFinite)
    except (ValueError, RecursionError):
        return _explain_syntax(line, str(error))
    if _holds(value, _is_not_finite):
        field = _field_that(value, _is_not_finite)
        words = f"{field or 'the line'} holds NaN or Infinity, which JSON does not have; send null instead"
        return Cause(field, "not_finite", words)
    if _HALF_PAIR.search(line.decode()):
        field = _field_that(value, _has_half_pair)
        words = f"{field or 'the line'} holds half of a UTF-16 surrogate pair"
        return Cause(field, "invalid_unicode", words)
    return _explain_syntax(line, str(error))


def _explain_syntax(line: bytes, words: str) -> Cause:
    if "truncated" in words:
        return Cause("", "invalid_json", "the line ends in the middle of a value")
    if line.startswith(b"\xef\xbb\xbf"):
        return Cause("", "invalid_json", "the line begins with a byte order mark")
    place = re.search(r"\(byte (\d+)\)", words)
    return Cause("", "invalid_json", f"not valid JSON{f' at byte {place[1]}' if place else ''}")


def _explain_validation(words: str) -> Cause:
    place = _PLACE.search(words)
    path = place["path"] if place else ""
    field = re.split(r"[.\[]", path)[0]
    if missing := _MISSING.match(words):
        inside = f" in {path}" if path else ""
        return Cause(field or missing["name"], "missing_field", f"{missing['name']} is missing{inside}")
    if types := _TYPES.match(words):
        expected, got = _in_words(types["expected"]), _in_words(types["got"])
        if not path:
            return Cause("", "wrong_type", f"the line is {got}; {expected} is expected")
        if types["got"] == "null":
            return Cause(field, "missing_field", f"{path} is null; {expected} is expected")
        return Cause(field, "wrong_type", f"{path} is {got}; {expected} is expected")
    if "length" in words:
        bound = re.search(r"length (<=|>=) (\d+)", words)
        side = "at most" if bound and bound[1] == "<=" else "at least"
        return Cause(field, "out_of_range", f"{path} must have {side} {bound[2] if bound else 1} characters")
    if "enum" in words:
        return Cause(field, "out_of_range", f"{path} is not one of the values allowed")
    return Cause(field, "out_of_range", f"{path} is a number beyond the range that can be stored")


def _in_words(types: str) -> str:
    """`int | float | null` as people say it."""
    kinds = [_KINDS.get(kind, kind) for kind in types.split(" | ") if types == "null" or kind != "null"]
    return " or ".join(dict.fromkeys(kinds))


def _is_not_finite(item: Any) -> bool:
    return isinstance(item, NotFinite)


def _has_half_pair(item: Any) -> bool:
    return isinstance(item, str) and any("\ud800" <= letter <= "\udfff" for letter in item)


def _field_that(value: Any, test: Callable[[Any], bool]) -> str:
    """The first top-level field whose value holds something for which `test` is true, empty if none."""
    fields = value.items() if isinstance(value, dict) else ()
    return next((key for key, item in fields if _holds(item, test) and not _has_half_pair(key)), "")


def _holds(value: Any, test: Callable[[Any], bool]) -> bool:
    if isinstance(value, dict):
        return any(test(key) or _holds(item, test) for key, item in value.items())
    if isinstance(value, list):
        return any(_holds(item, test) for item in value)
    return test(value)
