"""Bytes to columns: interactions and feedback, decoded in bulk; what is refused says why, and the rest is kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.decoding_body import split_body
from records.decoding_checks import check_nul, check_schema, check_times, read_times
from records.decoding_columns import feedback_frame, interaction_frame
from records.decoding_fields import (
    FEEDBACK,
    FEEDBACK_FIELDS,
    INTERACTION,
    INTERACTION_FIELDS,
    INTERACTION_LOOSE,
    SHORT_TEXTS,
)
from records.decoding_lines import MAX_LINE, Lines, Structs, count_unknown, decode_lines, split_lines
from records.refusal import Cause, Refusal

__all__ = ["MAX_LINE", "Decoded", "Refusal", "decode_feedback_records", "decode_records", "split_body"]


@dataclass(frozen=True)
class Decoded:
    """What n lines that were accepted, and the others, became.

    record: int32 (n,), the index of the input that held each row. rows: int64 (n,), the line's index among that
    input's lines (blank ones not counted). lines: n times the original bytes. refused: in the order of the input.
    unknown: for each top-level field that no accepted line should have, by name, how many accepted lines have it.
    """

    record: NDArray[np.int32]
    rows: NDArray[np.int64]
    lines: list[bytes]
    refused: list[Refusal]
    unknown: dict[str, int]
    build: Callable[[], pl.DataFrame]

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The accepted rows as columns, n high; built when first asked for."""
        return self.build()


def decode_records(
    values: Sequence[bytes], accepted_at: Sequence[int], *, max_line: int = MAX_LINE, strict: bool = True
) -> Decoded:
    """The interactions of many log records (NDJSON each), accepted at `accepted_at[i]`, microseconds since 1970.

    Without `strict` (files) id, timestamp and application may be absent, scalars may stand for texts and texts for
    numbers, and a timestamp is null where it cannot be read, never refused.
    """
    return _interactions(split_lines(values), np.asarray(accepted_at, np.int64), max_line, strict)


def decode_feedback_records(values: Sequence[bytes], accepted_at: Sequence[int], *, max_line: int = MAX_LINE) -> Decoded:
    """The feedback of many log records; as decode_records, with a frame of FEEDBACK_SCHEMA."""
    return _feedback(split_lines(values), np.asarray(accepted_at, np.int64), max_line)


def _interactions(lines: Lines, accepted_at: NDArray[np.int64], max_line: int, strict: bool = True) -> Decoded:
    structs = decode_lines(lines.data, INTERACTION if strict else INTERACTION_LOOSE, max_line)
    items = structs.items
    if strict:
        micros, wrong = check_times(items, accepted_at[lines.record[structs.positions]])
        readable = np.ones(len(items), np.bool_)
    else:
        (micros, readable), wrong = read_times(items), {}
    wrong = {**check_nul(structs, _interaction_nul), **wrong, **check_schema(items)}
    good = _without(len(items), wrong)
    kept = items if not wrong else [items[k] for k in good]

    def build() -> pl.DataFrame:
        return interaction_frame(kept, micros[good], readable[good])

    return _decoded(lines, structs, wrong, good, frozenset(INTERACTION_FIELDS), build)


def _feedback(lines: Lines, accepted_at: NDArray[np.int64], max_line: int) -> Decoded:
    structs = decode_lines(lines.data, FEEDBACK, max_line)
    items = structs.items
    micros, wrong = check_times(items, accepted_at[lines.record[structs.positions]])
    wrong = {**check_nul(structs, _feedback_nul), **wrong, **check_schema(items)}
    good = _without(len(items), wrong)
    kept = items if not wrong else [items[k] for k in good]

    def build() -> pl.DataFrame:
        return feedback_frame(kept, micros[good])

    return _decoded(lines, structs, wrong, good, frozenset(FEEDBACK_FIELDS), build)


def _without(n: int, wrong: dict[int, Cause]) -> NDArray[np.int64]:
    return np.delete(np.arange(n), list(wrong)) if wrong else np.arange(n)


def _decoded(
    lines: Lines,
    structs: Structs,
    wrong: dict[int, Cause],
    good: NDArray[np.int64],
    known: frozenset[str],
    build: Callable[[], pl.DataFrame],
) -> Decoded:
    """Bring both kinds of refusal into the order of the input, and everything of the rows that are left."""
    causes = {**structs.causes, **{int(structs.positions[k]): cause for k, cause in wrong.items()}}
    refused = [
        Refusal(int(lines.record[j]), int(lines.index[j]), c.field, c.reason, c.text, lines.data[j])
        for j, c in sorted(causes.items())
    ]
    rows = structs.positions[good]
    kept = [lines.data[j] for j in rows] if causes else lines.data
    first = int(np.searchsorted(rows, structs.tolerant_from))
    return Decoded(
        record=lines.record[rows],
        rows=lines.index[rows],
        lines=kept,
        refused=refused,
        unknown=count_unknown(kept[first:], known),
        build=build,
    )


def _interaction_nul(item: Any) -> str | None:
    """The first name, key or category of an interaction that holds a NUL."""
    for name in ("id", "application", *SHORT_TEXTS):
        if "\0" in str(getattr(item, name)):
            return name
    for name in ("tags", "scores"):
        mapping = getattr(item, name) or {}
        if any("\0" in key or "\0" in str(value) for key, value in mapping.items()):
            return name
    if any("\0" in call.name for call in item.tool_calls or ()):
        return "tool_calls"
    return None


def _feedback_nul(item: Any) -> str | None:
    """The first field of a feedback that holds a NUL; its value is stored as well."""
    return next((name for name in ("interaction_id", "application", "name", "value") if "\0" in str(getattr(item, name))), None)
