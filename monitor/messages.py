"""Messages for the topics that Plumbline writes: findings and alerts from the store's outbox, and refused lines."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from monitor import logs
from monitor.store import messages
from monitor.store.dead_letters import DeadLetter
from monitor.store.dialect import hold
from monitor.store.engine import Store
from records.errors import PlumblineError
from streams.broker import DEAD_LETTER
from streams.publisher import Message

LOOK_EVERY, AFTER_FAILURE = 0.5, 5.0
"""Seconds between two looks at the outbox, and after the store or Kafka was away."""
AT_ONCE = 500
_log = logging.getLogger(__name__)


class Sends(Protocol):
    """Where messages go: Kafka (streams.publisher.Publisher), or the embedded log."""

    def send(self, messages: Sequence[Message]) -> object:
        """Returns when all are taken. Raises StreamError."""


class Announcer:
    """A thread that sends what the store's outbox holds for Kafka: at least once, in the order in which it was decided."""

    def __init__(self, store: Store, publisher: Sends, failed: Callable[[BaseException], None]):
        self._store, self._publisher, self._failed = store, publisher, failed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self, within: float) -> None:
        """What is not sent then is sent by others, or after a restart."""
        self._stop.set()
        self._thread.join(within)

    def step(self) -> int:
        """Send the oldest messages; how many. Raises StoreError, StreamError."""
        with self._store.read() as c:
            if not messages.waiting(c):
                return 0
        with self._store.begin() as c:
            hold(c, "plumbline/messages")  # one process at a time, or two messages of one key may overtake each other
            rows = messages.take(c, AT_ONCE)
            self._publisher.send([Message(row.topic, row.value, row.key.encode()) for row in rows])
            messages.delete(c, [row.id for row in rows])
        return len(rows)

    def _run(self) -> None:
        wait = 0.0
        while not self._stop.wait(wait):
            try:
                wait = 0.0 if self.step() else LOOK_EVERY
            except PlumblineError as error:
                logs.event(_log, logging.WARNING, "announcing_waits", caught=error)
                wait = AFTER_FAILURE
            except BaseException as error:
                self._failed(error)
                return


def refused_messages(letters: Sequence[DeadLetter]) -> list[Message]:
    """Refused lines with their original bytes, and where they came from."""
    return [Message(DEAD_LETTER, letter.line, None, _headers(letter)) for letter in letters]


def _headers(letter: DeadLetter) -> tuple[tuple[str, bytes], ...]:
    offset = "" if letter.offset is None else str(letter.offset)
    named = {"reason": letter.reason, "field": letter.field, "topic": letter.topic, "partition": str(letter.partition),
             "offset": offset, "index": str(letter.index)}  # fmt: skip
    return tuple((name, text.encode(errors="replace")) for name, text in named.items())
