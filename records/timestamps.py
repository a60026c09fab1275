"""Event times as the wire has them (RFC 3339 or epoch seconds) to microseconds since 1970, a column at a time."""

from collections.abc import Sequence
from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

OK, MALFORMED, WITHOUT_OFFSET, BEYOND, ABSENT = range(5)
"""What became of a timestamp: fine, not RFC 3339, no offset from UTC (read as UTC), not in 1970 to 9999, null."""

END_SECONDS = 253_402_300_800
"""The year 10000, exclusive bound."""


@nb.njit(cache=True, nogil=True)
def _digits(data: NDArray[np.uint8], start: int, count: int) -> int:
    """The number written in `count` digits, -1 where one is no digit."""
    value = 0
    for j in range(start, start + count):
        digit = np.int64(data[j]) - 48
        if digit < 0 or digit > 9:
            return -1
        value = value * 10 + int(digit)
    return value


@nb.njit(cache=True, nogil=True)
def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant, days_from_civil), for years >= 0."""
    y = year - 1 if month <= 2 else year
    era = (y if y >= 0 else y - 399) // 400
    of_era = y - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


@nb.njit(cache=True, nogil=True)
def _offset(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """Seconds east of UTC of `Z` or `+hh:mm` (the colon may be missing) at the end of a timestamp, and what became."""
    if at == end:
        return 0, WITHOUT_OFFSET
    if (data[at] | 32) == 122 and at + 1 == end:
        return 0, OK
    sign = 1 if data[at] == 43 else -1
    colon = 1 if end - at == 6 and data[at + 3] == 58 else 0
    if (sign == -1 and data[at] != 45) or end - at != 5 + colon:
        return 0, MALFORMED
    hours, minutes = _digits(data, at + 1, 2), _digits(data, at + 3 + colon, 2)
    if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return 0, MALFORMED
    return sign * (hours * 3600 + minutes * 60), OK


@nb.njit(cache=True, nogil=True)
def _parse(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """One timestamp in data[at:end]: microseconds and what became of it. A leap second is the second after it."""
    if end - at < 19:
        return 0, MALFORMED
    year, month, day = _digits(data, at, 4), _digits(data, at + 5, 2), _digits(data, at + 8, 2)
    hour, minute, second = _digits(data, at + 11, 2), _digits(data, at + 14, 2), _digits(data, at + 17, 2)
    between = data[at + 10]
    if data[at + 4] != 45 or data[at + 7] != 45 or data[at + 13] != 58 or data[at + 16] != 58:
        return 0, MALFORMED
    if (between | 32) != 116 and between != 32:
        return 0, MALFORMED
    if year < 0 or month < 1 or month > 12 or day < 1:
        return 0, MALFORMED
    if day > 28:
        following = _days(year, month + 1, 1) if month < 12 else _days(year + 1, 1, 1)
        if _days(year, month, day) >= following:
            return 0, MALFORMED
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 60:
        return 0, MALFORMED
    j, micros, scale = at + 19, 0, 100_000
    if j < end and data[j] == 46:
        j += 1
        first = j
        while j < end and 48 <= data[j] <= 57:
            micros += scale * int(np.int64(data[j]) - 48)
            scale //= 10
            j += 1
        if j == first:
            return 0, MALFORMED
    east, became = _offset(data, j, end)
    seconds = _days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - east
    return seconds * 1_000_000 + micros, became


@nb.njit(cache=True, nogil=True)
def _parse_all(offsets: NDArray[np.int64], data: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    n = len(offsets) - 1
    micros, became = np.zeros(n, np.int64), np.zeros(n, np.uint8)
    for i in range(n):
        micros[i], became[i] = _parse(data, offsets[i], offsets[i + 1])
        if became[i] != MALFORMED and (micros[i] < 0 or micros[i] >= END_SECONDS * 1_000_000):
            became[i] = BEYOND
    return micros, became


def parse_timestamps(values: Sequence[str | float | None]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Microseconds since 1970 UTC (n,) of RFC 3339 strings and epoch seconds, and what became of each (n,).

    Where the second array is neither OK nor WITHOUT_OFFSET the first holds nothing of use.
    """
    if set(map(type, values)) <= {str}:
        return _parse_texts(values)
    is_text = np.fromiter((isinstance(value, str) for value in values), np.bool_, len(values))
    absent = np.fromiter((value is None for value in values), np.bool_, len(values))
    micros, became = _parse_texts([value if isinstance(value, str) else "" for value in values])
    seconds = np.array([-1.0 if isinstance(value, str) or value is None else value for value in values], np.float64)
    inside = (seconds >= 0) & (seconds < END_SECONDS)
    numbers = np.rint(np.where(inside, seconds, 0) * 1e6).astype(np.int64)
    micros = np.where(is_text, micros, numbers)
    became = np.where(is_text, became, np.where(absent, ABSENT, np.where(inside, OK, BEYOND))).astype(np.uint8)
    return micros, became


def _parse_texts(values: Sequence[Any]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    text = "".join(values)
    pieces = values if text.isascii() else [value.encode() for value in values]
    offsets = np.zeros(len(pieces) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, pieces), np.int64, len(pieces)), out=offsets[1:])
    micros, became = _parse_all(offsets, np.frombuffer(text.encode(), np.uint8))
    return micros, became
