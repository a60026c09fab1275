"""The spool: order, bounds, and what survives."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.errors import StoreError
from streams.embedded import Record
from streams.spool import Spool


@contextmanager
def spool(folder: Path, limit: int = 1 << 20) -> Iterator[Spool]:
    made = Spool(folder / "spool.db", limit)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file can grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def record(value: bytes, at: int = 1) -> Record:
    return ("interactions", at, value)


@given(st.data())
def test_records_come_back_in_the_order_they_came_whenever_it_is_opened_again(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    expected: list[bytes] = []
    for _ in range(data.draw(st.integers(1, 4))):
        with spool(folder) as opened:
            for action in data.draw(st.lists(st.sampled_from(["add", "take"]), max_size=6)):
                if action == "add":
                    values = data.draw(st.lists(st.binary(min_size=1, max_size=5), min_size=1, max_size=4))
                    assert opened.add([record(value) for value in values])
                    expected += values
                elif head := opened.head(data.draw(st.integers(1, 3)), 1 << 20):
                    assert [taken.value for taken in head] == expected[: len(head)]
                    opened.forget(head)
                    del expected[: len(head)]
                assert opened.waiting == (len(expected), sum(map(len, expected)))


def test_the_time_of_acceptance_is_kept(tmp_path: Path) -> None:
    with spool(tmp_path) as opened:
        opened.add([record(b"a", 17), ("feedback", 18, b"b")])
        assert [(taken.topic, taken.accepted_at) for taken in opened.head(9, 99)] == [("interactions", 17), ("feedback", 18)]


def test_it_takes_no_more_than_its_limit_and_says_when_it_is_nearly_full(tmp_path: Path) -> None:
    with spool(tmp_path, limit=10 << 20) as opened:
        assert opened.add([record(bytes(8 << 20))]) and opened.problem() is None
        assert opened.add([record(bytes(1 << 20))])
        assert opened.problem() == "9 of 10 MiB of the spool are used: Kafka takes nothing, or too slowly"
        assert not opened.add([record(bytes((1 << 20) + 1))])
        opened.forget(opened.head(1, 1))
        assert opened.add([record(bytes((1 << 20) + 1))]) and opened.problem() is None


def test_a_full_disk_is_told_until_it_takes_records_again(tmp_path: Path) -> None:
    with spool(tmp_path, limit=100 << 20) as opened:
        assert opened.add([record(b"first")])
        with disk_of(1 << 20):
            with pytest.raises(sqlite3.Error):
                opened.add([record(bytes(4 << 20))])
            assert "make room on its disk" in (opened.problem() or "")
            assert opened.waiting == (1, 5)
        assert opened.problem() is None
        assert opened.add([record(b"second")])
        assert [taken.value for taken in opened.head(9, 99)] == [b"first", b"second"]


def test_what_was_sent_is_gone_from_the_disk(tmp_path: Path) -> None:
    with spool(tmp_path) as opened:
        opened.add([record(b"something private")])
        opened.forget(opened.head(1, 1))
        assert not any(b"private" in path.read_bytes() for path in tmp_path.iterdir())


def test_two_processes_never_share_one(tmp_path: Path) -> None:
    with spool(tmp_path), pytest.raises(StoreError, match="another process spools into it"):
        Spool(tmp_path / "spool.db", 1)
    with spool(tmp_path):
        pass


def test_a_path_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"the spool cannot be used: .*No such file or directory"):
        Spool(tmp_path / "nowhere" / "spool.db", 1)
