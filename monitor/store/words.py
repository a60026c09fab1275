"""The words of an application that may be named: each was used by enough of its interactions (signals.vocabulary)."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, select

from monitor.store.dialect import upsert
from monitor.store.tables import words as table


class Told(NamedTuple):
    """A word of an application that may be named, and up to when its interactions were read, event time."""

    application: str
    word: str
    told_at: int


def put(c: Connection, words: Sequence[Told]) -> None:
    """Keep words; one that is kept already is as if it were told now. Writers go by one order and never wait in a circle."""
    latest = {(word.application, word.word): word for word in sorted(words)}
    upsert(c, table, [word._asdict() for word in latest.values()])


def known(c: Connection, application: str) -> list[str]:
    """All words of an application, in order."""
    statement = select(table.c.word).where(table.c.application == application).order_by(table.c.word)
    return list(c.execute(statement).scalars())


def delete_before(c: Connection, application: str, at: int) -> None:
    """Forget what was last told before `at`."""
    c.execute(delete(table).where(table.c.application == application, table.c.told_at < at))
