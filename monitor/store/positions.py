"""How far each partition has been processed; written in the transaction that holds the panes of what was processed."""

from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, select

from monitor.store.dialect import hold, upsert, writing
from monitor.store.tables import positions

_watermarks = msgspec.msgpack.Decoder(dict[str, int])


class Position(NamedTuple):
    """`next_offset` is the first offset that has not been processed; `watermarks` map applications to event time."""

    next_offset: int
    watermarks: dict[str, int]


def get(c: Connection, topic: str, partition: int) -> Position | None:
    """None where nothing was processed. In a write transaction the position, or its absence, is locked until the end."""
    if writing(c):
        hold(c, f"plumbline/position/{topic}/{partition}")
    key = (positions.c.topic == topic, positions.c.partition == partition)
    row = c.execute(select(positions).where(*key)).one_or_none()
    return Position(row.next_offset, _watermarks.decode(row.watermarks)) if row else None


def put(c: Connection, topic: str, partition: int, position: Position) -> None:
    """Insert or replace."""
    watermarks = msgspec.msgpack.encode(dict(sorted(position.watermarks.items())))
    row = {"topic": topic, "partition": partition, "next_offset": position.next_offset, "watermarks": watermarks}
    upsert(c, positions, [row])
