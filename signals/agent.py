"""Tools that a call used: how many, which, and how many of them failed."""

import numpy as np
import polars as pl

from records.columns import Columns
from signals.labels import encode, flatten


def measure(frame: pl.DataFrame, out: Columns) -> None:
    """Add the signals of `tool_calls`. A null list is missing, an empty one is no calls; `tool_error` needs a call.

    `tool_names` has one value for each call, so a tool that is called twice counts twice.
    """
    column = frame["tool_calls"]
    calls = column.list.len().cast(pl.Float64).to_numpy()
    rows, items = flatten(column)
    failed = (items.struct.field("error").fill_null("") != "").to_numpy()
    errors = np.bincount(rows, weights=failed, minlength=len(frame))
    out.numeric["tool_calls"] = calls
    out.numeric["tool_errors"] = np.where(np.isnan(calls), np.nan, errors)
    out.boolean["tool_error"] = np.where(calls > 0, errors > 0, -1).astype(np.int8)
    names = items.struct.field("name")
    named = names.is_not_null()
    out.categorical["tool_names"] = encode(names.filter(named), rows[named.to_numpy()])
