"""Windows that closed become verdicts: one `Judge` an application drives its course, and takes it back for late data."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from detectors.calibration import Calibration, Panes, Slice, Subject, learn
from detectors.calibration_codec import decode_calibration, encode_calibration
from detectors.course import Budget, Course
from detectors.episodes import TRAFFIC, Episodes, Source
from detectors.standing import HORIZON, Standing
from monitor.stages.explaining import StoredPanes
from monitor.state import State
from monitor.store import alerts, courses, findings, panes, references
from monitor.store.courses import Comparison
from records.alert import Mark
from records.finding import Finding
from records.pane import Pane, merge
from records.pane_codec import decode_pane
from records.window import DAY, HOUR, WINDOW, Code, Window, decode_window, encode_window

FIRST_DAY = (24, 48, 96, 192)
"""Windows after which the baseline of a new application is learned anew; from then on once a day."""
HISTORY = 14 * DAY
EVER = 2**62
_Stretch = tuple[int, int, int]
"""A comparison's row, and the stretch of event time in which it was not healthy."""


class Judge:
    """The verdicts of one application, from the window at `judged` on."""

    def __init__(self, state: State, c: Connection, application: str, judged: int):
        self.state, self.application = state, application
        self.config = state.application(application)
        self.references = self._references(c)
        known = courses.comparisons(c, application)
        self.course = Course([Subject(row.dimension, row.value, row.signal, row.baseline) for row in known])
        self.stored = len(known)
        self.episodes = Episodes(application, state.declaration, self._source(c), frozenset(self.references))
        self.standing = Standing(application, state.declaration)
        self.sick: dict[str, _Stretch] = {}
        self.marks: Mapping[str, Mark] = {}
        first = courses.first(c, application)
        self.first = judged if first is None else first
        self._resume(c, judged, None)

    @property
    def comparisons(self) -> int:
        """How many comparisons draw on the budget."""
        return len(self.course.calibration.index) if self.course.calibration else 0

    def judge(self, c: Connection, start: int, window_panes: Panes, budget: Budget) -> list[Finding]:
        """Judge one window whose panes are stored; what changed of the findings is stored and comes back."""
        self.episodes.source, self.episodes.stored = self._source(c), StoredPanes(c, self.application)
        changed = self._heed_marks(c, start)
        self._learn(c, start)
        window = self.course.judge(start, window_panes, budget)
        changed += self.episodes.update(self.course, window)
        courses.put_row(c, self.application, start, 1, encode_window(window))
        findings.put(c, changed)
        moved, calibration = self._note(changed), self.course.calibration
        if calibration is not None and self.course.fresh is not None:
            calibration.extend(start, self.course.fresh, self._healthy(start, calibration.index))
            if moved:
                calibration.rebuild(start + WINDOW, self._healthy)
        return changed

    def stand(self, c: Connection, end: int, budget: Budget) -> list[Finding]:
        """Once an hour, look again at what is unlike its reference; the hour's panes are stored."""
        if end % HOUR:
            return []
        self.standing.stored = StoredPanes(c, self.application)
        changed = self.standing.update(self.course, self._source(c, HOUR), end, budget)
        findings.put(c, changed)
        return changed

    def lasting(self) -> list[Finding]:
        """All findings that are open."""
        return [*self.episodes.lasting(), *self.standing.open.values()]

    def rewind(self, c: Connection, start: int, until: int, budget: Budget) -> list[Finding]:
        """Judge the windows from `start` to `until` again, with the calibrations that were in force; findings revised.

        Where nothing changed, the same windows and findings come out to the bit.
        """
        start = max(start, self.first)
        others = budget.comparisons - self.comparisons
        before = {f.id: f for f in findings.since(c, self.application, start + 1) if f.horizon != HORIZON}
        again = {at for at, _ in courses.rows(c, self.application, start, until)}
        again |= {key.start for key, _ in panes.sizes(c, self.application, WINDOW, start, until)}
        courses.delete_from(c, self.application, start)
        open_then = self._go_back(c, start, until, before)
        after: dict[str, Finding] = {}
        for at in sorted(again):
            share = replace(budget, comparisons=max(others + self.comparisons, 1))
            after |= {f.id: f for f in self.judge(c, at, self._window(c, at), share)}
        after = {f.id: f for f in open_then} | after
        revised = []
        for id_, was in before.items():
            gone = was if was.verdict == "calm" else msgspec.structs.replace(was, verdict="calm", ended=until)
            now = after.get(id_, gone)
            moved = (now.ended, now.verdict) != (was.ended, was.verdict)
            revised.append(msgspec.structs.replace(now, revision=was.revision + moved))
        self.episodes.adopt(self.course, revised)
        revised += [finding for id_, finding in after.items() if id_ not in before]
        findings.put(c, revised)
        return revised

    # -- learning ------------------------------------------------------------------------------------------------

    def _due(self, start: int) -> bool:
        """Whether a time to learn lies between the calibration in force and `start`."""
        last = self.course.calibration.start if self.course.calibration else self.first
        if start // DAY > last // DAY and start - self.first >= FIRST_DAY[0] * WINDOW:
            return True
        return any(last < self.first + age * WINDOW <= start for age in FIRST_DAY)

    def _learn(self, c: Connection, start: int) -> None:
        """Adopt a new calibration where one is due: the one that was learned then, or one learned now."""
        if not self._due(start):
            return
        blob = courses.calibration_at(c, self.application, start)
        if blob is None:
            trailing = [(b.name, b.trailing) for b in self.config.baselines if b.trailing]
            length = max((length for _, length in trailing), default=7 * DAY)
            calibration = learn(
                start, lambda: self._windows(c, start - length, start), self.references, [name for name, _ in trailing],
                self.state.declaration, self.course.register, self._healthy,
            )  # fmt: skip
            new = self.course.registry[self.stored :]
            courses.add_comparisons(c, self.application, [Comparison(self.stored + i, *s) for i, s in enumerate(new)])
            self.stored = len(self.course.registry)
            self.course.grow()
            self.course.history.measure(start)
            blob = encode_calibration(calibration, self.course.history)
            courses.put_calibration(c, self.application, start, blob)
        self.course.adopt(self._decoded(blob))
        if (earliest := self.course.earliest) is not None:
            self.course.inherit(self._windows(c, earliest, start))

    def _decoded(self, blob: bytes) -> Calibration:
        self.course.grow()
        register, history = self.course.register, self.course.history
        return decode_calibration(blob, self.state.declaration, register, frozenset(self.references), history)

    def _healthy(self, start: int, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which comparisons were not within a finding in a window."""
        sick = [row for row, since, ended in self.sick.values() if since <= start < ended]
        return ~np.isin(rows, sick)

    def _note(self, changed: list[Finding]) -> bool:
        """Follow which stretches are not healthy; whether any of them began or ended."""
        moved = False
        for finding in changed:
            stretch = self._stretch(finding)
            if stretch is None:
                continue
            moved |= self.sick.get(finding.id) != stretch
            self.sick[finding.id] = stretch
            self.course.history.forget(np.array([stretch[0]]), *stretch[1:])
        return moved

    def _stretch(self, finding: Finding) -> _Stretch | None:
        """When a finding's comparison was not healthy: while it lasted; all before it, where it was accepted as normal."""
        row = self.course.rows.get(subject_of(finding))
        mark = self.marks.get(finding.id)
        if row is None or finding.verdict != "finding" or finding.horizon == HORIZON or mark == "false_alarm":
            return None
        return (row, -EVER, finding.since) if mark == "accepted" else (row, finding.since, finding.ended or EVER)

    def _heed_marks(self, c: Connection, start: int) -> list[Finding]:
        """What people said of alerts: a false alarm was healthy, an accepted change is the new normal; both are over."""
        marks = alerts.excused(c, self.application)
        if marks == self.marks:
            return []
        new = marks.keys() - self.marks.keys()
        self._resume(c, start, None)
        over = [row for row, f in self.episodes.open.items() if f.id in new and marks[f.id] != "real"]
        return [self.episodes.close(self.course, row, start) for row in over]

    # -- reading back --------------------------------------------------------------------------------------------

    def _resume(self, c: Connection, start: int, open_findings: list[Finding] | None) -> None:
        """The course as it was before the window at `start`, with the findings that were open then."""
        self.marks = alerts.excused(c, self.application)
        if open_findings is None:
            lasting = findings.since(c, self.application, start - HISTORY)
            self.standing.restore(self.course, [f for f in lasting if f.ended is None and f.horizon == HORIZON])
            open_findings = [f for f in lasting if f.ended is None and f.horizon != HORIZON]
            self.sick = {f.id: stretch for f in lasting if (stretch := self._stretch(f)) is not None}
        self.course.calibration = None
        blob = courses.calibrations(c, self.application, start - WINDOW)
        if blob is not None:
            self.course.adopt(self._decoded(blob))
        if (calibration := self.course.calibration) is not None:
            judged = dict.fromkeys(
                (at for at, _ in courses.rows(c, self.application, calibration.start, start)), calibration.tally({})
            )
            judged |= {at: calibration.tally(held) for at, held in self._windows(c, calibration.start, start)}
            for at in sorted(judged):
                calibration.extend(at, judged[at], self._healthy(at, calibration.index))
            calibration.rebuild(start, self._healthy)
        rows = courses.rows(c, self.application, start - HISTORY, start)
        self.course.restore(decode_window(row) for _, row in rows)
        if (calibration := self.course.calibration) is not None and (earliest := self.course.earliest) is not None:
            self.course.inherit(self._windows(c, min(earliest, calibration.start), calibration.start))
        for row, since, ended in self.sick.values():
            self.course.history.forget(np.array([row]), since, ended)
        self.episodes.restore(self.course, open_findings)

    def _go_back(self, c: Connection, start: int, until: int, later: Mapping[str, Finding]) -> list[Finding]:
        """As `_resume`, from memory where the calibration in force did not change since; the findings open then come back.

        `later`: the findings that lasted beyond `start`, as they are known now.
        """
        last = self._last(c, start)
        open_then = [then for f in later.values() if (then := self._then(f, last)) is not None]
        self.sick = {id_: stretch for id_, stretch in self.sick.items() if id_ not in later}
        self.sick |= {f.id: stretch for f in open_then if (stretch := self._stretch(f)) is not None}
        calibration = self.course.calibration
        if calibration is None or calibration.start >= start:
            self._resume(c, start, open_then)
            return open_then
        calibration.rebuild(start, self._healthy)
        forgotten = max(min((f.since for f in later.values()), default=start), start - HISTORY)
        older = [*courses.rows(c, self.application, start - HISTORY, until - HISTORY),
                 *courses.rows(c, self.application, forgotten, start)]  # fmt: skip
        self.course.rewind(last, (decode_window(row) for _, row in older))
        for sick, since, ended in self.sick.values():
            self.course.history.forget(np.array([sick]), since, ended)
        self.episodes.restore(self.course, open_then)
        return open_then

    def _last(self, c: Connection, start: int) -> Window | None:
        """The window judged before `start`: mostly the one next to it, an older one after a long silence."""
        for since in (start - WINDOW, start - HISTORY):
            if found := [row for _, row in courses.rows(c, self.application, since, start)][-1:]:
                return decode_window(found[0])
        return None

    def _then(self, finding: Finding, last: Window | None) -> Finding | None:
        """A finding as it was after the window `last`; None where it was not open."""
        if last is None or finding.since > last.start:
            return None
        if finding.signal == TRAFFIC:
            return msgspec.structs.replace(finding, ended=None) if finding.verdict == "no_data" else None
        row = self.course.rows[subject_of(finding)]
        if row >= len(last.since) or int(last.since[row]) != finding.since:
            return None
        if last.verdict[row] == Code.FINDING:
            return msgspec.structs.replace(finding, ended=None, verdict="finding")
        return msgspec.structs.replace(finding, ended=None, verdict="small") if last.verdict[row] == Code.SMALL else None

    def _windows(self, c: Connection, since: int, until: int) -> Iterator[tuple[int, Panes]]:
        """Stored windows in order, their panes by slice, merged over partitions."""
        at = since
        gathered: dict[Slice, Pane] = {}
        for key, blob in panes.between(c, self.application, WINDOW, since, until):
            if key.start != at and gathered:
                yield at, gathered
                gathered = {}
            at, where = key.start, (key.dimension, key.value)
            pane = decode_pane(blob)
            gathered[where] = merge(gathered[where], pane) if where in gathered else pane
        if gathered:
            yield at, gathered

    def _window(self, c: Connection, start: int) -> Panes:
        return next((window_panes for _, window_panes in self._windows(c, start, start + WINDOW)), {})

    def _source(self, c: Connection, step: int = WINDOW) -> Source:
        def read(where: Slice, since: int, until: int) -> Iterator[Pane]:
            for _, blob in panes.between(c, self.application, step, since, until, *where):
                yield decode_pane(blob)

        return read

    def _references(self, c: Connection) -> dict[str, Panes]:
        out: dict[str, Panes] = {}
        for baseline in self.config.baselines:
            if baseline.reference and (found := references.get(c, self.application, baseline.reference)):
                out[baseline.name] = {where: decode_pane(blob) for where, blob in found.panes.items()}
        return out


def subject_of(finding: Finding) -> Subject:
    """What a finding compares."""
    dimension, value = next(iter(finding.slice.items()), ("", ""))
    return Subject(dimension, value, finding.signal, finding.baseline)
