"""Delivery: from alerts' transitions to notifications in an outbox, and from one attempt to the next.

    rows = plan(transitions, receivers, now)        # stored in the transaction of the transitions
    for row in due(outbox, now): store(attempt(row, notifier, client, now))

A delivery is tried up to ten times, 0 s, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h after the attempt
before (Standard Webhooks), in all 75 h, each delay stretched by up to a tenth by the notification's own jitter.
It is handed over at least once; the id is the same in every attempt. Times are wall clock, seconds since 1970.

| outcome | means |
|---|---|
| waiting | not yet handed over; `next_attempt_at` says when the next attempt is due |
| delivered | the receiver took it |
| failed | the last attempt failed too; given up |
| disabled | the receiver answered 410: it wants no more, now or later |

The words double as values of the metric label `outcome`.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import httpx
import msgspec

from alerts.notify import Notifier
from alerts.notify.webhook import alertmanager_body
from records.alert import Alert, Transition
from records.errors import DeliveryError
from records.notification import Notification, Told

SCHEDULE = (0.0, 5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Seconds to wait before each attempt, counted from the one before."""

JITTER = 0.1
"""A delay is stretched by up to this share of itself."""

SLOW_DOWN = frozenset({429, 502, 504})
AT_LEAST_SLOW = 300.0
"""Seconds to wait at least after an answer that asks to slow down but does not say how long."""

AT_MOST_SLOW = 86_400.0
"""A Retry-After counts up to this many seconds."""

GONE = 410


@dataclass(frozen=True, slots=True)
class Receiver:
    """Somebody who is told: `name`, how (`notifier`), and in which form (alert, receiver's name, external URL to bytes)."""

    name: str
    notifier: Notifier
    body: Callable[[Alert, str, str], bytes] = alertmanager_body


def plan(
    transitions: Sequence[Transition],
    receivers: Sequence[Receiver],
    now: float,
    *,
    external_url: str = "",
    disabled: Collection[str] = (),
) -> list[Notification]:
    """One notification per receiver for each alert that began to fire or, having fired, was resolved.

    Pending alerts, and those resolved before they fired, are told to nobody. `disabled` names receivers that once
    answered 410: their notifications are written with the outcome `disabled`, so that nothing is silently left out.
    Ids depend on the alert, its state, when it fired, and the receiver, so planning twice gives the same rows.
    """
    return [
        _notification(transition.alert, told, receiver, now, external_url.rstrip("/"), receiver.name in disabled)
        for transition in transitions
        if (told := _told(transition)) is not None
        for receiver in receivers
    ]


def due(outbox: Sequence[Notification], now: float) -> list[Notification]:
    """The notifications to attempt now, oldest first.

    A notification stays back while an older one about the same alert for the same receiver waits: a late "firing"
    must never arrive after its "resolved".
    """
    waiting = sorted(
        (row for row in outbox if row.outcome == "waiting"),
        key=lambda row: (row.created_at, row.state == "resolved", row.id),
    )
    heads: dict[tuple[str, str], Notification] = {}
    for row in waiting:
        heads.setdefault((row.alert, row.receiver), row)
    return [row for row in heads.values() if row.next_attempt_at <= now]


def attempt(notification: Notification, notifier: Notifier, client: httpx.Client, now: float) -> Notification:
    """Try once and return the row as it is afterwards; a failure to deliver is an outcome, not an exception."""
    tried = msgspec.structs.replace(notification, attempts=notification.attempts + 1, at=now, detail="")
    try:
        notifier.send(notification, client, now)
    except DeliveryError as error:
        return _failed(tried, error, now)
    return msgspec.structs.replace(tried, outcome="delivered")


def _failed(tried: Notification, error: DeliveryError, now: float) -> Notification:
    detail = str(error)
    if error.status == GONE:
        return msgspec.structs.replace(tried, outcome="disabled", detail=detail)
    if tried.attempts >= len(SCHEDULE):
        return msgspec.structs.replace(tried, outcome="failed", detail=f"given up after {tried.attempts} attempts: {detail}")
    wait = SCHEDULE[tried.attempts]
    if error.retry_after is not None:
        wait = max(wait, min(error.retry_after, AT_MOST_SLOW))
    elif error.status in SLOW_DOWN:
        wait = max(wait, AT_LEAST_SLOW)
    wait *= 1 + JITTER * _luck(f"{tried.id}\0{tried.attempts}")
    return msgspec.structs.replace(tried, next_attempt_at=now + wait, detail=detail)


def _told(transition: Transition) -> Told | None:
    alert = transition.alert
    if alert.fired_at is None:
        return None
    return "resolved" if alert.state == "resolved" else "firing"


def _notification(alert: Alert, told: Told, receiver: Receiver, now: float, external_url: str, disabled: bool) -> Notification:
    identity = f"{alert.id}\0{told}\0{alert.fired_at}\0{receiver.name}"
    return Notification(
        id="msg_" + hashlib.sha256(identity.encode()).hexdigest()[:24],
        alert=alert.id,
        receiver=receiver.name,
        state=told,
        created_at=now,
        next_attempt_at=now,
        body=receiver.body(alert, receiver.name, external_url),
        outcome="disabled" if disabled else "waiting",
        detail="the receiver answered 410 before" if disabled else "",
    )


def _luck(text: str) -> float:
    """A number in [0, 1), always the same for the same text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48
