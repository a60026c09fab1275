"""Alerts that fired, and which of two configurations' alerts are of one incident."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from alerts.grouping import TOGETHER
from monitor.store import alerts, findings
from records.alert import Alert, Mark

EVER = 2**62
Subject = tuple[tuple[tuple[str, str], ...], str]


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alert that fired, with its number in the store and what it is `about`: slices and signals of its findings."""

    alert: Alert
    number: int
    about: frozenset[Subject]

    @property
    def id(self) -> str:
        return self.alert.id

    @property
    def mark(self) -> Mark | None:
        return self.alert.mark

    @property
    def fired_at(self) -> int:
        return self.alert.fired_at or 0

    @property
    def over(self) -> int:
        """When it was over, far ahead while it lasts."""
        return self.alert.ended_at or EVER


def alarms(c: Connection, application: str, since: int = 0) -> list[Alarm]:
    """The alerts of an application that fired, and are open or began at `since` or later, in the order of firing."""
    fired = [alert for alert in alerts.since(c, application, since) if alert.fired_at is not None]
    numbers = alerts.numbers(c, [alert.id for alert in fired])
    known = findings.by_ids(c, sorted({id_ for alert in fired for id_ in alert.findings}))
    out = [
        Alarm(
            alert,
            numbers[alert.id],
            frozenset((tuple(sorted(f.slice.items())), f.signal) for id_ in alert.findings if (f := known.get(id_))),
        )
        for alert in fired
    ]
    return sorted(out, key=lambda alarm: (alarm.fired_at, alarm.id))


def same_incident(a: Alarm, b: Alarm) -> bool:
    """Whether two alarms tell of one thing: their onsets are near, or they came up together, as alerts.grouping has it;
    or they are of one comparison while both lasted, however much later the evidence sufficed for one of them."""
    x, y = a.alert, b.alert
    if x.application != y.application:
        return False
    gap = max(x.started_at - max(y.started_at, y.since_last), y.started_at - max(x.started_at, x.since_last))
    if gap <= TOGETHER or abs(x.pending_at - y.pending_at) <= TOGETHER:
        return True
    return bool(a.about & b.about) and x.started_at < b.over and y.started_at < a.over


def nearest(alarm: Alarm, others: Iterable[Alarm]) -> Alarm | None:
    """Of the alarms of the same incident the one that fired at the nearest time."""
    same = [other for other in others if same_incident(alarm, other)]
    return min(same, key=lambda other: (abs(other.fired_at - alarm.fired_at), other.id), default=None)


def mark_of(alarm: Alarm, others: Sequence[Alarm]) -> Mark | None:
    """What people said of the same incident."""
    found = nearest(alarm, (other for other in others if other.mark))
    return found.mark if found else None
