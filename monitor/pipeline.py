"""THE list of stages, and the transaction that holds all they leave behind."""

from collections.abc import Sequence

from sqlalchemy import Connection

from detectors.course import Budget
from monitor.config import ConfigSource
from monitor.metrics import Metrics
from monitor.stages import alerting, counting, joining, keeping, measuring, reading
from monitor.stages.batch import Batch
from monitor.stages.judging import Judge
from monitor.state import State
from monitor.store import courses
from monitor.store.engine import Store
from records.finding import Finding
from records.window import DAY, HOUR, WINDOW
from streams.embedded import PARTITION, TOPIC, LogRecord

STAGES = (reading.decode, reading.deduplicate, reading.follow_time, measuring.slice_, measuring.fold)
"""What happens to a batch before its transaction: pure but for what `State` remembers."""
FAR_BACK = 6 * HOUR
"""Windows that changed longer ago than this are judged again at the end of the hour, not at once."""
MOST_SILENT = 12
"""Empty windows in a row that are judged one by one; a longer silence is one finding and no more work."""


class Pipeline:
    """Takes batches in, in order; one transaction each. It reads no clock: the runner hands the time in."""

    def __init__(self, store: Store, config: ConfigSource, metrics: Metrics, topic: str = TOPIC, partition: int = PARTITION):
        self.store, self.metrics = store, metrics
        self.state = State(store, lambda: config.current, metrics, topic, partition)
        self.judges: dict[str, Judge] = {}
        self.config = config.current
        with store.begin() as c:
            self.state.load(c)
            self._take_up(c)

    def _take_up(self, c: Connection) -> None:
        for application in self.state.judged:
            self._judge(c, application)

    def _heed_config(self) -> None:
        """Where the configuration was read again, applications are judged as it says now."""
        if self.state.config() is not self.config:
            self.config = self.state.config()
            self.judges.clear()
            with self.store.begin() as c:
                self._take_up(c)

    def position(self) -> int:
        return self.state.next_offset

    def ingest(self, records: Sequence[LogRecord], now: int) -> None:
        """Take in a batch of log records; `now` is wall clock, microseconds."""
        fresh = [record for record in records if record.offset >= self.state.next_offset]
        if not fresh:
            return
        self._heed_config()
        batch = reading.new_batch(fresh)
        for stage in STAGES:
            stage(self.state, batch)
        with self.store.begin() as c:
            joining.join(self.state, batch, c)
            self._commit(c, batch, now)
        self.state.next_offset = batch.next_offset
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
            late = keeping.add_panes(self.state, c, batch.panes.get(segment, []), batch)
            for application, start in late.items():
                self.state.changed[application] = min(start, self.state.changed.get(application, start))
                courses.set_judged(c, application, self.state.judged[application], self.state.changed[application])
            if segment < len(boundaries):
                for closing in batch.closings:
                    if closing.record == boundaries[segment]:
                        self._close(c, closing.application, closing.through, now)
        keeping.keep(self.state, c, batch)

    def _close(self, c: Connection, application: str, through: int, now: int) -> None:
        """Judge the windows of an application that end by `through`."""
        state, empty = self.state, 0
        while (start := state.judged[application]) < through:
            panes = keeping.close_window(state, c, application, start)
            empty = 0 if panes else empty + 1
            if empty > MOST_SILENT:
                waiting = [key.start for key in state.open if key.application == application]
                state.judged[application] = min([through, *waiting])
                if (midnight := (start // DAY + 1) * DAY) <= state.judged[application]:
                    keeping.roll_up(c, application, midnight)
                continue
            judge = self._judge(c, application)
            state.judged[application] = start + WINDOW
            changed = self._judge_again(c, judge, start)
            changed += judge.judge(c, start, panes, self._budget())
            keeping.roll_up(c, application, start + WINDOW)
            changed += judge.stand(c, start + WINDOW, self._budget())
            alerting.raise_alerts(state, c, application, judge.lasting(), changed, start + WINDOW, now / 1e6)
            counting.show(state, judge)
        courses.set_judged(c, application, state.judged[application], state.changed.get(application))

    def _judge_again(self, c: Connection, judge: Judge, start: int) -> list[Finding]:
        """Where late data changed judged windows, judge from there on again."""
        changed = self.state.changed.get(judge.application)
        if changed is None or (start - changed > FAR_BACK and (start + WINDOW) % HOUR):
            return []
        del self.state.changed[judge.application]
        return judge.rewind(c, changed, start, self._budget())

    def _judge(self, c: Connection, application: str) -> Judge:
        if application not in self.judges:
            self.judges[application] = Judge(self.state, c, application, self.state.judged[application])
        return self.judges[application]

    def _budget(self) -> Budget:
        allowed = self.state.config().false_alarms
        comparisons = sum(judge.comparisons for judge in self.judges.values())
        return Budget(allowed.at_most, allowed.per / WINDOW, max(comparisons, 1))
