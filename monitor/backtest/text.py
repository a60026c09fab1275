"""The report for people."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from alerts.numbers import clock, count, number
from alerts.sentence import plain
from monitor.backtest.report import Both, Report, Told
from monitor.cli.table import table

INDENT = "  "
MOST = 50
"""Alarms that are told of each kind."""


def render(report: Report) -> str:
    """The report as lines of text."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    names = ", ".join(plain(name) for name in report.applications)
    yield f"{names}: {_when(report.since)} to {_when(report.until)}, {number(report.days)} days"
    yield f"learned from {_when(report.learned_from)} on"
    yield ""
    yield table(("", "present", "new"), list(_rows(report)))
    allowed = report.false_alarms
    yield f"new: at most {number(allowed['at_most'])} false alarms in {number(allowed['per_days'])} days are accepted"
    true = len(report.caught) + len(report.missed)
    false = len(report.false_again) + len(report.spared)
    yield from _section(f"Caught, {len(report.caught)} of {true}", [_pair(both) for both in report.caught])
    yield from _section(f"Missed, {len(report.missed)} of {true}", [_alarm(told) for told in report.missed])
    yield from _section(f"False alarms again, {len(report.false_again)} of {false}", [_pair(b) for b in report.false_again])
    yield from _section(f"False alarms no more, {len(report.spared)} of {false}", [_alarm(told) for told in report.spared])
    yield from _section("New", [_alarm(told) for told in report.added])
    if report.notes:
        yield ""
        yield from (f"Note: {note}" for note in report.notes)


def _rows(report: Report) -> Iterator[tuple[str, str, str]]:
    yield "alarms", count(report.present.alarms), count(report.new.alarms)
    yield "in 30 days", number(report.present.per_month), number(report.new.per_month)
    again, spared = len(report.false_again), len(report.spared)
    yield "marked as false", count(again + spared), count(again)
    yield "not marked as false", count(len(report.caught) + len(report.missed)), count(len(report.caught))
    yield "raised by this one alone", count(len(report.missed) + spared), count(len(report.added))


def _section(title: str, entries: Sequence[list[str]]) -> Iterator[str]:
    if not entries:
        return
    yield ""
    yield title
    for lines in entries[:MOST]:
        yield from (INDENT + line for line in lines)
    if entries[MOST:]:
        yield f"{INDENT}{len(entries) - MOST} more"


def _alarm(told: Told) -> list[str]:
    name = f"#{told.number}" if told.number is not None else "new"
    return [f"{name} {_when(told.fired_at)}, {told.severity}, {plain(told.application)}: {told.sentence}"]


def _pair(both: Both) -> list[str]:
    minutes = abs(both.later) / 60
    moved = f"{number(minutes)} minutes {'later' if both.later > 0 else 'earlier'}" if minutes else "at the same time"
    return [*_alarm(both.present), f"{INDENT}new, {moved}: {both.new.sentence}"]


def _when(at: str) -> str:
    return clock(round(datetime.fromisoformat(at).timestamp() * 1e6))
