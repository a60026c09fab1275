"""The tables of a signal's page: what each comparison says, and what each slice does."""

from collections.abc import Sequence

import numpy as np

from alerts.baselines import label
from detectors.calibration import ALL, Slice
from detectors.course import ENOUGH, PATIENCE
from detectors.power import smallest_detectable
from detectors.standing import HORIZON
from monitor import reading
from monitor.page import figures
from monitor.page.reading.incidents import finding_effect, window_effect
from monitor.page.reading.names import shown, slice_key, slice_label
from monitor.page.reading.sight import Sight
from monitor.page.reading.windows import KINDS, Verdicts, kind_of, last_window
from monitor.page.views import CellKind, Effect, Evidence, SliceRow, VerdictRow
from records.finding import Finding
from records.window import Window

MOST_SLICES = 40


def compared_with(sight: Sight, signal: str, where: Slice) -> list[str]:
    """The baselines that a signal of a slice is compared with."""
    return [b.name for b in sight.baselines if len(sight.rows(signal, b.name, where))]


def verdict_rows(
    sight: Sight, signal: str, where: Slice, baselines: Sequence[str], explained: Sequence[reading.Explained]
) -> tuple[VerdictRow, ...]:
    """Each comparison in the last judged window, over the last hour and day, and since the change where a finding is open."""
    window = last_window(sight.c, sight.application)
    if window is None:
        return ()
    rows: list[VerdictRow] = []
    since: list[VerdictRow] = []
    hours = [_hour_row(sight, signal, where, baseline) for baseline in baselines]
    days = [_day_row(one) for one in explained]
    for baseline in baselines:
        (index,) = sight.rows(signal, baseline, where)
        rows.append(_window_row(sight, signal, where, baseline, window, int(index)))
        for number, finding in _open(sight, signal, where, baseline):
            since.append(_finding_row(sight, finding, baseline, number))
    return (*rows, *(row for row in (*hours, *days) if row is not None), *since)


def _open(sight: Sight, signal: str, where: Slice, baseline: str) -> list[tuple[str, Finding]]:
    """Open findings of a comparison with the number of their alert."""
    found: dict[str, tuple[str, Finding]] = {}
    for finding in sight.findings:
        if finding.ended is None and finding.baseline == baseline and _about(finding, signal, where):
            found[finding.id] = ("", finding)
    for incident in sight.incidents:
        for finding in incident.findings:
            if finding.id in found and incident.state != "resolved":
                found[finding.id] = (str(incident.number), finding)
    return list(found.values())


def _about(finding: Finding, signal: str, where: Slice) -> bool:
    return finding.signal == signal and next(iter(finding.slice.items()), ALL) == where


def _comparison(sight: Sight, baseline: str) -> str:
    return next(b.comparison for b in sight.baselines if b.name == baseline)


def _window_row(sight: Sight, signal: str, where: Slice, baseline: str, window: Window, index: int) -> VerdictRow:
    counts = sight.reference.counts(where, baseline, signal)
    reference_n = None if counts is None else int(counts[0].sum())
    comparison, words = _comparison(sight, baseline), label(baseline)
    kind = kind_of(window, index)
    n = int(np.nan_to_num(window.n[index])) if index < len(window.n) else 0
    if kind in ("no_data", "too_few", "calibrating"):
        note = f"can't tell, n {figures.count(n)}, needs {ENOUGH}" if kind == "too_few" else ""
        return VerdictRow("5 min", comparison, words, reference_n, n, kind, note=note)
    evidence = Evidence(float(window.evidence[index]), float(window.threshold[index]))
    effect = _effect(sight, signal, where, baseline, window, index)
    return VerdictRow("5 min", comparison, words, reference_n, n, kind, effect, evidence)


def _hour_row(sight: Sight, signal: str, where: Slice, baseline: str) -> VerdictRow | None:
    """The last hour beside a baseline, which has no verdict of its own."""
    counts, effect = sight.reference.counts(where, baseline, signal), sight.reference.hour_effect(where, baseline, signal)
    if counts is None or effect is None or counts[1].sum() < ENOUGH:
        return None
    reference_n, n = (int(side.sum()) for side in counts)
    return VerdictRow("1 h", _comparison(sight, baseline), label(baseline), reference_n, n, "quiet", effect,
                      note="effect alone", judged=False)  # fmt: skip


