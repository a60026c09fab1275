"""The verdicts of all applications that a process judges: window by window, in order, each in the caller's transaction."""

from collections.abc import Callable

import msgspec
from sqlalchemy import Connection

from detectors.calibration import Panes
from detectors.course import Budget
from monitor.reading.fields import finding_fields
from monitor.stages import alerting, counting, keeping
from monitor.stages.judging import Judge
from monitor.state import State
from monitor.store import courses, messages
from records.finding import Finding
from records.window import DAY, HOUR, WINDOW
from streams.broker import FINDINGS

FAR_BACK = 6 * HOUR
"""Windows that changed longer ago than this are judged again at the end of the hour, not at once."""
MOST_SILENT = 12
"""Empty windows in a row that are judged one by one; a longer silence is one finding and no more work."""


class Verdicts:
    """`state.judged` tells how far each application was judged; whoever drives this moves it by `close` alone.

    `others` gives how many comparisons draw on the budget that other processes judge.
    """

    def __init__(self, state: State, others: Callable[[Connection], int] = lambda c: 0):
        self.state, self.judges, self._others = state, dict[str, Judge](), others
        self._config = state.config()

    def take_up(self, c: Connection) -> None:
        """Read back what was known of every application."""
        for application in self.state.judged:
            self._judge(c, application)

    def changed_config(self) -> bool:
        """Whether the configuration was read again; then every application is judged as it says now."""
        if self.state.config() is self._config:
            return False
        self._config = self.state.config()
        self.judges.clear()
        return True

    def drop(self, application: str) -> None:
        """Somebody else judges this application now."""
        self.judges.pop(application, None)

    def close(
        self,
        c: Connection,
        application: str,
        through: int,
        now: int,
        window: Callable[[int], Panes],
        waiting: Callable[[int], int | None],
    ) -> None:
        """Judge the windows that end by `through`; `now` is wall clock, microseconds.

        `window` gives the panes of the window at a start, `waiting` the earliest start at or after one that has any.
        """
        state, empty = self.state, 0
        while (start := state.judged[application]) < through:
            panes = window(start)
            empty = 0 if panes else empty + 1
            if empty > MOST_SILENT:
                state.judged[application] = min(through, waiting(start) or through)
                if (midnight := (start // DAY + 1) * DAY) <= state.judged[application]:
                    keeping.roll_up(c, application, midnight)
                continue
            judge = self._judge(c, application)
            state.judged[application] = start + WINDOW
            self._close_one(c, judge, start, panes, now)
        courses.set_judged(c, application, state.judged[application])

    def _close_one(self, c: Connection, judge: Judge, start: int, panes: Panes, now: int) -> None:
        application, end = judge.application, start + WINDOW
        changed = self._judge_again(c, judge, start)
        late = {finding.id for finding in changed}
        changed += judge.judge(c, start, panes, self.budget(c))
        keeping.roll_up(c, application, end)
        changed += judge.stand(c, end, self.budget(c))
        if self.state.announce:
            messages.put(c, [(FINDINGS, f.id, msgspec.json.encode(finding_fields(f))) for f in changed])
        alerting.raise_alerts(self.state, c, application, judge.lasting(), changed, end, now / 1e6, late)
        counting.show(self.state, judge)
        if end % HOUR == 0 or not self.state.metrics.score.has(application):
            counting.show_scores(self.state, c, judge, end)

    def _judge_again(self, c: Connection, judge: Judge, start: int) -> list[Finding]:
        """Where late data changed judged windows, judge from there on again. Those that closed, but are not judged yet, will be
        judged with it."""
        late = courses.late(c, judge.application)
        if not late:
            return []
        changed = min(at for _, at in late)
        if start - changed > FAR_BACK and (start + WINDOW) % HOUR:
            return []
        courses.delete_late(c, [id_ for id_, _ in late])
        return judge.rewind(c, changed, start, self.budget(c)) if changed < start else []

    def _judge(self, c: Connection, application: str) -> Judge:
        if application not in self.judges:
            self.judges[application] = Judge(self.state, c, application, self.state.judged[application])
        return self.judges[application]

    def budget(self, c: Connection) -> Budget:
        """The budget as of now, over everything that any process judges."""
        allowed = self.state.config().false_alarms
        comparisons = sum(judge.comparisons for judge in self.judges.values()) + self._others(c)
        return Budget(allowed.at_most, allowed.per / WINDOW, max(comparisons, 1))
