"""What a call used and how it ended: the fields of an interaction as they came, and tokens per second."""

import numpy as np
import polars as pl

from records.columns import Columns
from signals.labels import encode

NUMBERS = ("input_tokens", "output_tokens", "duration", "time_to_first_token", "cost_usd")
CATEGORIES = ("finish_reason", "model", "operation", "prompt_version")


def measure(frame: pl.DataFrame, out: Columns) -> None:
    """Add the signals of the call. An interaction without an error counts as one that went well.

    `error_type` has a value only where there is an error: what stands before its first colon, bracket or line end.
    """
    for name in NUMBERS:
        out.numeric[name] = frame[name].cast(pl.Float64).to_numpy()
    for name in CATEGORIES:
        out.categorical[name] = encode(frame[name])
    tokens, seconds = out.numeric["output_tokens"], out.numeric["duration"]
    usable = (seconds > 0) & (tokens >= 0)
    with np.errstate(over="ignore"):
        out.numeric["tokens_per_second"] = np.divide(tokens, seconds, out=np.full(len(frame), np.nan), where=usable)
    failed = frame["error"].fill_null("") != ""
    out.boolean["error"] = failed.cast(pl.Int8).to_numpy()
    rows = np.flatnonzero(failed.to_numpy()).astype(np.int32)
    kind = frame["error"].filter(failed).str.extract(r"^([^:(\[{\n]*)").str.strip_chars()
    out.categorical["error_type"] = encode(kind, rows)
