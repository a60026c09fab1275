"""The partitions of a stream that one process takes in: batches fold into panes, one transaction keeps what changed.

Exactly once: a partition's position lives in the transaction of its panes, and is read there under lock. Whoever finds it
elsewhere than it left it reads back what others did, and counts nothing twice. Verdicts are reached by monitor.judging,
maybe in another process. Locks of a transaction are taken in this order, applications by name, so that nobody waits in
a circle:

| lock | taken by | why |
|---|---|---|
| position | the owner of a partition | one of two owners finds that the other was there |
| feedback | who joins feedback; shared by who counts interactions | feedback and its interaction never miss each other |
| closing | who closes windows; shared by who adds panes | a pane is in before its window closes, or is late |
| rolled | who judges; who adds late panes | what was merged of several partitions has one writer at a time |
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import count
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection

from monitor import logs, troubles
from monitor.config import ConfigSource
from monitor.evaluator import sampling
from monitor.metrics import Metrics
from monitor.pipeline import COUNTED
from monitor.stages import conversations, counting, joining, keeping, reading
from monitor.stages.batch import Batch
from monitor.stages.wording import Wording
from monitor.state import Partition, State
from monitor.store import counters, courses, positions, words
from monitor.store.counters import Counters
from monitor.store.dead_letters import DeadLetter
from monitor.store.dialect import hold
from monitor.store.engine import Store
from monitor.store.positions import Look, Position
from records.pane import EMPTY, Pane, merge
from records.window import WINDOW
from streams.broker import FEEDBACK, INTERACTIONS
from streams.embedded import LogRecord
from streams.panes import PaneKey
from streams.places import Moved, Place, Sight

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Kept(NamedTuple):
    """A batch that a transaction holds, and the panes that are open after it."""

    batch: Batch
    open: dict[PaneKey, Pane]


class Partitions:
    """What streams.worker drives, from one thread (streams.places.Consumer).

    `owner` names this process; `publish` sends refused lines to where people look for them, and returns once they are
    there; `stopping` ends waiting for a store that is away, with StoreError. `samples`: what judges are to score is
    written here, since the evaluator of this process has no consumer of its own.
    """

    def __init__(
        self,
        store: Store,
        config: ConfigSource,
        metrics: Metrics,
        owner: str,
        publish: Callable[[Sequence[DeadLetter]], None],
        stopping: Callable[[], bool],
        samples: bool = False,
    ):
        self._store, self._config, self._metrics, self._owner = store, config, metrics, owner
        self._publish, self._stopping, self._samples = publish, stopping, samples
        self.state = State(store, lambda: config.current, metrics, write=self._retry)
        self.wording = Wording(self.state.application)
        self.owned: dict[Place, Partition] = {}
        self._asked: list[dict[tuple[str, str], int]] = []

    def _retry(self, work: Callable[[Connection], T]) -> T:
        return self._store.retry(work, self._stopping)

    # -- ownership ---------------------------------------------------------------------------------------------------

    def assigned(self, places: Collection[Place], topic_ids: Mapping[str, str], now: int) -> dict[Place, int]:
        """These partitions are ours from now on, no others; the offset to go on from in each.

        A topic with another id than that of the stored position was created anew: it is taken in from its beginning.
        """
        before = self.owned.keys()
        self.owned, restarted = self._retry(lambda c: self._take_over(c, sorted(places), topic_ids, now))
        for place in before - self.owned.keys():
            self._metrics.forget_partition(place.label)  # another process tells of it now
        for place in restarted:
            self._metrics.restarts.labels(topic=place.topic).inc()
            logs.event(_log, logging.ERROR, "topic_created_anew", topic=place.topic, partition=place.number)
        self._metrics.assigned.set(len(self.owned))
        return {place: partition.next_offset for place, partition in self.owned.items()}

    def _take_over(
        self, c: Connection, places: Sequence[Place], topic_ids: Mapping[str, str], now: int
    ) -> tuple[dict[Place, Partition], list[Place]]:
        self.state.load(c)
        closed = courses.closed(c, list(self.state.known))
        owned, restarted = {}, []
        for place in places:
            stored, topic_id = positions.get(c, *place), topic_ids.get(place.topic, "")
            if stored is None:
                positions.put(c, *place, Position(0, {}, topic_id))
            elif stored.topic_id != topic_id:
                anew = bool(stored.topic_id and topic_id)
                positions.put(c, *place, stored._replace(topic_id=topic_id, next_offset=0 if anew else stored.next_offset))
                if anew:
                    restarted.append(place)
                    troubles.topic_created_anew(c, self._config.current, place.topic, topic_id, now)
            owned[place] = self._loaded(c, place, closed)
        return owned, restarted

    def _loaded(self, c: Connection, place: Place, closed: Mapping[str, int]) -> Partition:
        partition = self.owned.get(place) or Partition(*place, place.label)
        position = positions.get(c, *place)
        mine = position is not None and (position.next_offset, position.topic_id) == (partition.next_offset, partition.topic_id)
        if place not in self.owned or not mine:
            partition.load(c, self._config.current.deduplicate_within, closed)
        return partition

    def look(self, sights: Mapping[Place, Sight], now: int) -> None:
        """Write down how the partitions stand: windows close by it, and somebody is told when one stands still.

        Raises Moved for one that was set back: where nothing new comes, nothing else would show it."""
        looks = []
        for place, sight in sights.items():
            if (partition := self.owned.get(place)) is None:
                continue
            behind = max(sight.end - partition.next_offset, 0)
            if behind == 0 or partition.next_offset != partition.looked_at:
                partition.looked_at, partition.moved_at = partition.next_offset, now
            self._metrics.lag.labels(partition=place.label).set(behind)
            looks.append(Look(*place, sight.at, behind, partition.moved_at, self._owner))
        if looks:
            self._retry(lambda c: self._touch(c, looks))

    def _touch(self, c: Connection, looks: Sequence[Look]) -> None:
        stored = positions.all_(c)
        for place, partition in self.owned.items():
            if place in stored and stored[place].next_offset < partition.next_offset:
                raise Moved(f"{place.label} goes on from {stored[place].next_offset}, not {partition.next_offset}")
        positions.touch(c, looks)

    def lost(self, place: Place, first: int, now: int) -> None:
        """Records of a partition before offset `first` were deleted before they were taken in: counted, told, gone on from."""
        partition = self.owned[place]
        gone = first - partition.next_offset

        def work(c: Connection) -> None:
            stored = positions.get(c, *place)
            if stored is not None and stored.next_offset == partition.next_offset:
                positions.put(c, *place, stored._replace(next_offset=first))
                troubles.records_lost(c, self._config.current, place, partition.next_offset, gone, now)

        self._retry(work)
        partition.next_offset = first
        self._metrics.lost.labels(partition=place.label).inc(gone)
        logs.event(_log, logging.ERROR, "records_lost", topic=place.topic, partition=place.number, records=gone)

    # -- taking in ---------------------------------------------------------------------------------------------------

    def ingest(self, fetched: Mapping[Place, Sequence[LogRecord]], now: int) -> None:
        """Take in records, in order within a partition; when it returns they and their positions are committed.

        Interactions come first, so that feedback fetched with them finds them.
        """
        for topic in (INTERACTIONS, FEEDBACK):
            began = time.monotonic()
            batches = [self._folded(place, fetched[place]) for place in sorted(fetched) if place.topic == topic]
            batches = [batch for batch in batches if batch.records]
            if not batches:
                continue
            letters = [letter for batch in batches for letter in keeping.letters(batch)]
            if letters:
                self._publish(letters)
            folded = time.monotonic()
            self._commit(batches)
            self._metrics.batch_size.observe_many({}, [sum(len(batch.frame) + len(batch.feedback) for batch in batches)])
            self._metrics.batch_time.observe_many({}, [folded - began])
            self._metrics.commit_time.observe_many({}, [time.monotonic() - folded])

    def _folded(self, place: Place, records: Sequence[LogRecord]) -> Batch:
        """Records that are new, measured and folded into panes; none where the partition is not ours."""
        partition = self.owned.get(place) or Partition(*place, place.label, next_offset=2**62)
        batch = reading.new_batch(partition, [record for record in records if record.offset >= partition.next_offset])
        if batch.records:
            for stage in COUNTED:
                stage(self.state, batch)
        return batch

    def _commit(self, batches: list[Batch]) -> None:
        attempts = count()

        def work(c: Connection) -> tuple[list[Kept], list[Batch]]:
            if next(attempts):
                self.state.waiting.clear()  # what the attempt before took from it may still wait
                for batch in batches:
                    batch.late.clear()
            return self._keep(c, batches)

        try:
            kept, moved = self._retry(work)
        except Moved:
            for batch in batches:
                batch.partition.next_offset = -1  # it remembers ids that were not committed: read it back when it is assigned
            raise
        for asked in self._asked if kept else ():
            sampling.count(self._metrics, asked)
        for batch, open_ in kept:
            keeping.taken_in(batch)
            batch.partition.open = open_
            counting.count(self.state, batch)
        if told := [word for batch, _ in kept for word in self.wording.learn(batch)]:
            self._retry(lambda c: words.put(c, told))
        if again := [batch for old in moved if (batch := self._folded(_place(old), old.records)).records]:
            self._commit(again)

    def _keep(self, c: Connection, batches: list[Batch]) -> tuple[list[Kept], list[Batch]]:
        """What one transaction does; memory changes only after it. Also the batches whose partition moved without us: it was
        read back, and what of them is still new is to be taken in again. (An earlier owner that was held up moved it, or we
        did and never heard so.)"""
        mine, moved = [], []
        for batch in batches:
            partition = batch.partition
            stored = positions.get(c, partition.topic, partition.number) or Position(-1, {})
            if stored.topic_id != partition.topic_id or stored.next_offset < partition.next_offset:
                raise Moved(f"{_place(batch).label} goes on from {stored.next_offset}, not {partition.next_offset}")
            if stored.next_offset == partition.next_offset:
                mine.append(batch)
            else:
                closed = courses.closed(c, list(counters.load(c)))
                partition.load(c, self._config.current.deduplicate_within, closed)
                moved.append(batch)
                place = _place(batch)
                logs.event(_log, logging.WARNING, "partition_moved", topic=place.topic, partition=place.number)
        return (self._add(c, mine) if mine else []), moved

    def _add(self, c: Connection, batches: list[Batch]) -> list[Kept]:
        feedback = any(len(batch.feedback) for batch in batches)
        spoken_of = {name for batch in batches if len(batch.feedback) for name in batch.feedback["application"].unique()}
        for name in sorted(spoken_of.union(*(batch.progress for batch in batches))):
            hold(c, f"plumbline/feedback/{name}", shared=not feedback)
        added = [self._added(c, batch) for batch in batches]
        applications = sorted({key.application for panes in added for key in panes})
        for name in applications:
            hold(c, f"plumbline/closing/{name}", shared=True)
        closed = courses.closed(c, applications)
        for name in applications:
            if name not in closed:
                closed[name] = courses.begin(c, name, _first(batches, added, name))
        self._add_late(c, batches, added, closed)
        kept = [Kept(batch, self._open(c, batch, panes, closed)) for batch, panes in zip(batches, added, strict=True)]
        totals: dict[str, list[Counters]] = {}
        self._asked = []
        for batch in batches:
            keeping.keep(self.state, c, batch)
            conversations.keep(c, batch, 0)
            if self._samples:
                accepted_at = int(batch.accepted_at.max())
                self._asked += [sampling.sample(c, self._config.current, batch.frame, batch.hashes, batch.start, accepted_at)]
            for name, more in keeping.counted(batch).items():
                totals.setdefault(name, []).append(more)
        for name, parts in sorted(totals.items()):
            counters.add(c, name, *map(sum, zip(*parts, strict=True)))
        return kept

    def _added(self, c: Connection, batch: Batch) -> dict[PaneKey, Pane]:
        """What a batch adds to panes, with the feedback that it brought or that waited for it."""
        out: dict[PaneKey, Pane] = {}
        for key, pane in [*batch.panes.get(0, []), *joining.join(self.state, batch, c).get(0, [])]:
            out[key] = merge(out.get(key, EMPTY), pane)
        return out

    def _add_late(
        self, c: Connection, batches: list[Batch], added: list[dict[PaneKey, Pane]], closed: Mapping[str, int]
    ) -> None:
        late = [{key: pane for key, pane in panes.items() if key.start < closed[key.application]} for panes in added]
        names = sorted({key.application for panes in late for key in panes})
        for name in names:
            hold(c, f"plumbline/rolled/{name}")
        judged = {name: courses.judged_through(c, name) or 0 for name in names}
        for batch, panes in zip(batches, late, strict=True):
            keeping.add_late(c, batch, panes, judged)

    def _open(self, c: Connection, batch: Batch, added: dict[PaneKey, Pane], closed: Mapping[str, int]) -> dict[PaneKey, Pane]:
        """Store what a batch adds to windows that are still open; the panes of its partition that are open then."""
        partition = batch.partition
        changed = {
            key: merge(partition.open.get(key, EMPTY), pane)
            for key, pane in added.items()
            if key.start >= closed[key.application]
        }
        keeping.put_panes(c, partition.topic, partition.number, WINDOW, changed)
        return {k: pane for k, pane in (partition.open | changed).items() if k.start >= closed.get(k.application, k.start)}


def _place(batch: Batch) -> Place:
    return Place(batch.partition.topic, batch.partition.number)


def _first(batches: Sequence[Batch], added: list[dict[PaneKey, Pane]], application: str) -> int:
    """The earliest window of what came first of an application in these batches, or that feedback speaks of."""
    firsts = [first for batch in batches for name, first in reading.firsts(batch) if name == application]
    return min(firsts or [key.start for panes in added for key in panes if key.application == application])
