"""Windows that closed become verdicts: one `Judge` an application drives its course, and takes it back for late data."""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from operator import itemgetter

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from detectors.calibration import Calibration, Panes, Slice, Subject, learn, longest
from detectors.calibration_codec import decode_calibration, encode_calibration
from detectors.common_factor import LIVED, Span
from detectors.course import Budget, Course
from detectors.decay import STRETCHES, Decays
from detectors.episodes import EPISODE, TRAFFIC, Episodes, Source, subject_of
from detectors.estimation.statement import NAMES, Days
from detectors.golden import Judges
from detectors.standing import HORIZON, Standing
from monitor.evaluator import golden
from monitor.stages import learning
from monitor.stages.explaining import StoredPanes
from monitor.stages.learning import Newcomers, Seasons, compared, windows
from monitor.state import State
from monitor.store import alerts, courses, estimates, findings, panes
from monitor.store.courses import Comparison
from records.alert import Mark
from records.finding import Finding
from records.pane import Pane
from records.pane_codec import decode_pane
from records.signal import JUDGES, judge_signal
from records.window import DAY, HOUR, WINDOW, Code, Window, decode_window, encode_window

HISTORY = 14 * DAY
EVER = 2**62
_OF_WINDOWS = (EPISODE, *STRETCHES)
"""Horizons of findings that follow what windows hold: late data revises them."""
_Stretch = tuple[int, int, int]
"""A comparison's row, and the stretch of event time in which it was not healthy."""


