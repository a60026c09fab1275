"""A calibration as bytes, with the measurements of the history that were made with it: what a restart takes up again."""

from collections.abc import Callable
from dataclasses import fields

import msgspec
import numpy as np
import zstandard

from detectors.calibration import Calibration, Declared, Subject, make_part
from detectors.history import History
from detectors.wobble import WobbleSums
from records.errors import StoreError
from records.pane_codec import decode_pane, encode_pane

VERSION = 1
_SUMS = [field.name for field in fields(WobbleSums)]


class _Blob(msgspec.Struct, array_like=True):
    version: int
    start: int
    parts: list[tuple[str, str, str, bytes]]
    sums: list[bytes]
    v: bytes
    vif: bytes
    by_day: bytes


def encode_calibration(calibration: Calibration, history: History) -> bytes:
    parts = [(p.dimension, p.value, p.baseline, encode_pane(p.base)) for p in calibration.parts]
    sums = [np.ascontiguousarray(getattr(calibration.sums, name)).tobytes() for name in _SUMS]
    arrays = (history.v.tobytes(), history.vif.tobytes(), history.by_day.tobytes())
    blob = _Blob(VERSION, calibration.start, parts, sums, *arrays)
    return zstandard.ZstdCompressor(level=3).compress(msgspec.msgpack.encode(blob))


def decode_calibration(
    data: bytes, declared: Declared, register: Callable[[Subject], int], fixed: frozenset[str], history: History
) -> Calibration:
    """The calibration as it was learned; `history` gets the measurements that were made with it."""
    blob = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(data), type=_Blob)
    if blob.version != VERSION:
        raise StoreError(f"a calibration of format {blob.version} was found, this version reads {VERSION}: upgrade plumbline")
    parts = [make_part((d, v), name, decode_pane(pane), register) for d, v, name, pane in blob.parts]
    calibration = Calibration(blob.start, parts, declared, fixed)
    for name, stored in zip(_SUMS, blob.sums, strict=True):
        shape = getattr(calibration.sums, name).shape
        setattr(calibration.sums, name, np.frombuffer(stored, np.float64).reshape(shape).copy())
    calibration.settle()
    measured = len(blob.by_day)
    history.grow(measured)
    history.v[:measured], history.vif[:measured] = np.frombuffer(blob.v), np.frombuffer(blob.vif)
    history.by_day[:measured] = np.frombuffer(blob.by_day, bool)
    return calibration
