"""From HTTP into the embedded stream: accepted lines into the log, refused ones to the dead letters."""

import asyncio
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import msgspec

from monitor import logs
from monitor.api.intake import Overloaded, Topic
from monitor.store import counters, dead_letters
from monitor.store.dead_letters import DeadLetter
from monitor.store.engine import Store
from records.errors import StoreError
from records.refusal import Refusal
from streams.embedded import PARTITION, Appender, Log
from streams.gathering import Gatherer

MOST_LINES, MOST_BYTES = 200_000, 512 << 20
"""Accepted and not yet counted: beyond either, clients are told to wait."""
MOST_LETTERS = 64 << 20
"""Bytes of refused lines that wait to be written."""
_READ = 8 << 20
_log = logging.getLogger(__name__)


class Backlog:
    """How much of the log is still to be counted; safe between threads. `position` gives the next offset to count."""

    def __init__(self, log: Log, position: Callable[[], int]):
        """Reads what an earlier process left uncounted."""
        self._position, self._lock = position, threading.Lock()
        self._records: deque[tuple[int, int, int]] = deque()
        self._lines = self._bytes = 0
        at = position()
        while records := log.fetch(at, 1_000, _READ):
            for record in records:
                self.add(record.offset, *_weight([record.value]))
            at = records[-1].offset + 1

    def add(self, offset: int, lines: int, size: int) -> None:
        """There are `lines` more, of `size` bytes, in records up to `offset`."""
        with self._lock:
            self._records.append((offset, lines, size))
            self._lines, self._bytes = self._lines + lines, self._bytes + size

    def lines(self) -> int:
        """Lines accepted and not yet counted."""
        self._forget()
        return self._lines

    def problem(self) -> str | None:
        """What is wrong, None while more can be taken."""
        self._forget()
        if self._lines > MOST_LINES or self._bytes > MOST_BYTES:
            return f"{self._lines} lines ({self._bytes >> 20} MiB) are accepted and not yet counted"
        return None

    def _forget(self) -> None:
        position = self._position()
        with self._lock:
            while self._records and self._records[0][0] < position:
                _, lines, size = self._records.popleft()
                self._lines, self._bytes = self._lines - lines, self._bytes - size


def _weight(records: Sequence[bytes]) -> tuple[int, int]:
    """Lines and bytes of records."""
    return sum(record.count(b"\n") + 1 for record in records), sum(map(len, records))


class LogIntake:
    """The intake of the embedded stream (monitor.api.intake.Intake)."""

    def __init__(self, appender: Appender, letters: "LetterWriter", backlog: Backlog):
        self._appender, self._letters, self._backlog = appender, letters, backlog

    async def accept(self, topic: Topic, records: list[bytes], accepted_at: int) -> None:
        """Returns when the records are on disk. Raises Overloaded, and StoreError where the disk does not take them."""
        await durable(self.offer(topic, records, accepted_at))

    def offer(self, topic: Topic, records: list[bytes], accepted_at: int) -> "Future[int]":
        """Hands records over; the future is done when they are on disk. Raises Overloaded."""
        if self._backlog.problem():
            raise Overloaded(5.0)
        future = self._appender.submit([(topic, accepted_at, record) for record in records])
        if future is None:
            raise Overloaded(1.0)
        weight = _weight(records)

        def accepted(done: "Future[int]") -> None:
            if done.exception() is None:
                self._backlog.add(done.result(), *weight)

        future.add_done_callback(accepted)
        return future

    def problem(self) -> str | None:
        """Why the log takes no records, None while it does."""
        return self._appender.problem()

    async def dead_letter(self, topic: Topic, refused: Sequence[Refusal], accepted_at: int) -> None:
        """Returns when the lines are in the store. Raises Overloaded, and StoreError where the store is away."""
        await durable(self._letters.submit(letters_of(topic, refused, accepted_at)))


def letters_of(topic: str, refused: Sequence[Refusal], accepted_at: int) -> list[DeadLetter]:
    """Lines that were refused before any record held them, as the store keeps them."""
    return [DeadLetter(accepted_at, topic, PARTITION, None, r.index, r.field, r.reason, r.text, r.line) for r in refused]


async def durable(future: "Future[int] | Future[None]") -> None:
    """Waits; a client that goes away meanwhile must not cancel what others wait for in the same transaction."""
    try:
        await asyncio.shield(asyncio.wrap_future(future))
    except sqlite3.Error as error:
        raise StoreError(f"the log could not be written: {error}; check the disk") from error


class LetterWriter:
    """A thread that keeps refused lines: one transaction for all that wait, so that they never hold up a request in turn."""

    def __init__(self, store: Store):
        self._store = store
        self._gatherer: Gatherer[DeadLetter, None] = Gatherer("dead letters", self._write, _size, MOST_LETTERS)

    def submit(self, rows: list[DeadLetter]) -> "Future[None]":
        """A future that is done when the rows are stored. Raises Overloaded where too much waits already."""
        future = self._gatherer.submit(rows)
        if future is None:
            raise Overloaded(5.0)
        return future

    def close(self) -> None:
        """Write what was handed in, then stop."""
        self._gatherer.close()

    def _write(self, rows: list[DeadLetter]) -> None:
        try:
            with self._store.begin() as c:
                dead_letters.put(c, rows)
                for application, n in _by_application(rows, counters.load(c)).items():
                    counters.add(c, application, refused=n)
        except StoreError as error:
            logs.event(_log, logging.ERROR, "dead_letters_not_kept", caught=error, lines=len(rows))
            raise


class _Named(msgspec.Struct):
    application: str


def _size(rows: list[DeadLetter]) -> int:
    return sum(len(row.line) for row in rows)


def _by_application(rows: list[DeadLetter], known: dict[str, counters.Counters]) -> dict[str, int]:
    """How many lines of each known application were refused, as far as they still say whose they are."""
    counts: dict[str, int] = {}
    for row in rows:
        try:
            name = msgspec.json.decode(row.line, type=_Named).application
        except (msgspec.MsgspecError, ValueError, RecursionError):
            continue
        if name in known:
            counts[name] = counts.get(name, 0) + 1
    return counts
