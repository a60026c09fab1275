"""What a call used and how it ended: the fields of an interaction as they came, and tokens per second."""

import numpy as np
import polars as pl

from records.columns import Columns
from signals.labels import encode, keep

NUMBERS = ("input_tokens", "output_tokens", "duration", "time_to_first_token", "cost_usd")
CATEGORIES = ("finish_reason", "model", "operation", "prompt_version")
_KIND = pl.col("error").str.extract(r"^([^:(\[{\n]*)").str.strip_chars()
PREPARED = (
    *(pl.col(name).cast(pl.Float64) for name in NUMBERS),
    *(pl.col(name) for name in CATEGORIES),
    (pl.col("error").fill_null("") != "").alias("error"),
    pl.when(pl.col("error") != "").then(_KIND).alias("error_type"),
)


def measure(frame: pl.DataFrame, prepared: pl.DataFrame, out: Columns) -> None:
    """Add the signals of the call. An interaction without an error counts as one that went well.

    `error_type` has a value only where there is an error: what stands before its first colon, bracket or line end.
    """
    for name in NUMBERS:
        out.numeric[name] = prepared[name].to_numpy()
    tokens, seconds = out.numeric["output_tokens"], out.numeric["duration"]
    usable = (seconds > 0) & (tokens >= 0)
    with np.errstate(over="ignore"):
        out.numeric["tokens_per_second"] = np.divide(tokens, seconds, out=np.full(len(frame), np.nan), where=usable)
    failed = prepared["error"].to_numpy()
    out.boolean["error"] = failed.astype(np.int8)
    labels = encode(prepared.select(*CATEGORIES, "error_type"))
    rows = np.flatnonzero(failed)
    out.categorical["error_type"] = keep(labels.pop("error_type"), rows, rows.astype(np.int32))
    out.categorical.update(labels)
