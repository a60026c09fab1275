"""A calibration as bytes, with the measurements of the history that were made with it: what a restart takes up again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from detectors.baselines import Baseline
from detectors.calibration import Calibration, Declared, Part, Subject, make_part
from detectors.common_factor import Pool
from detectors.history import History
from detectors.vectors import VectorSums
from detectors.wobble import WobbleSums
from records.errors import StoreError
from records.pane_codec import decode_pane, encode_pane
from records.signal import Kind
from records.window import WAYS

VERSION = 3
_SUMS = [field.name for field in fields(WobbleSums)]
_VECTOR_SUMS = [field.name for field in fields(VectorSums)]


class _Blob(msgspec.Struct, array_like=True):
    version: int
    start: int
    parts: list[tuple[str, str, str, bytes]]
    sums: list[bytes]
    v: bytes
    vif: bytes
    by_day: bytes
    definitions: dict[str, str] = {}
    restarts: dict[int, int] = {}
    slices: list[tuple[str, str]] = []
    signals: list[str] = []
    lived: float = 0.0
    heights: bytes = b""
    vector_sums: list[bytes] = []


def encode_calibration(calibration: Calibration, history: History) -> bytes:
    parts = [(p.dimension, p.value, p.baseline, encode_pane(p.base)) for p in calibration.parts]
    sums, of_vectors = (
        [np.ascontiguousarray(getattr(held, name)).tobytes() for name in names]
        for held, names in ((calibration.sums, _SUMS), (calibration.vector_sums, _VECTOR_SUMS))
    )
    arrays = (history.v.tobytes(), history.vif.tobytes(), history.by_day.tobytes())
    blob = _Blob(
        VERSION, calibration.start, parts, sums, *arrays, dict(calibration.definitions), dict(calibration.restarts),
        sorted(calibration.slices), sorted(calibration.signals), calibration.pool.lived, calibration.pool.encode(),
        of_vectors,
    )  # fmt: skip
    return zstandard.ZstdCompressor(level=3).compress(msgspec.msgpack.encode(blob))


def decode_calibration(
    data: bytes, declared: Declared, register: Callable[[Subject], int], baselines: Mapping[str, Baseline], history: History
) -> Calibration:
    """The calibration as it was learned; `history` gets the measurements that were made with it. A baseline that is not
    among `baselines` (name to baseline) any more is left out."""
    blob = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(data), type=_Blob)
    if blob.version > VERSION:
        raise StoreError(f"a calibration of format {blob.version} was found, this version reads {VERSION}: upgrade plumbline")
    parts, rows, vectors = _parts(blob, register, baselines)
    calibration = Calibration(blob.start, parts, declared)
    _take_up(calibration.sums, _SUMS, blob.sums, rows)
    if blob.vector_sums:
        _take_up(calibration.vector_sums, _VECTOR_SUMS, blob.vector_sums, rows[vectors])
    calibration.settle()
    calibration.definitions, calibration.restarts = blob.definitions, blob.restarts
    calibration.slices, calibration.signals = frozenset(blob.slices), frozenset(blob.signals)
    calibration.pool = Pool.decode(blob.heights)
    ways = WAYS if blob.version > 2 else 1  # before, there was the score alone
    measured = len(blob.by_day) // ways
    history.grow(measured)
    history.unmeasure()
    for held, array in ((history.v, blob.v), (history.vif, blob.vif), (history.by_day, blob.by_day)):
        held[:ways, :measured] = np.frombuffer(array, held.dtype).reshape(ways, measured)
    return calibration


def _parts(
    blob: _Blob, register: Callable[[Subject], int], baselines: Mapping[str, Baseline]
) -> tuple[list[Part], NDArray[np.bool_], NDArray[np.bool_]]:
    """The parts of baselines that there still are, which of the stored rows are theirs, and which are of vectors."""
    parts, rows, vectors = [], list[bool](), list[bool]()
    for dimension, value, name, pane in blob.parts:
        against = baselines.get(name)
        part = make_part((dimension, value), against or Baseline(name, "fixed"), decode_pane(pane), register)
        rows += [against is not None] * len(part.index)
        vectors += (part.cells.kinds == Kind.VECTOR).tolist()
        if against is not None:
            parts.append(part)
    return parts, np.array(rows, bool), np.array(vectors, bool)


def _take_up(sums: WobbleSums | VectorSums, names: Sequence[str], stored: Sequence[bytes], rows: NDArray[np.bool_]) -> None:
    """The stored sums, of those `rows` that there still are."""
    for name, one in zip(names, stored, strict=True):
        values = np.frombuffer(one, np.float64).reshape(len(rows), *getattr(sums, name).shape[1:])
        setattr(sums, name, values[rows].copy())
