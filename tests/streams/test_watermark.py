"""Event time: where windows close does not depend on how records were fetched."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.watermark import Closing, Progress, advance, closings, delay_of, reached

WIDTH, LATENESS = 300, 120


@pytest.mark.parametrize(
    ("before", "record", "timestamp", "accepted", "expected"),
    [
        (0, [], [], [10, 20], [0, 0]),
        (0, [0, 1, 2], [5, 7, 6], [9, 9, 9], [5, 7, 7]),
        (6, [0, 1], [5, 7], [9, 9], [6, 7]),
        (0, [0, 0, 0], [5, 8, 6], [9], [8]),
        (0, [0, 1], [500, 7], [9, 20], [9, 9]),
        (0, [1], [7], [9, 9, 9], [0, 7, 7]),
        (30, [0], [500], [9], [30]),
    ],
)
def test_a_watermark_is_the_highest_event_time_never_ahead_of_the_accept_time(
    before: int, record: list[int], timestamp: list[int], accepted: list[int], expected: list[int]
) -> None:
    arrays = (np.array(values, np.int64) for values in (record, timestamp, accepted))
    assert advance(before, *arrays).tolist() == expected


@pytest.mark.parametrize(
    ("watermark", "judged", "expected"),
    [
        ([419], 0, []),
        ([420], 0, [(0, 300)]),
        ([419, 420, 500, 719, 720], 0, [(1, 300), (4, 600)]),
        ([420, 420], 300, []),
        ([1500], 0, [(0, 1200)]),
        ([1500, 400, 2000], 900, [(0, 1200), (2, 1800)]),
        ([], 0, []),
        ([100], 600, []),
    ],
)
def test_a_window_closes_when_the_watermark_passes_its_end_and_the_lateness(
    watermark: list[int], judged: int, expected: list[tuple[int, int]]
) -> None:
    found = closings("support", np.array(watermark, np.int64), judged, LATENESS, WIDTH)
    assert found == [Closing(record, "support", through) for record, through in expected]


RECORDS = st.lists(st.tuples(st.integers(0, 300), st.lists(st.integers(-900, 900), max_size=3)), min_size=1, max_size=30)


def run(records: list[tuple[int, list[int]]], places: list[int]) -> tuple[list[Closing], int]:
    """Closings of a stream taken in in pieces, by the record's place in all, and the last watermark."""
    accepted = np.cumsum([step for step, _ in records])
    watermark, judged = 0, 0
    found = []
    for a, b in pairwise(sorted({0, *(place % len(records) for place in places), len(records)})):
        rows = [(i - a, int(accepted[i]) + ahead) for i in range(a, b) for ahead in records[i][1]]
        record, timestamp = (np.array([row[k] for row in rows], np.int64) for k in (0, 1))
        marks = advance(watermark, record, timestamp, accepted[a:b])
        closed = closings("support", marks, judged, LATENESS, WIDTH)
        found += [closing._replace(record=closing.record + a) for closing in closed]
        watermark, judged = int(marks[-1]), max([judged, *(closing.through for closing in closed)])
    return found, watermark


@given(RECORDS, st.lists(st.integers(0, 29), max_size=8))
def test_closings_do_not_depend_on_how_records_are_batched(records: list[tuple[int, list[int]]], places: list[int]) -> None:
    assert run(records, places) == run(records, [])


@given(RECORDS)
def test_closings_only_go_forward_and_never_past_the_accept_time(records: list[tuple[int, list[int]]]) -> None:
    found, watermark = run(records, [])
    accepted = np.cumsum([step for step, _ in records]).tolist()
    assert all(a.through < b.through and a.record < b.record for a, b in pairwise(found))
    assert all(closing.through + LATENESS <= accepted[closing.record] for closing in found)
    assert watermark <= accepted[-1]


NOW = 1_790_000_000_000_000
SECOND = 1_000_000
MINUTE, HOUR = 60 * SECOND, 3600 * SECOND


def drained(watermark: int | None, accepted_ago: int = 0, checked_ago: int = 0) -> Progress:
    return Progress(watermark, NOW - accepted_ago, NOW - checked_ago, 0)


