"""What was estimated of an application's whole days (detectors.estimation): one row a day, also where that failed."""

import msgspec
from sqlalchemy import Connection, delete, func, select

from detectors.estimation.statement import Estimate
from monitor.store.dialect import upsert
from monitor.store.tables import estimates as table

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Estimate)


def put(c: Connection, application: str, estimate: Estimate) -> None:
    """Insert or replace."""
    upsert(c, table, [{"application": application, "day": estimate.day, "body": _encoder.encode(estimate)}])


def since(c: Connection, application: str, day: int) -> list[Estimate]:
    """Those of days that begin at `day` or later, in order."""
    statement = select(table.c.body).where(table.c.application == application, table.c.day >= day)
    return [_decoder.decode(row.body) for row in c.execute(statement.order_by(table.c.day))]


def newest(c: Connection, application: str) -> Estimate | None:
    """The latest day's."""
    mine = select(func.max(table.c.day)).where(table.c.application == application).scalar_subquery()
    body = c.execute(select(table.c.body).where(table.c.application == application, table.c.day == mine)).scalar()
    return None if body is None else _decoder.decode(body)


def delete_before(c: Connection, application: str, day: int) -> None:
    """Forget an application's estimates of days that begin before `day`."""
    c.execute(delete(table).where(table.c.application == application, table.c.day < day))