class Judge:
    """The verdicts of one application, from the window at `judged` on."""

    def __init__(self, state: State, c: Connection, application: str, judged: int):
        self.state, self.application = state, application
        self.config = state.application(application)
        self.compared = compared(c, application, self.config, judged, None)
        known = courses.comparisons(c, application)
        subjects = [Subject(row.dimension, row.value, row.signal, row.baseline) for row in known]
        self.course = Course(subjects)
        self.stored = len(known)
        self.seasons, self.newcomers = Seasons(application), Newcomers()
        self.newest = courses.newest_calibration(c, application)
        self.episodes = Episodes(application, state.declaration, self._source(c), self.seasons.reader(c))
        self.standing = Standing(application, state.declaration)
        self.decays = Decays(application, state.declaration)
        self.days = Days(application)
        self.judges = Judges(application)
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
        self.episodes.source, self.episodes.season = self._source(c), self.seasons.reader(c)
        self.episodes.stored = StoredPanes(c, self.application)
        changed = self._heed_marks(c, start)
        changed += self._learn(c, start)
        window = self.course.judge(start, window_panes, budget, self.seasons.reader(c), self._healthy)
        self.newcomers.note(self.course.calibration, start, window_panes)
        changed += self.episodes.update(self.course, window)
        courses.put_row(c, self.application, start, 1, encode_window(window))
        findings.put(c, changed)
        moved, calibration = self._note(changed), self.course.calibration
        if calibration is not None and self.course.fresh is not None:
            calibration.extend(start, self.course.fresh, self._healthy(start, calibration.index, WINDOW))
            if moved:
                calibration.rebuild(start + WINDOW, self._healthy)
        return changed

    def stand(self, c: Connection, end: int, budget: Budget) -> list[Finding]:
        """Look at what got worse; once an hour again at what is unlike its reference. The panes are stored."""
        changed = self._decayed(c, end, budget)
        told = golden.said(c, self.application, self.config.judges)
        changed += self.judges.update(told, end, self.marks)
        self.state.declared |= {f"{JUDGES}{name}": judge_signal(name, f" ({move.remedy})") for name, move in told.items()}
        if end % HOUR == 0:
            self.standing.stored = StoredPanes(c, self.application)
            changed += self.standing.update(self.course, self._source(c, HOUR), end, budget)
            estimate = estimates.newest(c, self.application) if self.state.config().estimation else None
            changed += self.days.update(estimate, end, budget, self.marks)
        findings.put(c, changed)
        return changed

    def _decayed(self, c: Connection, end: int, budget: Budget) -> list[Finding]:
        changed = self.decays.update(self.course, self._source(c), end, budget, self.marks)
        if self._note(changed) and self.course.calibration is not None:
            self.course.calibration.rebuild(end, self._healthy)
        return changed

    def lasting(self) -> list[Finding]:
        """All findings that are open."""
        beside = (self.decays, self.standing, self.days, self.judges)
        return [*self.episodes.lasting(), *(finding for each in beside for finding in each.open.values())]

    def rewind(self, c: Connection, start: int, until: int, budget: Budget) -> list[Finding]:
        """Judge the windows from `start` to `until` again, with the calibrations that were in force; findings revised.

        Where nothing changed, the same windows and findings come out to the bit.
        """
        start = max(start, self.first)
        self.seasons.forget()
        others = budget.comparisons - self.comparisons
        before = {f.id: f for f in findings.since(c, self.application, start + 1) if f.horizon in _OF_WINDOWS}
        again = {at for at, _ in courses.rows(c, self.application, start, until)}
        again |= {key.start for key, _ in panes.sizes(c, self.application, WINDOW, start, until)}
        courses.delete_from(c, self.application, start)
        open_then = self._go_back(c, start, until, before)
        after: dict[str, Finding] = {}
        for at in sorted(again):
            share = replace(budget, comparisons=max(others + self.comparisons, 1))
            held = next((found for _, found in windows(c, self.application, at, at + WINDOW)), {})
            after |= {f.id: f for f in self.judge(c, at, held, share)}
            after |= {f.id: f for f in self._decayed(c, at + WINDOW, share)}
        after = {f.id: f for f in open_then} | after
        revised = []
        for id_, was in before.items():
            gone = was if was.verdict == "calm" else msgspec.structs.replace(was, verdict="calm", ended=until)
            now = after.get(id_, gone)
            moved = (now.ended, now.verdict) != (was.ended, was.verdict)
            revised.append(msgspec.structs.replace(now, revision=was.revision + moved))
        self._take_up(revised)
        revised += [finding for id_, finding in after.items() if id_ not in before]
        findings.put(c, revised)
        return revised

    def _take_up(self, revised: Iterable[Finding]) -> None:
        """Take findings of windows for those of their comparisons, as far as they last."""
        every = list(revised)
        self.episodes.adopt(self.course, [finding for finding in every if finding.horizon == EPISODE])
        self.decays.adopt(self.course, [finding for finding in every if finding.horizon in STRETCHES])

    # -- learning ------------------------------------------------------------------------------------------------

    def _due(self, start: int) -> bool:
        """Whether it is time to learn from the windows before `start`."""
        calibration = self.course.calibration
        last = calibration.start if calibration else self.first
        if learning.scheduled(start, self.first, last):
            return True
        if calibration is None or start - self.first < learning.NEWCOMERS_AFTER:
            return False
        new = start % HOUR == 0 and start - last >= learning.NEWCOMERS_AFTER and self.newcomers.enough()
        return new or self.definitions(calibration.signals) != calibration.definitions

    def definitions(self, signals: Iterable[str]) -> dict[str, str]:
        """What baselines and signals mean as of now; scores of another judge are something else, whatever it is called."""
        found = self.compared.definitions(self.state.declaration, signals)
        of_judges = {f"signal scores.{judge.name}": judge.definition for judge in self.config.judges}
        return found | {name: f"{found[name]} {definition}" for name, definition in of_judges.items() if name in found}

    def _learn(self, c: Connection, start: int) -> list[Finding]:
        """Adopt the calibration that was learned at `start`, or learn one where that is due; findings that ended with it."""
        blob = None
        if self.newest is not None and start <= self.newest:
            blob = courses.calibration_at(c, self.application, start)
        else:
            self.compared = compared(c, self.application, self.config, start, self.compared)
            if self._due(start):
                blob = self._learn_anew(c, start)
        if blob is None:
            return []
        self.course.adopt(self._decoded(blob))
        self.newcomers.clear()
        anew = [row for row in self.episodes.open if self.course.restarts.get(row) == start]
        changed = [self.episodes.close(row, start) for row in anew]
        if (earliest := self.course.earliest(start)) is not None:
            older = windows(c, self.application, earliest, start)
            self.course.inherit(older, self.seasons.reader(c), self._healthy)
        return changed

    def _learn_anew(self, c: Connection, start: int) -> bytes:
        baselines, before = list(self.compared.baselines.values()), self.course.calibration
        since = start - longest(baselines)
        calibration = learn(
            start, lambda: windows(c, self.application, since, start), self.compared.panes(before), baselines,
            self.state.declaration, self.course.register, self._healthy, self.seasons.reader(c),
        )  # fmt: skip
        new = self.course.registry[self.stored :]
        courses.add_comparisons(c, self.application, [Comparison(self.stored + i, *s) for i, s in enumerate(new)])
        self.stored = len(self.course.registry)
        self.course.grow()
        calibration.definitions = self.definitions(calibration.signals)
        if before is not None:
            again = learning.redefined(before, calibration.definitions, self.course.registry)
            recent = {row: at for row, at in before.restarts.items() if at > start - HISTORY}
            calibration.restarts = recent | dict.fromkeys(again, start)
            self.course.history.forget(np.array(again, np.int64), -EVER, start)
        self.course.history.measure(start)
        calibration.pool = learning.luck(c, self.application, start, self._incidents(c, start))
        blob = encode_calibration(calibration, self.course.history)
        courses.put_calibration(c, self.application, start, blob)
        self.newest = start
        return blob

    def _decoded(self, blob: bytes) -> Calibration:
        self.course.grow()
        register, history = self.course.register, self.course.history
        return decode_calibration(blob, self.state.declaration, register, self.compared.baselines, history)

    def _healthy(self, start: int, rows: NDArray[np.int64], length: int) -> NDArray[np.bool_]:
        """Which comparisons were not within a finding in a stretch of time."""
        sick = [row for row, since, ended in self.sick.values() if since < start + length and start < ended]
        return ~np.isin(rows, sick)

    def _incidents(self, c: Connection, start: int) -> list[Span]:
        """When the application had findings lately that nobody called false."""
        lately = findings.since(c, self.application, start - LIVED)
        real = [f for f in lately if f.verdict == "finding" and f.horizon != HORIZON and self.marks.get(f.id) != "false_alarm"]
        return [(f.since, f.ended or EVER) for f in real]

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
        self.course.restarts |= dict.fromkeys(over, start)
        return [self.episodes.close(row, start) for row in over]

    # -- reading back --------------------------------------------------------------------------------------------

    def _resume(self, c: Connection, start: int, open_findings: list[Finding] | None) -> None:
        """The course as it was before the window at `start`, with the findings that were open then."""
        self.marks = alerts.excused(c, self.application)
        if open_findings is None:
            lasting = findings.since(c, self.application, start - HISTORY)
            self.days.restore(lasting)
            self.judges.restore(lasting)
            self.decays.restore(self.course, lasting, self.marks)
            daily = [f for f in lasting if f.ended is None and f.horizon == HORIZON]
            of_references = [f for f in daily if f.signal not in NAMES and not f.signal.startswith(JUDGES)]
            self.standing.restore(self.course, of_references)
            open_findings = [f for f in lasting if f.ended is None and f.horizon == EPISODE]
            self.sick = {f.id: stretch for f in lasting if (stretch := self._stretch(f)) is not None}
            called = [f for f in lasting if f.ended and self.marks.get(f.id) in ("false_alarm", "accepted")]
            known = [(row, f.ended or 0) for f in called if (row := self.course.rows.get(subject_of(f))) is not None]
            self.course.restarts = dict(sorted(known, key=lambda restart: restart[1]))
        self.course.calibration = None
        self.newcomers.clear()
        blob = courses.calibrations(c, self.application, start - WINDOW)
        if blob is not None:
            self.course.adopt(self._decoded(blob))
        if (calibration := self.course.calibration) is not None:
            self._catch_up(c, calibration, start)
        rows = courses.rows(c, self.application, start - HISTORY, start)
        self.course.restore(decode_window(row) for _, row in rows)
        if calibration is not None and (earliest := self.course.earliest(calibration.start)) is not None:
            older = windows(c, self.application, min(earliest, calibration.start), calibration.start)
            self.course.inherit(older, self.seasons.reader(c), self._healthy)
        self._forget_scores()
        self.episodes.restore(self.course, [])
        self._take_up(open_findings)

    def _catch_up(self, c: Connection, calibration: Calibration, start: int) -> None:
        """Extend a calibration by the windows that were judged with it before the one at `start`."""
        season = self.seasons.reader(c)
        silent = ((at, dict[Slice, Pane]()) for at, _ in courses.rows(c, self.application, calibration.start, start))
        busy = windows(c, self.application, calibration.start, start)
        for at, both in groupby(heapq.merge(busy, silent, key=itemgetter(0)), key=itemgetter(0)):
            held = next(both)[1]
            calibration.extend(
                at, calibration.see(at, held, season, self._healthy), self._healthy(at, calibration.index, WINDOW)
            )
            self.newcomers.note(calibration, at, held)
        calibration.rebuild(start, self._healthy)

    def _go_back(self, c: Connection, start: int, until: int, later: Mapping[str, Finding]) -> list[Finding]:
        """As `_resume`, from memory where the calibration in force did not change since; the findings open then come back.

        `later`: the findings that lasted beyond `start`, as they are known now.
        """
        last = self._last(c, start)
        open_then = [then for f in later.values() if (then := self._then(f, last, start)) is not None]
        self.sick = {id_: stretch for id_, stretch in self.sick.items() if id_ not in later}
        self.sick |= {f.id: stretch for f in open_then if (stretch := self._stretch(f)) is not None}
        calibration = self.course.calibration
        self.decays.rewind(start)
        if calibration is None or calibration.start >= start:
            self._resume(c, start, open_then)
            return open_then
        calibration.rebuild(start, self._healthy)
        self.newcomers.forget(start)
        forgotten = max(min((f.since for f in later.values()), default=start), start - HISTORY)
        older = [*courses.rows(c, self.application, start - HISTORY, until - HISTORY),
                 *courses.rows(c, self.application, forgotten, start)]  # fmt: skip
        self.course.rewind(last, (decode_window(row) for _, row in older))
        self._forget_scores()
        self.episodes.restore(self.course, [])
        self._take_up(open_then)
        return open_then

    def _forget_scores(self) -> None:
        """Those that nothing is ranked among: of stretches that were not healthy, and of what was defined anew since."""
        for row, since, ended in self.sick.values():
            self.course.history.forget(np.array([row]), since, ended)
        for row, at in self.course.calibration.restarts.items() if self.course.calibration else ():
            self.course.history.forget(np.array([row]), -EVER, at)

    def _last(self, c: Connection, start: int) -> Window | None:
        """The window judged before `start`: mostly the one next to it, an older one after a long silence."""
        for since in (start - WINDOW, start - HISTORY):
            if found := [row for _, row in courses.rows(c, self.application, since, start)][-1:]:
                return decode_window(found[0])
        return None

    def _then(self, finding: Finding, last: Window | None, start: int) -> Finding | None:
        """A finding as it was after the window `last`, the last before `start`; None where it was not open."""
        if finding.horizon in STRETCHES:
            return self.decays.then(finding, start)
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

    def _source(self, c: Connection, step: int = WINDOW) -> Source:
        def read(where: Slice, since: int, until: int) -> Iterator[Pane]:
            for _, blob in panes.between(c, self.application, step, since, until, *where):
                yield decode_pane(blob)

        return read
