"""Recent interaction ids as arrays, one row a batch and application: what duplicates and feedback are looked up in."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import zstandard
from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, select

from monitor.store.dialect import stream
from monitor.store.tables import recent_ids

_COMPRESSED = b"\x28\xb5\x2f\xfd"
"""How zstd begins. Nothing else here does: starts are multiples of 256, codes are at least -1."""
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
    """Add the ids of one application in one batch; what repeats is compressed, hashes are not."""
    compress = zstandard.ZstdCompressor().compress
    row = {
        "topic": topic,
        "partition": partition,
        "application": application,
        "accepted_at": accepted_at,
        "hashes": hashes,
        "starts": compress(starts),
        "codes": compress(codes),
        "dimensions": msgspec.msgpack.encode(list(dimensions)),
    }
    c.execute(insert(recent_ids), row)


def newest(c: Connection, application: str | None = None, topic: str | None = None, partition: int | None = None) -> int:
    """When the newest ids, of all or of one application, topic, partition, were accepted; 0 where there are none."""
    statement = select(func.max(recent_ids.c.accepted_at)).where(*_own(application, topic, partition))
    return int(c.execute(statement).scalar() or 0)


def since(c: Connection, accepted_at: int, topic: str | None = None, partition: int | None = None) -> Iterator[IdBatch]:
    """The batches accepted at or after a time, of all or of one topic, partition, oldest first."""
    wanted = (*_own(None, topic, partition), recent_ids.c.accepted_at >= accepted_at)
    order = (recent_ids.c.accepted_at, recent_ids.c.id)
    return _batches(c, select(recent_ids).where(*wanted).order_by(*order))


def newest_first(c: Connection, application: str) -> Iterator[IdBatch]:
    """The batches of an application, newest first; what is not asked for is not read."""
    order = (recent_ids.c.accepted_at.desc(), recent_ids.c.id.desc())
    return _batches(c, select(recent_ids).where(recent_ids.c.application == application).order_by(*order))


def delete_before(c: Connection, accepted_at: int) -> None:
    """Forget the batches accepted before a time."""
    c.execute(delete(recent_ids).where(recent_ids.c.accepted_at < accepted_at))


def _own(application: str | None, topic: str | None, partition: int | None) -> list[ColumnElement[bool]]:
    t = recent_ids.c
    wanted: tuple[tuple[ColumnElement[Any], object], ...] = (
        (t.application, application),
        (t.topic, topic),
        (t.partition, partition),
    )
    return [column == value for column, value in wanted if value is not None]


def _batches(c: Connection, statement: Select[Any]) -> Iterator[IdBatch]:
    decompress = zstandard.ZstdDecompressor().decompress

    def plain(stored: bytes) -> bytes:
        return decompress(stored) if stored.startswith(_COMPRESSED) else stored

    for row in stream(c, statement, 50):
        own = (row.topic, row.partition, row.application, row.accepted_at)
        yield IdBatch(*own, row.hashes, plain(row.starts), plain(row.codes), _dimensions.decode(row.dimensions))
