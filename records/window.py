"""A judged window: scores and evidence of all comparisons of an application, one row of arrays."""

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

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
VERSION = 3
T = TypeVar("T", bound=np.generic)


class Way(IntEnum):
    """A way of looking at a window: by its score, or by the signed t of its ranks, upwards or downwards. The values are
    stored: never renumber."""

    SCORE = 0
    UP = 1
    DOWN = 2


WAYS = len(Way)


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

    n: values judged; value: their mean, or the share of the last cell; score: decades; lean: the signed t of the ranks;
    js, smd: effects of this window alone; floors: effect over its floor, since the change where one is open;
    waited: windows that n was gathered over, negative while it still waits; way: the `Way` that leads, of which are
    log_p, evidence, threshold: decades; and since: start of the first window of the present evidence, 0 where there is
    none. evidences, begun (WAYS, R): evidence and its start, each way. `factor`: what all thresholds were raised by, in
    common. Of vectors value and smd are Mahalanobis' distance, and there is no js.
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
    lean: NDArray[np.float32]
    way: NDArray[np.int8]
    evidences: NDArray[np.float64]
    begun: NDArray[np.int64]
    factor: float = 1.0

    @classmethod
    def blank(cls, start: int, calibration: int, traffic: int, size: int) -> "Window":
        """A window in which nothing was compared."""
        nan = [np.full(size, np.nan, np.float32) for _ in range(9)]
        n, value, score, log_p, threshold, js, smd, floors, lean = nan
        evidence, since = np.zeros(size), np.zeros(size, np.int64)
        waited, verdict, way = np.zeros(size, np.int8), np.zeros(size, np.uint8), np.zeros(size, np.int8)
        evidences, begun = np.zeros((WAYS, size)), np.zeros((WAYS, size), np.int64)
        return cls(
            start, calibration, traffic, n, value, score, log_p, evidence, threshold, js, smd, floors, since, waited, verdict,
            lean, way, evidences, begun,
        )  # fmt: skip

    def forget(self, row: int) -> None:
        """Evidence of a comparison counts no more, whichever way it led."""
        self.evidence[row] = self.since[row] = 0
        self.evidences[:, row] = self.begun[:, row] = 0


_STORED = (
    "n", "value", "score", "log_p", "evidences", "threshold", "js", "smd", "floors", "begun", "waited", "verdict", "lean",
    "way",
)  # fmt: skip
_DTYPES = {"evidences": "<f8", "begun": "<i8", "waited": "i1", "verdict": "u1", "way": "i1"}


def encode_window(window: Window) -> bytes:
    arrays = [getattr(window, name).astype(_DTYPES.get(name, "<f4")).tobytes() for name in _STORED]
    blob = msgspec.msgpack.encode([VERSION, window.start, window.calibration, window.traffic, arrays, window.factor])
    return zstandard.ZstdCompressor(level=3).compress(blob)


def decode_window(data: bytes) -> Window:
    """The inverse of `encode_window`; StoreError where a newer version wrote it. Before version 3 there was the score alone:
    twelve arrays, and one way."""
    packed = zstandard.ZstdDecompressor().decompress(data)
    version, start, calibration, traffic, arrays, *factor = msgspec.msgpack.decode(packed)
    if version > VERSION:
        raise StoreError(f"a window of format {version} was found, this version reads {VERSION}: upgrade plumbline")
    window = Window.blank(start, calibration, traffic, len(arrays[0]) // 4)
    for name, array in zip(_STORED, arrays, strict=False):
        values = np.frombuffer(array, _DTYPES.get(name, "<f4"))
        getattr(window, name).reshape(-1)[: len(values)] = values
    window.evidence, window.since = leading(window.evidences, window.way), leading(window.begun, window.way)
    if factor:
        window.factor = factor[0]
    return window


def leading(each: NDArray[T], way: NDArray[np.int8]) -> NDArray[T]:
    """Of what there is each way (WAYS, R), that of the way (R,) that leads."""
    out: NDArray[T] = np.take_along_axis(each, way[None].astype(np.int64), axis=0)[0]
    return out
