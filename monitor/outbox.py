"""The outbox's sender: hands over notifications as they fall due, to each receiver one at a time, to all at once."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait

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
CLAIM_SECONDS = 60.0
"""How long an attempt is this process's own: longer than the client waits for a receiver."""
_log = logging.getLogger(__name__)
Attempt = Future[Notification | None]


class Sender:
    """Delivers at least once, beside any number of others on the same store.

    An attempt is claimed before it is made and written down after it. A process that dies in between leaves a claim that
    runs out: the notification is sent again, with the same id.
    """

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
        self._attempts: dict[str, Attempt] = {}
        self._stopped, self._look_again = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self, within: float) -> None:
        """Finish the attempts at hand, waiting at most `within` seconds: unfinished, they are made again after their claim."""
        until = time.monotonic() + within
        self._stopped.set()
        self._look_again.set()
        self._thread.join(within)
        if not wait(self._attempts.values(), max(0.0, until - time.monotonic())).not_done:
            self._client.close()

    def step(self, now: float) -> list[Notification]:
        """Attempt the next that is due at `now` (seconds since 1970) for each receiver; how they are afterwards."""
        return [tried for attempt in self.look(now) if (tried := attempt.result()) is not None]

    def look(self, now: float) -> list[Attempt]:
        """As `step`, without waiting: a receiver that is slow delays nobody else. Who is at an attempt gets no second one."""
        with self._store.read() as c:
            names = dict.fromkeys(notification.receiver for notification in outbox.due(c, now))
        idle = [name for name in names if name not in self._attempts or self._attempts[name].done()]
        for name in idle:
            self._attempts[name] = attempt = Attempt()
            # a daemon: a receiver that does not answer must not keep the process from ending
            threading.Thread(target=self._work, args=(attempt, name, now), name=f"outbox {name}", daemon=True).start()
        return [self._attempts[name] for name in idle]

    def _work(self, attempt: Attempt, name: str, now: float) -> None:
        try:
            tried = self._attempt(name, now)
        except BaseException as error:
            attempt.set_exception(error)
            self._trouble(error)
            return
        attempt.set_result(tried)
        if tried is not None:
            self._look_again.set()

    def _attempt(self, name: str, now: float) -> Notification | None:
        """The next that is due for one receiver, as it is afterwards; None where another process is at it."""
        until = now + CLAIM_SECONDS
        with self._store.begin() as c:
            claimed = outbox.claim(c, now, until, 1, name)
        if not claimed:
            return None
        receiver = next((one for one in receivers(self._source.current) if one.name == name), None)
        if receiver is None:
            detail = "the configuration no longer has this receiver"
            after = msgspec.structs.replace(claimed[0], at=now, outcome="failed", detail=detail)
        else:
            after = delivery.attempt(claimed[0], receiver.notifier, self._client, now)
        self._store.retry(lambda c: outbox.update(c, after, until), self._stopped.is_set)
        self._tell(after)
        return after

    def _tell(self, after: Notification) -> None:
        self._metrics.notifications.labels(**self._metrics.capped(receiver=after.receiver), outcome=after.outcome).inc()
        level = logging.INFO if after.outcome == "delivered" else logging.WARNING
        logs.event(
            _log, level, "notification", id=after.id, alert=after.alert, receiver=after.receiver, tells=after.state,
            outcome=after.outcome, attempts=after.attempts, detail=after.detail,
        )  # fmt: skip

    def _trouble(self, error: BaseException) -> None:
        """A store that is away is waited for; anything else ends the service."""
        if isinstance(error, StoreError):
            logs.event(_log, logging.WARNING, "outbox_waits", caught=error)
        else:
            self._failed(error)

    def _run(self) -> None:
        while not self._stopped.is_set():
            pause = LOOK_EVERY
            try:
                self.look(time.time())
            except BaseException as error:
                self._trouble(error)
                if not isinstance(error, StoreError):
                    return
                pause = AFTER_FAILURE
            self._look_again.wait(pause)
            self._look_again.clear()
