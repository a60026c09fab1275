# Second source: datetime.fromisoformat of the Python standard library.
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import timestamps
from records.timestamps import parse_timestamps

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.lists(st.datetimes(datetime(1970, 1, 3), datetime(9999, 12, 29), timezones=OFFSETS)), st.sampled_from("Tt "))
def test_times_agree_with_the_standard_library(times: list[datetime], between: str) -> None:
    micros, became = parse_timestamps([time.isoformat(between) for time in times])
    assert micros.tolist() == [(time - EPOCH) // MICROSECOND for time in times]
    assert not became.any()


@given(st.lists(st.text("0123456789-+:.TZ ", max_size=32)))
def test_garbage_is_never_taken_for_more_than_the_standard_library_takes(texts: list[str]) -> None:
    for text, became in zip(texts, parse_timestamps(texts)[1], strict=True):
        if became in (timestamps.OK, timestamps.WITHOUT_OFFSET):
            assert datetime.fromisoformat(text)


@given(st.lists(st.none() | st.floats(0, 2e11) | st.integers(0, 2 * 10**11) | st.just("2025-01-31T12:00:00Z")))
def test_a_column_may_mix_all_forms(values: list[str | float | None]) -> None:
    alone = [parse_timestamps([value]) for value in values]
    micros, became = parse_timestamps(values)
    assert became.tolist() == [int(one[0]) for _, one in alone]
    assert [m for m, b in zip(micros, became, strict=True) if not b] == [one[0] for one, b in alone if not b[0]]


BECAME = {
    "2016-12-31T23:59:60Z": timestamps.OK,
    "2024-02-29T00:00:00Z": timestamps.OK,
    "2025-01-31T12:00:00+0530": timestamps.OK,
    "2023-02-29T00:00:00Z": timestamps.MALFORMED,
    "1900-02-29T00:00:00Z": timestamps.MALFORMED,
    "2025-12-32T00:00:00Z": timestamps.MALFORMED,
    "2025-13-01T00:00:00Z": timestamps.MALFORMED,
    "2025-01-01T24:00:00Z": timestamps.MALFORMED,
    "2025-01-01T00:60:00Z": timestamps.MALFORMED,
    "2025-01-01T00:00:00.Z": timestamps.MALFORMED,
    "2025-01-01T00:00:00+24:00": timestamps.MALFORMED,
    "2025-01-01T00:00:00+1": timestamps.MALFORMED,
    "2025-01-01T00:00:00ZZ": timestamps.MALFORMED,
    "2025-01-01": timestamps.MALFORMED,
    "２025-01-01T00:00:00Z": timestamps.MALFORMED,
    "": timestamps.MALFORMED,
    "2025-01-01T00:00:00": timestamps.WITHOUT_OFFSET,
    "1969-12-31T23:59:59Z": timestamps.BEYOND,
    "0000-01-01T00:00:00Z": timestamps.BEYOND,
}


@pytest.mark.parametrize("text", BECAME)
def test_what_becomes_of_a_text(text: str) -> None:
    assert parse_timestamps([text])[1].tolist() == [BECAME[text]]


def test_a_leap_second_is_the_second_after_it() -> None:
    assert parse_timestamps(["2016-12-31T23:59:60Z"])[0].tolist() == parse_timestamps(["2017-01-01T00:00:00Z"])[0].tolist()
