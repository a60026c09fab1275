"""Alerts with what was told of them."""

from typing import NamedTuple

from sqlalchemy import Connection

from monitor.store import alerts as stored
from monitor.store import outbox
from records.alert import Alert
from records.notification import Notification


class Told(NamedTuple):
    """An alert, the number people call it by, and its notifications, the oldest first."""

    alert: Alert
    number: int
    notifications: list[Notification]


def with_notifications(c: Connection, found: list[Alert]) -> list[Told]:
    """Alerts with what was told of each."""
    numbers = stored.numbers(c, [alert.id for alert in found])
    return [Told(alert, numbers[alert.id], outbox.of_alert(c, alert.id)) for alert in found]
