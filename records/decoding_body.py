"""An HTTP body or a file of JSON cut into its records, each on one line."""

import re

import msgspec

_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PUNCTUATION = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)
"""Strings (one that does not end takes all the rest, so that nothing is read twice), and what separates values."""


def split_body(data: bytes) -> list[bytes]:
    """The records of a body, each on one line: of an array, of one object (on any number of lines) or of NDJSON.

    What is none of these comes back as lines too, and is refused line by line; an array in which only some elements are
    wrong comes back as its elements.
    """
    body = data.strip()
    if body[:1] == b"[":
        try:
            return [_on_one_line(bytes(item)) for item in _ARRAY.decode(body)]
        except (msgspec.DecodeError, RecursionError):
            return [item.replace(b"\n", b"\r") for item in _elements(body)]
    lines = body.split(b"\n")
    if len(lines) > 1 and not _is_object(lines[0]) and _is_object(body):
        return [_on_one_line(body)]
    return [line for line in lines if line and not line.isspace()]


def _elements(body: bytes) -> list[bytes]:
    """The elements of an array that is broken somewhere, cut at the commas of its first level, so that one bad element
    refuses nobody else; the whole body where the array does not end with its last byte, or an element is empty.

    A line break in them becomes a carriage return above: space between tokens, and no less forbidden in a string.
    """
    depth, start = 0, 1
    found: list[bytes] = []
    for token in _PUNCTUATION.finditer(body):
        kind = token[0]
        depth += (kind in b"[{") - (kind in b"]}")
        if depth == (1 if kind == b"," else 0) and kind in (b",", b"]", b"}"):
            found.append(body[start : token.start()].strip())
            start = token.end()
            if depth == 0:
                break
    return found if depth == 0 and start == len(body) and all(found) else [body]


def _on_one_line(item: bytes) -> bytes:
    """Valid JSON without its line breaks: they are space."""
    return item.replace(b"\n", b" ") if b"\n" in item else item


def _is_object(data: bytes) -> bool:
    try:
        _OBJECT.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    return True
