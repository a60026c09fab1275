"""Findings that changed become alerts, and alerts that changed become rows of the outbox, in the same transaction."""

from collections.abc import Collection

import msgspec
from sqlalchemy import Connection

from alerts.delivery import Receiver, plan
from alerts.lifecycle import advance
from alerts.notify import Webhook
from monitor.config.models import Config
from monitor.reading.fields import alert_fields
from monitor.reading.told import with_notifications
from monitor.state import State
from monitor.store import alerts, messages, outbox
from records.finding import Finding
from records.window import DAY
from streams.broker import ALERTS


def receivers(config: Config) -> list[Receiver]:
    """Who is told, as configured."""
    allowed = tuple(config.allow_private_targets)
    out = []
    for receiver in config.alerts.receivers:
        secret = receiver.webhook.secret.get_secret_value() if receiver.webhook.secret else None
        out.append(Receiver(receiver.name, Webhook(receiver.webhook.url.get_secret_value(), secret, allowed)))
    return out


def raise_alerts(
    state: State, c: Connection, application: str, lasting: list[Finding], changed: list[Finding], until: int, now: float,
    late: Collection[str] = (),
) -> None:  # fmt: skip
    """Advance an application's alerts to `until` (event time); `now` is wall clock, seconds.

    `lasting`: all findings that are open; `changed`: those that ended or were revised since the last time; `late`: ids of those
    that come of judging again.
    """
    revised = any(finding.revision for finding in changed)
    standing = alerts.since(c, application, until - 15 * DAY) if revised else alerts.open_(c, application)
    if not (standing or lasting or changed):
        return
    current = {finding.id: finding for finding in [*lasting, *changed]}
    config = state.config()
    titles = {finding.signal: state.declaration(finding.signal) for finding in current.values()}
    after, transitions = advance(standing, list(current.values()), config.alerts.rules_in_force, until, titles, late)
    before = {alert.id: alert for alert in standing}
    alerts.put(c, [alert for alert in after if before.get(alert.id) != alert])
    if transitions:
        alerts.record(c, transitions)
        disabled = {receiver for receiver, outcome in outbox.counts(c) if outcome == "disabled"}
        outbox.put(c, plan(transitions, receivers(config), now, disabled=disabled))
        if state.announce:
            told = with_notifications(c, [transition.alert for transition in transitions])
            messages.put(c, [(ALERTS, row.alert.id, msgspec.json.encode(alert_fields(row))) for row in told])
