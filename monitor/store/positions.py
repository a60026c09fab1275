"""How far each partition has been processed; written in the transaction that holds the panes of what was processed."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, bindparam, select, update

from monitor.store.dialect import hold, upsert, writing
from monitor.store.tables import positions

_watermarks = msgspec.msgpack.Decoder(dict[str, int])


class Position(NamedTuple):
    """`next_offset` is the first offset that has not been processed; `watermarks` map applications to event time.

    `topic_id` is Kafka's (empty for the embedded log); `accepted_at` the highest time at which a processed record was
    accepted. The rest is what `owner` saw when it last looked, at `checked_at`: how many records there were `behind` the
    position, and when it last moved or had nothing to do. These times are wall clock, microseconds.
    """

    next_offset: int
    watermarks: dict[str, int]
    topic_id: str = ""
    accepted_at: int = 0
    checked_at: int = 0
    behind: int = 0
    moved_at: int = 0
    owner: str = ""


class Look(NamedTuple):
    """What the owner of a partition saw; fields as in Position."""

    topic: str
    partition: int
    checked_at: int
    behind: int
    moved_at: int
    owner: str


def get(c: Connection, topic: str, partition: int) -> Position | None:
    """None where nothing was processed. In a write transaction the position, or its absence, is locked until the end."""
    if writing(c):
        hold(c, f"plumbline/position/{topic}/{partition}")
    key = (positions.c.topic == topic, positions.c.partition == partition)
    row = c.execute(select(positions).where(*key)).one_or_none()
    return _read(row) if row else None


def of_group(group: str, topic: str) -> str:
    """The topic under which a consumer group beside those who count keeps its positions: no name that Kafka allows."""
    return f"{group}/{topic}"


def all_(c: Connection) -> dict[tuple[str, int], Position]:
    """Every position of those who count, by topic and partition."""
    rows = c.execute(
        select(positions).where(positions.c.topic.not_like("%/%")).order_by(positions.c.topic, positions.c.partition)
    )
    return {(row.topic, row.partition): _read(row) for row in rows}


def put(c: Connection, topic: str, partition: int, position: Position) -> None:
    """Insert, or replace what was processed: what `touch` has written since stays."""
    watermarks = msgspec.msgpack.encode(dict(sorted(position.watermarks.items())))
    row = position._asdict() | {"topic": topic, "partition": partition, "watermarks": watermarks}
    upsert(c, positions, [row], dict.fromkeys(("checked_at", "behind", "moved_at", "owner"), lambda held, _: held))


def move(c: Connection, topic: str, partition: int, next_offset: int, topic_id: str) -> int:
    """Make whoever processes a partition go on at `next_offset`; where it was to go on until now. Its event time stays."""
    before = get(c, topic, partition) or Position(0, {})
    put(c, topic, partition, before._replace(next_offset=next_offset, topic_id=topic_id))
    return before.next_offset


def touch(c: Connection, looks: Sequence[Look]) -> None:
    """Write down how partitions stand; one without a position is left out."""
    if not looks:
        return
    key = (positions.c.topic == bindparam("of_topic"), positions.c.partition == bindparam("of_partition"))
    rows = [  # always in the same order: two who touch the same rows wait for each other, not both
        {"of_topic": look.topic, "of_partition": look.partition, **dict(zip(Look._fields[2:], look[2:], strict=True))}
        for look in sorted(looks)
    ]
    c.execute(update(positions).where(*key), rows)


def _read(row: Row[Any]) -> Position:
    watermarks = _watermarks.decode(row.watermarks)
    return Position(
        row.next_offset,
        watermarks,
        row.topic_id,
        row.accepted_at,
        row.checked_at,
        row.behind,
        row.moved_at,
        row.owner,
    )
