"""The engine: migrations, transactions, snapshots, and what a crash leaves."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from monitor.store import Store, counters, dead_letters
from monitor.store.dead_letters import DeadLetter
from monitor.store.dialect import advance
from monitor.store.tables import metadata
from records.errors import StoreError


def test_a_migrated_database_has_exactly_the_tables_of_the_metadata(store: Store) -> None:
    with store.read() as c:
        context = MigrationContext.configure(c, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_upgrading_twice_is_upgrading_once(empty_url: str) -> None:
    store = Store(empty_url)
    with pytest.raises(StoreError, match="revision none: run `plumbline db upgrade`"):
        store.check()
    assert store.upgrade() == store.upgrade() == "0006"
    store.check()
    store.close()


def test_two_processes_that_upgrade_at_once_both_succeed(empty_url: str) -> None:
    program = f"from monitor.store import Store\nprint(Store({empty_url!r}).upgrade())"
    both = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(2)]
    assert [process.communicate()[0] for process in both] == [b"0006\n", b"0006\n"]


def test_a_database_of_a_newer_revision_is_refused_in_words(empty_url: str) -> None:
    store = Store(empty_url)
    store.upgrade()
    with store.begin() as c:
        c.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for refused in (store.upgrade, store.check):
        with pytest.raises(StoreError, match="revision 9999, this version knows up to 0006: upgrade plumbline"):
            refused()
    store.close()


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("nonsense", "cannot be read"),
        ("mysql://root@localhost/x", "cannot be mysql"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
    ],
)
def test_a_url_of_no_supported_database_is_refused(bad: str, words: str) -> None:
    with pytest.raises(StoreError, match=words):
        Store(bad)


def test_a_database_that_is_away_is_a_store_error_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="unable to open database file"):
        Store(f"sqlite:///{tmp_path}/none/x.db").check()
    pytest.importorskip("psycopg")
    with pytest.raises(StoreError) as refused:
        Store(f"postgresql+psycopg://me:hunter2@/x?host={tmp_path}").check()
    assert "hunter2" not in str(refused.value)


def test_a_block_that_raises_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.begin() as c:
        counters.add(c, "support", interactions=1)
        1 / 0  # noqa: B018
    with store.read() as c:
        assert counters.load(c) == {}


def test_what_is_opened_to_read_cannot_be_written_to(store: Store) -> None:
    with pytest.raises(Exception, match=r"read-?only"), store.read() as c:
        counters.add(c, "support", interactions=1)
    with store.begin() as c:
        counters.add(c, "support", interactions=1)


def test_readers_see_the_last_commit_while_a_write_is_open_and_keep_their_snapshot_after_it(store: Store) -> None:
    with store.read() as before:
        assert counters.load(before) == {}
        with store.begin() as c:
            counters.add(c, "support", interactions=2)
            with store.read() as during:
                assert counters.load(during) == {}
        with store.read() as after:
            assert counters.load(after)["support"].interactions == 2
        assert counters.load(before) == {}


def test_threads_that_take_numbers_at_once_lose_none_and_share_none(store: Store) -> None:
    taken: list[int] = []

    def work() -> None:
        for _ in range(20):
            with store.begin() as c:
                taken.append(advance(c, "alert", 1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1, 81))


CRASH = """
import sys, time
from monitor.store import Store, counters
from monitor.store.dialect import advance
store = Store(sys.argv[1])
with store.begin() as c:
    advance(c, "alert", 1)
    counters.add(c, "support", interactions=1)
with store.begin() as c:
    advance(c, "alert", 1)
    counters.add(c, "support", interactions=1)
    print("open", flush=True)
    sys.stdin.read()
"""


def test_kill_9_in_the_second_transaction_leaves_the_first_and_nothing_of_the_second(url: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", CRASH, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"open\n"
    process.kill()
    process.communicate()
    store = Store(url)
    with store.begin() as c:
        assert counters.load(c)["support"].interactions == 1
        assert advance(c, "alert", 1) == 2
    store.close()


def test_what_was_deleted_cannot_be_read_in_the_file(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/x.db")
    store.upgrade()
    with store.begin() as c:
        dead_letters.put(c, [DeadLetter(1, "t", 0, 1, 0, "id", "missing", "id: missing", b"a private matter" * 1000)])
    with store.begin() as c:
        dead_letters.delete_before(c, 2)
    store.close()
    assert b"a private matter" not in (tmp_path / "x.db").read_bytes()