def _day_row(one: reading.Explained) -> VerdictRow | None:
    """The last 24 hours beside a baseline."""
    effect = window_effect(one.day.js, one.day.smd, one.day.times_floor, True, None)
    if effect is None or one.day.n < ENOUGH:
        return None
    return VerdictRow("24 h", one.comparison, label(one.baseline), one.base.n, one.day.n, "quiet", effect,
                      note="effect alone", judged=False)  # fmt: skip


def _effect(sight: Sight, signal: str, where: Slice, baseline: str, window: Window, index: int) -> Effect | None:
    """The effect of the last window alone."""
    counts = sight.reference.counts(where, baseline, signal)
    detectable, before = None, 0.0
    if counts is not None and counts[0].sum():
        base, n = float(counts[0].sum()), float(np.nan_to_num(window.n[index]))
        worth = n * base / max(n + base, 1.0)
        least = float(smallest_detectable(worth, len(counts[0]), 10.0 ** -float(window.threshold[index]), "js"))
        detectable = least if least == least else None
        before = float(counts[0][-1] / base)
    lasting = bool(_open(sight, signal, where, baseline))
    floors = float("nan") if lasting else float(window.floors[index])
    grew = float(window.value[index]) >= before
    return window_effect(float(window.js[index]), float(window.smd[index]), floors, grew, detectable)


def _finding_row(sight: Sight, finding: Finding, baseline: str, number: str) -> VerdictRow:
    kind: CellKind = "finding" if finding.verdict == "finding" else "small"
    stands = "24 h, " if finding.horizon == HORIZON else ""
    return VerdictRow(
        f"{stands}since {figures.since(finding.since, sight.now)}", _comparison(sight, baseline), label(baseline),
        finding.reference_n, finding.n, kind, finding_effect(finding), Evidence(finding.evidence, finding.threshold), number,
    )  # fmt: skip


def slice_rows(sight: Sight, signal: str, baseline: str, recent: Verdicts) -> tuple[SliceRow, ...]:
    """Every slice that has the signal, by dimension and share of traffic, with its own effect and verdict.

    A small slice is judged once it has gathered enough: its verdict is the last one it had in the `recent` windows.
    """
    everything = max(sight.reference.hour.pane(ALL).n, 1)
    rows = []
    for where in sight.slices:
        found = sight.rows(signal, baseline, where)
        if len(found):
            rows.append((where[0], _slice_row(sight, signal, baseline, where, _latest(recent, int(found[0])), everything)))
    rows.sort(key=lambda row: (row[0], -row[1].share))
    return tuple(row for _, row in rows[:MOST_SLICES])


def _latest(recent: Verdicts, index: int) -> CellKind:
    ranks = recent.rank[-PATIENCE:, index]
    told = ranks[ranks > KINDS.index("too_few")]
    return KINDS[told[-1] if len(told) else ranks[-1] if len(ranks) else 0]


def _slice_row(sight: Sight, signal: str, baseline: str, where: Slice, kind: CellKind, everything: int) -> SliceRow:
    typical = sight.reference.typical(where, baseline, signal)
    scale = 100.0 if typical.statistic == "share" else shown(signal).scale
    before, after = (None if v is None else v * scale for v in (typical.reference, typical.now))
    pane = sight.reference.hour.pane(where)
    counts = sight.reference.counts(where, baseline, signal)
    n = int(counts[1].sum()) if counts else 0
    effect = sight.reference.hour_effect(where, baseline, signal) if n >= ENOUGH else None
    lasting = [finding for _, finding in _open(sight, signal, where, baseline)]
    if lasting:
        effect, n = finding_effect(lasting[0]), lasting[0].n
    note = f"can't tell, under {ENOUGH} values" if kind == "too_few" else ""
    return SliceRow(
        slice_key(*where), slice_label(*where), pane.n / everything, n, before, after, effect, kind, note
    )  # fmt: skip
