"""What the pipeline remembers between batches. All of it can be read back from the store: after a crash nothing is missing."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Connection

from detectors.cells import NEVER_SEEN, OUT_OF_RANGE
from detectors.episodes import TRAFFIC
from monitor.config.models import ApplicationConfig, Config
from monitor.metrics import Metrics
from monitor.store import counters, courses, feedback, ids, panes, positions, slices
from monitor.store.counters import Counters
from monitor.store.engine import Store
from records.pane import Pane
from records.pane_codec import decode_pane
from records.signal import Kind, Signal
from records.window import WINDOW
from signals.catalogue import BY_NAME
from signals.dynamic import declare
from streams.panes import PaneKey
from streams.recent import RecentIds

DERIVED = (
    Signal(OUT_OF_RANGE, Kind.BOOLEAN, "values out of the usual range", "quality", rise="values never seen before", worse="up"),
    Signal(NEVER_SEEN, Kind.BOOLEAN, "categories never seen before", "quality", rise="new categories", worse="up"),
    Signal(TRAFFIC, Kind.NUMERIC, "traffic", "traffic", unit="interactions", rise="more interactions"),
)
"""Signals that no batch measures: they come from comparing panes."""
FOREVER = 2**62
SINCE_LIVE = 3_600_000_000
"""A stream whose newest events were accepted within this of their time is live: its silence means something."""


def is_live(accepted_at: int, watermark: int) -> bool:
    """Whether a stream that reached `watermark` with a record accepted then is live, not a replayed history."""
    return accepted_at - watermark < SINCE_LIVE


@dataclass
class State:
    """`open` holds the panes that batches still add to; `judged` how far each application was judged, `changed` the earliest
    of its judged windows that late data changed; `slices` the registry of values: (application, dimension) to codes."""

    store: Store
    config: Callable[[], Config]
    metrics: Metrics
    topic: str
    partition: int
    next_offset: int = 0
    watermarks: dict[str, int] = field(default_factory=dict)
    judged: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    live: dict[str, bool] = field(default_factory=dict)
    slices: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    open: dict[PaneKey, Pane] = field(default_factory=dict)
    waiting: dict[str, set[int]] = field(default_factory=dict)
    known: dict[str, Counters] = field(default_factory=dict)
    recent: RecentIds = field(default_factory=lambda: RecentIds(0))
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
        position = positions.get(c, self.topic, self.partition)
        self.next_offset = position.next_offset if position else 0
        self.watermarks = dict(position.watermarks) if position else {}
        self.slices, self.open, self.waiting, self.judged, self.changed = slices.load(c), {}, {}, {}, {}
        self.known = counters.load(c)
        for application in self.known:
            if (through := courses.judged_through(c, application)) is not None:
                self.judged[application] = through
                self.open |= self._stored_open(c, application, through)
            if (changed := courses.changed_from(c, application)) is not None:
                self.changed[application] = changed
            self.live[application] = is_live(ids.newest(c, application), self.watermarks.get(application, 0))
            self.waiting[application] = {row.id_hash for row in feedback.waiting(c, application)}
        self.recent = RecentIds(self.config().deduplicate_within)
        for batch in ids.since(c, ids.newest(c) - 2 * self.config().deduplicate_within):
            hashes = np.frombuffer(batch.hashes, np.uint64)
            self.recent.add(hashes, np.full(len(hashes), batch.accepted_at))

    def _stored_open(self, c: Connection, application: str, judged: int) -> dict[PaneKey, Pane]:
        """The panes of this partition whose windows are still to be judged."""
        keys = [key for key, _ in panes.sizes(c, application, WINDOW, judged, FOREVER)]
        stored = panes.get(c, self.topic, self.partition, WINDOW, keys)
        return {key: decode_pane(blob) for key, blob in stored.items()}
