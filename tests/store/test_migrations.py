"""Upgrading a database that an earlier version filled: nothing is lost, and the new columns say what is true of old rows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import BigInteger, Column, Connection, Double, Integer, LargeBinary, MetaData, Table, Text, select

from monitor.store import Store, courses, feedback, migrate
from monitor.store.dialect import advance
from monitor.store.feedback import WaitingFeedback
from tests.store.make import NOON

ROWS = 3
MOVED = {"judged.changed"}
"""Columns that are rows of another table now."""


@pytest.fixture
def first_release(empty_url: str) -> Iterator[Store]:
    """A store of revision 0001 with rows in every table."""
    store = Store(empty_url)
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    with store.begin() as c:
        config.attributes["connection"] = c
        command.upgrade(config, "0001")
        for table in _tables(c):
            c.execute(table.insert(), [_row(table, i) for i in range(ROWS)])
    yield store
    store.close()


def test_a_database_of_the_first_release_keeps_every_row(first_release: Store) -> None:
    with first_release.begin() as c:
        tables = _tables(c)
        assert len(tables) == 21
        kept = {table.name: [column for column in table.columns if f"{column}" not in MOVED] for table in tables}
        before = {name: _all(c, columns) for name, columns in kept.items()}
    first_release.upgrade()
    with first_release.read() as c:
        after = {name: _all(c, columns) for name, columns in kept.items()}
    added = after["sequences"][ROWS:]
    assert added == [(f"waiting/application{i}", 1) for i in range(ROWS)]
    assert after | {"sequences": after["sequences"][:ROWS]} == before


def test_after_the_upgrade_old_rows_are_what_new_ones_come_after(first_release: Store) -> None:
    first_release.upgrade()
    with first_release.begin() as c:
        for i in range(ROWS):
            name = f"application{i}"
            assert courses.closed(c, [name]) == {name: NOON + i}
            assert [start for _, start in courses.late(c, name)] == [NOON + i]
            (old,) = feedback.waiting(c, name)
            assert (old.name, old.seq) == (f"name{i}", 1)
            feedback.wait(c, name, [WaitingFeedback(99, "rating", "human", 1.0, None, NOON)])
            assert [row.id_hash for row in feedback.waiting(c, name, after=1)] == [99]
            assert advance(c, f"waiting/{name}", 0) == 2
        courses.add_late(c, "support", NOON)
        assert len(courses.late(c, "support")) == 1


def _tables(c: Connection) -> list[Table]:
    found = MetaData()
    found.reflect(c)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def _all(c: Connection, columns: list[Column[Any]]) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in c.execute(select(*columns).order_by(*columns[0].table.primary_key))]


def _row(table: Table, i: int) -> dict[str, Any]:
    """A value in every column; what has the same name refers to the same thing."""
    row: dict[str, Any] = {}
    for column in table.columns:
        if isinstance(column.type, Text):
            row[column.name] = f"{column.name}{i}"
        elif isinstance(column.type, BigInteger | Integer):
            row[column.name] = NOON + i
        elif isinstance(column.type, LargeBinary):
            row[column.name] = f"\0é{i}".encode()
        else:
            assert isinstance(column.type, Double)
            row[column.name] = i + 0.5
    return row
