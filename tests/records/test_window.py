"""A judged window as bytes."""

import math
from dataclasses import fields

import msgspec
import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from records.errors import StoreError
from records.window import DAY, HOUR, WAYS, WINDOW, Code, Way, Window, decode_window, encode_window

ARRAYS = fields(Window)[3:-1]
NUMBERS = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -7.25, 3.0e38, 1e-45]


def equal(a: Window, b: Window) -> bool:
    """To the bit, arrays and their types included."""
    for field in fields(Window):
        x, y = getattr(a, field.name), getattr(b, field.name)
        same = (x.dtype, x.tobytes()) == (y.dtype, y.tobytes()) if isinstance(x, np.ndarray) else x == y
        if not same:
            return False
    return True


def filled(start: int, size: int) -> Window:
    """Anything that numbers can be, in every array."""
    window = Window.blank(start, start // 2, size, size)
    rng = np.random.default_rng(start)
    for field in ARRAYS:
        held = getattr(window, field.name)
        if held.dtype.kind == "f":
            values = rng.choice(np.array(NUMBERS), held.shape).astype(held.dtype)
        else:
            info = np.iinfo(held.dtype)
            values = rng.integers(info.min, info.max, held.shape, held.dtype, endpoint=True)
        setattr(window, field.name, values)
    window.way = rng.integers(0, WAYS, size).astype(np.int8)
    window.evidence, window.since = (held[window.way, np.arange(size)] for held in (window.evidences, window.begun))
    window.factor = 1.5
    return window


@given(st.integers(0, 2**62), st.integers(0, 40))
def test_a_window_survives_its_bytes(start: int, size: int) -> None:
    window = filled(start, size)
    assert equal(decode_window(encode_window(window)), window)


@pytest.mark.parametrize("size", [0, 1, 7])
def test_a_window_from_before_there_were_ways_was_judged_by_its_score(size: int) -> None:
    was = filled(WINDOW, size)
    names = [field.name for field in ARRAYS][:12]
    blob = [2, was.start, was.calibration, was.traffic, [getattr(was, name).tobytes() for name in names], was.factor]
    window = decode_window(zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(blob)))
    for name in names:
        assert getattr(window, name).tobytes() == getattr(was, name).tobytes(), name
    assert window.evidences.tobytes() == np.vstack([was.evidence, np.zeros((2, size))]).tobytes()
    assert window.begun.tolist() == [was.since.tolist(), [0] * size, [0] * size]
    assert np.isnan(window.lean).all() and not window.way.any()


def test_a_row_that_is_forgotten_has_no_evidence_any_way() -> None:
    window = filled(3, 4)
    window.forget(2)
    assert (window.evidence[2], window.since[2]) == (0.0, 0)
    assert not window.evidences[:, 2].any() and not window.begun[:, 2].any()
    assert equal(decode_window(encode_window(window)), window)


def test_a_blank_window_compared_nothing() -> None:
    window = Window.blank(WINDOW, 3, 17, 4)
    assert window.verdict.tolist() == [Code.ABSENT] * 4
    assert np.isnan(window.score).all() and not window.evidences.any() and not window.begun.any()
    assert len({id(getattr(window, field.name)) for field in ARRAYS}) == len(ARRAYS)


def test_a_window_of_a_newer_format_is_refused_with_what_to_do() -> None:
    blob = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(encode_window(Window.blank(0, 0, 0, 1))))
    newer = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode([blob[0] + 1, *blob[1:]]))
    with pytest.raises(StoreError, match="upgrade plumbline"):
        decode_window(newer)


def test_stored_codes_and_lengths_of_time_never_change() -> None:
    assert {code.name: code.value for code in Code} == {
        "ABSENT": 0, "CALM": 1, "CALIBRATING": 2, "TOO_FEW": 3, "SMALL": 4, "FINDING": 5, "NO_DATA": 6,
    }  # fmt: skip
    assert {way.name: way.value for way in Way} == {"SCORE": 0, "UP": 1, "DOWN": 2}
    assert (WINDOW, HOUR, DAY) == (300_000_000, 3_600_000_000, 86_400_000_000)
