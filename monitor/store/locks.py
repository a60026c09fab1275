"""Locks by name that last longer than a transaction: which process does a piece of work that one is to do.

They share work out and no more: whoever writes must still take `dialect.hold` in its transaction, since a lock is gone
with its connection, at a failover too, and its holder learns of that only by asking.
"""

from contextlib import suppress
from threading import Lock as Mutex
from typing import Any

from sqlalchemy import Connection, Engine, Function, func, select
from sqlalchemy.exc import DBAPIError

FROZEN, FROM = "30s", (14,)
"""A process that asks for nothing for so long loses its locks, where the server's version can end idle sessions."""


class Lock:
    """Held until `release`, or until the connection behind all locks of this process is lost."""

    def __init__(self, locks: "Locks", name: str) -> None:
        self._locks, self.name = locks, name

    def held(self) -> bool:
        """Whether it is still held; one round trip to the database."""
        return self._locks.holds(self)

    def release(self) -> None:
        """Let others have it; harmless where it is lost or released already."""
        self._locks.release(self)


class Locks:
    """All locks of one process: session locks of one connection to PostgreSQL, names in this process for SQLite.

    Threads may share it; they exclude each other as processes do.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine, self._mutex = engine, Mutex()
        self._shared = engine.dialect.name == "postgresql"
        self._connection: Connection | None = None
        self._held: dict[str, Lock] = {}

    def take(self, name: str) -> Lock | None:
        """The lock, or None where somebody holds it. Raises DBAPIError where the database is away."""
        with self._mutex:
            if self._shared and not self._alive():
                self._connect()
            if name in self._held or (self._shared and not self._ask(func.pg_try_advisory_lock(_key(name)))):
                return None
            self._held[name] = Lock(self, name)
            return self._held[name]

    def holds(self, lock: Lock) -> bool:
        """Whether this very lock is held."""
        with self._mutex:
            return self._holds(lock)

    def release(self, lock: Lock) -> None:
        """Let others have it."""
        with self._mutex:
            if self._holds(lock):
                if self._shared:
                    self._ask(func.pg_advisory_unlock(_key(lock.name)))
                self._held.pop(lock.name, None)

    def close(self) -> None:
        """Release all."""
        with self._mutex:
            self._forget()

    def _holds(self, lock: Lock) -> bool:
        return self._held.get(lock.name) is lock and (not self._shared or self._alive())

    def _alive(self) -> bool:
        """Whether the connection answers; without an answer all locks are gone."""
        return self._connection is not None and self._ask(func.now()) is not None

    def _ask(self, question: Function[Any]) -> object:
        """The answer, None where the connection is lost."""
        if self._connection is None:
            return None
        try:
            return self._connection.execute(select(question)).scalar()
        except DBAPIError:
            self._forget()
            return None

    def _connect(self) -> None:
        """A connection outside of the pool, so that it is nobody else's, and that closing it releases the locks."""
        self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._connection.detach()
        if (self._engine.dialect.server_version_info or ()) >= FROM:
            self._ask(func.set_config("idle_session_timeout", FROZEN, False))

    def _forget(self) -> None:
        self._held.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(DBAPIError):
                connection.close()


def _key(name: str) -> Function[int]:
    """Another number than `dialect.hold` has for the same name, so that a process can hold both."""
    return func.hashtextextended(name, 1)
