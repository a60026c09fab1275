"""The one engine: SQLite by default, PostgreSQL by another URL."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock as Mutex
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError

from monitor.store import migrate
from monitor.store.dialect import WRITE
from monitor.store.failures import BUSY, READ_ONLY, TransientStoreError, failure_of
from monitor.store.locks import Lock, Locks
from records.errors import StoreError

BUSY_SECONDS = 60
"""How long a write transaction waits for another one before it gives up."""
_PRAGMAS = (
    f"busy_timeout = {BUSY_SECONDS * 1000}",
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "secure_delete = ON",  # what retention deletes must not be readable in the file's free pages
    "cache_size = -16384",
    "journal_size_limit = 67108864",
)


_CONNECTION = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
    "target_session_attrs": "read-write",
}
"""libpq's settings: a server that went silent is given up after 5 s (connecting) or 25 s (connected), not after hours, and a
standby is none: of several hosts in the URL the primary is found."""
FROZEN = "30s"
"""A process that stops in the middle of a transaction loses it after this, and with it the locks that others wait for."""
FIRST_WAIT, LONGEST_WAIT, LOOK = 0.05, 2.0, 0.05
"""Seconds before a transaction is tried again, doubling; and between two looks at whether to stop."""
T = TypeVar("T")


class Store:
    """Opens nothing yet; StoreError where the URL is of no supported database.

    Reads see a snapshot and block nobody. Threads share one Store; in SQLite write transactions take turns.
    `on_retry` is told of each failure after which `retry` waits.
    """

    def __init__(self, url: str, on_retry: Callable[[TransientStoreError], None] = lambda error: None) -> None:
        self._engine = _engine(url)
        self._name = self._engine.url.render_as_string(hide_password=True)
        self._on_retry = on_retry
        self._locks = Locks(self._engine)
        self._turn = Mutex() if self._engine.dialect.name == "sqlite" else None

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A write transaction: committed at the end of the block, rolled back where it raises."""
        if self._turn is None:
            with self._connect(write=True) as c:
                yield c
            return
        # SQLite's own waiting polls up to every 100 ms; threads of this process hand over at once instead
        if not self._turn.acquire(timeout=BUSY_SECONDS):
            raise TransientStoreError(f"{self._name}: another write transaction has been open for {BUSY_SECONDS} s", BUSY)
        try:
            with self._connect(write=True) as c:
                yield c
        finally:
            self._turn.release()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot that cannot be written to."""
        with self._connect(write=False) as c:
            yield c

    def retry(self, work: Callable[[Connection], T], stop: Callable[[], bool] = lambda: False) -> T:
        """Run `work` in a write transaction, and again after what passes (failures.PASSING), until it is committed.

        A connection that is lost while it commits leaves open whether it did: `work` must find that out by itself, from
        what it finds in the database (a position, a unique key), and then do nothing. It keeps nothing of a failed run.
        Where `stop` is true after a failure, that is raised: TransientStoreError.
        """
        wait = FIRST_WAIT
        while True:
            try:
                with self.begin() as c:
                    return work(c)
            except TransientStoreError as error:
                self._on_retry(error)
                if error.reason == READ_ONLY.reason:
                    self._engine.dispose()  # the pool leads to what was the primary
                if _stopped(wait, stop):
                    raise
            wait = min(2 * wait, LONGEST_WAIT)

    def lock(self, name: str) -> Lock | None:
        """A lock that outlives transactions, None where another process holds it (in SQLite: another part of this process)."""
        with self._errors():
            return self._locks.take(name)

    def upgrade(self) -> str:
        """Bring the tables to this version's revision, which is returned; StoreError where they are of a newer one."""
        with self.begin() as c:
            return migrate.upgrade(c)

    def check(self) -> None:
        """StoreError where the tables are not of this version's revision, or the database is away."""
        with self.read() as c:
            migrate.check(c)

    def close(self) -> None:
        """Release all locks and close all connections."""
        self._locks.close()
        self._engine.dispose()

    @contextmanager
    def _connect(self, write: bool) -> Iterator[Connection]:
        options: dict[str, Any] = {WRITE: write}
        if self._engine.dialect.name == "postgresql" and not write:
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self._errors(), self._engine.connect() as c, c.execution_options(**options).begin():
            yield c

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Errors of the database's driver as StoreError."""
        try:
            yield
        except DBAPIError as error:
            message = f"{self._name}: {error.orig}"
            if failure := failure_of(error):
                raise TransientStoreError(message, failure) from error
            if isinstance(error, OperationalError | InterfaceError):
                raise StoreError(message) from error
            raise


def _stopped(seconds: float, stop: Callable[[], bool]) -> bool:
    """Wait; whether it is time to stop instead of going on."""
    for _ in range(round(seconds / LOOK)):
        if stop():
            return True
        time.sleep(LOOK)
    return stop()


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError("the store's URL cannot be read: expected sqlite:///FILE or postgresql+psycopg://…") from None
    name = parsed.get_backend_name()
    if name not in ("sqlite", "postgresql"):
        raise StoreError(f"the store cannot be {name}: expected sqlite:///FILE or postgresql+psycopg://…")
    if name == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StoreError("the store needs a file that all threads share: expected sqlite:///FILE")
    remote = name == "postgresql"
    settings = {key: value for key, value in _CONNECTION.items() if remote and key not in parsed.query}
    engine = create_engine(
        parsed, pool_size=10, max_overflow=40, pool_pre_ping=remote, hide_parameters=True, connect_args=settings
    )
    if name == "sqlite":
        event.listen(engine, "connect", _open)
        event.listen(engine, "begin", _begin)
    else:
        event.listen(engine, "connect", _limit)
    return engine


def _open(connection: Any, _record: object) -> None:
    """As SQLAlchemy's documentation says for the sqlite3 driver: it must not begin transactions of its own."""
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _limit(connection: Any, _record: object) -> None:
    connection.autocommit = True
    connection.execute(f"SET idle_in_transaction_session_timeout = '{FROZEN}'")
    connection.autocommit = False


def _begin(c: Connection) -> None:
    write = c.get_execution_options()[WRITE]
    c.exec_driver_sql(f"PRAGMA query_only = {'OFF' if write else 'ON'}")
    # a transaction that will write takes its lock first: one that has read cannot always get it later
    c.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
