"""The overview: alerts, golden strips and the heat map of one application."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from alerts.baselines import label
from detectors.calibration import ALL, Slice
from monitor.page import figures
from monitor.page.reading.explained import moved
from monitor.page.reading.incidents import SHOWN_FOR, Incident, alert_row, marks, period, resolved_label
from monitor.page.reading.names import Shown, short, shown, slice_key, slice_label
from monitor.page.reading.quality import read_quality
from monitor.page.reading.sight import Sight
from monitor.page.reading.strips import read_strips
from monitor.page.reading.windows import Board, Worst, cells, read_verdicts
from monitor.page.views import (
    AlertMark,
    BoardRow,
    Choice,
    Marker,
    OverviewView,
    Period,
    Query,
    TimeAxis,
)  # fmt: skip
from monitor.page.views_overview import FirstRun, Step
from monitor.store import alerts, counters, courses, slices
from records.window import DAY, MINUTE, WINDOW

STEP, STEPS = 15 * MINUTE, 96
LEARNED = 24
"""Windows that the first calibration is learned from."""
LABEL = 16
"""Steps that the words beside a stretch take."""
MARKERS = 4
"""First sights drawn, the newest."""
WORST, EVERYTHING = "worst", "all"


def overview_axis(until: int) -> TimeAxis:
    """A day of quarters of an hour that ends with the one in which `until` lies."""
    end = -(-until // STEP) * STEP
    return TimeAxis(end - STEPS * STEP, STEP, STEPS)


def read_overview(sight: Sight, applications: Sequence[str], query: Query) -> OverviewView:
    """The overview as of the last judged window, its drawings ending at `query.at` where that is earlier."""
    axis = overview_axis(min(query.at or sight.now, sight.now))
    today = (sight.now - 1) // DAY * DAY
    verdicts = read_verdicts(
        sight.c, sight.kept, sight.application, len(sight.registry), min(axis.start, today), sight.now, sight.now
    )
    chrome = sight.chrome(applications)
    state = sight.state(int(verdicts.traffic[verdicts.start >= today].sum()))
    listed = [one for one in sight.incidents if one.alert.ended_at is None or one.alert.ended_at > sight.now - SHOWN_FOR]
    rows = tuple(replace(alert_row(incident), moved=moved(incident)) for incident in listed)
    last = "" if rows else _last_alert(sight)
    if sight.reference.calibration is None or not sight.baselines:
        return OverviewView(chrome, state, rows, last, axis, quality=read_quality(sight), first_run=_first_run(sight))
    inside = (verdicts.start >= axis.start) & (verdicts.start < axis.end)
    board = Board(verdicts.select(inside), axis)
    baseline = next((b.name for b in sight.baselines if b.name == query.against), sight.baselines[0].name)
    where = _slice(sight, query.slice)
    chosen = tuple(Choice(b.name, label(b.name), b.name == baseline) for b in sight.baselines)
    return OverviewView(
        chrome, state, rows, last, axis, read_strips(sight.source(ALL), axis),
        _rows(sight, board, baseline, where), _markers(sight, axis),
        chosen if len(chosen) > 1 else (), _slices(sight, where), _compared(sight),
        read_quality(sight),
    )  # fmt: skip


def _slice(sight: Sight, asked: str) -> Slice | None:
    """The slice that the address names; None is the worst of all."""
    if asked == EVERYTHING:
        return ALL
    return next((one for one in sight.slices if slice_key(*one) == asked), None)


def _slices(sight: Sight, where: Slice | None) -> tuple[Choice, ...]:
    if not sight.slices:
        return ()
    first = (
        Choice(WORST, f"worst of {len(sight.slices) + 1}", where is None),
        Choice(EVERYTHING, "all traffic", where == ALL),
    )
    return (*first, *(Choice(slice_key(*one), slice_label(*one), where == one) for one in sight.slices))


def _rows(sight: Sight, board: Board, baseline: str, where: Slice | None) -> tuple[BoardRow, ...]:
    taking_part = marks(sight.incidents)
    rows = []
    for name in sight.signals:
        mine = sight.rows(name, baseline, where)
        if not len(mine):
            continue
        worst = board.worst(mine)
        rows.append(_row(sight, shown(name), worst, baseline, where, taking_part.get(name), board.axis))
    return tuple(rows)


def _row(
    sight: Sight, signal: Shown, worst: Worst, baseline: str, where: Slice | None, mark: AlertMark | None, axis: TimeAxis
) -> BoardRow:
    drawn = cells(worst, sight.labels)
    last = drawn[-1]
    shifted = last.kind == "finding"
    told: Slice = where or ALL
    if shifted and where is None:
        found = sight.registry[int(worst.row[-1])]
        told = (found.dimension, found.value)
    typical = sight.reference.typical(told, baseline, signal.name)
    scale, unit = (100.0, "%") if typical.statistic == "share" else (signal.scale, signal.unit)
    reference, now = (None if value is None else value * scale for value in (typical.reference, typical.now))
    note = ""
    if typical.label:
        note = f"{short(typical.label, 11)} {_whole(typical.reference)} → {_whole(typical.now)} %"
    elif last.kind == "calibrating":
        note = "calibrating"
    return BoardRow(
        signal.name, signal.title, signal.family, unit, reference, now, drawn, last.times_floor if shifted else None,
        mark, _periods(sight.incidents, signal.name, axis), note,
    )  # fmt: skip


def _whole(share: float | None) -> str:
    """A share in per cent, without a fraction where it is large."""
    return "–" if share is None else f"{share * 100:.0f}" if share >= 0.1 else figures.figure(share * 100)


def _periods(incidents: Sequence[Incident], signal: str, axis: TimeAxis) -> tuple[Period, ...]:
    """The stretches of the alerts that a signal leads; of those that overlap the last to end speaks for all."""
    found: list[Period] = []
    for incident in incidents:
        alert = incident.alert
        if alert.signal == signal:
            label = resolved_label(incident)
            if covered := period(incident, axis, alert.started_at, alert.ended_at, label):
                found.append(covered)
    found.sort(key=lambda one: one.last)
    for i, (one, following) in enumerate(pairwise(found)):
        if following.first <= one.last + LABEL and following.label:
            found[i] = replace(one, label="")
            found[i + 1] = replace(following, label=f"#{one.alert}, {following.label}")
    return tuple(found)


def _markers(sight: Sight, axis: TimeAxis) -> tuple[Marker, ...]:
    """First sights of slice values on the axis, but for those with which the application's history begins."""
    first = courses.first(sight.c, sight.application)
    if first is None:
        return ()
    seen = slices.first_seen(sight.c, sight.application, max(axis.start, first + LEARNED * WINDOW))
    told = [one for one in seen if one.at < axis.end and one.value][-MARKERS:]
    return tuple(Marker(one.at, f"{_dimension(one.dimension)} {short(one.value)}") for one in told)


