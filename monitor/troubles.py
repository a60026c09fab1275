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
from records.alert import Alert, Transition
from records.window import HOUR, MINUTE
from streams.places import Place

APPLICATION, RULE = "plumbline", "pipeline"
STALLED = "partition_stalled"
SILENT = MINUTE
"""A partition whose owner has not looked for so long, or has not moved it though there is more, stands still."""
RUNBOOK = "docs/operations.md"
_SENTENCES = {
    "records_lost": "{detail} records of {place} were deleted by Kafka before they were counted: its retention is shorter than "
    "the time that nobody consumed it. They are lost; counting goes on with the oldest that are left.",
    "topic_created_anew": "The topic of {place} was deleted and created anew (it had been counted up to offset {detail}). "
    "Counting starts from its beginning.",
    STALLED: "{place} is not being counted: {detail}.",
}


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


def tell(c: Connection, config: Config, kind: str, place: Place, detail: object, now: int) -> None:
    """Raise an alert; the same kind, place and detail again is the same alert."""
    identity = f"{kind}\0{place.topic}\0{place.number}\0{detail}"
    sentence = _SENTENCES[kind].format(place=f"{place.topic} partition {place.number}", detail=detail)
    alert = Alert(
        id=hashlib.sha256(identity.encode()).hexdigest()[:16], application=APPLICATION, rule=RULE, severity="critical",
        state="firing", started_at=now, since_last=now, pending_at=now, fired_at=now, sentence=sentence,
        description="An alert about Plumbline itself, outside the false-alarm budget.",
        runbook_url=f"{RUNBOOK}#{kind.replace('_', '-')}", slice={}, signal=kind, findings=[],
    )  # fmt: skip
    if alerts.get(c, alert.id) is None:
        _move(c, config, alert, None, "seen", now)


def settle(c: Connection, config: Config, stalls: list[Stall], now: int) -> None:
    """Raise what stands still now, and resolve what does so no more or happened an hour ago."""
    still = {stall.place: stall for stall in stalls}
    for alert in alerts.open_(c, APPLICATION):
        about = next((place for place in still if alert.sentence.startswith(f"{place.topic} partition {place.number} ")), None)
        if alert.signal == STALLED and about is not None:
            still.pop(about)
        elif alert.signal == STALLED or now - alert.started_at > HOUR:
            over = msgspec.structs.replace(alert, state="resolved", ended_at=now, resolution="it is over")
            _move(c, config, over, "firing", "it is over", now)
    for stall in still.values():
        tell(c, config, STALLED, stall.place, stall.why, now)


def _move(c: Connection, config: Config, alert: Alert, before: str | None, reason: str, now: int) -> None:
    alerts.put(c, [alert])
    transition = Transition(alert=alert, before=before, at=now, reason=reason)  # type: ignore[arg-type]
    alerts.record(c, [transition])
    outbox.put(c, plan([transition], receivers(config), now / 1e6))
