"""Second source of every number: murmur2 of kafka-python, written by others in plain Python."""

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2

from streams.partitioner import partitions


def plain(text: str, count: int) -> int:
    return int((murmur2(text.encode()) & 0x7FFFFFFF) % count)


@pytest.mark.parametrize(
    ("text", "hash_"),
    [
        # org.apache.kafka.common.utils.UtilsTest.testMurmur2, without the sign bit, which the partition leaves out as well
        ("21", -973932308 & 0x7FFFFFFF),
        ("foobar", -790332482 & 0x7FFFFFFF),
        ("a-little-bit-long-string", -985981536 & 0x7FFFFFFF),
        ("a-little-bit-longer-string", -1486304829 & 0x7FFFFFFF),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971 & 0x7FFFFFFF),
        ("abc", 479470107),
    ],
)
def test_the_hash_is_that_of_kafkas_own_test(text: str, hash_: int) -> None:
    assert partitions(pl.Series([text]), 2**31 - 1).tolist() == [hash_ % (2**31 - 1)]


@given(ids=st.lists(st.text(max_size=40), max_size=20), count=st.integers(1, 500))
@example(ids=["", "a", "ab", "abc", "abcd", "abcde", "é", "日本語", "🙂"], count=7)
def test_every_id_goes_where_the_default_partitioner_sends_it(ids: list[str], count: int) -> None:
    chosen = partitions(pl.Series(ids, dtype=pl.String), count)
    assert chosen.dtype == "int32"
    assert chosen.tolist() == [plain(text, count) for text in ids]


def test_a_slice_of_a_column_is_hashed_as_the_slice() -> None:
    ids = pl.Series([f"id-{i}" for i in range(100)])
    assert partitions(ids[40:60], 16).tolist() == [plain(text, 16) for text in ids[40:60]]
