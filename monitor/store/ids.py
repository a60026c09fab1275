"""Recent interaction ids as arrays, one row a batch and application: what duplicates and feedback are looked up in."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Select, delete, func, insert, select

from monitor.store.dialect import stream
from monitor.store.tables import recent_ids

_dimensions = msgspec.msgpack.Decoder(list[str])


class IdBatch(NamedTuple):
    """`hashes` uint64 (n,) ascending, `starts` int64 (n,) pane minute of each, `codes` int32 (dimensions, n) its slices.

    `accepted_at` is wall clock, microseconds since 1970 UTC.
    """

    topic: str
    partition: int
    application: str
    accepted_at: int
    hashes: bytes
    starts: bytes
    codes: bytes
    dimensions: list[str]


def append(
    c: Connection,
    topic: str,
    partition: int,
    application: str,
    accepted_at: int,
    hashes: bytes,
    starts: bytes,
    codes: bytes,
    dimensions: Sequence[str],
) -> None:
    """Add the ids of one application in one batch."""
    batch = IdBatch(topic, partition, application, accepted_at, hashes, starts, codes, list(dimensions))
    c.execute(insert(recent_ids), {**batch._asdict(), "dimensions": msgspec.msgpack.encode(batch.dimensions)})


def newest(c: Connection, application: str | None = None) -> int:
    """When the newest ids, of all or of one application, were accepted; 0 where there are none."""
    statement = select(func.max(recent_ids.c.accepted_at))
    if application is not None:
        statement = statement.where(recent_ids.c.application == application)
    return int(c.execute(statement).scalar() or 0)


def since(c: Connection, accepted_at: int) -> Iterator[IdBatch]:
    """The batches accepted at or after a time, oldest first."""
    order = (recent_ids.c.accepted_at, recent_ids.c.id)
    return _batches(c, select(recent_ids).where(recent_ids.c.accepted_at >= accepted_at).order_by(*order))


def newest_first(c: Connection, application: str) -> Iterator[IdBatch]:
    """The batches of an application, newest first; what is not asked for is not read."""
    order = (recent_ids.c.accepted_at.desc(), recent_ids.c.id.desc())
    return _batches(c, select(recent_ids).where(recent_ids.c.application == application).order_by(*order))


def delete_before(c: Connection, accepted_at: int) -> None:
    """Forget the batches accepted before a time."""
    c.execute(delete(recent_ids).where(recent_ids.c.accepted_at < accepted_at))


def _batches(c: Connection, statement: Select[Any]) -> Iterator[IdBatch]:
    for row in stream(c, statement, 50):
        own = (row.topic, row.partition, row.application, row.accepted_at)
        yield IdBatch(*own, row.hashes, row.starts, row.codes, _dimensions.decode(row.dimensions))
