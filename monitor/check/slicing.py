"""The slices of a file: the values of its dimensions, row by row."""

from collections.abc import Sequence

import polars as pl

from records.errors import InputError
from records.interaction import INTERACTION_SCHEMA
from streams.slices import MOST_VALUES, REST, TAGS, dimension_values


def check_dimensions(dimensions: Sequence[str]) -> None:
    """Raises InputError for a dimension that is neither a tag nor a field of text."""
    fields = [name for name, kind in INTERACTION_SCHEMA.items() if kind == pl.String]
    for name in dimensions:
        if name not in fields and not (name.startswith(TAGS) and len(name) > len(TAGS)):
            raise InputError(f"{name} is no slice; expected {TAGS}NAME or a field such as model or prompt_version")


class Slicer:
    """Gives the slices of chunk after chunk, and remembers which values have panes of their own."""

    def __init__(self, dimensions: Sequence[str]):
        self.known: dict[str, dict[str, None]] = {name: {} for name in dimensions}

    def take(self, frame: pl.DataFrame) -> dict[str, pl.Series]:
        """Dimension to its value per row, null where a row has none."""
        return {name: self._capped(name, dimension_values(frame, name)) for name in self.known}

    def _capped(self, name: str, values: pl.Series) -> pl.Series:
        known = self.known[name]
        for value in values.drop_nulls().unique(maintain_order=True):
            if len(known) >= MOST_VALUES:
                break
            known.setdefault(value)
        own = pl.Series(list(known), dtype=pl.String)
        column = pl.col(name)
        rest = pl.when(column.is_null() | column.is_in(own.implode())).then(column).otherwise(pl.lit(REST))
        return values.alias(name).to_frame().select(rest.alias(name))[name]
