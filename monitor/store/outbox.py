"""The outbox: notifications written in the transaction that decided them, delivered at least once after it."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, func, select
from sqlalchemy import update as update_rows

from monitor.store.dialect import insert_new
from monitor.store.tables import notifications as table
from records.notification import Notification

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Notification)


def put(c: Connection, notifications: Sequence[Notification]) -> None:
    """Add notifications; one whose id is held stays as it is, with its attempts and its outcome."""
    insert_new(c, table, [_row(notification) for notification in notifications], ["id"])


def waiting(c: Connection) -> list[Notification]:
    """All that is not yet handed over nor given up, the oldest first."""
    statement = select(table.c.body).where(table.c.outcome == "waiting")
    return _read(c, statement.order_by(table.c.created_at, table.c.id))


def update(c: Connection, notification: Notification) -> None:
    """Write down how an attempt went."""
    c.execute(update_rows(table).where(table.c.id == notification.id).values(_row(notification)))


def of_alert(c: Connection, alert_id: str) -> list[Notification]:
    """All that told of an alert, the oldest first."""
    statement = select(table.c.body).where(table.c.alert == alert_id)
    return _read(c, statement.order_by(table.c.created_at, table.c.id))


def counts(c: Connection) -> dict[tuple[str, str], int]:
    """How many notifications there are by receiver and outcome."""
    key = (table.c.receiver, table.c.outcome)
    return {(receiver, outcome): n for receiver, outcome, n in c.execute(select(*key, func.count()).group_by(*key))}


def _row(notification: Notification) -> dict[str, Any]:
    return {
        "id": notification.id,
        "alert": notification.alert,
        "receiver": notification.receiver,
        "outcome": notification.outcome,
        "created_at": notification.created_at,
        "body": _encoder.encode(notification),
    }


def _read(c: Connection, statement: Select[Any]) -> list[Notification]:
    return [_decoder.decode(row.body) for row in c.execute(statement)]
