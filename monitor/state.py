"""What the pipeline remembers between batches. All of it can be read back from the store: after a crash nothing is missing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Connection

from detectors.cells import NEVER_SEEN, OUT_OF_RANGE
from detectors.episodes import TRAFFIC
from detectors.estimation.statement import SIGNALS as OF_DAYS
from monitor.config.models import ApplicationConfig, Config
from monitor.metrics import Metrics
from monitor.store import counters, courses, feedback, ids, panes, positions, slices
from monitor.store.counters import Counters
from monitor.store.engine import Store
from monitor.store.positions import Position
from records.pane import Pane
from records.pane_codec import decode_pane
from records.signal import Kind, Signal
from records.window import WINDOW
from signals.catalogue import BY_NAME
from signals.dynamic import declare
from signals.embedding.novelty import Known
from streams.panes import PaneKey
from streams.recent import RecentIds
from streams.slices import MOST_VALUES, REST

DERIVED = (
    Signal(OUT_OF_RANGE, Kind.BOOLEAN, "values out of the usual range", "quality", rise="values never seen before", worse="up"),
    Signal(NEVER_SEEN, Kind.BOOLEAN, "categories never seen before", "quality", rise="new categories", worse="up"),
    Signal(TRAFFIC, Kind.NUMERIC, "traffic", "traffic", unit="interactions", rise="more interactions"),
    *OF_DAYS,
)
"""Signals that no batch measures: they come from comparing panes."""
FOREVER = 2**62
Work = Callable[[Connection], dict[str, int]]
Write = Callable[[Work], dict[str, int]]
"""Runs work in a write transaction, again where the store was away."""


@dataclass
class Waiting:
    """Hashes of interactions that feedback waits for, among the feedback up to number `seen`; some may have come since."""

    hashes: set[int] = field(default_factory=set)
    seen: int = 0


@dataclass
class Partition:
    """What is remembered of one partition of a topic: where it goes on, the event time of each application that it reached,
    the panes that its batches still add to, and the interactions that it saw lately. It stood at `looked_at` at the last
    look, and moved last at `moved_at` (wall clock)."""

    topic: str
    number: int
    label: str
    next_offset: int = 0
    topic_id: str = ""
    accepted_at: int = 0
    looked_at: int = -1
    moved_at: int = 0
    watermarks: dict[str, int] = field(default_factory=dict)
    open: dict[PaneKey, Pane] = field(default_factory=dict)
    recent: RecentIds = field(default_factory=lambda: RecentIds(0))

    def load(self, c: Connection, within: int, closed: Mapping[str, int]) -> None:
        """Start from what is stored; `closed` tells up to where windows take no more panes, by application."""
        position = positions.get(c, self.topic, self.number) or Position(0, {})
        self.next_offset, self.watermarks = position.next_offset, dict(position.watermarks)
        self.topic_id, self.accepted_at = position.topic_id, position.accepted_at
        self.open = {}
        for application, through in closed.items():
            keys = [key for key, _ in panes.sizes(c, application, WINDOW, through, FOREVER)]
            stored = panes.get(c, self.topic, self.number, WINDOW, keys)
            self.open |= {key: decode_pane(blob) for key, blob in stored.items()}
        self.recent = RecentIds(within)
        own = (self.topic, self.number)
        for batch in ids.since(c, ids.newest(c, None, *own) - 2 * within, *own):
            hashes = np.frombuffer(batch.hashes, np.uint64)
            self.recent.add(hashes, np.full(len(hashes), batch.accepted_at))


@dataclass
class State:
    """What a process knows of all that it counts: `judged` is how far each application was judged, `slices` the registry of
    values: (application, dimension) to codes, `waiting` the interactions that feedback waits for, `known` the counters,
    `references` the version of (application, name) that novelty is measured from, and its vectors.
    `announce`: what changes of findings and alerts is put into the topics as well."""

    store: Store
    config: Callable[[], Config]
    metrics: Metrics
    judged: dict[str, int] = field(default_factory=dict)
    live: dict[str, bool] = field(default_factory=dict)
    slices: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    known: dict[str, Counters] = field(default_factory=dict)
    references: dict[tuple[str, str], tuple[int, Known | None]] = field(default_factory=dict)
    write: Write | None = None
    announce: bool = False
    declared: dict[str, Signal] = field(default_factory=lambda: dict(BY_NAME) | {s.name: s for s in DERIVED})

    def application(self, name: str) -> ApplicationConfig:
        return self.config().application(name)

    def declaration(self, name: str) -> Signal:
        """The declaration of a signal, also of one that only older panes know."""
        if name not in self.declared:
            self.declared[name] = declare(name)
        return self.declared[name]

    def load(self, c: Connection) -> None:
        """Start from what is stored."""
        self.slices, self.waiting, self.judged, self.live = slices.load(c), {}, {}, {}
        self.known = counters.load(c)
        for application in self.known:
            if (through := courses.judged_through(c, application)) is not None:
                self.judged[application] = through

    def register(self, application: str, dimension: str, values: list[tuple[str, int]]) -> None:
        """Give values (and when each was first seen) a place in the registry, in a transaction of its own: every process
        gives the same places, and what is registered twice is registered once."""
        key = (application, dimension)

        def work(c: Connection) -> dict[str, int]:
            return slices.register(c, application, dimension, values, MOST_VALUES, REST)

        self.slices[key] = (self.write or self._write)(work)

    def _write(self, work: Work) -> dict[str, int]:
        with self.store.begin() as c:
            return work(c)

    def awaited(self, c: Connection, application: str) -> set[int]:
        """The interactions that feedback waits for, also feedback that another process has put away since the last call."""
        waiting = self.waiting.setdefault(application, Waiting())
        for row in feedback.waiting(c, application, after=waiting.seen):
            waiting.hashes.add(row.id_hash)
            waiting.seen = max(waiting.seen, row.seq)
        return waiting.hashes
