"""Traffic into Kafka while its workers are killed and held up, until they have judged all of it."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from kafka import KafkaConsumer, TopicPartition

from monitor.store import courses
from monitor.store.positions import Position
from streams.broker import FEEDBACK, INTERACTIONS, Broker
from tests.kafka.deployment import Deployment, Role, until
from tests.parity.sending import Producers, producers
from tests.parity.traffic import Part

SESSION = 15.0
"""Seconds after which Kafka gives the partitions of a silent worker to others (streams.worker)."""
RECOVERY = 90.0
"""Seconds in which somebody takes in what a dead worker had: its session, and as long again for a machine that is busy."""


class Trouble(NamedTuple):
    """What happens meanwhile: so many kills at random moments, each up to `within` seconds after the workers are seen to
    count again; and whether one worker is frozen. Windows are `pace` seconds apart until all of it has happened."""

    kills: int
    within: float
    freeze: bool
    pace: float


@dataclass
class Run:
    """One run; `kills` is how many there were, `frozen` for how many seconds a worker was."""

    made: Deployment
    workers: list[Role]
    trouble: Trouble
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    over: threading.Event = field(default_factory=threading.Event)
    kills: int = 0
    frozen: float = 0.0

    def go(self, parts: list[Part]) -> None:
        """Returns when all is sent, and nothing more will happen to the workers."""
        with producers(self.made.broker) as senders, ThreadPoolExecutor(1) as pool:
            sent = pool.submit(self._send, senders, parts)
            try:
                self._trouble()
            finally:
                self.over.set()
            sent.result()

    def wait_for(self, judged: dict[str, int]) -> None:
        """Until all is taken in, and judged as far as `judged` says."""
        self._settle(min(judged.values()))
        until(lambda: self._judged() == judged, lambda: (self._judged(), judged), 2 * RECOVERY)

    def _settle(self, through: int) -> None:
        until(lambda: not self._left(), self._left, 2 * RECOVERY)
        until(lambda: min(self._judged().values(), default=0) >= through, self._judged, 2 * RECOVERY)

    def _judged(self) -> dict[str, int]:
        with self.made.store.read() as c:
            return {name: courses.judged_through(c, name) or 0 for name in self.made.counters()}

    # -- sending -----------------------------------------------------------------------------------------------------

    def _send(self, senders: Producers, parts: list[Part]) -> None:
        for part in parts:
            senders.send(part)
            if part.settle:
                self._settle(part.settle)
            self.over.wait(self.trouble.pace)

    def _left(self) -> dict[tuple[str, int], int]:
        """How many records of each partition are not taken in."""
        ends, held = _ends(self.made.broker), self.made.positions()
        left = {place: end - (held[place].next_offset if place in held else 0) for place, end in ends.items()}
        return {place: n for place, n in left.items() if n}

    # -- trouble -----------------------------------------------------------------------------------------------------

    def _trouble(self) -> None:
        for _ in range(self.trouble.kills):
            self._wait_for_progress()
            self.over.wait(self.rng.uniform(0, self.trouble.within))
            which = self.rng.randrange(2)
            self.workers[which].kill()
            self.kills += 1
            self.workers[which] = self.made.launch("worker")
        if self.trouble.freeze:
            self._wait_for_progress()
            self._freeze()

    def _wait_for_progress(self) -> None:
        """Until more is counted than now."""
        before = self.made.counted()
        until(lambda: self.made.counted() > before, self._left, 2 * RECOVERY)

    def _freeze(self) -> None:
        """Holds up a worker until its partitions are another's, all is judged by others, and longer than its session."""
        held = until(self._owners)[0]
        before = self._owned(held)
        held.freeze()
        began = time.monotonic()
        self.over.wait(SESSION + 1)
        until(lambda: not self._owned(held).keys() & before.keys(), self.made.positions, RECOVERY)
        judged = self._judged()
        until(lambda: all(self._judged()[name] > through for name, through in judged.items()), self._judged, RECOVERY)
        held.thaw()
        self.frozen = time.monotonic() - began
        self._wait_for_progress()

    def _owners(self) -> list[Role]:
        """The workers that have partitions, the one with the most first."""
        return sorted(filter(self._owned, self.workers), key=lambda worker: len(self._owned(worker)), reverse=True)

    def _owned(self, worker: Role) -> dict[tuple[str, int], Position]:
        """The partitions that a worker was the last to look at."""
        own = f":{worker.popen.pid}"
        return {place: position for place, position in self.made.positions().items() if position.owner.endswith(own)}


def _ends(broker: Broker) -> dict[tuple[str, int], int]:
    """The end of every partition."""
    with KafkaConsumer(**broker.settings(), enable_auto_commit=False) as consumer:
        names = (INTERACTIONS, FEEDBACK)
        places = [TopicPartition(name, p) for name in names for p in consumer.partitions_for_topic(name) or ()]
        return {(place.topic, place.partition): end for place, end in consumer.end_offsets(places).items()}
