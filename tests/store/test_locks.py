"""Locks by name: one holder, over threads and processes, until they are released or their connection is lost."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from monitor.store import Store, engine, locks
from monitor.store.dialect import hold
from monitor.store.failures import TransientStoreError
from records.errors import StoreError
from tests.store.databases import Postgres


@pytest.fixture
def processes(postgresql_server: Postgres) -> Iterator[tuple[Store, Store]]:
    """The stores of two processes; one SQLite store has one process."""
    one, other = (Store(url) for url in [postgresql_server.ready()] * 2)
    yield one, other
    one.close()
    other.close()


def lose_connections(store: Store) -> None:
    """All sessions of the database but the one that does it."""
    with store.begin() as c:
        mine = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        c.execute(text(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {mine}"))


def test_a_name_is_held_once_and_again_after_its_release(store: Store) -> None:
    first, second = store.lock("verdicts/a"), store.lock("verdicts/b")
    assert first
    assert second
    assert store.lock("verdicts/a") is None
    first.release()
    assert (first.held(), second.held()) == (False, True)
    again = store.lock("verdicts/a")
    assert again
    first.release()
    assert (first.held(), again.held()) == (False, True)


def test_of_many_threads_one_gets_the_lock(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(store.lock, ["verdicts/a"] * 8))
    assert sum(lock is not None for lock in found) == 1


def test_closing_a_store_releases_its_locks(store: Store) -> None:
    lock = store.lock("verdicts/a")
    store.close()
    assert lock
    assert not lock.held()
    assert store.lock("verdicts/a")


def test_another_process_gets_a_lock_when_it_is_released_or_its_holder_is_gone(processes: tuple[Store, Store]) -> None:
    store, other = processes
    mine, kept = store.lock("verdicts/a"), store.lock("verdicts/b")
    assert mine
    assert other.lock("verdicts/a") is None
    mine.release()
    assert other.lock("verdicts/a")
    assert store.lock("verdicts/a") is None
    store.close()
    assert kept
    assert not kept.held()
    assert other.lock("verdicts/b")


def test_who_loses_the_connection_loses_all_locks_and_can_take_new_ones(processes: tuple[Store, Store]) -> None:
    store, other = processes
    names = ("verdicts/a", "verdicts/b")
    mine = [lock for name in names if (lock := store.lock(name))]
    assert [lock.held() for lock in mine] == [True, True]
    lose_connections(other)
    assert other.lock(names[0])
    assert [lock.held() for lock in mine] == [False, False]
    for lock in mine:
        lock.release()
    assert store.lock(names[0]) is None
    assert store.lock(names[1])


def test_a_process_that_stands_still_loses_its_locks_and_its_transaction(
    postgresql_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (engine, locks):
        monkeypatch.setattr(module, "FROZEN", "100ms")
    url = postgresql_server.ready()
    still, other = Store(url), Store(url)
    lock = still.lock("verdicts/a")
    assert lock
    with pytest.raises(TransientStoreError), still.begin() as c:
        hold(c, "panes/a")
        with other.begin() as c2:
            hold(c2, "panes/a")
            c2.execute(text("SELECT pg_sleep(0.2)"))  # what works is not idle
        hold(c, "panes/b")
    assert not lock.held()
    assert other.lock("verdicts/a")
    for store in (still, other):
        store.close()


def test_who_holds_a_lock_can_hold_its_name_in_a_transaction_too(store: Store) -> None:
    assert store.lock("verdicts/a")
    with store.begin() as c:
        hold(c, "verdicts/a")


def test_many_share_a_lock_of_transactions_or_one_has_it_alone(processes: tuple[Store, Store]) -> None:
    store, _ = processes
    with store.begin() as one, store.begin() as two:
        hold(one, "panes/a", shared=True)
        hold(two, "panes/a", shared=True)
        with pytest.raises(StoreError, match="lock timeout"), store.begin() as three:
            three.execute(text("SET LOCAL lock_timeout = '10ms'"))
            hold(three, "panes/a")


def test_asking_for_a_lock_of_a_database_that_is_away_is_a_store_error() -> None:
    pytest.importorskip("psycopg")
    store = Store("postgresql+psycopg://me:hunter2@127.0.0.1:1/x")
    with pytest.raises(StoreError, match="refused") as refused:
        store.lock("verdicts/a")
    assert "hunter2" not in str(refused.value)
    store.close()


def test_connections_give_up_a_silent_server_unless_the_url_says_otherwise(postgresql_server: Postgres) -> None:
    store = Store(f"{postgresql_server.ready()}&connect_timeout=7")
    with store.read() as c:
        parameters = c.connection.driver_connection.info.get_parameters()
        assert (parameters["connect_timeout"], parameters["tcp_user_timeout"]) == ("7", "25000")
    store.close()
