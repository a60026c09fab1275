"""A database that is away, restarted at a bad moment or full: workers wait and say so, and then all is counted once."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.broker import Broker
from tests.faults.test_disk_and_locks import small_disk, take_room
from tests.kafka.deployment import Role, deployed
from tests.kafka.traffic import traffic
from tests.store import databases
from tests.store.databases import Postgres, postgres

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
PER_SECOND = 200


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server of this file's own, since it is stopped and filled."""
    with postgres() as made:
        yield made


def retries(worker: Role) -> float:
    return worker.metrics()["plumbline_store_retries_total"]


def test_a_database_that_is_away_for_30_s_is_waited_for(server: Postgres, broker: Broker, tmp_path: Path) -> None:
    with deployed(tmp_path, broker, server.ready()) as made:
        api, worker, other = made.start("api", "worker", "worker")
        with traffic(made, PER_SECOND, api) as live:
            made.until(lambda: made.counted() > 5 * PER_SECOND)
            server.stop()
            for role in (api, worker):
                made.until(lambda r=role: "store" in r.problems(), within=10)  # type: ignore[misc]
            made.passes(30)
            assert "see that the database runs" in worker.problems()["store"]
            assert retries(worker) > 5
            assert other.stop() < 2
            server.start()
        made.counts(live.sent)
        assert live.refused == []
        assert made.counters()["support"].duplicates == 0
        made.until(lambda: not worker.problems() and not api.problems(), lambda: (worker.problems(), api.problems()))
        assert worker.stop() < 2


def test_a_database_restarted_again_and_again_in_the_middle_of_transactions_counts_once(
    server: Postgres, broker: Broker, tmp_path: Path
) -> None:
    rng = random.Random(1)
    with deployed(tmp_path, broker, server.ready()) as made:
        api, worker, other = made.start("api", "worker", "worker")
        with traffic(made, 2_000, api) as live:
            for i in range(8):
                counted = made.counted()
                made.until(lambda n=counted: made.counted() > n)  # type: ignore[misc]
                made.passes(rng.random())
                if i % 2:
                    server.kill()
                else:
                    server.stop("immediate")
                server.start()
        made.counts(live.sent)
        assert live.refused == []
        assert made.counters()["support"].duplicates == 0
        assert retries(worker) + retries(other) > 0


def test_a_database_without_room_is_waited_for_until_somebody_makes_some(
    server: Postgres, broker: Broker, tmp_path: Path
) -> None:
    disk = server.folder / "small"
    disk.mkdir()
    with small_disk(disk, 64):
        server.own(disk)
        server.execute("postgres", f"CREATE TABLESPACE small LOCATION '{disk}'")
        url = server.empty("TABLESPACE small")
        with deployed(tmp_path, broker, url, "content: full\n") as made:
            made.store.upgrade()
            api, worker = made.start("api", "worker")
            with traffic(made, PER_SECOND, api) as live:
                made.until(lambda: made.counted() > PER_SECOND)
                take_room(disk, 1 << 16)
                made.until(lambda: retries(worker) > 3, worker.metrics)
                counted = made.counted()
                made.passes(10)
                assert made.counted() <= counted + PER_SECOND
                assert "make room on the database's disk" in worker.problems()["store"]
                (disk / "filler").unlink()
            made.counts(live.sent)
            assert live.refused == []
            assert made.counters()["support"].duplicates == 0
            made.until(lambda: not worker.problems(), worker.problems)
        server.execute("postgres", f"DROP DATABASE {databases.name(url)} WITH (FORCE)")
        server.execute("postgres", "DROP TABLESPACE small")
