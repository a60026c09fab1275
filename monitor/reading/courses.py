"""Courses: what was judged of comparisons, window after window."""

from collections import OrderedDict
from threading import Lock

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from monitor.store import courses as stored
from records.window import WINDOW, Code, Window, decode_window


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which comparisons: of one signal in one slice (`dimension` and `value` empty: all traffic); `baseline` None: all."""

    application: str
    signal: str
    dimension: str = ""
    value: str = ""
    baseline: str | None = None


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison over W windows. `start` int64 (W,), the others aligned with it, nan where there was nothing:

    n: values judged; value: their mean, or the share of the last cell; js, smd: effects of the window alone;
    times_floor: effect over its floor; evidence, threshold: decades; verdict: records.window.Code.
    """

    signal: str
    dimension: str
    value_of: str
    baseline: str
    start: NDArray[np.int64]
    n: NDArray[np.float64]
    value: NDArray[np.float64]
    js: NDArray[np.float64]
    smd: NDArray[np.float64]
    times_floor: NDArray[np.float64]
    evidence: NDArray[np.float64]
    threshold: NDArray[np.float64]
    verdict: NDArray[np.int64]


_ARRAYS = {
    "n": "n", "value": "value", "js": "js", "smd": "smd", "times_floor": "floors", "evidence": "evidence",
    "threshold": "threshold",
}  # fmt: skip
"""Field of a Course to field of a Window."""


class _Cache:
    """Decoded windows, newest used last, up to `most` bytes; a window that was judged again is decoded again."""

    def __init__(self, most: int):
        self._most, self._size, self._lock = most, 0, Lock()
        self._kept: OrderedDict[tuple[str, int], tuple[int, Window]] = OrderedDict()

    def __call__(self, application: str, start: int, blob: bytes) -> Window:
        key, mark = (application, start), hash(blob)
        with self._lock:
            found = self._kept.get(key)
            if found and found[0] == mark:
                self._kept.move_to_end(key)
                return found[1]
        window = decode_window(blob)
        with self._lock:
            if key in self._kept:
                self._size -= _size(self._kept.pop(key)[1])
            self._kept[key] = (mark, window)
            self._size += _size(window)
            while self._size > self._most:
                _, (_, dropped) = self._kept.popitem(last=False)
                self._size -= _size(dropped)
        return window


def _size(window: Window) -> int:
    """Bytes that a decoded window holds, about: 9 columns of four bytes, 8 of eight, 3 of one."""
    return 1_000 + 103 * len(window.n)


_decode = _Cache(64 << 20)


def windows(c: Connection, application: str, since: int, until: int, most: int = 1 << 62) -> list[Window]:
    """The first `most` judged windows that start in [since, until), in order; decoded ones are kept for the next call."""
    found: list[Window] = []
    for start, blob in stored.rows(c, application, since, min(until, since + most * WINDOW)):
        found.append(_decode(application, start, blob))
    return found


def courses(c: Connection, wanted: Wanted, since: int, until: int) -> list[Course]:
    """The courses that are wanted over the judged windows that start in [since, until), by baseline."""
    rows = [
        row
        for row in stored.comparisons(c, wanted.application)
        if (row.signal, row.dimension, row.value) == (wanted.signal, wanted.dimension, wanted.value)
        and wanted.baseline in (None, row.baseline)
    ]
    judged = windows(c, wanted.application, since, until) if rows else []
    return [_course(row, judged) for row in sorted(rows, key=lambda row: row.baseline)]


def _course(row: stored.Comparison, judged: list[Window]) -> Course:
    def column(name: str) -> NDArray[np.float64]:
        arrays = (getattr(window, name) for window in judged)
        return np.array([a[row.index] if row.index < len(a) else np.nan for a in arrays], np.float64)

    verdict = np.nan_to_num(column("verdict"), nan=float(Code.ABSENT)).astype(np.int64)
    start = np.array([window.start for window in judged], np.int64)
    return Course(
        signal=row.signal, dimension=row.dimension, value_of=row.value, baseline=row.baseline, start=start, verdict=verdict,
        **{name: column(source) for name, source in _ARRAYS.items()},
    )  # fmt: skip
