"""A pane as bytes: one compressed, versioned blob a row."""

from typing import Any

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from records.errors import StoreError
from records.pane import Pane
from records.signal import Kind
from records.summary.counts import Counts
from records.summary.sample import Sample

VERSION, PLAIN = 2, 1
"""Since 2 there are vectors. Without any a pane is still written as 1: who measures none can go back to an older release."""


class _Blob(msgspec.Struct, array_like=True):
    version: int
    n: int
    names: list[str]
    kinds: bytes
    resolution: bytes
    moments: bytes
    signal: bytes
    key: bytes
    count: bytes
    labels: dict[int, str]
    hashes: bytes
    ids: list[str]
    slices: list[dict[str, str]]
    sample_keys: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Blob)


def encode_pane(pane: Pane) -> bytes:
    c, s = pane.counts, pane.sample
    version = VERSION if (pane.kinds == Kind.VECTOR).any() else PLAIN
    blob = _Blob(
        version, pane.n, list(pane.names), pane.kinds.tobytes(), pane.resolution.tobytes(),
        np.ascontiguousarray(pane.moments.T).tobytes(), c.signal.astype("<u2").tobytes(), c.key.astype("<i8").tobytes(),
        c.count.astype("<i8").tobytes(), dict(sorted(pane.labels.items())), s.hashes.tobytes(), list(s.ids),
        list(s.slices), np.ascontiguousarray(s.keys.T).tobytes(),
    )  # fmt: skip
    return zstandard.ZstdCompressor(level=3).compress(_encoder.encode(blob))


def decode_pane(data: bytes) -> Pane:
    """The inverse of `encode_pane`; StoreError where a newer version wrote it."""
    blob = _decoder.decode(zstandard.ZstdDecompressor().decompress(data))
    if blob.version > VERSION:
        raise StoreError(f"a pane of format {blob.version} was found, this version reads {VERSION}: upgrade plumbline")
    size, k = len(blob.names), len(blob.ids)
    counts = Counts(_array(blob.signal, "<u2").astype(np.int32), _array(blob.key, "<i8"), _array(blob.count, "<i8"))
    sample = Sample(
        _array(blob.hashes, "<u8"),
        tuple(blob.ids),
        tuple(blob.slices),
        _array(blob.sample_keys, "<i8").reshape(size, k).T,
    )
    return Pane(
        blob.n, _interned(tuple(blob.names)), _array(blob.kinds, "u1"), _array(blob.resolution, "<f8"),
        _array(blob.moments, "<f8").reshape(4, size).T, counts, blob.labels, sample,
    )  # fmt: skip


_names: dict[tuple[str, ...], tuple[str, ...]] = {}


def _interned(names: tuple[str, ...]) -> tuple[str, ...]:
    """The same tuple object for the same names: comparing names is then comparing identities."""
    if len(_names) > 10_000:
        _names.clear()
    return _names.setdefault(names, names)


def _array(data: bytes, dtype: str) -> NDArray[Any]:
    return np.frombuffer(data, dtype)
