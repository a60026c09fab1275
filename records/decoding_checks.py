"""What types cannot say of a record: its schema, its time, and NULs where a name is expected."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from records import timestamps
from records.decoding_lines import Structs
from records.refusal import Cause

AHEAD = 5 * 60 * 1_000_000
"""How far a timestamp may lie after the time its record was accepted, microseconds."""

_SCHEMA = re.compile(r"1(\.\d{1,9})*")


def check_schema(items: Sequence[Any]) -> dict[int, Cause]:
    """The records, by position, whose schema has another major number than 1."""
    schemas = [item.schema for item in items]
    if schemas.count(None) == len(schemas):
        return {}
    strange = {s for s in set(schemas) if s is not None and not _SCHEMA.fullmatch(str(s))}
    return {
        k: Cause("schema", "unknown_schema", f"schema {_shown(s)} is not known; this version reads schema 1")
        for k, s in enumerate(schemas)
        if s in strange
    }


def check_nul(structs: Structs, holder: Callable[[Any], str | None]) -> dict[int, Cause]:
    """The records, by position, of which `holder` names a field with a NUL."""
    suspects = [int(np.searchsorted(structs.positions, j)) for j in structs.nul if j not in structs.causes]
    found = {k: holder(structs.items[k]) for k in suspects}
    return {k: Cause(name, "invalid_unicode", f"{name} holds a NUL") for k, name in found.items() if name}


def check_times(items: Sequence[Any], accepted_at: NDArray[np.int64]) -> tuple[NDArray[np.int64], dict[int, Cause]]:
    """Event times in microseconds (n,), and the records whose timestamp cannot be one."""
    values = [item.timestamp for item in items]
    micros, became = timestamps.parse_timestamps(values)
    ahead = (became == timestamps.OK) & (micros > accepted_at + AHEAD)
    wrong = np.flatnonzero(ahead | (became != timestamps.OK))
    return micros, {int(k): _time_cause(values[k], int(became[k]), int(micros[k] - accepted_at[k])) for k in wrong}


def read_times(items: Sequence[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Event times (n,) as far as they can be read, without an offset as UTC, and which of them could be."""
    micros, became = timestamps.parse_timestamps([_number(item.timestamp) for item in items])
    return micros, (became == timestamps.OK) | (became == timestamps.WITHOUT_OFFSET)


def _number(value: Any) -> Any:
    return None if isinstance(value, bool) else value


def _time_cause(value: Any, became: int, late_by: int) -> Cause:
    if became == timestamps.OK:
        words = f"the timestamp {_shown(value)} lies {late_by / 1e6:.0f} s after the record was accepted; 300 s are allowed"
        return Cause("timestamp", "future_timestamp", words)
    if became == timestamps.WITHOUT_OFFSET:
        words = f"the timestamp {_shown(value)} has no offset from UTC; write Z or +00:00 at its end"
        return Cause("timestamp", "invalid_timestamp", words)
    if became == timestamps.BEYOND:
        hint = "; milliseconds? epoch seconds are expected" if not isinstance(value, str) and value > 1e11 else ""
        return Cause("timestamp", "out_of_range", f"the timestamp {_shown(value)} is not in the years 1970 to 9999{hint}")
    words = f"the timestamp {_shown(value)} is not RFC 3339, such as 2025-01-31T12:00:00Z"
    return Cause("timestamp", "invalid_timestamp", words)


def _shown(value: Any) -> str:
    """A value in a sentence, cut where it is long."""
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."
