"""The evaluator's own way through plumbline.interactions: what is sampled and how far it came are one transaction.

It counts nothing and judges no window, and shares nothing with the workers but the store. Its positions stand beside theirs,
under the name of its group; a partition that it never read begins where the workers are.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy import Connection

from monitor import logs
from monitor.config import ConfigSource
from monitor.evaluator import sampling
from monitor.metrics import Metrics
from monitor.stages.reading import hashes_of
from monitor.store import positions
from monitor.store.engine import Store
from monitor.store.positions import Position
from records.codec import decode_records
from records.window import WINDOW
from streams.embedded import LogRecord
from streams.places import Moved, Place, Sight

GROUP = "plumbline-evaluator"
_log = logging.getLogger(__name__)


class _Decoded(NamedTuple):
    """Interactions with their hashes and the start of their windows (n,), and the record that each came in."""

    frame: pl.DataFrame
    hashes: NDArray[np.uint64]
    start: NDArray[np.int64]
    offset: NDArray[np.int64]


class Consuming:
    """What streams.worker drives, from one thread (streams.places.Consumer). `stopping` ends waiting for a store that is
    away, with StoreError; `sampled` is told that there is something new."""

    def __init__(
        self,
        store: Store,
        config: ConfigSource,
        metrics: Metrics,
        stopping: Callable[[], bool],
        sampled: Callable[[], None],
    ):
        self._store, self._config, self._metrics = store, config, metrics
        self._stopping, self._sampled = stopping, sampled
        self._owned: dict[Place, Position] = {}

    def assigned(self, places: Collection[Place], topic_ids: Mapping[str, str], now: int) -> dict[Place, int]:
        """These are ours from now on, no others; where to go on in each."""

        def work(c: Connection) -> dict[Place, Position]:
            return {place: _begin(c, place, topic_ids.get(place.topic, "")) for place in sorted(places)}

        before = self._owned.keys()
        self._owned = self._store.retry(work, self._stopping)
        for place in before - self._owned.keys():
            self._metrics.forget_partition(_label(place))
        return {place: position.next_offset for place, position in self._owned.items()}

    def ingest(self, fetched: Mapping[Place, Sequence[LogRecord]], now: int) -> None:
        """Sample records; when it returns the sample and the positions are committed. Raises Moved."""
        records = {place: fetched[place] for place in sorted(fetched) if place in self._owned and fetched[place]}
        decoded = {place: _decode(found) for place, found in records.items()}

        def work(c: Connection) -> tuple[dict[Place, Position], dict[tuple[str, str], int]]:
            moved, counts = {}, dict[tuple[str, str], int]()
            for place, rows in decoded.items():
                at = self._held(c, place)
                new = rows.offset >= at.next_offset
                frame = rows.frame.filter(pl.Series(new)) if not new.all() else rows.frame
                for key, n in sampling.sample(c, self._config.current, frame, rows.hashes[new], rows.start[new], now).items():
                    counts[key] = counts.get(key, 0) + n
                moved[place] = at._replace(next_offset=max(at.next_offset, records[place][-1].offset + 1))
                positions.put(c, *_key(place), moved[place])
            return moved, counts

        moved, counts = self._store.retry(work, self._stopping)
        self._owned |= moved
        sampling.count(self._metrics, counts)
        if counts:
            self._sampled()

    def look(self, sights: Mapping[Place, Sight], now: int) -> None:
        """Tell how far behind it is. Raises Moved for a partition that was set back."""
        for place, sight in sights.items():
            if place in self._owned:
                self._metrics.lag.labels(partition=_label(place)).set(max(sight.end - self._owned[place].next_offset, 0))

    def lost(self, place: Place, first: int, now: int) -> None:
        """Records before `first` are gone: nobody will judge them, and it goes on from there."""
        held = self._owned[place]
        after = self._owned[place] = held._replace(next_offset=first)
        self._store.retry(lambda c: positions.put(c, *_key(place), after), self._stopping)
        self._metrics.lost.labels(partition=_label(place)).inc(first - held.next_offset)
        gone = first - held.next_offset
        logs.event(_log, logging.ERROR, "records_lost", topic=place.topic, partition=place.number, records=gone)

    def _held(self, c: Connection, place: Place) -> Position:
        """The stored position, locked: further than ours where the answer to a commit was lost."""
        ours = self._owned[place]
        stored = positions.get(c, *_key(place))
        if stored is None or stored.topic_id != ours.topic_id or stored.next_offset < ours.next_offset:
            raise Moved(f"{place.label} was set back")
        return stored


def _label(place: Place) -> str:
    """Its name in metrics, where workers have the plain one: rules about them do not mean us."""
    return f"evaluator-{place.label}"


def _key(place: Place) -> tuple[str, int]:
    return positions.of_group(GROUP, place.topic), place.number


def _begin(c: Connection, place: Place, topic_id: str) -> Position:
    """Where to go on: where we were, or in a topic that is new to us where the workers are."""
    stored = positions.get(c, *_key(place))
    if stored is not None and stored.topic_id == topic_id:
        return stored
    workers = positions.get(c, *place)
    known = workers is not None and workers.topic_id == topic_id
    position = Position(workers.next_offset if workers is not None and known else 0, {}, topic_id)
    positions.put(c, *_key(place), position)
    return position


def _decode(records: Sequence[LogRecord]) -> _Decoded:
    decoded = decode_records([record.value for record in records], [record.accepted_at for record in records])
    frame = decoded.frame
    offsets = np.array([record.offset for record in records], np.int64)
    return _Decoded(frame, hashes_of(frame), frame["timestamp"].to_numpy() // WINDOW * WINDOW, offsets[decoded.record])
