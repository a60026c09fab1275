"""The embedded log: order, durability, space given back, and the loop that reads it. Waits are for events, never for time."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from streams.embedded import Appender, Limits, Log, LogRecord, Runner

ROOT = Path(__file__).parents[2]
PATIENCE = 60
"""Seconds after which something that never happens fails a test."""


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    opened = Log(tmp_path / "log.db")
    yield opened
    opened.close()


def rows(*values: bytes) -> list[tuple[str, int, bytes]]:
    return [("interactions", 7, value) for value in values]


def values(log: Log, offset: int = 0) -> list[bytes]:
    return [record.value for record in log.fetch(offset, 10_000, 2**40)]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """The log's file, held by another writer while the block lasts."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_records_come_back_in_the_order_they_were_appended(log: Log, tmp_path: Path) -> None:
    first = log.append([("interactions", 5, b"a\nb"), ("feedback", 6, b"\0\xff")])
    last = log.append(rows(b"c"))
    expected = [
        LogRecord(first - 1, "interactions", b"a\nb", 5),
        LogRecord(first, "feedback", b"\0\xff", 6),
        LogRecord(last, "interactions", b"c", 7),
    ]
    assert log.fetch(0, 10, 2**20) == expected
    assert log.fetch(first, 10, 2**20) == expected[1:]
    assert log.fetch(last + 1, 10, 2**20) == []
    again = Log(tmp_path / "log.db")
    assert again.fetch(0, 10, 2**20) == expected
    again.close()


@pytest.mark.parametrize(
    ("most", "most_bytes", "expected"),
    [(10, 10**6, 5), (2, 10**6, 2), (10, 1, 1), (10, 100, 1), (10, 101, 2), (10, 500, 5), (1, 1, 1)],
)
def test_a_fetch_holds_at_least_one_record_and_no_more_than_asked(log: Log, most: int, most_bytes: int, expected: int) -> None:
    log.append(rows(*(bytes([65 + i]) * 100 for i in range(5))))
    assert len(log.fetch(0, most, most_bytes)) == expected


SECRET = b"a text that nobody may read again "


