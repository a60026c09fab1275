"""Skew as a standing statement: the last day against a reference, one finding as long as it holds (statistics.md, section 6).

The evidence of `course` says when production became less like its reference; this says that it is unlike it, since launch.
"""

from collections.abc import Iterable
from dataclasses import replace

import msgspec
import numpy as np

from detectors.budget import thresholds
from detectors.calibration import ALL, Calibration, Declared, Panes, always, no_season, others
from detectors.course import Budget, Course
from detectors.episodes import Source, finding_id, subject_of
from detectors.further import Further, Stored
from detectors.measured import SPOKE, Measured, explain, measure
from detectors.scores import Scores
from records.finding import Finding, Reasons, Span
from records.pane import merge_all
from records.window import DAY, HOUR, WINDOW

HORIZON = "1d"


class Standing:
    """Standing findings of one application by registry row; `update` looks again, once an hour."""

    def __init__(self, application: str, declared: Declared):
        self.application, self.declared = application, declared
        self.open: dict[int, Finding] = {}
        self.stored: Stored | None = None

    def restore(self, course: Course, findings: Iterable[Finding]) -> None:
        """Take up the standing findings that are open."""
        self.open = {}
        for finding in findings:
            self.open[course.register(subject_of(finding))] = finding

    def update(self, course: Course, hours: Source, end: int, budget: Budget) -> list[Finding]:
        """Compare the day up to `end` with every reference; `hours` gives a slice's panes of an hour each.

        The nominal tail with production's own wobble, shared out over every look of the period at every comparison.
        """
        calibration = course.calibration
        if calibration is None or not calibration.stands.any():
            return []
        standing = [part for part in calibration.parts if part.against.stands]
        wanted = {ALL, *(part.slice for part in standing)}
        wanted |= {(p.against.dimension, p.against.against) for p in standing if p.against.against}
        panes = {where: merge_all(hours(where, end - DAY, end)) for where in sorted(wanted)}
        seen = calibration.see(end - DAY, panes, no_season, always)
        now, base, traits = seen.now, calibration.against(seen), calibration.traits
        scores = calibration.scores(base, now)
        looks = budget.windows * WINDOW / HOUR
        h = float(thresholds(np.ones(1), budget.comparisons, looks, budget.at_most)[0])
        m = measure(base, traits, now)
        further = Further(calibration, self.stored, panes, end - DAY) if self.stored is not None else None
        changed = []
        for i in np.flatnonzero(calibration.stands).tolist():
            row = int(calibration.index[i])
            was = self.open.get(row)
            share = 0.5 if was else 1.0  # what holds is let go only when it is clearly over
            if scores.decades[i] >= share * h and m.floors[i] >= share:
                finding = self._finding(course, calibration, i, m, scores, h, end, was)
                if was is None:
                    finding = self._explained(finding, calibration, i, m, panes, further)
                self.open[row] = finding
                changed.append(finding)
            elif was:
                changed.append(msgspec.structs.replace(self.open.pop(row), ended=end))
        return changed

    def _finding(
        self, course: Course, calibration: Calibration, i: int, m: Measured, scores: Scores, h: float, end: int,
        was: Finding | None,
    ) -> Finding:  # fmt: skip
        subject = course.registry[int(calibration.index[i])]
        since = was.since if was else end
        decades = float(scores.decades[i])
        return Finding(
            id=finding_id(self.application, subject, since, HORIZON), application=self.application,
            slice={subject.dimension: subject.value} if subject.dimension else {}, signal=subject.signal,
            baseline=subject.baseline, comparison=calibration.part_of(i)[0].against.comparison, horizon=HORIZON,
            window=Span(end - DAY, end), since=since,
            n=int(m.now.n[i]), reference_n=int(m.base.cells[i].sum()),
            effect=(was.effect if was else {}) | m.effects_of(i),
            times_floor=float(m.floors[i]), p=10.0 ** -min(decades, 300.0), evidence=decades, threshold=h,
            verdict="finding", detectable=m.detectable(i, h), revision=was.revision if was else 0,
            reasons=msgspec.structs.replace(was.reasons if was else Reasons(), spoke=SPOKE.get(int(scores.spoke[i]), "")),
        )  # fmt: skip

    def _explained(
        self, finding: Finding, calibration: Calibration, i: int, m: Measured, panes: Panes, further: Further | None
    ) -> Finding:
        part, row = calibration.part_of(i)
        pane, everybody = panes[part.slice], panes[ALL]
        if part.against.kind == "cohort":
            part = replace(part, base=others(part.against, part.slice, panes))
        why, distances = explain(part, row, self.declared(finding.signal), m, i, pane, everybody)
        why = msgspec.structs.replace(why, spoke=finding.reasons.spoke)
        why = why if further is None else further.add(why, i)
        return msgspec.structs.replace(finding, reasons=why, effect={**finding.effect, **distances})
