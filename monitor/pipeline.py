"""THE list of stages, and the embedded stream's transaction: it holds all that a batch leaves behind, verdicts included."""

from collections.abc import Sequence

from sqlalchemy import Connection

from detectors.calibration import Panes
from monitor.config import ConfigSource
from monitor.evaluator import sampling
from monitor.metrics import Metrics
from monitor.stages import conversations, counting, joining, keeping, measuring, reading
from monitor.stages.batch import Batch
from monitor.stages.wording import Wording
from monitor.state import Partition, State
from monitor.store import counters, courses, ids, words
from monitor.store.engine import Store
from monitor.verdicts import Verdicts
from records.window import WINDOW
from streams.embedded import PARTITION, TOPIC, LogRecord
from streams.watermark import is_live

COUNTED = (reading.decode, reading.deduplicate, reading.follow_time, measuring.slice_, measuring.fold, conversations.follow)
"""What happens to the batch of one partition before its transaction: pure but for what `State` and `Partition` remember."""
STAGES = (*COUNTED[:3], reading.cut, *COUNTED[3:])
"""The same where one partition holds all traffic: it decides where windows close."""


class Pipeline:
    """Takes batches in, in order; one transaction each. It reads no clock: the runner hands the time in."""

    def __init__(self, store: Store, config: ConfigSource, metrics: Metrics):
        self.store, self.metrics = store, metrics
        self.state = State(store, lambda: config.current, metrics)
        self.partition = Partition(TOPIC, PARTITION, str(PARTITION))
        self.verdicts = Verdicts(self.state)
        self.wording = Wording(self.state.application)
        with store.begin() as c:
            self.state.load(c)
            self.partition.load(c, config.current.deduplicate_within, self.state.judged)
            for name in self.state.judged:
                self.state.live[name] = is_live(ids.newest(c, name), self.partition.watermarks.get(name, 0))
            self.verdicts.take_up(c)

    def _heed_config(self) -> None:
        if self.verdicts.changed_config():
            with self.store.begin() as c:
                self.verdicts.take_up(c)

    def position(self) -> int:
        return self.partition.next_offset

    def ingest(self, records: Sequence[LogRecord], now: int) -> None:
        """Take in a batch of log records; `now` is wall clock, microseconds."""
        fresh = [record for record in records if record.offset >= self.partition.next_offset]
        if not fresh:
            return
        self._heed_config()
        batch = reading.new_batch(self.partition, fresh)
        for stage in STAGES:
            stage(self.state, batch)
        told = self.wording.learn(batch)
        with self.store.begin() as c:
            words.put(c, told)
            for segment, added in joining.join(self.state, batch, c).items():
                batch.panes.setdefault(segment, []).extend(added)
            asked = sampling.sample(c, self.state.config(), batch.frame, batch.hashes, batch.start, now)
            self._commit(c, batch, now)
        keeping.taken_in(batch)
        sampling.count(self.metrics, asked)
        counting.count(self.state, batch)

    def tick(self, now: int) -> None:
        """Close the windows of live streams that fell silent, as the clock says."""
        self._heed_config()
        due = []
        for name, live in self.state.live.items():
            lateness = self.state.application(name).allowed_lateness
            through = (now - lateness) // WINDOW * WINDOW
            if live and through > self.state.judged[name]:
                due.append((name, through))
        if due:
            with self.store.begin() as c:
                for name, through in due:
                    self._close(c, name, through, now)

    def _commit(self, c: Connection, batch: Batch, now: int) -> None:
        """Segment by segment: panes first, then the windows that its last record lets close."""
        boundaries = batch.boundaries.tolist()
        for segment in range(len(boundaries) + 1):
            keeping.add_panes(self.state, c, batch, batch.panes.get(segment, []))
            conversations.keep(c, batch, segment)
            if segment < len(boundaries):
                for closing in batch.closings:
                    if closing.record == boundaries[segment]:
                        self._close(c, closing.application, closing.through, now)
        touched = {key for part in batch.panes.values() for key, _ in part if key in self.partition.open}
        open_panes = {key: self.partition.open[key] for key in touched}
        keeping.put_panes(c, self.partition.topic, self.partition.number, WINDOW, open_panes)
        keeping.keep(self.state, c, batch)
        for name, added in keeping.counted(batch).items():
            if name not in self.state.known:
                # where its judging begins, also if no window closes before a crash
                courses.set_judged(c, name, self.state.judged[name])
            counters.add(c, name, *added)
            known = self.state.known.get(name, counters.Counters())
            self.state.known[name] = counters.Counters(*(a + b for a, b in zip(known, added, strict=True)))

    def _close(self, c: Connection, application: str, through: int, now: int) -> None:
        """Judge the windows of an application that end by `through`."""

        def window(start: int) -> Panes:
            return keeping.close_window(
                c, self.partition, application, start, conversations.over(self.state, c, application, start)
            )

        def waiting(start: int) -> int | None:
            starts = [key.start for key in self.partition.open if key.application == application]
            run = conversations.due(self.state, c, application, start)
            return min(starts if run is None else [*starts, run], default=None)

        self.verdicts.close(c, application, through, now, window, waiting)
