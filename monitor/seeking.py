"""Where partitions are counted from, set by a person: back, to read again what Kafka still has, or on, to leave out.

A position is set in a transaction under its lock, as whoever counts the partition does: workers that run find it moved.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from monitor.store import audit, positions
from records.errors import InputError
from records.timestamps import OK, parse_timestamps
from streams import topics
from streams.broker import Broker
from streams.places import Place

EARLIEST, LATEST = "earliest", "latest"


class Move(NamedTuple):
    """A partition that is to go on, or goes on, at another offset."""

    place: Place
    before: int
    after: int

    def __str__(self) -> str:
        n = abs(self.after - self.before)
        what = "nothing changes" if not n else f"{n} are read again" if self.after < self.before else f"{n} are left out"
        return f"{self.place.topic} partition {self.place.number}: {self.before} -> {self.after} ({what})"


def targets(broker: Broker, topic: str, partition: int | None, to: str) -> dict[Place, int]:
    """The offset that `to` means in each partition of a topic, or in one. Raises InputError, StreamError.

    `to`: an offset, earliest, latest, or RFC 3339: the first record accepted then or later, the end where there is none.
    """
    held = {place: extent for place, extent in topics.extents(broker).items() if place.topic == topic}
    if not held:
        raise InputError(f"{broker} has no topic {topic}; plumbline topics create makes it")
    if partition is not None and Place(topic, partition) not in held:
        raise InputError(f"{topic} has the partitions 0 to {len(held) - 1}")
    wanted = {place: extent for place, extent in held.items() if partition in (None, place.number)}
    if to.isascii() and to.isdecimal():
        return _at(int(to), wanted)
    if to in (EARLIEST, LATEST):
        return {place: extent.first if to == EARLIEST else extent.end for place, extent in wanted.items()}
    found = topics.offsets_since(broker, wanted, _instant(to))
    return {place: wanted[place].end if offset < 0 else offset for place, offset in found.items()}


def _at(offset: int, wanted: Mapping[Place, topics.Extent]) -> dict[Place, int]:
    if len(wanted) > 1:
        raise InputError("an offset is one of a partition: say which with --partition")
    for place, extent in wanted.items():
        if not extent.first <= offset <= extent.end:
            where = f"{place.topic} partition {place.number}"
            raise InputError(f"{where} can be counted from {extent.first} to {extent.end}: that is what Kafka has")
    return dict.fromkeys(wanted, offset)


def _instant(text: str) -> int:
    (at,), (became,) = parse_timestamps([text])
    if became != OK:
        words = "expected an offset, earliest, latest, or RFC 3339 as 2026-11-19T05:50:00Z (with its offset from UTC)"
        raise InputError(f"{text}: {words}")
    return int(at)


def planned(c: Connection, wanted: Mapping[Place, int]) -> list[Move]:
    """What `move` would change now."""
    held = positions.all_(c)
    return [Move(place, held[place].next_offset if place in held else 0, after) for place, after in sorted(wanted.items())]


def move(c: Connection, wanted: Mapping[Place, int], topic_id: str, by: str, now: int) -> list[Move]:
    """Set positions of one topic, in the caller's transaction; what was changed, and is audited under `by`."""
    done = []
    for place, after in sorted(wanted.items()):
        done.append(Move(place, positions.move(c, *place, after, topic_id), after))
        audit.record(c, audit.Entry(now, by, "seek", place.label, f"{done[-1].before} -> {after}"))
    return done