def lagging(watermark: int | None, accepted_ago: int = 0, checked_ago: int = 0) -> Progress:
    return Progress(watermark, NOW - accepted_ago, NOW - checked_ago, 5)


OLD = NOW - 30 * 24 * HOUR
"""Event time of a replayed history."""


@pytest.mark.parametrize(
    ("partitions", "expected"),
    [
        pytest.param([], None, id="nothing was seen"),
        pytest.param([drained(None)], None, id="nothing of this application was seen"),
        pytest.param([lagging(OLD + 5), lagging(OLD + 9)], OLD + 5, id="the least of a replay decides"),
        pytest.param([lagging(OLD + 5), lagging(None)], OLD + 5, id="one that came as far without any of it"),
        pytest.param([lagging(OLD + 5), drained(None, 0)], OLD + 5, id="a partition without any of it holds nobody back"),
        pytest.param([drained(OLD + 5, MINUTE), lagging(OLD + 9)], OLD + 9, id="an idle partition holds nobody back"),
        pytest.param([drained(OLD + 5, SECOND), lagging(OLD + 9)], OLD + 5, id="one that was busy just now does"),
        pytest.param([drained(OLD + 5, MINUTE), drained(OLD + 9, MINUTE)], OLD + 9, id="all idle: the greatest counts"),
        pytest.param([drained(None, MINUTE, SECOND), lagging(OLD + 9)], None, id="seen empty before the newest came"),
        pytest.param([drained(OLD + 5, HOUR, MINUTE), lagging(OLD + 9)], OLD + 5, id="unseen lately is not idle"),
        pytest.param([drained(NOW - MINUTE), drained(NOW - HOUR, HOUR)], NOW, id="live and read to its end"),
        pytest.param(
            [drained(NOW - 9 * MINUTE, 9 * MINUTE), drained(NOW - 7 * MINUTE)._replace(delay=7 * MINUTE)], NOW - 7 * MINUTE,
            id="what waited for Kafka is waited for",
        ),
        pytest.param(
            [drained(NOW - MINUTE), lagging(NOW - 9 * MINUTE, 8 * MINUTE)], NOW - 8 * MINUTE, id="a lagging one holds back"
        ),
        pytest.param(
            [drained(NOW - MINUTE), drained(NOW - 3 * MINUTE, 2 * MINUTE, 2 * MINUTE)], NOW - 2 * MINUTE,
            id="a live partition that nobody looks at holds back",
        ),
    ],
)  # fmt: skip
def test_how_far_a_stream_of_several_partitions_has_come(partitions: list[Progress], expected: int | None) -> None:
    assert reached(partitions, NOW) == expected


@given(st.lists(st.tuples(st.integers(0, 3600), st.integers(0, 600), st.integers(0, 600), st.booleans()), min_size=1))
def test_a_stream_is_never_ahead_of_its_clock_nor_of_every_partition(rows: list[tuple[int, int, int, bool]]) -> None:
    partitions = [
        Progress(NOW - (a + b) * SECOND, NOW - b * SECOND, NOW - min(b, c) * SECOND, int(lags)) for a, b, c, lags in rows
    ]
    event_time = reached(partitions, NOW)
    assert event_time is not None
    assert event_time <= NOW
    assert event_time >= min(p.watermark for p in partitions if p.watermark is not None)
    if all(p.behind for p in partitions):
        assert event_time <= min(p.accepted_at for p in partitions)


@pytest.mark.parametrize(
    ("watermarks", "expected"),
    [
        ([], 0),
        ([NOW - SECOND], SECOND),
        ([NOW - 7 * MINUTE, NOW - 9 * MINUTE], 7 * MINUTE),
        ([OLD], 0),
        ([OLD, NOW - MINUTE], MINUTE),
        ([NOW + SECOND], 0),
    ],
)
def test_the_delay_of_a_partition_is_that_of_its_newest_live_stream(watermarks: list[int], expected: int) -> None:
    assert delay_of(NOW, watermarks) == expected
