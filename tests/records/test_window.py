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
from records.window import DAY, HOUR, WINDOW, Code, Window, decode_window, encode_window

NUMBERS = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -7.25, 3.0e38, 1e-45]


def equal(a: Window, b: Window) -> bool:
    """To the bit, arrays and their types included."""
    for field in fields(Window):
        x, y = getattr(a, field.name), getattr(b, field.name)
        same = (x.dtype, x.tobytes()) == (y.dtype, y.tobytes()) if isinstance(x, np.ndarray) else x == y
        if not same:
            return False
    return True


@given(st.integers(0, 2**62), st.integers(0, 40))
def test_a_window_survives_its_bytes(start: int, size: int) -> None:
    window = Window.blank(start, start // 2, size, size)
    rng = np.random.default_rng(start)
    for field in fields(Window)[3:-1]:
        dtype = getattr(window, field.name).dtype
        if dtype.kind == "f":
            values = rng.choice(np.array(NUMBERS), size).astype(dtype)
        else:
            info = np.iinfo(dtype)
            values = rng.integers(info.min, info.max, size, dtype, endpoint=True)
        setattr(window, field.name, values)
    window.factor = 1.5
    assert equal(decode_window(encode_window(window)), window)


def test_a_blank_window_compared_nothing() -> None:
    window = Window.blank(WINDOW, 3, 17, 4)
    assert window.verdict.tolist() == [Code.ABSENT] * 4
    assert np.isnan(window.score).all() and not window.evidence.any() and not window.since.any()
    assert len({id(getattr(window, field.name)) for field in fields(Window)[3:-1]}) == len(fields(Window)) - 4


def test_a_window_of_a_newer_format_is_refused_with_what_to_do() -> None:
    blob = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(encode_window(Window.blank(0, 0, 0, 1))))
    newer = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode([blob[0] + 1, *blob[1:]]))
    with pytest.raises(StoreError, match="upgrade plumbline"):
        decode_window(newer)


def test_stored_codes_and_lengths_of_time_never_change() -> None:
    assert {code.name: code.value for code in Code} == {
        "ABSENT": 0, "CALM": 1, "CALIBRATING": 2, "TOO_FEW": 3, "SMALL": 4, "FINDING": 5, "NO_DATA": 6,
    }  # fmt: skip
    assert (WINDOW, HOUR, DAY) == (300_000_000, 3_600_000_000, 86_400_000_000)