def stored(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_no_offset_comes_twice_though_all_records_were_deleted(log: Log, tmp_path: Path) -> None:
    last = log.append(rows(b"a", b"b", b"c"))
    log.delete_before(last)
    assert values(log) == [b"c"]
    log.delete_before(last + 1)
    assert values(log) == []
    again = Log(tmp_path / "log.db")
    assert again.append(rows(b"next")) == last + 1
    again.close()


def test_what_is_deleted_leaves_no_byte_in_any_file_once_the_log_has_shrunk(log: Log, tmp_path: Path) -> None:
    last = log.append(rows(*(SECRET * 3_000 for _ in range(40))))
    log.append(rows(b"kept"))
    assert SECRET in stored(tmp_path) and len(stored(tmp_path)) > 4_000_000
    log.delete_before(last + 1)
    log.shrink()
    assert SECRET not in stored(tmp_path) and len(stored(tmp_path)) < 100_000
    assert values(log) == [b"kept"]


UNSTORABLE: list[Any] = [(None, 7, b"x"), ("interactions", 2**70, b"x")]


@pytest.mark.parametrize("bad", UNSTORABLE)
def test_a_failed_append_leaves_nothing_and_the_next_one_works(log: Log, bad: Any) -> None:
    with pytest.raises((sqlite3.IntegrityError, OverflowError)):
        log.append([*rows(b"a"), bad])
    assert values(log) == []
    log.append(rows(b"b"))
    assert values(log) == [b"b"]


KILLED = """
import sys
from pathlib import Path
from streams.embedded import Appender, Log
log = Log(Path(sys.argv[1]))
appender = Appender(log, lambda: None)
for number in range(10**6):
    record = [("interactions", number, b"%d" % number)]
    last = log.append(record) if sys.argv[2] == "log" else appender.submit(record).result()
    print(number, last, flush=True)
"""


@pytest.mark.parametrize("way", ["log", "appender"])
@pytest.mark.parametrize("after", [1, 37])
def test_what_was_appended_survives_a_kill_right_after(tmp_path: Path, way: str, after: int) -> None:
    path = tmp_path / "log.db"
    process = subprocess.Popen([sys.executable, "-c", KILLED, path, way], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout as out:
        told = [out.readline() for _ in range(after)]
        process.kill()
        told += out.read().splitlines(keepends=True)
    process.wait()
    told = [line for line in told if line.endswith(b"\n")]
    log = Log(path)
    kept = [(record.accepted_at, record.offset) for record in log.fetch(0, 10**6, 2**40)]
    log.close()
    assert kept[: len(told)] == [tuple(map(int, line.split())) for line in told]
    assert [number for number, _ in kept] == list(range(len(kept)))
    assert len(kept) <= len(told) + 1


class Counted(Log):
    """A log that keeps how many records each transaction held."""

    def __init__(self, path: Path):
        super().__init__(path)
        self.sizes: list[int] = []

    def append(self, records: Sequence[tuple[str, int, bytes]]) -> int:
        last = super().append(records)
        self.sizes.append(len(records))
        return last


def test_all_that_waits_shares_one_transaction(tmp_path: Path) -> None:
    log, woken = Counted(tmp_path / "log.db"), threading.Semaphore(0)
    appender = Appender(log, woken.release)
    with locked(tmp_path / "log.db"):
        futures = [appender.submit(rows(b"%d" % number)) for number in range(50)]
    offsets = [future.result(PATIENCE) for future in futures if future]
    appender.close()
    assert len(offsets) == sum(log.sizes) == 50
    assert len(log.sizes) <= 2
    assert offsets == sorted(offsets) and set(offsets) == {sum(log.sizes[: i + 1]) for i in range(len(log.sizes))}
    assert values(log) == [b"%d" % number for number in range(50)]
    assert all(woken.acquire(timeout=PATIENCE) for _ in log.sizes)
    log.close()


def test_an_appender_refuses_while_too_much_waits_and_takes_more_once_it_is_durable(log: Log, tmp_path: Path) -> None:
    appender = Appender(log, lambda: None, most_waiting=100)
    with locked(tmp_path / "log.db"):
        first = appender.submit(rows(b"x" * 60))
        assert first is not None
        assert appender.submit(rows(b"y" * 41)) is None
        second = appender.submit(rows(b"z" * 40))
        assert second is not None
        assert not first.done()
    assert (first.result(PATIENCE), second.result(PATIENCE)) in {(1, 2), (2, 2)}
    third = appender.submit(rows(b"y" * 100))
    assert third is not None
    assert third.result(PATIENCE) == 3
    assert appender.submit(rows(b"y" * 101)) is None
    appender.close()
    assert len(values(log)) == 3


def test_what_was_handed_in_before_closing_is_appended(log: Log, tmp_path: Path) -> None:
    appender = Appender(log, lambda: None)
    with locked(tmp_path / "log.db"):
        futures = [appender.submit(rows(b"%d" % number)) for number in range(9)]
    appender.close()
    assert all(future is not None and future.done() for future in futures)
    assert len(values(log)) == 9


@pytest.mark.parametrize("bad", UNSTORABLE)
def test_a_failure_reaches_those_who_wait_and_nobody_after_them(log: Log, bad: Any) -> None:
    appender = Appender(log, lambda: None, most_waiting=4)
    failing = appender.submit([bad])
    assert failing is not None
    with pytest.raises((sqlite3.IntegrityError, OverflowError)):
        failing.result(PATIENCE)
    after = appender.submit(rows(b"fine"))
    assert after is not None and after.result(PATIENCE)
    appender.close()
    assert values(log) == [b"fine"]


def test_a_caller_that_gives_up_stops_nobody_else(log: Log, tmp_path: Path) -> None:
    appender = Appender(log, lambda: None)
    with locked(tmp_path / "log.db"):
        futures = [appender.submit(rows(b"%d" % number)) for number in range(3)]
        assert futures[0] is not None and not futures[0].cancel()
    assert all(future is not None and future.result(PATIENCE) for future in futures)
    appender.close()


class Reader:
    """A consumer that keeps what it was given, and fails at the record `fails_at`."""

    def __init__(self, fails_at: int = -1, expects: int = 0):
        self.next, self.fails_at, self.expects = 0, fails_at, expects
        self.batches: list[list[bytes]] = []
        self.ticks: list[int] = []
        self.done, self.ticked = threading.Event(), threading.Event()

    def position(self) -> int:
        return self.next

    def ingest(self, records: Sequence[LogRecord], now: int) -> None:
        if any(record.offset == self.fails_at for record in records):
            raise ValueError("cannot take this in")
        assert now > 1_600_000_000_000_000
        self.batches.append([record.value for record in records])
        self.next = records[-1].offset + 1
        if sum(map(len, self.batches)) >= self.expects:
            self.done.set()

    def tick(self, now: int) -> None:
        self.ticks.append(now)
        self.ticked.set()


def unexpected(error: BaseException) -> None:
    raise AssertionError from error


def test_a_step_takes_in_one_batch_and_deletes_what_was_taken_in_when_no_more_waits(log: Log) -> None:
    log.append(rows(*(b"%d" % number for number in range(7))))
    reader = Reader()
    runner = Runner(log, reader, unexpected, Limits(records=3))
    assert [runner.step() for _ in range(4)] == [True, True, True, False]
    assert reader.batches == [[b"0", b"1", b"2"], [b"3", b"4", b"5"], [b"6"]]
    assert values(log) == []
    log.append(rows(b"7"))
    assert runner.step() and reader.batches[-1] == [b"7"]


def test_under_load_the_log_is_emptied_every_so_many_batches(log: Log) -> None:
    log.append(rows(*(b"%d" % number for number in range(9))))
    runner = Runner(log, Reader(), unexpected, Limits(records=2, batches=2))
    left = []
    for _ in range(4):
        runner.step()
        left.append(len(values(log)))
    assert left == [9, 5, 5, 1]


def test_a_runner_starts_from_the_position_of_its_consumer(log: Log) -> None:
    log.append(rows(b"a", b"b", b"c"))
    reader = Reader()
    reader.next = 2
    Runner(log, reader, unexpected).step()
    assert reader.batches == [[b"b", b"c"]]


def test_a_runner_takes_in_what_appenders_wake_it_for_looks_at_the_clock_and_stops(log: Log) -> None:
    others = set(threading.enumerate())
    reader = Reader(expects=300)
    runner = Runner(log, reader, unexpected, Limits(records=50, tick=PATIENCE))
    runner.start()
    assert reader.ticked.wait(PATIENCE)
    appender = Appender(log, runner.wake)
    for number in range(300):
        assert appender.submit(rows(b"%d" % number)) is not None
    assert reader.done.wait(PATIENCE)
    runner.stop()
    appender.close()
    assert [value for batch in reader.batches for value in batch] == [b"%d" % number for number in range(300)]
    assert set(threading.enumerate()) <= others


def test_a_runner_with_nothing_to_do_gives_space_back(log: Log, tmp_path: Path) -> None:
    log.append(rows(*(SECRET * 3_000 for _ in range(4))))
    reader = Reader(expects=4)
    runner = Runner(log, reader, unexpected, Limits(tick=PATIENCE, shrink=0))
    runner.start()
    assert reader.done.wait(PATIENCE) and reader.ticked.wait(PATIENCE)
    runner.stop()
    assert SECRET not in stored(tmp_path)


def test_a_failure_is_reported_once_and_nothing_of_the_batch_is_lost(log: Log) -> None:
    log.append(rows(b"a", b"b", b"c"))
    reported: list[BaseException] = []
    told = threading.Event()

    def failed(error: BaseException) -> None:
        reported.append(error)
        told.set()

    reader = Reader(fails_at=2)
    runner = Runner(log, reader, failed, Limits(records=1))
    runner.start()
    assert told.wait(PATIENCE)
    runner.stop()
    assert [str(error) for error in reported] == ["cannot take this in"]
    assert reader.batches == [[b"a"]]
    assert values(log, reader.position()) == [b"b", b"c"]
