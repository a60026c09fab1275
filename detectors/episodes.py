"""Findings: the episodes of an application in which evidence passed its threshold, from `since` to their end."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors import effects as measures
from detectors.attribution import reasons
from detectors.calibration import ALL, Base, Calibration, Declared, Panes, Part, Slice, Subject, Traits
from detectors.cells import CELLS, Tally
from detectors.course import Course, effects, ratios
from detectors.power import smallest_detectable
from records.finding import Finding, Reasons, Span
from records.pane import EMPTY, Accumulator, Pane, merge_all
from records.signal import Kind
from records.window import HOUR, WINDOW, Code, Window

Source = Callable[[Slice, int, int], Iterable[Pane]]
"""The stored 5-minute panes of a slice between two times, in order."""
TRAFFIC = "traffic"


def finding_id(application: str, subject: Subject, since: int) -> str:
    """Derived from what it is about, so that judging twice is judging once."""
    text = "\x1f".join([application, *subject, str(since)])
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class _Measured:
    """The comparisons of one part over the panes since a change."""

    part: Part
    base: Base
    traits: Traits
    now: Tally
    pane: Pane
    js: NDArray[np.float64]
    smd: NDArray[np.float64]
    floors: NDArray[np.float64]


class Episodes:
    """Open findings of one application by registry row; `update` follows them through one more judged window."""

    def __init__(self, application: str, declared: Declared, source: Source, fixed: frozenset[str]):
        self.application, self.declared, self.source, self.fixed = application, declared, source, fixed
        self.open: dict[int, Finding] = {}
        self.silent: Finding | None = None
        self._now: Panes = {}
        self._grown: dict[tuple[Slice, int], tuple[int, Accumulator]] = {}

    def restore(self, course: Course, findings: Iterable[Finding]) -> None:
        """Take up the findings that were open after the course's last window."""
        self.open, self.silent = {}, None
        self._grown.clear()
        self.adopt(course, findings)

    def adopt(self, course: Course, findings: Iterable[Finding]) -> None:
        """Take the given findings for those of their comparisons, as far as they last."""
        for finding in findings:
            if finding.ended is not None:
                continue
            if finding.signal == TRAFFIC:
                self.silent = finding
                continue
            dimension, value = next(iter(finding.slice.items()), ("", ""))
            self.open[course.register(Subject(dimension, value, finding.signal, finding.baseline))] = finding

    def lasting(self) -> list[Finding]:
        """All findings that are open."""
        return [*self.open.values(), *([self.silent] if self.silent else [])]

    def close(self, course: Course, row: int, at: int) -> Finding:
        """End a finding because somebody said what it was; its evidence starts anew."""
        if course.last is not None:
            course.last.evidence = course.last.evidence.copy()
            course.last.evidence[row] = 0.0
        return msgspec.structs.replace(self.open.pop(row), ended=at)

    def update(self, course: Course, window: Window, panes: Panes) -> list[Finding]:
        """Findings that began, moved or ended with this window; its verdicts and effects are set accordingly."""
        self._now = panes
        changed = self._silence(course, window)
        calibration = course.calibration
        if calibration is None:
            return changed
        candidates = set(np.flatnonzero(window.verdict == Code.SMALL).tolist())
        for number, part in enumerate(calibration.parts):
            mine = [i for i, row in enumerate(part.index.tolist()) if row in candidates or row in self.open]
            if mine:
                changed += self._part(course, calibration, number, mine, window)
        for row in [row for row in self.open if row not in set(calibration.index.tolist())]:
            changed.append(self._end(row, window, self.open[row]))
        self._grown = {k: v for k, v in self._grown.items() if v[0] == window.start + WINDOW}
        return changed

    def _part(self, course: Course, calibration: Calibration, number: int, mine: list[int], window: Window) -> list[Finding]:
        """Follow the comparisons `mine` of one part, grouped by since when they differ."""
        part, changed = calibration.parts[number], []
        since = {i: self.open[r].since if (r := int(part.index[i])) in self.open else int(window.since[r]) for i in mine}
        latest = None
        for start in sorted(set(since.values())):
            measured = self._measure(calibration, number, self._since(part.slice, start, window.start + WINDOW))
            for i in [i for i in mine if since[i] == start]:
                row = int(part.index[i])
                was = self.open.get(row)
                if was and was.verdict == "finding" and window.start - start >= HOUR:
                    end = window.start + WINDOW
                    latest = latest or self._measure(calibration, number, merge_all(self.source(part.slice, end - HOUR, end)))
                    if latest.floors[i] < 0.5:
                        window.evidence[row] = 0.0
                window.floors[row] = measured.floors[i]
                finding = self._finding(course, measured, i, window, start, was)
                if window.evidence[row] == 0.0:
                    changed.append(self._end(row, window, finding))
                    continue
                self.open[row] = finding
                window.verdict[row] = Code.FINDING if finding.verdict == "finding" else Code.SMALL
                changed.append(finding)
        return changed

    def _end(self, row: int, window: Window, finding: Finding) -> Finding:
        self.open.pop(row, None)
        if row < len(window.verdict):
            window.verdict[row], window.since[row] = Code.CALM, 0
        return msgspec.structs.replace(finding, ended=window.start + WINDOW)

    def _since(self, where: Slice, since: int, until: int) -> Pane:
        """The panes of a slice since a change, merged; kept and extended from window to window."""
        reached, grown = self._grown.get((where, since), (since, Accumulator()))
        if reached == until - WINDOW:
            grown.add(self._now.get(where, EMPTY))
        elif reached < until:
            for pane in self.source(where, reached, until):
                grown.add(pane)
        self._grown[where, since] = (until, grown)
        return grown.total()

    def _measure(self, calibration: Calibration, number: int, pane: Pane) -> _Measured:
        part, rows = calibration.parts[number], calibration.rows(number)
        base = calibration.base.select(rows)
        traits = calibration.traits.select(rows)
        now = part.cells.tally(pane)
        return _Measured(part, base, traits, now, pane, *effects(base, traits, now))

    def _finding(self, course: Course, m: _Measured, i: int, window: Window, since: int, was: Finding | None) -> Finding:
        row = int(m.part.index[i])
        subject = course.registry[row]
        verdict: Literal["finding", "small"] = "finding" if m.floors[i] >= 1 or (was and was.verdict == "finding") else "small"
        h = float(window.threshold[row])
        return Finding(
            id=finding_id(self.application, subject, since), application=self.application,
            slice={subject.dimension: subject.value} if subject.dimension else {}, signal=subject.signal,
            baseline=subject.baseline, comparison="skew" if subject.baseline in self.fixed else "drift", horizon="5m",
            window=Span(window.start, window.start + WINDOW), since=since, n=int(m.now.n[i]),
            reference_n=int(m.base.cells[i].sum()), effect=self._effect(m, i), times_floor=float(m.floors[i]),
            p=float(10.0 ** np.nan_to_num(window.log_p[row])), evidence=float(window.evidence[row]), threshold=h,
            verdict=verdict, detectable=_detectable(m, i, h), revision=was.revision if was else 0,
            reasons=self._reasons(m, i, since, window.start + WINDOW),
        )  # fmt: skip

    def _reasons(self, m: _Measured, i: int, since: int, until: int) -> Reasons:
        signal = self.declared(m.part.cells.names[i])
        everybody = m.pane if m.part.slice == ALL else self._since(ALL, since, until)
        return reasons(
            m.part, i, signal, m.base.cells[i], m.now.cells[i], m.pane, everybody.sample, everybody.names,
            "cells" if np.isnan(m.smd[i]) else "cells and moments",
        )  # fmt: skip

    def _effect(self, m: _Measured, i: int) -> dict[str, float]:
        """Every effect of statistics.md, section 3, that exists for this comparison."""
        base, now, k = m.base.cells[i : i + 1], m.now.cells[i : i + 1], m.traits.k[i : i + 1]
        ratio, _ = ratios(m.base, m.traits, m.now)
        found = {
            "js": m.js[i], "smd": m.smd[i], "ratio": ratio[i], "psi": measures.psi(base, now, k)[0],
            "hellinger": measures.hellinger(base, now)[0], "tv": measures.total_variation(base, now)[0],
            "linf": measures.l_infinity(base, now)[0],
        }  # fmt: skip
        if self.declared(m.part.cells.names[i]).kind == Kind.NUMERIC:
            name = m.part.cells.names[i]
            histograms = (*m.part.base.cells(name), *m.pane.cells(name))
            found["ks"] = measures.kolmogorov_smirnov(*histograms)
            found["wasserstein"], found["wasserstein_sd"] = measures.wasserstein(*histograms)
        return {name: float(value) for name, value in found.items() if np.isfinite(value)}

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
            signal=TRAFFIC, baseline="past", comparison="drift", horizon="5m", window=span, since=window.start, n=0,
            reference_n=int(course.history.traffic.sum()), effect={}, times_floor=0.0, p=1.0, evidence=0.0,
            threshold=0.0, verdict="no_data",
        )  # fmt: skip
        return [self.silent]


def _detectable(m: _Measured, i: int, h: float) -> float | None:
    """The smallest Jensen-Shannon distance that so many values show at the threshold's level with 80 % power."""
    worth = m.now.n[i] * m.base.cells[i].sum() / max(m.now.n[i] + m.base.cells[i].sum(), 1)
    value = float(smallest_detectable(worth, min(int(m.traits.k[i]), CELLS), 10.0**-h, "js"))
    return value if np.isfinite(value) else None
