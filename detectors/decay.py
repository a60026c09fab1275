"""Performance decay: scores that fell on average, by Welch's test, over the last quarter of an hour, hour, six hours, day.

The evidence of `course` ranks windows, so that no window says more than its past is long; and labels are few. Here the nominal
tail of all that came in a stretch is taken at its word, with production's own wobble in the variance, and the share of the
budget is divided by the number of looks; the common factor raises it as it raises all thresholds.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.budget import thresholds
from detectors.calibration import Calibration, Declared, always, no_season
from detectors.course import ENOUGH, Budget, Course
from detectors.episodes import Source, finding_id, subject_of
from detectors.history import NEVER, History
from detectors.measured import SPOKE, Measured, measure
from detectors.scores import MOMENTS, worse_means
from records.alert import Mark
from records.finding import Finding, Reasons, Span
from records.pane import merge_all
from records.window import DAY, HOUR, WINDOW, Way

STRETCHES = {"15m": HOUR // 4, "30m": HOUR // 2, "1h": HOUR, "6h": 6 * HOUR, "24h": DAY}
"""Horizons of findings, and how long they look back; each is looked at when one is over."""
LOOKS = float(sum(WINDOW / length for length in STRETCHES.values()))
"""Looks for every window."""
_SETTLED = ("accepted", "false_alarm")
KNOWN = 2 * DAY - 4 * HOUR
"""How long scores must be remembered, so that the wobble has seen days and nights; the first come hours after the traffic."""
_STILL = ("fixed", "trailing")
"""Baselines that do not move with the window."""


class _Look(NamedTuple):
    horizon: str
    stretch: Span
    decades: NDArray[np.float64]
    needed: float


class Decays:
    """Findings of one application by registry row; `update` looks at the stretches that are over. `settled`: rows of which
    somebody said what it was, with the horizon; they say nothing more until they were calm. `over`: when the last finding of a
    row ended; no stretch that reaches back before it tells of the same again."""

    def __init__(self, application: str, declared: Declared):
        self.application, self.declared = application, declared
        self.open: dict[int, Finding] = {}
        self.settled: dict[int, str] = {}
        self.over: dict[int, int] = {}

    def restore(self, course: Course, findings: Iterable[Finding], marks: Mapping[str, Mark]) -> None:
        """Take up those that are open, and what was said of those that ended last."""
        self.open, self.settled, self.over = {}, {}, {}
        for finding in sorted(findings, key=lambda finding: finding.since):
            if finding.horizon in STRETCHES:
                row = course.register(subject_of(finding))
                self.settled.pop(row, None)
                if finding.ended is None:
                    self.open[row] = finding
                    continue
                self.over[row] = max(self.over.get(row, finding.ended), finding.ended)
                if marks.get(finding.id) in _SETTLED:
                    self.settled[row] = finding.horizon

    def rewind(self, at: int) -> None:
        """Forget what was open, and what ended after `at`."""
        self.open, self.over = {}, {row: ended for row, ended in self.over.items() if ended <= at}

    def then(self, finding: Finding, at: int) -> Finding | None:
        """A finding that lasted beyond `at`, as it was then; None where it had not begun."""
        begun = finding.since + STRETCHES[finding.horizon] <= at
        return msgspec.structs.replace(finding, ended=None, verdict="finding") if begun else None

    def adopt(self, course: Course, findings: Iterable[Finding]) -> None:
        """Take the given findings for those of their comparisons, as far as they last."""
        for finding in findings:
            if finding.ended is None:
                self.open[course.register(subject_of(finding))] = finding

    def update(self, course: Course, read: Source, end: int, budget: Budget, marks: Mapping[str, Mark]) -> list[Finding]:
        """What began, moved or ended with the stretches that end at `end`; `read` gives a slice's 5-minute panes."""
        marked = [row for row, was in self.open.items() if marks.get(was.id) in _SETTLED]
        self.settled |= {row: self.open[row].horizon for row in marked}
        changed = [self._end(row, end) for row in marked]
        calibration = course.calibration
        due = [(name, length) for name, length in STRETCHES.items() if end % length == 0]
        judged = np.zeros(0, np.int64) if calibration is None or not due else _judged(calibration, course.history, end)
        if calibration is None or not len(judged):
            return changed
        for name, length in due:
            changed += self._look(course, calibration, judged, read, name, Span(end - length, end), budget)
        return changed

    def _look(
        self, course: Course, calibration: Calibration, judged: NDArray[np.int64], read: Source, name: str, stretch: Span,
        budget: Budget,
    ) -> list[Finding]:  # fmt: skip
        places = sorted({calibration.part_of(i)[0].slice for i in judged.tolist()})
        panes = {where: merge_all(read(where, stretch.start, stretch.end)) for where in places}
        seen = calibration.see(stretch.start, panes, no_season, always)
        base, now, traits = calibration.against(seen), seen.now, calibration.traits
        v = course.history.v[Way.SCORE, calibration.index]
        sides = (base.mean, base.variance, base.n), (now.mean(), now.variance(), now.n)
        decades = np.where(now.n >= ENOUGH, worse_means(calibration.wobble, v, *sides, traits.worse), np.nan)[judged]
        raised = course.last.factor if course.last is not None else 1.0
        needed = raised * float(thresholds(np.ones(1), budget.comparisons, budget.windows * LOOKS, budget.at_most)[0])
        look = _Look(name, stretch, decades, needed)
        m = measure(base.select(judged), traits.select(judged), now.select(judged))
        changed = []
        for j, i in enumerate(judged.tolist()):
            row = int(calibration.index[i])
            was = self.open.get(row)
            if (was.horizon if was else self.settled.get(row, name)) != name:
                continue
            share = 0.5 if was or row in self.settled else 1.0  # what holds is let go only when it is clearly over
            holds = decades[j] >= share * needed and m.floors[j] >= share
            if row in self.settled:
                if not holds and m.now.n[j] >= ENOUGH:
                    del self.settled[row]
            elif holds and (was or stretch.start >= self.over.get(row, stretch.start)):
                self.open[row] = self._finding(course, calibration, i, j, look, m, was)
                changed.append(self.open[row])
            elif was is not None and m.now.n[j] >= ENOUGH:
                changed.append(self._end(row, stretch.end))
        return changed

    def _end(self, row: int, at: int) -> Finding:
        self.over[row] = at
        return msgspec.structs.replace(self.open.pop(row), ended=at)

    def _finding(
        self, course: Course, calibration: Calibration, i: int, j: int, look: _Look, m: Measured, was: Finding | None
    ) -> Finding:
        subject, decades = course.registry[int(calibration.index[i])], float(look.decades[j])
        since = was.since if was else look.stretch.start
        why = Reasons(
            before=float(m.base.mean[j]), after=float(m.now.mean()[j]), statistic="mean",
            unit=self.declared(subject.signal).unit, spoke=SPOKE[MOMENTS],
        )  # fmt: skip
        return Finding(
            id=finding_id(self.application, subject, since, look.horizon), application=self.application,
            slice={subject.dimension: subject.value} if subject.dimension else {}, signal=subject.signal,
            baseline=subject.baseline, comparison="decay", horizon=look.horizon,
            window=look.stretch, since=since, n=int(m.now.n[j]), reference_n=int(m.base.n[j]),
            effect=(was.effect if was else {}) | m.effects_of(j), times_floor=float(m.floors[j]),
            p=10.0 ** -min(decades, 300.0), evidence=decades, threshold=look.needed, verdict="finding",
            detectable=m.detectable(j, look.needed), revision=was.revision if was else 0, reasons=why,
        )  # fmt: skip


def _judged(calibration: Calibration, history: History, end: int) -> NDArray[np.int64]:
    """Comparisons (M,) of scores that may get worse and are KNOWN, beside a baseline that stands still or trails."""
    parts, traits = calibration.parts, calibration.traits
    stands = np.array([part.against.kind in _STILL for part in parts], bool)
    still = np.repeat(stands, [len(part.index) for part in parts])
    able = np.flatnonzero(traits.evaluation & traits.numeric & (traits.worse != 0) & still)
    long_ago = (history.starts > NEVER) & (history.starts <= end - KNOWN)
    known: NDArray[np.bool_] = ~np.isnan(history.scores[np.ix_(long_ago, calibration.index[able])]).all(axis=0)
    return able[known]
