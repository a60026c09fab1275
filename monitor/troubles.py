"""What goes wrong with the stream itself becomes an alert as well: told to the receivers of all others, outside the budget.

Times are wall clock, microseconds. What happened once (records lost, a topic created anew) is over after an hour; what lasts
(a partition that nobody takes in) when it is.
"""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from alerts.delivery import plan
from alerts.numbers import clock
from monitor.config.models import Config
from monitor.stages.alerting import receivers
from monitor.store import alerts, outbox
from monitor.store.positions import Position
from records.alert import Alert, State, Transition
from records.window import HOUR, MINUTE
from streams.places import Place

APPLICATION, RULE = "plumbline", "pipeline"
STALLED, LOST, ANEW = KINDS = ("partition_stalled", "records_lost", "topic_created_anew")
"""The signals of these alerts; each has its section in docs/operations.md."""
SILENT = MINUTE
"""A partition whose owner has not looked for so long, or has not moved it though there is more, stands still."""
RUNBOOK = "docs/operations.md"


class Stall(NamedTuple):
    """A partition that stands still, and why."""

    place: Place
    why: str


def stalled(positions: Mapping[tuple[str, int], Position], now: int) -> list[Stall]:
    """The partitions that nobody takes in."""
    found = []
    for key, position in sorted(positions.items()):
        if not position.checked_at:
            continue
        place = Place(*key)
        if now - position.checked_at > SILENT:
            why = f"no worker has looked at it since {clock(position.checked_at)}; see that workers run and reach Kafka"
            found.append(Stall(place, why))
        elif position.behind and now - position.moved_at > SILENT:
            why = f"{position.behind} records wait and none was taken in since {clock(position.moved_at)}; see the worker's log"
            found.append(Stall(place, why))
    return found


def records_lost(c: Connection, config: Config, place: Place, since: int, gone: int, now: int) -> None:
    """`gone` records of a partition, from offset `since` on, were deleted before they were counted."""
    sentence = (
        f"{gone} records of {_named(place)} were deleted by Kafka before they were counted: its retention is shorter than "
        "the time that nobody consumed it. They are lost; counting goes on with the oldest that are left."
    )
    _tell(c, config, LOST, f"{_named(place)} {since}", sentence, now)


def topic_created_anew(c: Connection, config: Config, topic: str, topic_id: str, now: int) -> None:
    """A topic has another id than it was counted under; one alert, however many partitions it has."""
    sentence = f"The topic {topic} was deleted and created anew. Counting starts from its beginning."
    _tell(c, config, ANEW, f"{topic} {topic_id}", sentence, now)


def settle(c: Connection, config: Config, stalls: list[Stall], now: int) -> None:
    """Raise one alert of all that stands still, and resolve it when nothing does; what happened once is over after an hour."""
    told = False
    for alert in alerts.open_(c, APPLICATION):
        if alert.signal == STALLED and stalls:
            told = True
        elif alert.signal == STALLED or now - alert.started_at > HOUR:
            over = msgspec.structs.replace(alert, state="resolved", ended_at=now, resolution="it is over")
            _move(c, config, over, "firing", "it is over", now)
    if stalls and not told:
        first, more = stalls[0], len(stalls) - 1
        which = f"{_named(first.place)} and {more} more are" if more else f"{_named(first.place)} is"
        _tell(c, config, STALLED, str(now), f"{which} not being counted: {first.why}.", now)


def _named(place: Place) -> str:
    return f"{place.topic} partition {place.number}"


def _tell(c: Connection, config: Config, kind: str, subject: str, sentence: str, now: int) -> None:
    """Raise an alert; the same kind and subject again is the same alert."""
    alert = Alert(
        id=hashlib.sha256(f"{kind}\0{subject}".encode()).hexdigest()[:16], application=APPLICATION, rule=RULE,
        severity="critical", state="firing", started_at=now, since_last=now, pending_at=now, fired_at=now, sentence=sentence,
        description="An alert about Plumbline itself, outside the false-alarm budget.",
        runbook_url=f"{RUNBOOK}#{kind.replace('_', '-')}", slice={}, signal=kind, findings=[],
    )  # fmt: skip
    if alerts.get(c, alert.id) is None:
        _move(c, config, alert, None, "seen", now)


def _move(c: Connection, config: Config, alert: Alert, before: State | None, reason: str, now: int) -> None:
    alerts.put(c, [alert])
    transition = Transition(alert=alert, before=before, at=now, reason=reason)
    alerts.record(c, [transition])
    outbox.put(c, plan([transition], receivers(config), now / 1e6))
