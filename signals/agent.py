"""Tools that a call used: how many, which, and how many of them failed."""

import numpy as np
import polars as pl

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
