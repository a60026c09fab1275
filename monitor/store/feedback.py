"""Feedback by interaction: what was joined to its interaction's minute, and what waits for an interaction still to come."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, func, select, tuple_

from monitor.store.dialect import advance, chunks, signed, unsigned, upsert
from monitor.store.tables import joined_feedback as joined
from monitor.store.tables import waiting_feedback as waits

_KEY = (joined.c.id_hash, joined.c.name, joined.c.source)
_codes = msgspec.msgpack.Decoder(list[int])


class FeedbackKey(NamedTuple):
    """`id_hash` is the unsigned 64-bit hash of the interaction's id."""

    id_hash: int
    name: str
    source: str


class JoinedFeedback(NamedTuple):
    """A value as it was counted in the pane minute `start` and the slices `codes`: what a later one has to take back."""

    value: float
    start: int
    codes: list[int]


class WaitingFeedback(NamedTuple):
    """Feedback without its interaction; `at` is its event time, `seq` its number among all that waited (0: not stored yet)."""

    id_hash: int
    name: str
    source: str
    value_number: float | None
    value_text: str | None
    at: int
    seq: int = 0


def get(c: Connection, application: str, keys: Sequence[FeedbackKey]) -> dict[FeedbackKey, JoinedFeedback]:
    """Those of the keys that were joined."""
    found = {}
    for chunk in chunks(keys):
        stored = [(signed(id_hash), name, source) for id_hash, name, source in chunk]
        statement = select(joined).where(joined.c.application == application, tuple_(*_KEY).in_(stored))
        for row in c.execute(statement):
            key = FeedbackKey(unsigned(row.id_hash), row.name, row.source)
            found[key] = JoinedFeedback(row.value, row.start, _codes.decode(row.codes))
    return found


def put(c: Connection, application: str, rows: Mapping[FeedbackKey, JoinedFeedback]) -> None:
    """Insert or replace joined values."""
    stored = [
        {
            "application": application,
            "id_hash": signed(id_hash),
            "name": name,
            "source": source,
            "value": row.value,
            "start": row.start,
            "codes": msgspec.msgpack.encode(row.codes),
        }
        for (id_hash, name, source), row in rows.items()
    ]
    upsert(c, joined, stored)


def delete_joined_before(c: Connection, application: str, start: int) -> None:
    """Forget an application's joined values of panes before `start`: those can no longer be corrected."""
    c.execute(delete(joined).where(joined.c.application == application, joined.c.start < start))


def wait(c: Connection, application: str, rows: Sequence[WaitingFeedback]) -> None:
    """Keep feedback until its interaction comes; the same name and source again replaces the earlier one.

    Every row gets the application's next number, and is committed in the order of these numbers.
    """
    last = advance(c, f"waiting/{application}", len(rows))
    stored = [
        {
            **row._asdict(),
            "seq": seq,
            "application": application,
            "id_hash": signed(row.id_hash),
            "value_text": None if row.value_text is None else row.value_text.encode(),
        }
        for seq, row in enumerate(rows, last - len(rows) + 1)
    ]
    upsert(c, waits, stored)


def waiting(c: Connection, application: str, after: int = 0) -> list[WaitingFeedback]:
    """What waits and has a number above `after`, oldest first."""
    return _select(c, waits.c.application == application, waits.c.seq > after)


def take(c: Connection, application: str, id_hashes: Sequence[int]) -> list[WaitingFeedback]:
    """What waits for these interactions; it waits no longer."""
    taken = []
    for chunk in chunks([signed(id_hash) for id_hash in id_hashes]):
        wanted = (waits.c.application == application, waits.c.id_hash.in_(chunk))
        taken += _select(c, *wanted, lock=True)
        c.execute(delete(waits).where(*wanted))
    return taken


def delete_before(c: Connection, application: str, at: int) -> int:
    """Give up an application's waiting feedback from before a time; returns how many there were."""
    old = (waits.c.application == application, waits.c.at < at)
    count = c.execute(select(func.count()).select_from(waits).where(*old)).scalar_one()
    c.execute(delete(waits).where(*old))
    return int(count)


def _select(c: Connection, *wanted: ColumnElement[bool], lock: bool = False) -> list[WaitingFeedback]:
    statement = select(waits).where(*wanted)
    if lock:
        statement = statement.with_for_update()
    rows = c.execute(statement.order_by(waits.c.at, waits.c.id_hash, waits.c.name, waits.c.source))
    return [
        WaitingFeedback(
            unsigned(row.id_hash),
            row.name,
            row.source,
            row.value_number,
            None if row.value_text is None else row.value_text.decode(),
            row.at,
            row.seq,
        )
        for row in rows
    ]
