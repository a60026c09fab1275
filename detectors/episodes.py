"""Findings: the episodes of an application in which evidence passed its threshold, from `since` to their end."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Literal

import msgspec
import numpy as np

from detectors.calibration import ALL, Calibration, Declared, Part, Season, Slice, Subject, others
from detectors.course import Course
from detectors.further import Further, Stored
from detectors.measured import SPOKE, Measured, explain, measure
from records.finding import Finding, Reasons, Span
from records.pane import Pane, merge_all
from records.window import DAY, HOUR, WINDOW, Code, Window

Source = Callable[[Slice, int, int], Iterable[Pane]]
"""The stored 5-minute panes of a slice between two times, in order."""
TRAFFIC = "traffic"
EPISODE = "5m"
"""The horizon of findings that follow windows."""


def finding_id(application: str, subject: Subject, since: int, horizon: str = EPISODE) -> str:
    """Derived from what it is about, so that judging twice is judging once."""
    text = "\x1f".join([application, *subject, str(since), horizon])
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def subject_of(finding: Finding) -> Subject:
    """What a finding compares."""
    dimension, value = next(iter(finding.slice.items()), ALL)
    return Subject(dimension, value, finding.signal, finding.baseline)


class Episodes:
    """Open findings of one application by registry row; `update` follows them through one more judged window."""

    def __init__(self, application: str, declared: Declared, source: Source, season: Season):
        self.application, self.declared, self.source, self.season = application, declared, source, season
        self.open: dict[int, Finding] = {}
        self.silent: Finding | None = None
        self.stored: Stored | None = None
        self._merged: dict[tuple[Slice, int], Pane] = {}
        self._further: dict[int, Further] = {}

    def restore(self, course: Course, findings: Iterable[Finding]) -> None:
        """Take up the findings that were open after the course's last window."""
        self.open, self.silent = {}, None
        self.adopt(course, findings)

    def adopt(self, course: Course, findings: Iterable[Finding]) -> None:
        """Take the given findings for those of their comparisons, as far as they last."""
        for finding in findings:
            if finding.ended is not None:
                continue
            if finding.signal == TRAFFIC:
                self.silent = finding
                continue
            self.open[course.register(subject_of(finding))] = finding

    def lasting(self) -> list[Finding]:
        """All findings that are open."""
        return [*self.open.values(), *([self.silent] if self.silent else [])]

    def close(self, row: int, at: int) -> Finding:
        """End a finding because somebody said what it was, or because what it compares means something else now."""
        return msgspec.structs.replace(self.open.pop(row), ended=at)

    def update(self, course: Course, window: Window) -> list[Finding]:
        """Findings that began, moved or ended with this window; its verdicts and effects are set accordingly."""
        changed = self._silence(course, window)
        calibration = course.calibration
        if calibration is None:
            return changed
        mine = np.flatnonzero(np.isin(calibration.index, [*np.flatnonzero(window.verdict == Code.SMALL), *self.open]))
        if len(mine):
            latest, grown = course.latest(), course.grown or calibration.nothing()
            base, traits = calibration.against(grown), calibration.traits
            measured = measure(base.select(mine), traits.select(mine), grown.now.select(mine))
            for j, i in enumerate(mine.tolist()):
                lately = None if latest is None else float(latest[i])
                changed.append(self._follow(course, calibration, i, window, lately, measured, j))
        for row in [row for row in self.open if row not in set(calibration.index.tolist())]:
            changed.append(self._end(row, window, self.open[row]))
        self._merged.clear()
        self._further.clear()
        return changed

    def _follow(
        self, course: Course, calibration: Calibration, i: int, window: Window, lately: float | None,
        measured: Measured, j: int,
    ) -> Finding:  # fmt: skip
        """One comparison with enough evidence, or a finding that lasts; `lately`: effect over the floor in its last hour."""
        row = int(calibration.index[i])
        was = self.open.get(row)
        finding = self._finding(course, calibration, i, window, was, measured, j)
        recovered = lately is not None and lately < 0.5 and window.start - finding.since >= HOUR
        gone = window.evidence[row] == 0.0
        if was and was.verdict == "finding" and recovered:
            window.forget(row)
        if window.evidence[row] == 0.0:
            if was and gone:  # nothing is left of the change: what it was stays told
                finding = msgspec.structs.replace(was, window=finding.window, p=finding.p, evidence=0.0)
            return self._end(row, window, finding)
        self.open[row] = finding
        window.verdict[row] = Code.FINDING if finding.verdict == "finding" else Code.SMALL
        return finding

    def _end(self, row: int, window: Window, finding: Finding) -> Finding:
        self.open.pop(row, None)
        if row < len(window.verdict):
            window.verdict[row] = Code.CALM
            window.forget(row)
        return msgspec.structs.replace(finding, ended=window.start + WINDOW)

    def _finding(
        self, course: Course, calibration: Calibration, i: int, window: Window, was: Finding | None,
        m: Measured, j: int,
    ) -> Finding:  # fmt: skip
        row, end = int(calibration.index[i]), window.start + WINDOW
        subject, since = course.registry[row], was.since if was else int(window.since[row])
        times = float(m.floors[j])
        lasts = times >= 1 or (was is not None and was.verdict == "finding")
        verdict: Literal["finding", "small"] = "finding" if lasts else "small"
        effect = m.effects_of(j)
        grew = was is not None and verdict == "finding" and times > 1.25 * was.told_at
        if was is None or was.verdict != verdict or grew:
            why, distances = self._why(calibration, i, m, j, since, end)
            if verdict == "finding" and self.stored is not None:
                why = self._what_explains(self.stored, calibration, since, end).add(why, i)
            spoke = SPOKE.get(int(course.spoke[row]), was.reasons.spoke if was else "")
            reasons, told_at = msgspec.structs.replace(why, spoke=spoke), times
            effect |= distances
        else:
            reasons, told_at, effect = was.reasons, was.told_at, {**was.effect, **effect}
        return Finding(
            id=finding_id(self.application, subject, since), application=self.application,
            slice={subject.dimension: subject.value} if subject.dimension else {}, signal=subject.signal,
            baseline=subject.baseline, comparison=calibration.part_of(i)[0].against.comparison, horizon=EPISODE,
            window=Span(window.start, end), since=since, n=int(m.now.n[j]), reference_n=int(m.base.cells[j].sum()),
            effect=effect, times_floor=times, p=float(10.0 ** np.nan_to_num(window.log_p[row])),
            evidence=float(window.evidence[row]), threshold=float(window.threshold[row]), verdict=verdict,
            detectable=m.detectable(j, float(window.threshold[row])), revision=was.revision if was else 0,
            reasons=reasons, told_at=told_at,
        )  # fmt: skip

    def _why(
        self, calibration: Calibration, i: int, m: Measured, j: int, since: int, until: int
    ) -> tuple[Reasons, dict[str, float]]:
        """Reasons, and the effects that need whole histograms, from the panes since the change."""
        part, row = calibration.part_of(i)
        signal = self.declared(part.cells.names[row])
        if part.against.moves:
            part = replace(part, base=self._beside(part, since, until))
        return explain(part, row, signal, m, j, self._pane(part.slice, since, until), self._pane(ALL, since, until))

    def _beside(self, part: Part, since: int, until: int) -> Pane:
        """What a moving baseline was since a change (of a season: of its last day)."""
        if part.against.kind == "cohort":
            wanted = [(part.against.dimension, part.against.against)] if part.against.against else [ALL, part.slice]
            return others(part.against, part.slice, {where: self._pane(where, since, until) for where in wanted})
        hours = range(max(since // HOUR * HOUR, until - DAY), until, HOUR)
        earlier = [held for hour in hours for _, held in self.season(part.against, hour)]
        return merge_all(held[part.slice] for held in earlier if part.slice in held)

    def _what_explains(self, stored: Stored, calibration: Calibration, since: int, until: int) -> Further:
        if since not in self._further:
            self._further[since] = Further(calibration, stored, stored.slices(since, until), since)
        return self._further[since]

    def _pane(self, where: Slice, since: int, until: int) -> Pane:
        """The panes of a slice since a change, merged."""
        key = (where, since)
        if key not in self._merged:
            self._merged[key] = merge_all(self.source(where, since, until))
        return self._merged[key]

    def _silence(self, course: Course, window: Window) -> list[Finding]:
        """A window without traffic is a finding of its own, where there always was some."""
        if window.traffic:
            if self.silent is None:
                return []
            ended, self.silent = msgspec.structs.replace(self.silent, ended=window.start), None
            return [ended]
        span = Span(window.start, window.start + WINDOW)
        if self.silent is not None:
            self.silent = msgspec.structs.replace(self.silent, window=span)
            return [self.silent]
        if not course.history.always_busy(window.start):
            return []
        subject = Subject("", "", TRAFFIC, "past")
        self.silent = Finding(
            id=finding_id(self.application, subject, window.start), application=self.application, slice={},
            signal=TRAFFIC, baseline="past", comparison="drift", horizon=EPISODE, window=span, since=window.start, n=0,
            reference_n=course.history.traffic_before(window.start), effect={}, times_floor=0.0, p=1.0, evidence=0.0,
            threshold=0.0, verdict="no_data",
        )  # fmt: skip
        return [self.silent]
