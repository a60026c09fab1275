"""Alerts, their transitions, and what people said of them."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, func, or_, select, update

from monitor.store import audit
from monitor.store.dialect import advance, chunks, insert_new, upsert
from monitor.store.paging import page
from monitor.store.tables import alert_transitions
from monitor.store.tables import alerts as table
from records.alert import Alert, Mark, State, Transition

_encoder = msgspec.msgpack.Encoder()
_alert = msgspec.msgpack.Decoder(Alert)
_transition = msgspec.msgpack.Decoder(Transition)


def put(c: Connection, alerts: Sequence[Alert]) -> dict[str, int]:
    """Insert or replace by id; returns the number of each, given at first sight and kept for ever.

    A mark that was set stays unless the alert brings another: who judges does not know what people say meanwhile.
    """
    given = numbers(c, [alert.id for alert in alerts])
    new = list(dict.fromkeys(alert.id for alert in alerts if alert.id not in given))
    last = advance(c, "alert", len(new))
    given |= {id_: number for number, id_ in enumerate(new, last - len(new) + 1)}
    combine = {"number": lambda held, _: held, "mark": lambda held, brought: func.coalesce(brought, held)}
    upsert(c, table, [_row(alert, given[alert.id]) for alert in alerts], combine)
    return given


def numbers(c: Connection, ids: Sequence[str]) -> dict[str, int]:
    """The numbers of those alerts that exist."""
    found = {}
    for chunk in chunks(ids):
        for row in c.execute(select(table.c.id, table.c.number).where(table.c.id.in_(chunk))):
            found[row.id] = row.number
    return found


def open_(c: Connection, application: str) -> list[Alert]:
    """Those that are pending or firing, the oldest first."""
    statement = select(table).where(table.c.application == application, table.c.state != "resolved")
    return [_read(row) for row in c.execute(statement.order_by(table.c.started_at, table.c.id))]


def query(
    c: Connection,
    application: str | None = None,
    signal: str | None = None,
    state: State | None = None,
    severity: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> tuple[list[Alert], str | None]:
    """The newest first, and the cursor of the next page."""
    t, statement = table.c, select(table)
    for column, wanted in ((t.application, application), (t.signal, signal), (t.state, state), (t.severity, severity)):
        if wanted is not None:
            statement = statement.where(column == wanted)
    rows, following = page(c, statement, [t.started_at, t.id], limit, cursor)
    return [_read(row) for row in rows], following


def get(c: Connection, id_: str) -> Alert | None:
    """One alert by id."""
    return _one(c, select(table).where(table.c.id == id_))


def by_number(c: Connection, number: int) -> Alert | None:
    """One alert by its number."""
    return _one(c, select(table).where(table.c.number == number))


def mark(c: Connection, id_: str, as_: Mark, by: str, at: int) -> Alert | None:
    """Say what an alert was, audited under `by`; the alert as it is now, None where there is none of this id.

    `at` is wall clock, microseconds since 1970 UTC.
    """
    before = get(c, id_)
    if before is None:
        return None
    c.execute(update(table).where(table.c.id == id_).values(mark=as_))
    audit.record(c, audit.Entry(at, by, "mark", id_, f"{before.mark or 'unmarked'} -> {as_}"))
    return get(c, id_)


def excused(c: Connection, application: str) -> dict[str, Mark]:
    """Findings of alerts that somebody marked, and as what: what was no incident is not kept out of the baselines."""
    statement = select(table).where(table.c.application == application, table.c.mark.is_not(None))
    marked = [_read(row) for row in c.execute(statement)]
    return {finding: alert.mark for alert in marked if alert.mark for finding in alert.findings}


def since(c: Connection, application: str, started_at: int) -> list[Alert]:
    """Those that are open, and those that began at `started_at` or later, the oldest first."""
    lasting = or_(table.c.state != "resolved", table.c.started_at >= started_at)
    statement = select(table).where(table.c.application == application, lasting)
    return [_read(row) for row in c.execute(statement.order_by(table.c.started_at, table.c.id))]


def record(c: Connection, transitions: Sequence[Transition]) -> None:
    """Log transitions; the same one again is logged once."""
    rows = [{"alert": t.alert.id, "state": t.alert.state, "at": t.at, "body": _encoder.encode(t)} for t in transitions]
    insert_new(c, alert_transitions, rows, ("alert", "at", "state"))


def history(c: Connection, alert_id: str) -> list[Transition]:
    """What an alert went through, in order."""
    t = alert_transitions.c
    rows = c.execute(select(t.body).where(t.alert == alert_id).order_by(t.at, t.id))
    return [_transition.decode(row.body) for row in rows]


def _row(alert: Alert, number: int) -> dict[str, Any]:
    return {
        "id": alert.id,
        "number": number,
        "application": alert.application,
        "severity": alert.severity,
        "state": alert.state,
        "signal": alert.signal,
        "started_at": alert.started_at,
        "mark": alert.mark,
        "body": _encoder.encode(alert),
    }


def _read(row: Row[Any]) -> Alert:
    return msgspec.structs.replace(_alert.decode(row.body), mark=row.mark)


def _one(c: Connection, statement: Select[Any]) -> Alert | None:
    row = c.execute(statement).one_or_none()
    return _read(row) if row else None
