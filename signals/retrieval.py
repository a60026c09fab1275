"""What was retrieved for a call: passages and their length."""

import numpy as np
import polars as pl

from records.columns import Columns
from signals.labels import flatten, lengths

PREPARED = (lengths("context"),)


def measure(frame: pl.DataFrame, prepared: pl.DataFrame, out: Columns) -> None:
    """Add the signals of `context`. A null list is missing, an empty one is no passages."""
    passages = prepared["context"].to_numpy()
    rows, items = flatten(frame["context"], passages)
    characters = items.select(pl.col("item").str.len_chars().fill_null(0)).to_series().to_numpy()
    total = np.bincount(rows, weights=characters, minlength=len(frame))
    out.numeric["context_passages"] = passages
    out.numeric["context_characters"] = np.where(np.isnan(passages), np.nan, total)
