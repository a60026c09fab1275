"""Lines of JSON to msgspec structs in bulk: the good ones at the speed of C, the bad ones each with its cause."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numba as nb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.refusal import Cause, explain

MAX_LINE = 1 << 20
"""Bytes of the longest line that is read."""

MAX_DEPTH = 100
"""Levels of lists and objects in one line; far below what a decoder's stack holds, so the same everywhere."""

MAX_NAME = 128
"""Characters of an unknown field's name that are kept when it is counted."""


_AT_ONCE = 512

NUL = b"\\u0000"
"""How a NUL reaches a string of JSON."""


@dataclass(frozen=True, slots=True)
class Lines:
    """The non-blank lines of several inputs: line j is number `index[j]` of input `record[j]`, both from 0."""

    data: list[bytes]
    record: NDArray[np.int32]
    index: NDArray[np.int64]


def split_lines(values: Sequence[bytes]) -> Lines:
    """The lines of NDJSON inputs. Blank lines are skipped and do not count in `index`."""
    lines, record = list(values), np.arange(len(values), dtype=np.int32)
    index = np.zeros(len(values), np.int64)
    if any(b"\n" in value for value in values) or not all(values) or any(map(bytes.isspace, values)):
        parts = [value.split(b"\n") for value in values]
        lines = [line for part in parts for line in part]
        record = np.repeat(record, list(map(len, parts)))
        if not all(lines) or any(map(bytes.isspace, lines)):
            kept = [j for j, line in enumerate(lines) if line and not line.isspace()]
            lines, record = [lines[j] for j in kept], record[kept]
        index = (np.arange(len(lines)) - np.searchsorted(record, record)).astype(np.int64)
    return Lines(lines, record, index)


@dataclass(frozen=True, slots=True)
class Decoders:
    """Two decoders of the same fields: `known` fails at an unknown field, `tolerant` skips it."""

    known: "msgspec.json.Decoder[Any]"
    tolerant: "msgspec.json.Decoder[Any]"


@dataclass(slots=True)
class Structs:
    """Structs and the lines they came from: `items[k]` is line `positions[k]`; the causes of the others.

    `nul` are the lines with an escaped NUL anywhere. From line `tolerant_from` on there may be unknown fields,
    before it there is none.
    """

    items: list[Any]
    positions: NDArray[np.int64]
    causes: dict[int, Cause]
    nul: list[int]
    tolerant_from: int


def decode_lines(lines: Sequence[bytes], decoders: Decoders, max_line: int) -> Structs:
    """One struct for each line that decodes, and for each other line why it does not."""
    causes, nul = _unreadable(lines, max_line)
    todo: Sequence[int] = [j for j in range(len(lines)) if j not in causes] if causes else range(len(lines))
    items: list[Any] = []
    failed = 0
    decode, tolerant_from = decoders.known.decode, len(lines)
    rest = iter([lines[j] for j in todo] if causes else lines)
    while True:
        try:
            items.extend(map(decode, rest))  # what was decoded before a line failed stays in the list
            break
        except (msgspec.DecodeError, ValueError) as error:
            position = todo[len(items) + failed]
            try:
                items.append(decoders.tolerant.decode(lines[position]))
                decode, tolerant_from = decoders.tolerant.decode, min(position, tolerant_from)
            except (msgspec.DecodeError, ValueError) as definite:
                causes[position] = explain(lines[position], definite)
                failed += 1
                del definite
            del error
    positions = np.array([j for j in todo if j not in causes] if causes else todo, np.int64)
    return Structs(items, positions, causes, nul, tolerant_from)


_TOP_LEVEL = msgspec.json.Decoder(dict[str, msgspec.Raw])


def count_unknown(lines: Sequence[bytes], known: frozenset[str]) -> dict[str, int]:
    """How many of these lines have each top-level field that is not `known`, by the field's name."""
    counts: Counter[str] = Counter()
    for fields in map(_TOP_LEVEL.decode, lines):
        counts.update(name[:MAX_NAME] for name in fields.keys() - known)
    return dict(counts)


def _unreadable(lines: Sequence[bytes], max_line: int) -> tuple[dict[int, Cause], list[int]]:
    """The lines that a decoder must not see (too long, not UTF-8, nested too deeply), and those to search for a NUL.

    So many lines are read at a time that their copy stays in the processor's cache.
    """
    causes: dict[int, Cause] = {}
    nul: list[int] = []
    for low in range(0, len(lines), _AT_ONCE):
        wrong, suspects = _unreadable_part(lines[low : low + _AT_ONCE], max_line)
        causes.update((low + j, cause) for j, cause in wrong.items())
        nul += [low + j for j in suspects]
    return causes, nul


def _unreadable_part(lines: Sequence[bytes], max_line: int) -> tuple[dict[int, Cause], list[int]]:
    lengths = np.fromiter(map(len, lines), np.int64, len(lines))
    causes = {
        int(j): Cause("", "too_large", f"the line has {lengths[j]} bytes; at most {max_line} are accepted")
        for j in np.flatnonzero(lengths > max_line)
    }
    text = b"\n".join([line for j, line in enumerate(lines) if j not in causes] if causes else lines)
    read = np.flatnonzero(lengths <= max_line)
    if not _is_utf8(text):
        causes.update((j, _not_utf8(lines[j])) for j in map(int, read) if not _is_utf8(lines[j]))
    deep, control = _scan(np.frombuffer(text, np.uint8), lengths[read], MAX_DEPTH)
    for j in map(int, read[deep]):
        words = f"lists and objects are nested in more than {MAX_DEPTH} levels"
        causes.setdefault(j, Cause("", "too_deep", words))
    return causes, [j for j in map(int, read[control]) if NUL in lines[j]]


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        pl.Series([data], dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.ComputeError:
        return False
    return True


def _not_utf8(line: bytes) -> Cause:
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return Cause("", "invalid_unicode", f"the line is not UTF-8 at byte {error.start}")
    raise AssertionError("two readers of UTF-8 disagree")


@nb.njit(cache=True, nogil=True)
def _scan(data: NDArray[np.uint8], lengths: NDArray[np.int64], limit: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """For each line (they are one byte apart) whether it nests deeper than `limit`, and whether u000 occurs in it.

    Counting opening brackets, which a processor does 32 at a time, settles nearly all lines; the rest is read as JSON.
    """
    deep, control = np.zeros(len(lengths), np.bool_), np.zeros(len(lengths), np.bool_)
    start = 0
    for i in range(len(lengths)):
        end = start + lengths[i]
        line = data[start:end]
        opened, escaped = 0, False
        for byte in line:
            opened += (byte | 32) == 123
        for j in range(len(line) - 3):
            escaped |= (line[j] == 117) & (line[j + 1] == 48) & (line[j + 2] == 48) & (line[j + 3] == 48)
        deep[i] = opened > limit and _depth(data, start, end) > limit
        control[i] = escaped
        start = end + 1
    return deep, control


@nb.njit(cache=True, nogil=True)
def _depth(data: NDArray[np.uint8], start: int, end: int) -> int:
    depth, deepest, inside, j = 0, 0, False, start
    while j < end:
        byte = data[j]
        if inside:
            if byte == 92:
                j += 1
            elif byte == 34:
                inside = False
        elif byte == 34:
            inside = True
        elif (byte | 32) == 123:
            depth += 1
            deepest = max(deepest, depth)
        elif (byte | 32) == 125:
            depth -= 1
        j += 1
    return deepest
