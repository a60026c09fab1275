"""The words of an application that may be named: each was used by enough of its interactions (signals.vocabulary)."""

from collections.abc import Iterable

from sqlalchemy import Connection, delete, select

from monitor.store.dialect import upsert
from monitor.store.tables import words as table


def put(c: Connection, words: Iterable[tuple[str, str]], at: int) -> None:
    """Keep (application, word) that were told at `at`, event time; one that is kept is as if it were told now."""
    upsert(c, table, [{"application": a, "word": word, "told_at": at} for a, word in sorted(set(words))])


def known(c: Connection, application: str) -> list[str]:
    """All words of an application, in order."""
    statement = select(table.c.word).where(table.c.application == application).order_by(table.c.word)
    return list(c.execute(statement).scalars())


def delete_before(c: Connection, application: str, at: int) -> None:
    """Forget what was last told before `at`."""
    c.execute(delete(table).where(table.c.application == application, table.c.told_at < at))
