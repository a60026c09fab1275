"""The outbox: notifications written in the transaction that decided them, delivered at least once after it.

Any process may deliver. It claims a notification in one transaction, attempts it outside of any, and writes down the outcome
in another; the claim of a process that died meanwhile runs out.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, func, select
from sqlalchemy import update as update_rows

from alerts import delivery
from monitor.store.dialect import insert_new
from monitor.store.tables import notifications as table
from records.notification import Notification

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Notification)


def put(c: Connection, notifications: Sequence[Notification]) -> None:
    """Add notifications; one whose id is held stays as it is, with its attempts and its outcome."""
    insert_new(c, table, [_row(notification) for notification in notifications], ["id"])


def due(c: Connection, now: float) -> list[Notification]:
    """What is to be attempted at `now` (seconds) and by nobody claimed, the oldest first; see alerts.delivery.due.

    What another process has claimed holds back the later ones about its alert for its receiver.
    """
    statement = select(table.c.body, table.c.claimed_until).where(table.c.outcome == "waiting")
    rows = [(_decoder.decode(row.body), row.claimed_until) for row in c.execute(statement)]
    free = {notification.id for notification, claimed_until in rows if claimed_until < now}
    return [notification for notification in delivery.due([row for row, _ in rows], now) if notification.id in free]


def claim(c: Connection, now: float, until: float, limit: int, receiver: str | None = None) -> list[Notification]:
    """At most `limit` of what is due, of all receivers or of one: the caller's own until `until`, or until `update`."""
    wanted = [n.id for n in due(c, now) if receiver in (None, n.receiver)][:limit]
    free = (table.c.id.in_(wanted), table.c.outcome == "waiting", table.c.claimed_until < now)
    # read again under lock: somebody may have made the attempt since
    locked = select(table.c.body).where(*free).with_for_update(skip_locked=True).order_by(table.c.created_at, table.c.id)
    claimed = [notification for notification in _read(c, locked) if notification.next_attempt_at <= now]
    mine = table.c.id.in_([notification.id for notification in claimed])
    c.execute(update_rows(table).where(mine).values(claimed_until=until))
    return claimed


def update(c: Connection, notification: Notification, claimed_until: float | None = None) -> None:
    """Write down how an attempt went and give up the claim.

    With `claimed_until` only where that is the claim in force: one that ran out may be somebody else's.
    """
    statement = update_rows(table).where(table.c.id == notification.id)
    if claimed_until is not None:
        statement = statement.where(table.c.claimed_until == claimed_until)
    c.execute(statement.values(**_row(notification), claimed_until=0.0))


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
