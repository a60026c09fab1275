"""What could not be sent yet, in the order it came: durable, bounded, in a SQLite file of its own."""

import fcntl
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from records.errors import StoreError
from streams.embedded import Log, LogRecord, Record

NEARLY_FULL = 0.8


class Spool:
    """Records of at most `limit` bytes; one thread adds, one other takes. What an earlier process left is in it."""

    def __init__(self, path: Path, limit: int):
        """Raises StoreError where the file cannot be used, or another process uses it."""
        with ExitStack() as parts:
            try:
                mine = parts.enter_context(path.with_name(f"{path.name}.lock").open("a"))
                fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._log = Log(path)
                parts.callback(self._log.close)
                self._count, self._bytes = self._log.weigh()
            except BlockingIOError:
                raise StoreError(f"{path}: another process spools into it; give each one a `spool` of its own") from None
            except (OSError, sqlite3.Error) as error:
                raise StoreError(f"{path}: the spool cannot be used: {error}") from None
            self._parts = parts.pop_all()
        self._limit, self._lock = limit, threading.Lock()
        self._next, self._failed = 0, 0

    @property
    def waiting(self) -> tuple[int, int]:
        """How many records, and their bytes."""
        with self._lock:
            return self._count, self._bytes

    def add(self, records: Sequence[Record]) -> bool:
        """Whether there was room; the records are durable then. Raises sqlite3.Error where the disk does not take them."""
        size = sum(len(value) for _, _, value in records)
        if self.waiting[1] + size > self._limit:
            return False
        try:
            self._log.append(records)
        except sqlite3.Error:
            self._failed = max(size, 1)
            raise
        self._failed = 0
        with self._lock:
            self._count, self._bytes = self._count + len(records), self._bytes + size
        return True

    def head(self, most: int, most_bytes: int) -> list[LogRecord]:
        """The oldest records: at least one where there is any, else up to `most` or `most_bytes`."""
        return self._log.fetch(self._next, most, most_bytes)

    def forget(self, records: Sequence[LogRecord]) -> None:
        """Delete what `head` gave."""
        self._next = records[-1].offset + 1
        with suppress(sqlite3.OperationalError):  # a full disk makes it wait for the next time; after a crash they go twice
            self._log.delete_before(self._next)
        with self._lock:
            self._count -= len(records)
            self._bytes -= sum(len(record.value) for record in records)
            empty = not self._count
        if empty:
            with suppress(sqlite3.OperationalError):
                self._log.shrink()

    def problem(self) -> str | None:
        """What is wrong: nearly full, or the disk does not take what it did not take last time."""
        used = self.waiting[1]
        if used > NEARLY_FULL * self._limit:
            return f"{used >> 20} of {self._limit >> 20} MiB of the spool are used: Kafka takes nothing, or too slowly"
        if self._failed:
            try:
                self._log.probe(self._failed)
            except sqlite3.Error as error:
                return f"the spool cannot be written: {error}; make room on its disk"
            self._failed = 0
        return None

    def close(self) -> None:
        """What is left stays for the next start."""
        self._parts.close()
