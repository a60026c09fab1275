"""Exact match, numeric match and token F1, a batch at a time.

Exact match and F1 are SQuAD's (Rajpurkar et al. 2016): lower case, ASCII punctuation and the articles a, an, the
removed, words between white space. Unicode's other spaces are made plain ones first.
"""

from collections.abc import Collection

import numba as nb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.hashing import column_bytes

RELATIVE = 1e-9
"""Numbers are equal if they differ by no more than this share of the larger."""

_KIND = np.array(
    [0 if chr(b) in " \t\n\r\v\f\x1c\x1d\x1e\x1f" else 1 if 33 <= b <= 126 and not chr(b).isalnum() else 2 for b in range(256)],
    np.uint8,
)
"""Per byte: 0 white space, 1 punctuation, 2 part of a word."""


@nb.njit(cache=True, nogil=True)
def _is_article(data: NDArray[np.uint8], length: int) -> bool:
    if length == 0 or data[0] != 97:
        return length == 3 and data[0] == 116 and data[1] == 104 and data[2] == 101
    return length == 1 or (length == 2 and data[1] == 110)


@nb.njit(cache=True, nogil=True)
def _tokens(data, low, high, kind, word, out):  # type: ignore[no-untyped-def]
    """Hash the words of one text into `out`; returns how many. `word` is room for the first bytes of a word."""
    used = length = 0
    h = np.uint64(14695981039346656037)
    for j in range(low, high + 1):
        what = kind[data[j]] if j < high else np.uint8(0)
        if what == 2:
            if length < len(word):
                word[length] = data[j]
            length += 1
            h = (h ^ np.uint64(data[j])) * np.uint64(1099511628211)
        elif what == 0 and length > 0:
            if not _is_article(word, length):
                out[used] = h
                used += 1
            h = np.uint64(14695981039346656037)
            length = 0
    return used


@nb.njit(cache=True, nogil=True)
def _common(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> int:
    """Size of the intersection of two sorted multisets."""
    i = j = shared = 0
    while i < len(a) and j < len(b):
        if a[i] == b[j]:
            shared += 1
            i += 1
            j += 1
        elif a[i] < b[j]:
            i += 1
        else:
            j += 1
    return shared


@nb.njit(cache=True, nogil=True)
def _compare(left_at, left, right_at, right, kind):  # type: ignore[no-untyped-def]
    """Per pair of texts: whether their words are the same in order, and F1 of their words as multisets."""
    n = len(left_at) - 1
    same, f1 = np.zeros(n), np.zeros(n)
    word = np.zeros(3, np.uint8)
    for i in range(n):
        a = np.empty((left_at[i + 1] - left_at[i]) // 2 + 1, np.uint64)
        b = np.empty((right_at[i + 1] - right_at[i]) // 2 + 1, np.uint64)
        a = a[: _tokens(left, left_at[i], left_at[i + 1], kind, word, a)]
        b = b[: _tokens(right, right_at[i], right_at[i + 1], kind, word, b)]
        same[i] = len(a) == len(b) and np.all(a == b)
        if len(a) == 0 or len(b) == 0:
            f1[i] = same[i]
        else:
            f1[i] = 2.0 * _common(np.sort(a), np.sort(b)) / (len(a) + len(b))
    return same, f1


def _words(column: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    return column_bytes(column.str.to_lowercase().str.replace_all(r"[\s--\x00-\x7F]", " "))


def word_scores(responses: pl.Series, references: pl.Series, names: Collection[str]) -> dict[str, NDArray[np.float64]]:
    """exact_match: 1 where the normalised texts are equal, else 0; token_f1: harmonic mean of precision and recall of
    the normalised words as a multiset, where two texts without a word are equal. Shapes (n,)."""
    same, f1 = _compare(*_words(responses), *_words(references), _KIND)
    return {name: values for name, values in (("exact_match", same), ("token_f1", f1)) if name in names}


@nb.njit(cache=True, nogil=True)
def _is_digit(byte: int) -> bool:
    return 48 <= byte <= 57


@nb.njit(cache=True, nogil=True)
def _number_start(data: NDArray[np.uint8], low: int, end: int) -> int:
    """Where the number that ends before `end` begins: digits, commas before groups of three, one decimal point."""
    start, group, point = end, 0, False
    while start > low:
        byte = data[start - 1]
        if _is_digit(byte):
            group += 1
        elif start - 1 > low and _is_digit(data[start - 2]) and byte == 46 and not point and group == end - start:
            point, group = True, 0
        elif start - 1 > low and _is_digit(data[start - 2]) and byte == 44 and group == 3:
            group = 0
        else:
            break
        start -= 1
    return start


@nb.njit(cache=True, nogil=True)
def _is_negative(data: NDArray[np.uint8], low: int, start: int) -> bool:
    """Whether a minus stands before the number (or its $), and is no hyphen or operator: nothing it could bind to."""
    if start > low and data[start - 1] == 36:
        start -= 1
    if start == low or data[start - 1] != 45:
        return False
    if start - 1 == low:
        return True
    before = data[start - 2]
    return not (_is_digit(before) or 65 <= before <= 90 or 97 <= before <= 122 or before == 41 or before >= 128)


@nb.njit(cache=True, nogil=True)
def _last_numbers(offsets: NDArray[np.int64], data: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Start and end (n, 2) of the last number of each text, equal where there is none; and whether it is negative."""
    n = len(offsets) - 1
    spans, negative = np.zeros((n, 2), np.int64), np.zeros(n, np.bool_)
    for i in range(n):
        end = offsets[i + 1]
        while end > offsets[i] and not _is_digit(data[end - 1]):
            end -= 1
        if end > offsets[i]:
            start = _number_start(data, offsets[i], end)
            spans[i, 0], spans[i, 1] = start - offsets[i], end - offsets[i]
            negative[i] = _is_negative(data, offsets[i], start)
    return spans, negative


def last_number(column: pl.Series) -> NDArray[np.float64]:
    """The last number of each text (n,), without thousands separators and currency; NaN where there is none.

    What looks like one number by commas is one: "1,234" is 1234, "1,2" ends in 2. A number too large is infinite.
    """
    spans, negative = _last_numbers(*column_bytes(column))
    start, end = pl.Series("start", spans[:, 0]), pl.Series("end", spans[:, 1])
    taken = pl.select(pl.lit(column.cast(pl.Binary)).bin.slice(start, end - start).cast(pl.String)).to_series()
    numbers = taken.str.replace_all(",", "", literal=True).cast(pl.Float64, strict=False).to_numpy()
    return np.where(negative, -numbers, numbers)


def numeric_match(responses: pl.Series, references: pl.Series, names: Collection[str]) -> dict[str, NDArray[np.float64]]:
    """numeric_match: 1 where the last numbers are equal, else 0, shape (n,); NaN where the reference has none."""
    found, expected = last_number(responses), last_number(references)
    with np.errstate(invalid="ignore"):
        equal = (found == expected) | (np.abs(found - expected) <= RELATIVE * np.maximum(np.abs(found), np.abs(expected)))
    return {name: np.where(np.isnan(expected), np.nan, equal) for name in names}
