"""Structs to polars columns, without a Python object per cell where polars can take a whole list."""

import math
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.decoding_fields import Message, Part, ToolCall
from records.hashing import hash_column
from records.interaction import FEEDBACK_SCHEMA, INTERACTION_SCHEMA, TOOL_CALL

_AT_ONCE = 256


def interaction_frame(items: Sequence[Any], micros: NDArray[np.int64], readable: NDArray[np.bool_]) -> pl.DataFrame:
    """Decoded interactions as INTERACTION_SCHEMA; `timestamp` is `micros` where `readable`, null elsewhere."""
    if not items:
        return INTERACTION_SCHEMA.to_frame()
    columns = _columns(items)
    _take_messages(columns)
    nested: dict[str, Callable[[Sequence[Any]], pl.Series]] = {
        "context": _contexts, "tool_calls": _tool_calls, "tags": _tags, "scores": _scores, "user": _hashed,
    }  # fmt: skip
    series = {
        name: nested[name](columns[name]) if name in nested else _column(columns[name], kind)
        for name, kind in INTERACTION_SCHEMA.items()
        if name != "timestamp"
    }
    series["timestamp"] = _times(micros, readable)
    return pl.DataFrame([series[name].alias(name) for name in INTERACTION_SCHEMA])


def _columns(items: Sequence[Any]) -> dict[str, list[Any]]:
    """The fields as lists, made of so many structs at a time that these stay in the processor's cache."""
    names = items[0].__struct_fields__
    columns: list[list[Any]] = [[] for _ in names]
    for low in range(0, len(items), _AT_ONCE):
        rows = map(msgspec.structs.astuple, items[low : low + _AT_ONCE])
        for column, values in zip(columns, zip(*rows, strict=True), strict=True):
            column.extend(values)
    return dict(zip(names, columns, strict=True))


def feedback_frame(items: Sequence[Any], micros: NDArray[np.int64]) -> pl.DataFrame:
    """Decoded feedback as FEEDBACK_SCHEMA."""
    if not items:
        return FEEDBACK_SCHEMA.to_frame()
    values = [item.value for item in items]
    columns: dict[str, Any] = {
        "interaction_id": [item.interaction_id for item in items],
        "application": [item.application for item in items],
        "timestamp": micros,
        "name": [item.name for item in items],
        "number": [None if isinstance(value, str) else float(value) for value in values],
        "text": [value if isinstance(value, str) else None for value in values],
        "source": [item.source or "application" for item in items],
    }
    return pl.DataFrame([pl.Series(name, columns[name], dtype=kind) for name, kind in FEEDBACK_SCHEMA.items()])


def _times(micros: NDArray[np.int64], readable: NDArray[np.bool_]) -> pl.Series:
    times = pl.Series(micros)
    return times if readable.all() else times.zip_with(pl.Series(readable), pl.Series([None], dtype=pl.Int64))


def _column(values: Sequence[Any], kind: pl.DataType | type[pl.DataType]) -> pl.Series:
    if kind != pl.String:
        return pl.Series(values, dtype=kind)
    try:
        return pl.Series(values, dtype=pl.String)
    except TypeError:  # a file that is not read strictly may hold numbers where texts are expected
        return pl.Series([_as_text(value) for value in values], dtype=pl.String)


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _hashed(users: Sequence[Any]) -> pl.Series:
    """A column of 16 hexadecimal digits for each user; null stays null."""
    column = _column(users, pl.String)
    if _all_null(users):
        return column
    hashed: list[str | None] = [*hash_column(column).astype(">u8").tobytes().hex(" ", 8).split(" ")]
    if None in users:
        hashed = [None if user is None else text for user, text in zip(users, hashed, strict=True)]
    return pl.Series(hashed, dtype=pl.String)


def _take_messages(columns: dict[str, list[Any]]) -> None:
    """Fill absent prompts and systems from `messages`."""
    if _all_null(columns["messages"]):
        return
    rows = [k for k, messages in enumerate(columns["messages"]) if messages]
    prompt, system = columns["prompt"], columns["system"]
    for k in rows:
        said, told = _from_messages(columns["messages"][k])
        prompt[k] = said if prompt[k] is None else prompt[k]
        system[k] = told if system[k] is None else system[k]


