"""Strings to codes, and lists to items, whole columns at a time."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.columns import Labels

LONGEST = 128
"""A category is its first so many characters."""


def encode(frame: pl.DataFrame) -> dict[str, Labels]:
    """Each string column of `frame` as codes and its values in order; a null is missing."""
    if frame.is_empty():
        return {name: Labels(np.empty(0, np.int32), []) for name in frame.columns}
    found: tuple[list[str], ...] = frame.select(pl.all().unique().drop_nulls().sort().implode()).row(0)
    if any(len(value) > LONGEST for values in found for value in values):
        return encode(frame.select(pl.all().str.head(LONGEST)))
    values_of = dict(zip(frame.columns, found, strict=True))
    coded = frame.select(
        pl.col(name).cast(pl.Enum(values)).to_physical().cast(pl.Int32).fill_null(-1) for name, values in values_of.items()
    )
    codes = (column.to_numpy() for column in coded.iter_columns())
    return {name: Labels(code, values) for code, (name, values) in zip(codes, values_of.items(), strict=True)}


def keep(labels: Labels, at: NDArray[np.intp], rows: NDArray[np.int32]) -> Labels:
    """The items at `at` alone, as those of `rows`, with the values that are left."""
    codes = labels.codes[at]
    found = np.unique(codes[codes >= 0])
    compact = np.where(codes >= 0, np.searchsorted(found, codes), -1).astype(np.int32)
    return Labels(compact, [labels.values[code] for code in found], rows)


def lengths(name: str) -> pl.Expr:
    """How many items each list of a column has; null where the list is. What `flatten` asks for."""
    return pl.col(name).list.len().cast(pl.Float64).alias(name)


def flatten(column: pl.Series, lengths: NDArray[np.float64]) -> tuple[NDArray[np.int32], pl.DataFrame]:
    """The items of a list column, their fields as columns ("item" if they have none), and the row of each.

    `lengths` are the numbers of items (n,), NaN for a null list; a null or empty list has no item.
    """
    counts = np.nan_to_num(lengths).astype(np.int64)
    rows = np.repeat(np.arange(len(column), dtype=np.int32), counts)
    inner = column.dtype.inner if isinstance(column.dtype, pl.List) else column.dtype
    fields = {field.name: field.dtype for field in inner.fields} if isinstance(inner, pl.Struct) else {"item": inner}
    if not len(rows):
        return rows, pl.DataFrame(schema=fields)
    items = column.filter(pl.Series(counts > 0)).explode()
    return rows, items.struct.unnest() if isinstance(inner, pl.Struct) else items.to_frame("item")
