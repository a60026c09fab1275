"""One signal of one slice: its course, its verdicts, reference and now, its slices."""

from collections.abc import Sequence

import numpy as np

from alerts.baselines import label
from detectors.calibration import ALL, Slice
from detectors.cells import NEVER_SEEN, OUT_OF_RANGE
from detectors.episodes import TRAFFIC
from monitor import reading
from monitor.page import figures
from monitor.page.reading.baselines import DISTANCE, Typical
from monitor.page.reading.distributions import read_distribution
from monitor.page.reading.explained import beside, reasons
from monitor.page.reading.incidents import Incident, alert_row, period
from monitor.page.reading.names import Shown, shown, slice_key, slice_label
from monitor.page.reading.panes import (
    EARLIER_DAYS,
    Column,
    by_step,
    mean,
    merged,
    optional,
    quantile,
    share,
    usual_band,
)  # fmt: skip
from monitor.page.reading.sight import Sight
from monitor.page.reading.verdicts import compared_with, slice_rows, verdict_rows
from monitor.page.reading.windows import Board, Verdicts, cells, read_verdicts
from monitor.page.views import Choice, Course, Effect, Lane, Part, Period, Query, Sentence, SignalView, TimeAxis
from records.signal import Kind
from records.window import DAY, HOUR, MINUTE

RANGES = {"24h": ("24 h", 15 * MINUTE, 96), "7d": ("7 days", HOUR, 168), "30d": ("30 days", 6 * HOUR, 120)}
"""Ranges by their name in the address: words, step and steps."""
DERIVED = (OUT_OF_RANGE, NEVER_SEEN)
"""Signals that panes do not hold: their course is that of the judged windows."""


