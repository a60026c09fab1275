"""The embedded stream's log: records in the order in which they were accepted, until all that reads them is done."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, or_, select

from monitor.store.dialect import advance
from monitor.store.tables import log

_SEQUENCE = "log"


class LogRecord(NamedTuple):
    """`accepted_at` is wall clock, microseconds since 1970 UTC."""

    offset: int
    topic: str
    value: bytes
    accepted_at: int


def append(c: Connection, topic: str, values: Sequence[bytes], accepted_at: int) -> int:
    """Add records and return the last one's offset. Offsets start at 1, have no gaps and are never given twice."""
    last = advance(c, _SEQUENCE, len(values))
    first = last - len(values) + 1
    rows = [
        {"offset": offset, "topic": topic, "value": value, "accepted_at": accepted_at}
        for offset, value in enumerate(values, first)
    ]
    if rows:
        c.execute(insert(log), rows)
    return last


def fetch(c: Connection, after: int, limit_records: int, limit_bytes: int) -> list[LogRecord]:
    """The records after offset `after`, in order: as many as fit both limits, but one at least where there is one."""
    ahead = select(log.c.offset, func.length(log.c.value).label("size")).where(log.c.offset > after)
    sizes = ahead.order_by(log.c.offset).limit(limit_records).subquery()
    total = func.sum(sizes.c.size).over(order_by=sizes.c.offset).label("total")
    place = func.row_number().over(order_by=sizes.c.offset).label("place")
    totals = select(sizes.c.offset, total, place).subquery()
    fitting = or_(totals.c.total <= limit_bytes, totals.c.place == 1)
    last = select(func.max(totals.c.offset)).where(fitting).scalar_subquery()
    columns = (log.c.offset, log.c.topic, log.c.value, log.c.accepted_at)
    statement = select(*columns).where(log.c.offset > after, log.c.offset <= last).order_by(log.c.offset)
    return [LogRecord._make(row) for row in c.execute(statement)]


def delete_before(c: Connection, offset: int) -> None:
    """Forget the records below an offset."""
    c.execute(delete(log).where(log.c.offset < offset))


def last_offset(c: Connection) -> int:
    """The offset given last, also where its record is gone; 0 before the first."""
    return advance(c, _SEQUENCE, 0)
