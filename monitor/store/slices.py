"""The registry of slices: which values each dimension of an application has, and their codes."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from monitor.store.dialect import hold, insert_new
from monitor.store.tables import slices as table


class FirstSight(NamedTuple):
    """A value that a dimension had for the first time at `at`."""

    dimension: str
    value: str
    at: int


def load(c: Connection) -> dict[tuple[str, str], dict[str, int]]:
    """(application, dimension) to the codes of its values."""
    registry: dict[tuple[str, str], dict[str, int]] = {}
    order = (table.c.application, table.c.dimension, table.c.code)
    for row in c.execute(select(table).order_by(*order)):
        registry.setdefault((row.application, row.dimension), {})[row.value] = row.code
    return registry


def add(c: Connection, application: str, dimension: str, value: str, code: int, first_seen: int) -> None:
    """Register a value; one that is registered stays as it is."""
    row = {"application": application, "dimension": dimension, "value": value, "code": code, "first_seen": first_seen}
    insert_new(c, table, [row], ["application", "dimension", "value"])


def register(
    c: Connection, application: str, dimension: str, values: Sequence[tuple[str, int]], most: int, rest: str
) -> dict[str, int]:
    """Give codes to new `values` (value, when first seen), in their order; returns the codes of all values.

    Beyond `most` values they all share the code of `rest`. Others who register wait until the transaction ends.
    """
    hold(c, f"plumbline/slices/{application}/{dimension}")
    mine = (table.c.application == application, table.c.dimension == dimension)
    statement = select(table.c.value, table.c.code).where(*mine).order_by(table.c.code)
    registry = {row.value: row.code for row in c.execute(statement)}
    for value, at in values:
        kept = value if value in registry or len(registry) < most else rest
        if kept not in registry:
            registry[kept] = len(registry)
            add(c, application, dimension, kept, registry[kept], at)
    return registry


def first_seen(c: Connection, application: str, since: int) -> list[FirstSight]:
    """What was first seen at or after a time, oldest first."""
    statement = select(table).where(table.c.application == application, table.c.first_seen >= since)
    order = (table.c.first_seen, table.c.dimension, table.c.value)
    return [FirstSight(row.dimension, row.value, row.first_seen) for row in c.execute(statement.order_by(*order))]
