"""Feedback by interaction: what was joined to its interaction's minute, and what waits for an interaction still to come."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, select, tuple_

from monitor.store.dialect import advance, chunks, signed, unsigned, upsert
from monitor.store.tables import joined_feedback as joined
from monitor.store.tables import waiting_feedback as waits

_NAMED = (joined.c.id_hash, joined.c.name)
REASONS = ("no such interaction", "content not kept", "not a number", "out of scale")
"""Why feedback was not counted."""


class FeedbackKey(NamedTuple):
    """`id_hash` is the unsigned 64-bit hash of the interaction's id."""

    id_hash: int
    name: str
    source: str


class JoinedFeedback(NamedTuple):
    """A value as it was counted in the pane minute `start` and the slices `codes`: what a later one has to take back.

    `apart`: what people and applications say of it counts apart from what the judge of that name says.
    """

    value: float
    start: int
    codes: list[int]
    apart: bool = False


class Unmatched(NamedTuple):
    """How much feedback was not counted for a reason, and its mean age in seconds: of its interaction, or, where that never
    came, of itself."""

    reason: str
    n: int
    age: float


class _Apart(msgspec.Struct):
    """How the slices of a value are stored that counts apart; those of any other are a list."""

    codes: list[int]


_codes = msgspec.msgpack.Decoder(list[int] | _Apart)


class WaitingFeedback(NamedTuple):
    """Feedback without its interaction; `at` is its event time, `seq` its number among all that waited (0: not stored yet)."""

    id_hash: int
    name: str
    source: str
    value_number: float | None
    value_text: str | None
    at: int
    seq: int = 0


def of(c: Connection, application: str, wanted: Sequence[tuple[int, str]]) -> dict[tuple[int, str], dict[str, JoinedFeedback]]:
    """What was joined under an interaction's hash and a name, by source."""
    found: dict[tuple[int, str], dict[str, JoinedFeedback]] = {}
    for chunk in chunks(wanted):
        stored = [(signed(id_hash), name) for id_hash, name in chunk]
        statement = select(joined).where(joined.c.application == application, tuple_(*_NAMED).in_(stored))
        for row in c.execute(statement):
            codes = _codes.decode(row.codes)
            apart = isinstance(codes, _Apart)
            value = JoinedFeedback(row.value, row.start, codes.codes if isinstance(codes, _Apart) else codes, apart)
            found.setdefault((unsigned(row.id_hash), row.name), {})[row.source] = value
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
            "codes": msgspec.msgpack.encode(_Apart(row.codes) if row.apart else row.codes),
        }
        for (id_hash, name, source), row in rows.items()
    ]
    upsert(c, joined, stored)


def scored(c: Connection, application: str, name: str, since: int, until: int) -> list[tuple[int, dict[str, float]]]:
    """The start of each interaction's pane in [since, until) and its scores of a name by source, oldest first."""
    mine = (joined.c.application == application, joined.c.name == name, joined.c.start >= since, joined.c.start < until)
    statement = select(joined.c.id_hash, joined.c.source, joined.c.value, joined.c.start).where(*mine)
    found: dict[int, tuple[int, dict[str, float]]] = {}
    for row in c.execute(statement.order_by(joined.c.start, joined.c.id_hash, joined.c.source)):
        found.setdefault(row.id_hash, (row.start, {}))[1][row.source] = row.value
    return list(found.values())


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


def give_up(c: Connection, application: str, before: int) -> list[int]:
    """Forget an application's waiting feedback from before a time; returns the times it is from."""
    old = (waits.c.application == application, waits.c.at < before)
    times = list(c.execute(select(waits.c.at).where(*old)).scalars())
    c.execute(delete(waits).where(*old))
    return times


def add_unmatched(c: Connection, application: str, reason: str, ages: Sequence[float]) -> None:
    """Count feedback that was not, with its ages in seconds, for all time."""
    advance(c, f"unmatched/{reason}/{application}", len(ages))
    advance(c, f"unmatched age/{reason}/{application}", round(sum(ages)))


def unmatched(c: Connection, application: str) -> list[Unmatched]:
    """How much feedback was not counted, by reason, where there was any."""
    counted = [(reason, advance(c, f"unmatched/{reason}/{application}", 0)) for reason in REASONS]
    return [
        Unmatched(reason, n, advance(c, f"unmatched age/{reason}/{application}", 0) / n)
        for reason, n in counted
        if n
    ]  # fmt: skip


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