def _dimension(name: str) -> str:
    return "prompt" if name == "prompt_version" else name.removeprefix("tags.")


def _compared(sight: Sight) -> str:
    allowed = sight.config.false_alarms
    sides = f"{len(sight.signals)} signals × {len(sight.slices) + 1} slices"
    many = "alarm" if allowed.at_most == 1 else "alarms"
    return (
        f"Cells: {sides}, held together to at most {allowed.at_most:g} false {many} per {figures.duration(allowed.per / 1e6)}."
    )


def _last_alert(sight: Sight) -> str:
    found, _ = alerts.query(sight.c, application=sight.application, limit=1)
    if not found or found[0].ended_at is None:
        return ""
    number = alerts.numbers(sight.c, [found[0].id])[found[0].id]
    return f"#{number}, resolved {figures.since(found[0].ended_at, sight.now)}"


def _first_run(sight: Sight) -> FirstRun:
    received = counters.load(sight.c).get(sight.application, counters.Counters()).interactions
    first = courses.first(sight.c, sight.application)
    windows = 0 if first is None else min((sight.now - first) // WINDOW, LEARNED)
    steps = (
        Step("received", f"{figures.count(received)} interactions", received > 0),
        Step("baseline", f"{windows} of {LEARNED} windows of 5 min", windows >= LEARNED),
        Step("first verdict", "about two hours of traffic after the baseline", False),
    )
    return FirstRun(_command(sight), steps)


def _command(sight: Sight) -> str:
    address = f"http://{sight.config.listen}"
    body = (
        f'{{"id": "1", "application": "{sight.application}", "timestamp": "\'$(date -u +%FT%TZ)\'", '
        '"prompt": "Where is my order?", "response": "On its way."}'
    )
    return f"curl -X POST {address}/v1/interactions -H 'content-type: application/json' -d '{body}'"
