"""CSV and Parquet as lines of JSON, so that one decoder reads every kind of file."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import polars as pl
from polars.datatypes import DataTypeClass

from records.decoding_fields import INTERACTION_FIELDS
from records.errors import InputError

ROWS = 4000
"""Rows that are decoded at once."""

NESTED = ("tags", "scores")


def table_lines(
    path: Path, kind: str, mapping: Mapping[str, str], progress: Callable[[float], None] | None
) -> Iterator[tuple[int, list[bytes]]]:
    """Chunks of rows as lines of JSON, each with the number of its first row, from 1.

    Columns `tags.KEY` and `scores.NAME` become entries of tags and scores; columns that are no field are left out.
    Raises InputError where nothing is left, or where a column that the mapping names is not there.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    table = pl.scan_csv(path, infer_schema=False) if kind == "csv" else pl.scan_parquet(path)
    schema = table.collect_schema()
    columns = _select(path, schema, mapping)
    total = max(1, table.select(pl.len()).collect().item()) if progress else 1
    number = 1
    for batch in table.select(columns).collect_batches(chunk_size=ROWS, maintain_order=True):
        for part in batch.iter_slices(ROWS):
            lines = part.write_ndjson().encode().splitlines()
            yield number, lines
            number += len(lines)
            if progress:
                progress(min(1.0, (number - 1) / total))


def _select(path: Path, schema: pl.Schema, mapping: Mapping[str, str]) -> list[pl.Expr]:
    """One expression for each field that the table holds."""
    sources = {name: name for name in schema if _is_target(name) and name not in mapping.values()}
    sources.update(mapping)
    found: dict[str, pl.Expr] = {}
    inside: dict[str, dict[str, pl.Expr]] = {name: {} for name in NESTED}
    for target, source in sources.items():
        column, kind = _resolve(path, schema, source)
        name, _, key = target.partition(".")
        if key:
            inside[name][key] = _plain(column, kind, name)
        elif name in NESTED and isinstance(kind, pl.Struct):
            entries = {f.name: _plain(column.struct.field(f.name), f.dtype, name) for f in kind.fields}
            inside[name] = {**entries, **inside[name]}
        else:
            found[name] = _plain(column, kind, name)
    for name, entries in inside.items():
        if entries:
            found[name] = pl.struct([entry.alias(key) for key, entry in entries.items()])
    if not found:
        names = ", ".join(list(schema)[:10])
        example = next(iter(schema), "answer")
        raise InputError(f"{path} has no column that can be compared; it has {names}; name one with --map response={example}")
    return [column.alias(name) for name, column in found.items()]


def _is_target(name: str) -> bool:
    first, _, key = name.partition(".")
    return name in INTERACTION_FIELDS or (first in NESTED and bool(key))


def _resolve(path: Path, schema: pl.Schema, source: str) -> tuple[pl.Expr, pl.DataType | DataTypeClass]:
    """The column of that name, or the field of a struct column that a dotted path leads to."""
    if source in schema:
        return pl.col(source), schema[source]
    name, *rest = source.split(".")
    if name in schema:
        column = pl.col(name)
        kind: pl.DataType | DataTypeClass = schema[name]
        for part in rest:
            fields = {f.name: f.dtype for f in kind.fields} if isinstance(kind, pl.Struct) else {}
            if part not in fields:
                break
            column, kind = column.struct.field(part), fields[part]
        else:
            return column, kind
    raise InputError(f"{path} has no column {source}, which --map names; it has {', '.join(list(schema)[:20])}")


def _plain(column: pl.Expr, kind: pl.DataType | DataTypeClass, name: str) -> pl.Expr:
    """The column in a type that JSON writes the way the decoder reads it."""
    if isinstance(kind, pl.Datetime):
        return column.dt.epoch("us") / 1e6
    if isinstance(kind, pl.Duration):
        return column.dt.total_microseconds() / 1e6
    if isinstance(kind, (pl.Categorical, pl.Enum, pl.Date, pl.Time)):
        return column.cast(pl.String)
    if isinstance(kind, pl.Decimal):
        return column.cast(pl.Float64)
    if name == "context" and kind == pl.String:
        return pl.when(column.is_not_null()).then(pl.concat_list(column))
    return column