def _from_messages(messages: list[Message]) -> tuple[str | None, str | None]:
    """The last user's text, and the system's texts joined by an empty line."""
    said = next((_content(m.content) for m in reversed(messages) if m.role == "user"), None)
    told = [text for m in messages if m.role in ("system", "developer") and (text := _content(m.content)) is not None]
    return said, "\n\n".join(told) if told else None


def _content(content: str | list[Part] | None) -> str | None:
    if isinstance(content, list):
        texts = [part.text for part in content if part.text is not None]
        return "\n".join(texts) if texts else None
    return content


def _contexts(lists: Sequence[list[str] | None]) -> pl.Series:
    return _lists(lists, pl.Series(list(chain.from_iterable(filter(None, lists))), dtype=pl.String))


_NO_TAG = frozenset({type(None), list, dict})


def _tags(mappings: Sequence[dict[str, Any] | None]) -> pl.Series:
    """Tags that are null, or in a file a list or an object, are left out."""
    keys, values = _items(mappings)
    if not _NO_TAG.isdisjoint(map(type, values)):
        return _tags([m and {key: value for key, value in m.items() if type(value) not in _NO_TAG} for m in mappings])
    return _lists(mappings, _pairs(keys, _column(values, pl.String)))


def _scores(mappings: Sequence[dict[str, float | None] | None]) -> pl.Series:
    """Scores that are null, or NaN or infinite in a file that writes numbers as texts, are left out."""
    keys, values = _items(mappings)
    if not np.isfinite(np.array(values, np.float64)).all():
        return _scores([m and {k: v for k, v in m.items() if v is not None and math.isfinite(v)} for m in mappings])
    return _lists(mappings, _pairs(keys, pl.Series(values, dtype=pl.Float64)))


def _items(mappings: Sequence[dict[str, Any] | None]) -> tuple[list[str], list[Any]]:
    full = list(filter(None, mappings))
    return list(chain.from_iterable(full)), list(chain.from_iterable(map(dict.values, full)))


def _pairs(keys: list[str], values: pl.Series) -> pl.Series:
    return pl.DataFrame([pl.Series("key", keys, dtype=pl.String), values.alias("value")]).to_struct()


def _tool_calls(lists: Sequence[list[ToolCall] | None]) -> pl.Series:
    calls = [(c.name, _arguments(c.arguments), c.error, c.duration) for c in chain.from_iterable(filter(None, lists))]
    columns = zip(*calls, strict=True) if calls else [()] * len(TOOL_CALL.fields)
    parts = [pl.Series(f.name, c, dtype=f.dtype) for f, c in zip(TOOL_CALL.fields, columns, strict=True)]
    return _lists(lists, pl.DataFrame(parts).to_struct())


def _arguments(arguments: dict[str, msgspec.Raw] | str | None) -> str | None:
    """A string as it is, an object as compact JSON."""
    if arguments is None or isinstance(arguments, str):
        return arguments
    return msgspec.json.format(msgspec.json.encode(arguments), indent=-1).decode()


def _all_null(values: Sequence[Any]) -> bool:
    return values.count(None) == len(values)


def _lists(values: Sequence[Any], items: pl.Series) -> pl.Series:
    """A list column of the shape of `values`, whose items one after another are `items`."""
    kind = pl.List(items.dtype)
    if _all_null(values):
        return pl.Series([None], dtype=kind).new_from_index(0, len(values))
    lengths = np.array([-1 if value is None else len(value) for value in values])
    full = lengths > 0
    owners = pl.Series("owner", np.repeat(np.arange(np.count_nonzero(full)), lengths[full])).set_sorted()
    lists = pl.DataFrame([owners, items.alias("item")]).group_by("owner", maintain_order=True).agg("item")["item"]
    lists = pl.concat([lists, pl.Series([[]], dtype=kind)], rechunk=True)
    place = pl.Series(np.where(full, np.cumsum(full) - 1, len(lists) - 1))
    return lists.gather(place.zip_with(pl.Series(lengths >= 0), pl.Series([None], dtype=pl.Int64)))
