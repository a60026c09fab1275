"""Both configurations side by side: what was caught, what was missed, what is new."""

from collections.abc import Sequence

import msgspec

from alerts.numbers import rfc3339
from monitor.backtest.incidents import Alarm, nearest
from monitor.backtest.running import Judged
from monitor.config.models import Config
from monitor.reading.fields import time_field
from records.alert import Mark
from records.window import DAY

MONTH = 30 * DAY


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm in words; `number` is that of the store, None for one that only the new configuration raises."""

    number: int | None
    application: str
    severity: str
    started_at: str
    fired_at: str
    ended_at: str | None
    sentence: str
    slice: dict[str, str]
    signal: str
    mark: Mark | None


class Both(msgspec.Struct, frozen=True, kw_only=True):
    """One incident that both raise; `later` is how much later the new configuration does, seconds (negative: earlier)."""

    present: Told
    new: Told
    later: float


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """Alarms of one configuration in the period, and in 30 days at that rate."""

    alarms: int
    per_month: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `plumbline backtest` (docs/backtest.md). Times are RFC 3339, `days` the length of the period."""

    applications: list[str]
    since: str
    until: str
    learned_from: str
    days: float
    false_alarms: dict[str, float]
    present: Count
    new: Count
    caught: list[Both]
    missed: list[Told]
    false_again: list[Both]
    spared: list[Told]
    added: list[Told]
    notes: list[str]


def report(judged: Judged, config: Config) -> Report:
    """What the alarms of the period have in common and what not; each is compared with all that were raised at any time."""
    mine = [alarm for alarm in judged.present if judged.since <= alarm.fired_at < judged.until]
    theirs = [alarm for alarm in judged.new if judged.since <= alarm.fired_at < judged.until]
    pairs = {alarm.id: nearest(alarm, judged.new) for alarm in mine}
    false = [alarm for alarm in mine if alarm.mark == "false_alarm"]
    true = [alarm for alarm in mine if alarm.mark != "false_alarm"]
    length = judged.until - judged.since
    return Report(
        applications=judged.applications,
        since=rfc3339(judged.since),
        until=rfc3339(judged.until),
        learned_from=rfc3339(judged.learned_from),
        days=length / DAY,
        false_alarms={"at_most": config.false_alarms.at_most, "per_days": config.false_alarms.per / DAY},
        present=_count(mine, length),
        new=_count(theirs, length),
        caught=[_both(alarm, new) for alarm in true if (new := pairs[alarm.id])],
        missed=[_told(alarm) for alarm in true if not pairs[alarm.id]],
        false_again=[_both(alarm, new) for alarm in false if (new := pairs[alarm.id])],
        spared=[_told(alarm) for alarm in false if not pairs[alarm.id]],
        added=[_told(alarm, stored=False) for alarm in theirs if not nearest(alarm, judged.present)],
        notes=judged.notes,
    )


def _told(alarm: Alarm, stored: bool = True) -> Told:
    alert = alarm.alert
    return Told(
        number=alarm.number if stored else None,
        application=alert.application,
        severity=alert.severity,
        started_at=rfc3339(alert.started_at),
        fired_at=rfc3339(alarm.fired_at),
        ended_at=time_field(alert.ended_at),
        sentence=alert.sentence,
        slice=alert.slice,
        signal=alert.signal,
        mark=alert.mark,
    )


def _both(present: Alarm, new: Alarm) -> Both:
    return Both(present=_told(present), new=_told(new, stored=False), later=(new.fired_at - present.fired_at) / 1e6)


def _count(found: Sequence[Alarm], length: int) -> Count:
    return Count(alarms=len(found), per_month=len(found) * MONTH / length)
