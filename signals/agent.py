"""Tools that a call used: how many, which, how many of them failed, and which calls make no sense."""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.columns import Columns
from signals.labels import encode, flatten, keep, lengths

PREPARED = (lengths("tool_calls"),)


def measure(frame: pl.DataFrame, prepared: pl.DataFrame, out: Columns) -> None:
    """Add the signals of `tool_calls`. A null list is missing, an empty one is no calls; `tool_error` needs a call.

    `tool_names` has one value for each call, so a tool that is called twice counts twice.
    """
    calls = prepared["tool_calls"].to_numpy()
    rows, items = flatten(frame["tool_calls"], calls)
    failed = items.select(pl.col("error").fill_null("") != "").to_series().to_numpy()
    errors = np.bincount(rows, weights=failed, minlength=len(frame))
    out.numeric["tool_calls"] = calls
    out.numeric["tool_errors"] = np.where(np.isnan(calls), np.nan, errors)
    out.boolean["tool_error"] = np.where(calls > 0, errors > 0, -1).astype(np.int8)
    names = encode(items.select("name"))["name"]
    named = np.flatnonzero(names.codes >= 0)
    out.categorical["tool_names"] = keep(names, named, rows[named])


class Tool(NamedTuple):
    """A tool that an application declares; `arguments`: the names that it takes, None where any will do."""

    name: str
    arguments: tuple[str, ...] | None = None


def _repeated(items: pl.DataFrame) -> pl.Series:
    """Whether a call has the name and the arguments of an earlier one of its interaction; the order of keys is no matter."""
    again = items.select("row", "name").is_duplicated()
    arguments = items["arguments"].fill_null("{}")
    alike = arguments.filter(again).map_elements(canonical, return_dtype=pl.String)
    calls = items.filter(again).select("row", "name").with_columns(alike.alias("arguments"))
    out = np.zeros(len(items), np.bool_)
    out[again.to_numpy()] = ~calls.select(pl.struct(pl.all()).is_first_distinct()).to_series().to_numpy()
    return pl.Series(out)


def canonical(arguments: str) -> str:
    """Arguments with their keys in order; as they are where they are no JSON."""
    try:
        return msgspec.json.encode(msgspec.json.decode(arguments), order="sorted").decode()
    except (msgspec.DecodeError, RecursionError):
        return arguments


_KEYS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def unfit(items: pl.DataFrame, tools: Sequence[Tool]) -> pl.Series:
    """Whether a call of a declared tool has an argument that the tool does not take, or arguments that are no object."""
    takes = {tool.name: frozenset(tool.arguments) for tool in tools if tool.arguments is not None}

    def unfit(name: str, arguments: str | None) -> bool:
        if name not in takes or not arguments:
            return False
        try:
            return not takes[name].issuperset(_KEYS.decode(arguments))
        except msgspec.DecodeError:
            return True

    return pl.Series(list(map(unfit, items["name"], items["arguments"])), dtype=pl.Boolean)


def scores(frame: pl.DataFrame, names: Collection[str], tools: Sequence[Tool] = ()) -> dict[str, NDArray[np.float64]]:
    """Of the calls of each interaction (n,), by name: how many are repeated, unknown_tools or unknown_arguments, and the
    share that failed, tool_error_rate; NaN where there is no list of calls, of the share where it is empty."""
    lengths = frame["tool_calls"].list.len().cast(pl.Float64).to_numpy()
    rows, items = flatten(frame["tool_calls"], lengths)
    items = items.with_columns(pl.Series("row", rows))
    declared = [tool.name for tool in tools]
    marked: dict[str, Callable[[], pl.Series]] = {
        "repeated_calls": lambda: _repeated(items),
        "unknown_tools": lambda: ~items["name"].is_in(declared),
        "unknown_arguments": lambda: unfit(items, tools),
        "tool_error_rate": lambda: items["error"].fill_null("") != "",
    }
    out = {}
    for name in names:
        counts = np.bincount(rows, weights=marked[name]().to_numpy(), minlength=len(frame)) + 0 * lengths
        if name == "tool_error_rate":
            counts = np.divide(counts, lengths, out=np.full(len(frame), np.nan), where=lengths > 0)
        out[name] = counts
    return out
