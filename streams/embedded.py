"""The embedded stream: a durable append-only log in a SQLite file of its own, and the loop that reads it.

The log has its own file so that accepting never waits for judging. Appends of many requests share one transaction.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from streams.gathering import Gatherer

TOPIC, PARTITION = "embedded", 0
"""Under which name the position in the embedded log is kept."""
Record = tuple[str, int, bytes]
"""A record to append: topic, accepted_at, value, as in a LogRecord."""


class LogRecord(NamedTuple):
    """A record of the log: `topic` is "interactions" or "feedback", `value` NDJSON, `accepted_at` microseconds since 1970."""

    offset: int
    topic: str
    value: bytes
    accepted_at: int


class Log:
    """Records in the order they were accepted; what `append` returned for survives a crash of process or machine."""

    def __init__(self, path: Path):
        self._path = path
        with self._connect() as c:
            c.execute("PRAGMA auto_vacuum = INCREMENTAL")
            c.execute("PRAGMA journal_mode = WAL")
            c.execute(
                "CREATE TABLE IF NOT EXISTS log (offset INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL,"
                " accepted_at INTEGER NOT NULL, value BLOB NOT NULL)"
            )
        self._writer, self._reader = self._connect(), self._connect()
        self._deleter = threading.Lock()

    def _connect(self) -> sqlite3.Connection:
        c = sqlite3.connect(self._path, timeout=60, isolation_level=None, check_same_thread=False)
        c.execute("PRAGMA synchronous = FULL")
        c.execute("PRAGMA secure_delete = ON")
        return c

    def append(self, records: Sequence[Record]) -> int:
        """Append records, at least one, in one transaction; the offset of the last one.

        All or none: after an error (a full disk) none is there, and the next call starts anew.
        """
        with self._deleter:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                self._writer.executemany("INSERT INTO log (topic, accepted_at, value) VALUES (?, ?, ?)", records)
                (last,) = self._writer.execute("SELECT max(offset) FROM log").fetchone()
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
        return int(last)

    def probe(self, size: int) -> None:
        """Write `size` bytes and delete them again; sqlite3.Error where the disk does not take them."""
        with self._deleter:
            self._writer.execute("DROP TABLE IF EXISTS probe")
            self._writer.execute("CREATE TABLE probe (value BLOB)")
            self._writer.execute("INSERT INTO probe VALUES (zeroblob(?))", (size,))
            self._writer.execute("DROP TABLE probe")

    def fetch(self, offset: int, most: int, most_bytes: int) -> list[LogRecord]:
        """Records from `offset` on, at least one where there is any, else up to `most` or `most_bytes`."""
        out, size = [], 0
        rows = self._reader.execute(
            "SELECT offset, topic, value, accepted_at FROM log WHERE offset >= ? ORDER BY offset LIMIT ?", (offset, most)
        )
        for row in rows:
            out.append(LogRecord(*row))
            size += len(out[-1].value)
            if size >= most_bytes:
                break
        rows.close()
        return out

    def weigh(self) -> tuple[int, int]:
        """How many records there are, and the bytes of their values."""
        with self._deleter:
            n, size = self._writer.execute("SELECT count(*), coalesce(sum(length(value)), 0) FROM log").fetchone()
        return int(n), int(size)

    def delete_before(self, offset: int) -> None:
        """Forget records below `offset`; their space is used again."""
        with self._deleter:
            self._writer.execute("DELETE FROM log WHERE offset < ?", (offset,))

    def shrink(self) -> None:
        """Give space back: no byte of what was deleted stays in any file."""
        with self._deleter:
            # a script is run to its end; `execute` would give back a single page
            self._writer.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self._reader.close()
        self._writer.close()


class Appender:
    """A thread that appends what many callers hand in, one transaction for all that waits."""

    def __init__(self, log: Log, wake: Callable[[], None], most_waiting: int = 64 * 2**20):
        self._log, self._failed = log, 0
        self._gatherer: Gatherer[Record, int] = Gatherer("log", self._append, _size, most_waiting, wake)

    def submit(self, records: list[Record]) -> "Future[int] | None":
        """A future that gives the last offset when the records are durable; None where too much waits already."""
        return self._gatherer.submit(records)

    def _append(self, records: list[Record]) -> int:
        try:
            last = self._log.append(records)
        except Exception:
            self._failed = max(_size(records), 1)
            raise
        self._failed = 0
        return last

    def problem(self) -> str | None:
        """Why records are not taken; None unless the last append failed and the disk still takes no more of that size."""
        if not self._failed:
            return None
        try:
            self._log.probe(self._failed)
        except sqlite3.Error as error:
            return f"the log cannot be written: {error}; make room on its disk"
        self._failed = 0
        return None

    def close(self) -> None:
        """Append what was handed in, then stop."""
        self._gatherer.close()


def _size(records: list[Record]) -> int:
    return sum(len(value) for _, _, value in records)


class Consumer(Protocol):
    """What the loop drives: everything in one transaction a batch, the position included."""

    def position(self) -> int:
        """The offset to go on from."""

    def ingest(self, records: Sequence[LogRecord], now: int) -> None:
        """Take in a batch; when it returns, the batch and its position are committed. `now` in microseconds."""

    def tick(self, now: int) -> None:
        """Close what only the clock can close; `now` in microseconds."""


@dataclass(slots=True)
class Limits:
    """How much one transaction takes in, how often the clock is looked at (seconds), after how many batches what was taken
    in is deleted from the log (at once when nothing more waits), and how long it may then stay in free space (seconds)."""

    records: int = 4_000
    size: int = 24 * 2**20
    tick: float = 1.0
    batches: int = 16
    shrink: float = 60.0


class Runner:
    """The loop of the embedded stream: it owns delivery, positions and the clock, and nothing else."""

    def __init__(self, log: Log, consumer: Consumer, failed: Callable[[BaseException], None], limits: Limits | None = None):
        self._log, self._consumer, self._failed, self._limits = log, consumer, failed, limits or Limits()
        self._taken, self._deleted, self._shrunk = 0, False, time.monotonic()
        self._stop, self._more = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is something new in the log."""
        self._more.set()

    def stop(self) -> None:
        """Finish the batch at hand and stop."""
        self._stop.set()
        self._more.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._more.clear()
                if not self.step():
                    self._consumer.tick(time.time_ns() // 1000)
                    self._shrink()
                    self._more.wait(self._limits.tick)
        except BaseException as error:
            self._failed(error)

    def step(self) -> bool:
        """Take in one batch; whether there was one."""
        records = self._log.fetch(self._consumer.position(), self._limits.records, self._limits.size)
        if records:
            self._consumer.ingest(records, time.time_ns() // 1000)
            self._taken += 1
        if self._taken >= (self._limits.batches if records else 1):
            with suppress(sqlite3.OperationalError):  # deleting takes room too: a full disk only makes it wait
                self._log.delete_before(self._consumer.position())
                self._taken, self._deleted = 0, True
        return bool(records)

    def _shrink(self) -> None:
        """Costs as much as writing did, so it waits for a moment when nothing else does, and is done now and then."""
        if self._deleted and time.monotonic() - self._shrunk >= self._limits.shrink:
            self._shrunk = time.monotonic()
            with suppress(sqlite3.OperationalError):
                self._log.shrink()
                self._deleted = False
