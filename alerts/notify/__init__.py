"""How a notification reaches a receiver: one module per kind of receiver, each with a `Notifier`."""

from alerts.notify.client import open_client
from alerts.notify.notifier import Notifier
from alerts.notify.webhook import Webhook

__all__ = ["Notifier", "Webhook", "open_client"]
