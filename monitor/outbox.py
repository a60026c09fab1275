"""The outbox's sender: a thread that hands over notifications as they fall due, one at a time."""

import logging
import threading
import time
from collections.abc import Callable

import httpx
import msgspec

from alerts import delivery
from alerts.notify import open_client
from monitor import logs
from monitor.config import ConfigSource
from monitor.metrics import Metrics
from monitor.stages.alerting import receivers
from monitor.store import outbox
from monitor.store.engine import Store
from records.errors import StoreError
from records.notification import Notification

LOOK_EVERY, AFTER_FAILURE = 1.0, 5.0
"""Seconds between two looks at the outbox, and after the store was away."""
_log = logging.getLogger(__name__)


class Sender:
    """Delivers at least once: an attempt is written down after it was made, in a transaction of its own."""

    def __init__(
        self,
        store: Store,
        source: ConfigSource,
        metrics: Metrics,
        failed: Callable[[BaseException], None],
        client: httpx.Client | None = None,
    ):
        self._store, self._source, self._metrics, self._failed = store, source, metrics, failed
        self._client = client or open_client()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self, within: float) -> None:
        """Finish the attempt at hand, waiting at most `within` seconds for it: unfinished, it is made again after a restart."""
        self._stop.set()
        self._thread.join(within)
        if not self._thread.is_alive():
            self._client.close()

    def step(self, now: float) -> list[Notification]:
        """Attempt what is due at `now` (seconds since 1970); the notifications as they are afterwards."""
        with self._store.read() as c:
            due = delivery.due(outbox.waiting(c), now)
        if not due:
            return []
        known = {receiver.name: receiver for receiver in receivers(self._source.current)}
        tried = []
        for notification in due:
            if self._stop.is_set():
                break
            receiver = known.get(notification.receiver)
            tried.append(self._attempt(notification, receiver, now))
        return tried

    def _attempt(self, notification: Notification, receiver: delivery.Receiver | None, now: float) -> Notification:
        if receiver is None:
            detail = "the configuration no longer has this receiver"
            after = msgspec.structs.replace(notification, at=now, outcome="failed", detail=detail)
        else:
            after = delivery.attempt(notification, receiver.notifier, self._client, now)
        with self._store.begin() as c:
            outbox.update(c, after)
        self._metrics.notifications.labels(**self._metrics.capped(receiver=after.receiver), outcome=after.outcome).inc()
        level = logging.INFO if after.outcome == "delivered" else logging.WARNING
        logs.event(
            _log, level, "notification", id=after.id, alert=after.alert, receiver=after.receiver, tells=after.state,
            outcome=after.outcome, attempts=after.attempts, detail=after.detail,
        )  # fmt: skip
        return after

    def _run(self) -> None:
        wait = 0.0
        while not self._stop.wait(wait):
            try:
                self.step(time.time())
                wait = LOOK_EVERY
            except StoreError as error:
                logs.event(_log, logging.WARNING, "outbox_waits", caught=error)
                wait = AFTER_FAILURE
            except BaseException as error:
                self._failed(error)
                return
