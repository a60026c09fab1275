"""What every kind of receiver implements."""

from typing import Protocol

import httpx

from records.notification import Notification


class Notifier(Protocol):
    """Hands one notification over, once; whoever calls decides about another attempt."""

    def send(self, notification: Notification, client: httpx.Client, now: float) -> None:
        """Return when the receiver took it; `now` is the wall clock in seconds since 1970.

        Raises DeliveryError, whose text holds no secret, with the answer's status and how long to wait, where known.
        """
        ...
