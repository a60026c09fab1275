"""A judged window: scores and evidence of all comparisons of an application, one row of arrays."""

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from records.errors import StoreError

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WINDOW = 5 * MINUTE
"""Length of a window of verdicts, microseconds of event time."""
VERSION = 2


class Code(IntEnum):
    """A comparison's verdict in one window. The values are stored: never renumber."""

    ABSENT = 0
    CALM = 1
    CALIBRATING = 2
    TOO_FEW = 3
    SMALL = 4
    FINDING = 5
    NO_DATA = 6


@dataclass(slots=True)
class Window:
    """`traffic` interactions in all, and arrays (R,) in the order of the application's registry of comparisons; what was
    not compared is nan or ABSENT.

    n: values judged; value: their mean, or the share of the last cell; score, log_p, evidence, threshold: decades;
    js, smd: effects of this window alone; floors: effect over its floor, since the change where one is open;
    since: start of the first window of the present evidence, 0 where there is none; waited: windows that n was
    gathered over, negative while it still waits. `factor`: what all thresholds were raised by, in common.
    Of vectors value and smd are Mahalanobis' distance, and there is no js.
    """

    start: int
    calibration: int
    traffic: int
    n: NDArray[np.float32]
    value: NDArray[np.float32]
    score: NDArray[np.float32]
    log_p: NDArray[np.float32]
    evidence: NDArray[np.float64]
    threshold: NDArray[np.float32]
    js: NDArray[np.float32]
    smd: NDArray[np.float32]
    floors: NDArray[np.float32]
    since: NDArray[np.int64]
    waited: NDArray[np.int8]
    verdict: NDArray[np.uint8]
    factor: float = 1.0

    @classmethod
    def blank(cls, start: int, calibration: int, traffic: int, size: int) -> "Window":
        """A window in which nothing was compared."""
        nan = [np.full(size, np.nan, np.float32) for _ in range(8)]
        n, value, score, log_p, threshold, js, smd, floors = nan
        evidence, since = np.zeros(size), np.zeros(size, np.int64)
        waited, verdict = np.zeros(size, np.int8), np.zeros(size, np.uint8)
        return cls(
            start, calibration, traffic, n, value, score, log_p, evidence, threshold, js, smd, floors, since, waited, verdict
        )


_ARRAYS = [field.name for field in fields(Window)][3:-1]
_DTYPES = {"evidence": "<f8", "since": "<i8", "waited": "i1", "verdict": "u1"}


def encode_window(window: Window) -> bytes:
    arrays = [getattr(window, name).astype(_DTYPES.get(name, "<f4")).tobytes() for name in _ARRAYS]
    blob = msgspec.msgpack.encode([VERSION, window.start, window.calibration, window.traffic, arrays, window.factor])
    return zstandard.ZstdCompressor(level=3).compress(blob)


def decode_window(data: bytes) -> Window:
    """The inverse of `encode_window`; StoreError where a newer version wrote it."""
    packed = zstandard.ZstdDecompressor().decompress(data)
    version, start, calibration, traffic, arrays, *factor = msgspec.msgpack.decode(packed)
    if version > VERSION:
        raise StoreError(f"a window of format {version} was found, this version reads {VERSION}: upgrade plumbline")
    values: list[Any] = [np.frombuffer(a, _DTYPES.get(name, "<f4")) for name, a in zip(_ARRAYS, arrays, strict=True)]
    window = Window(start, calibration, traffic, *values)
    if factor:
        window.factor = factor[0]
    return window