def signal_axis(asked: str, until: int) -> TimeAxis:
    """The axis of a range that ends with the step in which `until` lies; an unknown one is seven days."""
    _, step, count = RANGES.get(asked, RANGES["7d"])
    return TimeAxis(-(-until // step) * step - count * step, step, count)


def read_signal(sight: Sight, applications: Sequence[str], name: str, query: Query, axis: TimeAxis) -> SignalView | None:
    """The page of one signal; None where it, or the slice, is not watched."""
    slices = [ALL, *(one for one in sight.slices)]
    where = next((one for one in slices if slice_key(*one) == query.slice), None)
    if where is None or (name not in sight.signals and name != TRAFFIC):
        return None
    signal, today = shown(name), (sight.now - 1) // DAY * DAY
    verdicts = read_verdicts(
        sight.c, sight.kept, sight.application, len(sight.registry), min(axis.start, today), sight.now, sight.now
    )
    baselines = compared_with(sight, name, where)
    first = baselines[0] if baselines else ""
    typical = sight.reference.typical(where, first, name)
    inside = verdicts.select((verdicts.start >= axis.start) & (verdicts.start < axis.end))
    asked = reading.Asked(application=sight.application, signal=name, slice=where)
    explained = reading.comparisons(sight.c, sight.config, asked, sight.clock)
    explained.sort(key=lambda one: baselines.index(one.baseline))
    rows = verdict_rows(sight, name, where, baselines, explained)
    leading = _alert(sight, name, where)
    effect = next((row.effect for row in reversed(rows) if row.effect and row.kind == "finding"), None)
    return SignalView(
        sight.chrome(applications), sight.state(int(verdicts.traffic[verdicts.start >= today].sum())), name,
        signal.title[:1].upper() + signal.title[1:], _unit(signal, typical), signal.family, _description(signal),
        query.slice, slice_label(*where) if where != ALL else "", _sentence(signal, typical, effect), axis,
        _course(sight, signal, where, typical, axis, inside), _lanes(sight, name, where, inside, axis),
        read_distribution(sight.reference, where, first, signal, typical) if baselines else None, rows,
        slice_rows(sight, name, first, verdicts), _periods(sight.incidents, name, where, axis),
        alert_row(leading) if leading else None,
        tuple(Choice(slice_key(*one), slice_label(*one), one == where) for one in slices),
        tuple(Choice(key, words, RANGES.get(query.range, RANGES["7d"])[0] == words) for key, (words, _, _) in RANGES.items()),
        beside(explained), reasons(explained, sight.budget),
    )  # fmt: skip


def _unit(signal: Shown, typical: Typical) -> str:
    if signal.name == TRAFFIC:
        return "req/min"
    return "%" if typical.statistic == "share" else signal.unit


def _description(signal: Shown) -> str:
    rise = f"A rise means {signal.signal.rise}. " if signal.signal.rise else ""
    floor = "JSD 0.1, 0.2 standard deviations between means, or a share 1.5 times as large"
    if signal.signal.kind == Kind.VECTOR:
        floor = "0.5 standard deviations between means"
    return f"{rise}Floor: {floor}. Family: {signal.family}."


def _sentence(signal: Shown, typical: Typical, effect: Effect | None) -> Sentence:
    """Now against the reference, in the signal's unit; the effect where it is a finding."""
    if typical.now is None:
        return (Part("No values in the last hour."),)
    scale = 100.0 if typical.statistic == "share" else signal.scale
    unit = "%" if typical.statistic == "share" else signal.unit
    now = f"{figures.figure(typical.now * scale)} {unit}".strip()
    what = f"{typical.label} " if typical.label else ""
    parts = [Part(f"Now {what}"), Part(now, "strong"), Part(f" ({typical.statistic}, last hour)")]
    if typical.reference is not None:
        before = f"{figures.figure(typical.reference * scale)} {unit}".strip()
        moved = "" if before == now else figures.change(typical.reference, typical.now)
        parts += [Part(", reference "), Part(before, "strong"), Part(f": {moved}" if moved else "")]
    if effect is not None:
        parts.append(Part(f", effect {figures.effect(effect)}, {figures.times(effect.times_floor)} floor"))
    return (*(part for part in parts if part.text), Part("."))


def _lanes(sight: Sight, name: str, where: Slice, verdicts: Verdicts, axis: TimeAxis) -> tuple[Lane, ...]:
    board = Board(verdicts, axis)
    lanes = []
    for baseline in sight.baselines:
        rows = sight.rows(name, baseline.name, where)
        if len(rows):
            lanes.append(
                Lane(
                    baseline.comparison,
                    label(baseline.name).removesuffix(", same time"),
                    cells(board.worst(rows), sight.labels),
                )
            )
    return tuple(lanes)


def _course(sight: Sight, signal: Shown, where: Slice, typical: Typical, axis: TimeAxis, verdicts: Verdicts) -> Course:
    """The typical value and n of each step, with what is usual at that hour."""
    since = axis.start - EARLIER_DAYS * DAY
    if signal.name in DERIVED or signal.signal.kind == Kind.VECTOR:
        return _judged_course(sight, signal, where, axis, verdicts)
    panes = sight.source(where).course((signal.name,), axis.step, since, sight.now)
    steps = by_step(panes, since, axis.step, (axis.end - since) // axis.step)
    values, n = np.full(len(steps), np.nan), np.zeros(len(steps), np.int64)
    for i, found in enumerate(steps):
        if signal.name == TRAFFIC:
            n[i] = sum(pane.n for pane in found)
            minutes = (min(since + (i + 1) * axis.step, sight.now) - (since + i * axis.step)) / MINUTE
            values[i] = n[i] / minutes if n[i] else np.nan
            continue
        column = merged(pane.columns[0] for pane in found)
        if column is not None:
            n[i], values[i] = int(column.counts.sum()), _value(signal, typical, column)
    scale = 100.0 if typical.statistic == "share" and signal.name != TRAFFIC else signal.scale
    band = usual_band(values * scale, since, axis)
    statistic = "interactions" if signal.name == TRAFFIC else _statistic(typical)
    shown_n = n[-axis.count :].tolist()
    return Course(
        statistic,
        optional(values[-axis.count :] * scale),
        optional(band[0]),
        optional(band[2]),
        optional(band[1]),
        tuple(shown_n),
    )


def _statistic(typical: Typical) -> str:
    return f"share of {typical.label}" if typical.label else typical.statistic


def _value(signal: Shown, typical: Typical, column: Column) -> float:
    if signal.signal.kind != Kind.NUMERIC:
        found = share(column, typical.key)
    else:
        found = mean(column) if typical.statistic == "mean" else quantile(column, 0.5)
    return float("nan") if found is None else found


def _judged_course(sight: Sight, signal: Shown, where: Slice, axis: TimeAxis, verdicts: Verdicts) -> Course:
    """The course of a share, or a distance, that only judged windows hold: the mean over a step's windows, weighted by n."""
    rows = [row for baseline in sight.baselines for row in sight.rows(signal.name, baseline.name, where)][:1]
    values, counts = np.full(axis.count, np.nan), np.zeros(axis.count)
    scale, statistic = (1.0, DISTANCE) if signal.signal.kind == Kind.VECTOR else (100.0, "share")
    step = (verdicts.start - axis.start) // axis.step
    for row in rows:
        n = np.nan_to_num(verdicts.n[:, row]).astype(np.float64)
        sums = np.bincount(step, weights=n * np.nan_to_num(verdicts.value[:, row]), minlength=axis.count)
        counts = np.bincount(step, weights=n, minlength=axis.count).astype(np.float64)
        values = np.divide(scale * sums, counts, out=values, where=counts > 0)
    band = usual_band(values, axis.start, axis)
    ns = tuple(int(n) for n in counts)
    return Course(statistic, optional(values), optional(band[0]), optional(band[2]), optional(band[1]), ns)


def _alert(sight: Sight, name: str, where: Slice) -> Incident | None:
    """The open alert that holds this signal in this slice, else one that it leads in another slice."""
    lasting = [one for one in sight.incidents if one.state != "resolved"]
    here = (one for one in lasting if any(f.ended is None for f in one.about(name, *where)))
    return next(here, next((one for one in lasting if one.alert.signal == name), None))


def _periods(incidents: Sequence[Incident], name: str, where: Slice, axis: TimeAxis) -> tuple[Period, ...]:
    """When this signal was part of an alert in this slice, or led one in any."""
    found = []
    for one in incidents:
        mine = [f for f in one.about(name, *where) if f.verdict in ("finding", "no_data")]
        if mine:
            since, ends = min(f.since for f in mine), [f.ended for f in mine]
            ended = None if None in ends else max(end for end in ends if end is not None)
        elif one.alert.signal == name:
            since, ended = one.alert.started_at, one.alert.ended_at
        else:
            continue
        if ended is None:
            label = f"#{one.number} {one.state} since {figures.clock(since)}"
        else:
            over = "resolved" if one.state == "resolved" else "over"
            label = f"#{one.number} {over} after {figures.duration((ended - since) / 1e6)}"
        if covered := period(one, axis, since, ended, label):
            found.append(covered)
    return tuple(found)
