"""What passes and what does not, by the code that the database gives; and what `Store.retry` does about it."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError

from monitor.store import Store, TransientStoreError, counters
from monitor.store.failures import AWAY, BUSY, CONFLICT, CROWDED, FULL, READ_ONLY, Failure, failure_of
from records.errors import StoreError


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("40001", CONFLICT),
        ("40P01", CONFLICT),
        ("08006", AWAY),
        ("57P01", AWAY),
        ("57P02", AWAY),
        ("57P03", AWAY),
        ("25P03", AWAY),
        ("25006", READ_ONLY),
        ("53100", FULL),
        ("53300", CROWDED),
        ("57014", None),  # cancelled: somebody, or a time limit, wanted it so
        ("55P03", None),  # a limit on waiting for locks was set
        ("57P04", None),  # the database was dropped
        ("42P01", None),  # no such table
        ("23505", None),  # unique violation
    ],
)
def test_sqlstates(state: str, expected: Failure | None) -> None:
    errors = pytest.importorskip("psycopg").errors
    assert failure_of(DBAPIError("", None, errors.lookup(state)())) is expected


def test_a_connection_that_psycopg_cannot_make_has_no_code() -> None:
    psycopg = pytest.importorskip("psycopg")
    assert failure_of(OperationalError("", None, psycopg.OperationalError("refused"))) is AWAY
    assert failure_of(DBAPIError("", None, psycopg.ProgrammingError("misused"))) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SQLITE_BUSY", BUSY),
        ("SQLITE_BUSY_SNAPSHOT", BUSY),
        ("SQLITE_FULL", FULL),
        ("SQLITE_CORRUPT", None),
        ("SQLITE_READONLY_DBMOVED", None),
    ],
)
def test_names_of_sqlites_errors(name: str, expected: Failure | None) -> None:
    error = sqlite3.OperationalError("of the database")
    error.sqlite_errorname = name
    assert failure_of(OperationalError("", None, error)) is expected


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Store]:
    """An SQLite store that may not grow."""
    store = Store(f"sqlite:///{tmp_path}/small.db")
    store.upgrade()
    yield store
    store.close()


def limit(c: Connection, pages: int) -> None:
    c.execute(text(f"PRAGMA max_page_count = {pages}"))


def fill(c: Connection) -> None:
    c.execute(text("INSERT INTO contents VALUES ('support', 1, 1, zeroblob(1000000))"))


def test_a_full_disk_is_waited_out_and_the_work_is_done_once(small: Store) -> None:
    limits = [1, 1, 1 << 30]

    def work(c: Connection) -> str:
        limit(c, limits.pop(0))
        counters.add(c, "support", interactions=1)
        fill(c)
        return "done"

    assert small.retry(work) == "done"
    with small.read() as c:
        assert counters.load(c)["support"].interactions == 1


def test_each_failure_is_told_and_stop_ends_the_waiting_with_what_to_do(tmp_path: Path, small: Store) -> None:
    told: list[TransientStoreError] = []

    def work(c: Connection) -> None:
        limit(c, 1)
        fill(c)

    store = Store(f"sqlite:///{tmp_path}/small.db", on_retry=told.append)
    with pytest.raises(TransientStoreError, match="full; make room on the database's disk") as stopped:
        store.retry(work, stop=lambda: len(told) > 2)
    assert [error.reason for error in told] == ["full"] * 3
    assert told[-1] is stopped.value
    store.close()


def test_what_would_fail_again_is_raised_at_once(store: Store) -> None:
    tried: list[int] = []

    def work(c: Connection) -> None:
        tried.append(1)
        c.execute(text("SELECT * FROM nowhere"))

    with pytest.raises((StoreError, DBAPIError), match="nowhere") as raised:
        store.retry(work)
    assert not isinstance(raised.value, TransientStoreError)

    def broken(c: Connection) -> None:
        tried.append(1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.retry(broken)
    assert len(tried) == 2
