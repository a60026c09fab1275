"""PostgreSQL that fails in the middle of a transaction: through `Store.retry` the work is done, and done once."""

import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection, text

from monitor.store import Store, TransientStoreError, contents, counters, positions
from monitor.store.contents import Content
from monitor.store.dialect import hold
from monitor.store.positions import Position
from tests.faults.test_disk_and_locks import small_disk
from tests.store import databases
from tests.store.databases import Postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server of this file's own, since it is stopped and killed."""
    with databases.postgres() as made:
        yield made


@pytest.fixture
def url(server: Postgres) -> str:
    return server.ready()


@dataclass
class Batch:
    """Counts one interaction and moves the position, in this order; `during` happens between the two at the first try."""

    during: Callable[[Connection], object] = lambda c: None
    offset: int = 1
    tries: int = 0

    def __call__(self, c: Connection) -> None:
        self.tries += 1
        position = positions.get(c, "t", 0)
        if position is not None and position.next_offset >= self.offset:
            return
        counters.add(c, "support", interactions=1)
        if self.tries == 1:
            self.during(c)
        positions.put(c, "t", 0, Position(self.offset, {}))


def counted(store: Store) -> int:
    with store.read() as c:
        return counters.load(c)["support"].interactions


def restart(server: Postgres) -> None:
    server.stop()
    server.start()


def crash(server: Postgres) -> None:
    server.stop("immediate")
    server.start()


def kill(server: Postgres) -> None:
    server.kill()
    server.start()


@pytest.mark.parametrize("fail", [restart, crash, kill])
def test_a_server_that_is_restarted_in_the_middle_of_a_transaction(
    server: Postgres, store: Store, fail: Callable[[Postgres], None]
) -> None:
    work = Batch(lambda c: fail(server))
    store.retry(work)
    assert (counted(store), work.tries) == (1, 2)


def test_a_connection_that_is_terminated(server: Postgres, store: Store) -> None:
    def terminate(c: Connection) -> None:
        own = c.execute(text("SELECT pg_backend_pid()")).scalar_one()
        server.execute("postgres", f"SELECT pg_terminate_backend({own}, 10000)")

    work = Batch(terminate)
    store.retry(work)
    assert (counted(store), work.tries) == (1, 2)


def test_a_transaction_that_finds_itself_on_a_standby(store: Store) -> None:
    work = Batch(lambda c: c.execute(text("SET TRANSACTION READ ONLY")))
    store.retry(work)
    assert (counted(store), work.tries) == (1, 2)


def test_two_transactions_that_wait_for_each_other(store: Store) -> None:
    both = threading.Barrier(2, timeout=60)
    tries: list[str] = []

    def work(first: str, second: str, c: Connection) -> None:
        tries.append(first)
        hold(c, first)
        if tries.count(first) == 1:
            both.wait()
        hold(c, second)
        counters.add(c, first, interactions=1)

    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(store.retry, lambda c, n=names: work(*n, c)) for names in (("a", "b"), ("b", "a"))]  # type: ignore[misc]
        for future in done:
            future.result(60)
    with store.read() as c:
        assert {name: counted.interactions for name, counted in counters.load(c).items()} == {"a": 1, "b": 1}
    assert len(tries) == 3


def test_a_server_that_is_away_is_waited_for(server: Postgres, url: str) -> None:
    reasons: list[str] = []

    def come_back(error: TransientStoreError) -> None:
        reasons.append(error.reason)
        if len(reasons) == 3:
            server.start()

    with closing(Store(url, come_back)) as store:
        server.stop()
        store.retry(Batch())
        assert counted(store) == 1
    assert reasons == ["away"] * 3


def test_waiting_for_a_server_ends_when_it_is_time_to_stop(server: Postgres, store: Store) -> None:
    server.stop()
    with pytest.raises(TransientStoreError, match="see that the database runs and can be reached"):
        store.retry(Batch(), stop=lambda: True)
    server.start()
    store.retry(Batch())
    assert counted(store) == 1


def test_a_disk_without_room(server: Postgres) -> None:
    disk = server.folder / "small"
    disk.mkdir()
    reasons: list[str] = []

    def make_room(error: TransientStoreError) -> None:
        reasons.append(error.reason)
        (disk / "filler").unlink()

    def write(c: Connection) -> None:
        contents.put(c, "support", [Content(1, 1, os.urandom(2_000_000).hex(), None)])

    with small_disk(disk, 48):
        server.own(disk)
        server.execute("postgres", f"CREATE TABLESPACE small LOCATION '{disk}'")
        url = server.empty("TABLESPACE small")
        with closing(Store(url, make_room)) as store:
            store.upgrade()
            free = os.statvfs(disk)
            (disk / "filler").write_bytes(bytes(free.f_bavail * free.f_frsize - (1 << 19)))
            work = Batch(write)
            store.retry(work)
            assert (counted(store), work.tries, reasons) == (1, 2, ["full"])
        server.execute("postgres", f"DROP DATABASE {databases.name(url)}")
        server.execute("postgres", "DROP TABLESPACE small")


@contextmanager
def losing_the_answer_to_commit(server: Postgres) -> Iterator[int]:
    """The port of a way to the server that is cut when the first transaction was committed and before its client knows."""
    listener = socket.create_server(("127.0.0.1", 0))
    cut = threading.Event()

    def carry(client: socket.socket) -> None:
        upstream = socket.socket(socket.AF_UNIX)
        upstream.connect(str(server.folder / ".s.PGSQL.5432"))
        with client, upstream:
            while True:
                for source in select.select([client, upstream], [], [])[0]:
                    data = source.recv(1 << 16)
                    if not data:
                        return
                    (upstream if source is client else client).sendall(data)
                    if b"COMMIT" in data and source is client and not cut.is_set():
                        cut.set()
                        assert upstream.recv(1 << 16)
                        return

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=carry, args=[client], daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    with listener:
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert cut.is_set()


def test_a_connection_that_is_lost_after_the_commit_and_before_its_answer(server: Postgres, url: str) -> None:
    reasons: list[str] = []
    with losing_the_answer_to_commit(server) as port:
        by_way = f"postgresql+psycopg://{server.user}@127.0.0.1:{port}/{databases.name(url)}"
        with closing(Store(by_way, lambda error: reasons.append(error.reason))) as store:
            work = Batch()
            store.retry(work)
            assert (counted(store), work.tries, reasons) == (1, 2, ["away"])


def test_a_failover_to_the_standby_loses_nothing_and_every_lock() -> None:
    with databases.postgres() as primary:
        url = primary.ready()
        with databases.postgres(primary) as standby:
            primary.stop()
            primary.start("synchronous_standby_names=*")
            with closing(Store(f"{url}&host={standby.folder}")) as store:
                store.retry(Batch())
                lock = store.lock("verdicts/a")

                def fail_over(c: Connection) -> None:
                    primary.kill()
                    standby.promote()

                work = Batch(fail_over, offset=2)
                store.retry(work)
                assert (counted(store), work.tries) == (2, 2)
                assert lock
                assert not lock.held()
                assert store.lock("verdicts/a")
