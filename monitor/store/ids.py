"""Recent interaction ids as arrays, one row a batch and application: what duplicates and feedback are looked up in.

Rows are merged as they age, so that a look-up reads few of them: those of a minute into one, later those of an hour into
pieces of MOST ids with hashes from `low` to `high`. Whoever merges holds `plumbline/feedback/<application>`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, select

from monitor.store.dialect import chunks, stream
from monitor.store.tables import recent_ids

_COMPRESSED = b"\x28\xb5\x2f\xfd"
"""How zstd begins. Nothing else here does: starts are multiples of 256, codes are at least -1."""
MERGED = "merged"
"""The topic of ids that were merged over partitions."""
MOST = 16_384
_MINUTE, _HOUR = 60_000_000, 3_600_000_000
_Place = Callable[[str, int, int], tuple[str, int, int]]
"""What rows are merged by, of topic, partition and accept time: the topic and partition they get, and a stretch of time."""
_EVERY = (-(2**63), 2**63 - 1)
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
    bounds: tuple[int, int] = _EVERY,
) -> None:
    """Add the ids of one application in one batch; what repeats is compressed, hashes are not. `bounds`: the lowest and the
    highest of them, signed, where that says anything."""
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
        "low": bounds[0],
        "high": bounds[1],
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


def holding(c: Connection, application: str, wanted: NDArray[np.uint64]) -> Iterator[IdBatch]:
    """The batches of an application that may hold any of the hashes, newest first; what is not asked for is not read."""
    t = recent_ids.c
    order = (t.accepted_at.desc(), t.id.desc())
    rows = c.execute(select(t.id, t.low, t.high).where(t.application == application).order_by(*order)).all()
    low, high = (np.array([getattr(row, name) for row in rows], np.int64) for name in ("low", "high"))
    hashes = np.sort(wanted.view(np.int64))
    found = np.flatnonzero(np.searchsorted(hashes, low, "left") < np.searchsorted(hashes, high, "right"))
    for chunk in chunks([rows[i].id for i in found.tolist()], 50):
        yield from _batches(c, select(recent_ids).where(t.id.in_(chunk)).order_by(*order))


def merge_small(c: Connection, application: str, since: int, until: int) -> None:
    """Merge the rows of each partition and minute that were accepted in [since, until)."""
    _merge(c, application, since, until, lambda topic, partition, at: (topic, partition, at // _MINUTE))


def merge_old(c: Connection, application: str, until: int) -> None:
    """Merge the rows of each hour that ended by `until` over partitions, and cut them by hash."""
    _merge(c, application, 0, until // _HOUR * _HOUR, lambda topic, partition, at: (MERGED, -1, at // _HOUR))


def _merge(
    c: Connection, application: str, since: int, until: int, place: Callable[[str, int, int], tuple[str, int, int]]
) -> None:
    t = recent_ids.c
    columns = (t.id, t.topic, t.partition, t.accepted_at, t.dimensions)
    mine = (t.application == application, t.accepted_at >= since, t.accepted_at < until, t.topic != MERGED)
    groups: dict[tuple[tuple[str, int, int], bytes], list[int]] = {}
    for row in c.execute(select(*columns).where(*mine).order_by(t.id)):
        at = place(row.topic, row.partition, row.accepted_at)
        groups.setdefault((at, bytes(row.dimensions)), []).append(row.id)
    for ((topic, partition, _), _), numbers in groups.items():
        if len(numbers) == 1 and topic != MERGED:
            continue
        parts = [batch for chunk in chunks(numbers) for batch in _batches(c, select(recent_ids).where(t.id.in_(chunk)))]
        for chunk in chunks(numbers):
            c.execute(delete(recent_ids).where(t.id.in_(chunk)))
        _put_merged(c, parts, topic, partition)


def _put_merged(c: Connection, parts: list[IdBatch], topic: str, partition: int) -> None:
    """One row, or for `MERGED` pieces of MOST ids."""
    hashes = np.concatenate([np.frombuffer(part.hashes, np.uint64) for part in parts])
    starts = np.concatenate([np.frombuffer(part.starts, np.int64) for part in parts])
    codes = [np.frombuffer(part.codes, np.int32).reshape(len(part.dimensions), -1) for part in parts]
    places = np.concatenate(codes, axis=1) if parts[0].dimensions else np.empty((0, len(hashes)), np.int32)
    at, first = max(part.accepted_at for part in parts), parts[0]
    order = np.argsort(hashes if topic != MERGED else hashes.view(np.int64), kind="stable")
    for low in range(0, len(order), MOST if topic == MERGED else len(order)):
        mine = order[low : low + (MOST if topic == MERGED else len(order))]
        bounds = hashes.view(np.int64)[mine[[0, -1]]].tolist() if topic == MERGED else _EVERY
        mine = mine[np.argsort(hashes[mine], kind="stable")]
        blobs = hashes[mine].tobytes(), starts[mine].tobytes(), places[:, mine].tobytes()
        append(c, topic, partition, first.application, at, *blobs, first.dimensions, (bounds[0], bounds[1]))


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
