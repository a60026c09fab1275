"""Who did what: every change that a person made through the API or the command line."""

from typing import NamedTuple

from sqlalchemy import Connection, insert, select

from monitor.store.paging import page
from monitor.store.tables import audit as table


class Entry(NamedTuple):
    """`at` is wall clock, microseconds since 1970 UTC; `subject` is the id of what was changed."""

    at: int
    actor: str
    action: str
    subject: str
    detail: str


def record(c: Connection, entry: Entry) -> None:
    """Add an entry."""
    c.execute(insert(table), entry._asdict())


def query(
    c: Connection, subject: str | None = None, limit: int = 50, cursor: str | None = None
) -> tuple[list[Entry], str | None]:
    """The newest first, and the cursor of the next page."""
    statement = select(table)
    if subject is not None:
        statement = statement.where(table.c.subject == subject)
    rows, following = page(c, statement, [table.c.id], limit, cursor)
    return [Entry(row.at, row.actor, row.action, row.subject, row.detail) for row in rows], following
