"""Strings to codes, a column at a time."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.columns import Labels

LONGEST = 128
"""A category is its first so many characters."""


def encode(column: pl.Series, rows: NDArray[np.int32] | None = None) -> Labels:
    """Codes of a string column and its values in order; a null is missing. `rows` as in Labels."""
    values = column.unique().drop_nulls().sort()
    if len(values) and (values.str.len_bytes() > LONGEST).any():
        return encode(column.str.head(LONGEST), rows)
    if not len(values):
        return Labels(np.full(len(column), -1, np.int32), [], rows)
    codes = column.cast(pl.Enum(values)).to_physical().cast(pl.Int32).fill_null(-1).to_numpy()
    return Labels(codes, values.to_list(), rows)


def flatten(column: pl.Series) -> tuple[NDArray[np.int32], pl.Series]:
    """A list column as its items and the row of each; null and empty lists have none."""
    lengths = column.list.len().fill_null(0)
    filled = lengths > 0
    rows = np.repeat(np.arange(len(column), dtype=np.int32), lengths.to_numpy())
    return rows, column.filter(filled).explode()
