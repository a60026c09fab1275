"""Second source: FNV-1a and MurmurHash3's finaliser (fmix64) in plain Python integers, from their published definitions."""

from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.hashing import column_bytes, hash_column, hash_text

MASK = 2**64 - 1
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)

GOLDEN = {
    "": 0xEFD01F60BA992926,
    "a": 0x82A2A958A9BECE5B,
    "support": 0x624566A155B82570,
    "é": 0x9D55CCB9BA86763B,
    "interaction-000000000000000001": 0xE053D97234593E89,
    "\0": 0xB9034AD37056F5FB,
    "\N{GRINNING FACE}" * 3: 0xEC89D3C6F9BA77F9,
}


def plain(text: str) -> int:
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = (h ^ byte) * 0x100000001B3 & MASK
    h = (h ^ h >> 33) * 0xFF51AFD7ED558CCD & MASK
    h = (h ^ h >> 33) * 0xC4CEB9FE1A85EC53 & MASK
    return h ^ h >> 33


@pytest.mark.parametrize(("text", "expected"), GOLDEN.items())
def test_hashes_never_change(text: str, expected: int) -> None:
    assert hash_text(text) == expected == plain(text)


@given(st.lists(st.none() | TEXT, max_size=20))
def test_a_column_hashes_as_its_texts_do_and_a_null_as_nothing(texts: list[str | None]) -> None:
    column = pl.Series("c", texts, dtype=pl.String)
    assert hash_column(column).tolist() == [plain(text or "") for text in texts]
    offsets, data = column_bytes(column)
    cut = [data[a:b].tobytes().decode() for a, b in pairwise(offsets)]
    assert cut == [text or "" for text in texts]


def test_a_slice_of_a_column_hashes_as_it_does_alone() -> None:
    column = pl.Series(["a", None, "b" * 100, "c"])
    assert hash_column(column.slice(2)).tolist() == [plain("b" * 100), plain("c")]
