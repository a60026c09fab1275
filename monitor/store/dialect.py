"""What differs between databases, and nothing else does: upserts and locks; and how values fit what all of them hold."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite

from monitor.store.tables import sequences

WRITE = "plumbline_write"
"""Execution option of a connection that is in a write transaction."""

Rows = Sequence[Mapping[str, Any]]
Combine = Callable[[ColumnElement[Any], ColumnElement[Any]], ColumnElement[Any]]
T = TypeVar("T")


def _insert(c: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if c.dialect.name == "postgresql" else sqlite.insert(table)


def upsert(c: Connection, table: Table, rows: Rows, combine: Mapping[str, Combine] | None = None) -> None:
    """Insert rows; where the primary key is held already, the new values replace the other columns.

    `combine` maps a column to what it becomes of (held, new) instead.
    """
    if not rows:
        return
    statement, rules = _insert(c, table), combine or {}
    changed = {
        column.name: rules[column.name](column, statement.excluded[column.name])
        if column.name in rules
        else statement.excluded[column.name]
        for column in table.columns
        if column.name in rows[0] and not column.primary_key
    }
    key = [column.name for column in table.primary_key]
    c.execute(statement.on_conflict_do_update(index_elements=key, set_=changed), list(rows))


def insert_new(c: Connection, table: Table, rows: Rows, unique: Sequence[str]) -> None:
    """Insert rows, leaving out those whose `unique` columns are held already."""
    if rows:
        c.execute(_insert(c, table).on_conflict_do_nothing(index_elements=list(unique)), list(rows))


def advance(c: Connection, name: str, by: int) -> int:
    """Take the next `by` numbers of a sequence that starts at 1; returns the last of them (0 numbers: the last ever taken).

    The row stays locked until the transaction ends, so numbers are committed in the order in which they were taken.
    """
    if by:
        upsert(c, sequences, [{"name": name, "value": by}], {"value": lambda held, new: held + new})
    return int(c.execute(select(sequences.c.value).where(sequences.c.name == name)).scalar() or 0)


def writing(c: Connection) -> bool:
    """Whether the connection is in a write transaction."""
    return bool(c.get_execution_options().get(WRITE, False))


def hold(c: Connection, name: str, shared: bool = False) -> None:
    """Wait for a lock by name and keep it until the transaction ends; any number hold it `shared`, or one alone.

    SQLite's write transactions exclude each other anyway.
    """
    if c.dialect.name == "postgresql":
        take = func.pg_advisory_xact_lock_shared if shared else func.pg_advisory_xact_lock
        c.execute(select(take(func.hashtextextended(name, 0))))


def stream(c: Connection, statement: Select[Any], size: int) -> Iterator[Row[Any]]:
    """Rows as they are asked for, `size` at a time, so that a long result is never held at once; may be left early."""
    with c.execute(statement, execution_options={"yield_per": size}) as result:
        yield from result


def chunks(items: Sequence[T], size: int = 500) -> Iterator[Sequence[T]]:
    """Pieces small enough for one IN list."""
    for i in range(0, len(items), size):
        yield items[i : i + size]


def signed(hash64: int) -> int:
    """An unsigned 64-bit hash as the signed integer that databases have."""
    return hash64 - (1 << 64) if hash64 >= 1 << 63 else hash64


def unsigned(stored: int) -> int:
    """The inverse of `signed`."""
    return stored + (1 << 64) if stored < 0 else stored
