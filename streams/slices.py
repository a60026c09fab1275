"""Slices: the values of a dimension row by row, and how many of them have panes of their own."""

import polars as pl

MOST_VALUES = 200
"""Values of one dimension that have panes of their own, those that came first; the rest share REST."""
REST = "__other__"
TAGS = "tags."


def dimension_values(frame: pl.DataFrame, dimension: str) -> pl.Series:
    """The column of a dimension (n,): a field of the interaction, or one of its tags (the last one of that key)."""
    if not dimension.startswith(TAGS):
        return frame[dimension]
    key = dimension.removeprefix(TAGS)
    mine = pl.col("tags").list.filter(pl.element().struct.field("key") == key).list.last()
    return frame.select(mine.struct.field("value").alias(dimension))[dimension]
