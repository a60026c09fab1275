"""Messages for topics of Kafka, written in the transaction that decided them and sent after it, by whoever takes them."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, insert, select
from sqlalchemy import delete as delete_rows

from monitor.store.dialect import chunks
from monitor.store.tables import messages as table


class Message(NamedTuple):
    """`id` grows in the order in which messages were put."""

    id: int
    topic: str
    key: str
    value: bytes


def put(c: Connection, rows: Sequence[tuple[str, str, bytes]]) -> None:
    """Add messages: topic, key, value."""
    if rows:
        c.execute(insert(table), [{"topic": topic, "key": key, "value": value} for topic, key, value in rows])


def waiting(c: Connection) -> bool:
    """Whether there is anything to send."""
    return c.execute(select(table.c.id).limit(1)).first() is not None


def take(c: Connection, limit: int) -> list[Message]:
    """The oldest that no other process has taken; they are its own until the transaction ends."""
    statement = select(table.c.id, table.c.topic, table.c.key, table.c.value).order_by(table.c.id).limit(limit)
    return [Message(*row) for row in c.execute(statement.with_for_update(skip_locked=True))]


def delete(c: Connection, ids: Sequence[int]) -> None:
    """Forget what was sent."""
    for chunk in chunks(ids):
        c.execute(delete_rows(table).where(table.c.id.in_(chunk)))
