"""What was retrieved for a call: passages and their length."""

import numpy as np
import polars as pl

from records.columns import Columns
from signals.labels import flatten


def measure(frame: pl.DataFrame, out: Columns) -> None:
    """Add the signals of `context`. A null list is missing, an empty one is no passages."""
    column = frame["context"]
    passages = column.list.len().cast(pl.Float64).to_numpy()
    rows, items = flatten(column)
    lengths = np.bincount(rows, weights=items.str.len_chars().fill_null(0).to_numpy(), minlength=len(frame))
    out.numeric["context_passages"] = passages
    out.numeric["context_characters"] = np.where(np.isnan(passages), np.nan, lengths)
