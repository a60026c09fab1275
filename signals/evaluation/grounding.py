"""How much of a text another one supports, by its words: pairs of content words, single ones, and numbers.

A *content word* is a run of letters, digits and non-ASCII characters, in lower case, that is none of English's function
words; a number is one word, without its commas, and so is each Chinese or Japanese character. Pairs are those of
neighbouring content words, within one passage. Pairs tell grounded answers from made-up ones better than single words do,
at equal length too: `make bench-evaluation` has the table.
"""

from collections.abc import Collection
from typing import NamedTuple

import numba as nb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.hashing import column_bytes, hash_text
from signals.labels import flatten
from signals.scan import finish, insert

WORDS, WORDS_FOUND, PAIRS, PAIRS_FOUND, NUMBERS, NUMBERS_FOUND, COUNTS = range(7)
"""Columns of the counts."""

_FUNCTION_WORDS = """
a about above after again against all am an and any are as at be because been before being below between both but by can
could d did do does doing down during each few for from further had has have having he her here hers herself him himself his
how i if in into is it its itself just ll m may me might more most must my myself no nor not now of off on once only or
other our ours ourselves out over own re s same shall she should so some such t than that the their theirs them themselves
then there these they this those through to too under until up us ve very was we were what when where which while who whom
whose why will with would you your yours yourself yourselves
"""
_LONGEST_STOP = max(map(len, _FUNCTION_WORDS.split()))
_ODD = np.uint64(0x9E3779B97F4A7C15)
_NUMBER = np.uint64(0xD6E8FEB86659FD93)
_LETTER = np.array([byte >= 128 or chr(byte).isalnum() for byte in range(256)], np.uint8)


class Passages(NamedTuple):
    """What may support n texts: text i has passages `first[i]` to `first[i + 1]` (n + 1,) of `texts`."""

    first: NDArray[np.int64]
    texts: pl.Series


@nb.njit(cache=True, nogil=True)
def _is_in(table: NDArray[np.uint64], h: np.uint64) -> bool:
    """Whether a table of hashes with free slots, which are 0, holds one."""
    mask = np.uint64(len(table) - 1)
    k = h & mask
    while table[k] != h:
        if table[k] == 0:
            return False
        k = (k + np.uint64(1)) & mask
    return True


def _stop_table() -> NDArray[np.uint64]:
    table = np.zeros(1024, np.uint64)
    for word in _FUNCTION_WORDS.split():
        k = hash_text(word) % len(table)
        while table[k]:
            k = (k + 1) % len(table)
        table[k] = hash_text(word)
    return table


_STOP = _stop_table()


@nb.njit(cache=True, nogil=True)
def _is_punctuation(data: NDArray[np.uint8], j: int, high: int) -> int:
    """Bytes of the general or ideographic punctuation or no-break space at j; 0 where there is none."""
    if data[j] == 0xE2 and j + 2 < high and data[j + 1] <= 0x81:
        return 3
    if data[j] == 0xE3 and j + 2 < high and data[j + 1] == 0x80:
        return 3
    return 2 if data[j] == 0xC2 and j + 1 < high and data[j + 1] == 0xA0 else 0


@nb.njit(cache=True, nogil=True)
def _within_number(data: NDArray[np.uint8], j: int, high: int) -> bool:
    """Whether a comma or a point stands between two digits."""
    mark = data[j] == 44 or data[j] == 46
    return bool(mark and j + 1 < high and 48 <= data[j - 1] <= 57 and 48 <= data[j + 1] <= 57)


@nb.njit(cache=True, nogil=True)
def _words(data, low, high, letter, stop, longest, out):  # type: ignore[no-untyped-def]
    """Hash the content words of one lower-case text into `out`; returns how many."""
    used = 0
    j = low
    while j < high:
        start, h = j, np.uint64(14695981039346656037)
        while j < high and (letter[data[j]] or (j > start and _within_number(data, j, high))):
            if data[j] == 44:
                j += 1
                continue
            if data[j] >= 0xC2 and (_is_punctuation(data, j, high) or (0xE3 <= data[j] <= 0xE9 and j > start)):
                break
            h = (h ^ np.uint64(data[j])) * np.uint64(1099511628211)
            j += 1
            if j - start == 3 and 0xE3 <= data[start] <= 0xE9:
                break
        if j > start:
            h = finish(h)
            if j - start > longest or not _is_in(stop, h):
                out[used] = h
                used += 1
        elif j < high:
            j += max(_is_punctuation(data, j, high), 1)
    return used


@nb.njit(cache=True, nogil=True)
def _numbers(data, low, high, out):  # type: ignore[no-untyped-def]
    """Hash the numbers of one text into `out`: digits, a point between them if it is the first, commas between them dropped."""
    used, last, point, h = 0, low - 2, False, np.uint64(0)
    for j in range(low, high):
        if not 48 <= data[j] <= 57:
            continue
        between = data[j - 1] if last >= low and j == last + 2 else 0
        if between == 46 and not point:
            h, point = (h ^ np.uint64(46)) * np.uint64(1099511628211), True
        elif j != last + 1 and between != 44:
            if last >= low:
                out[used] = finish(h ^ _NUMBER)
                used += 1
            h, point = np.uint64(14695981039346656037), False
        h = (h ^ np.uint64(data[j])) * np.uint64(1099511628211)
        last = j
    if last >= low:
        out[used] = finish(h ^ _NUMBER)
        used += 1
    return used


@nb.njit(cache=True, nogil=True)
def _pair(a: np.uint64, b: np.uint64) -> np.uint64:
    return finish((a * _ODD) ^ b)  # type: ignore[no-any-return]


@nb.njit(cache=True, nogil=True)
def _has(table: NDArray[np.uint64], mask: np.uint64, h: np.uint64, owner: np.uint64) -> bool:
    """Whether `insert` put it there."""
    entry = (h & np.uint64(0xFFFFFFFF00000000)) | owner
    k = h & mask
    while table[k] & np.uint64(0xFFFFFFFF) == owner:
        if table[k] == entry:
            return True
        k = (k + np.uint64(1)) & mask
    return False


@nb.njit(cache=True, nogil=True)
def _mask(size: int) -> np.uint64:
    """Slots for what `size` bytes can hold, less one: twice its words, pairs and numbers."""
    slots = 64
    while slots < 2 * size:
        slots *= 2
    return np.uint64(slots - 1)


@nb.njit(cache=True, nogil=True)
def _support(offsets, data, first, at, passages, letter, stop, longest, table, words, out):  # type: ignore[no-untyped-def]
    for i in range(len(offsets) - 1):
        owner, mask = np.uint64(i + 1), _mask(at[first[i + 1]] - at[first[i]])
        for p in range(first[i], first[i + 1]):
            for k in range(_numbers(passages, at[p], at[p + 1], words)):
                insert(table, mask, words[k], owner)
            for k in range(_words(passages, at[p], at[p + 1], letter, stop, longest, words)):
                insert(table, mask, words[k], owner)
                if k > 0:
                    insert(table, mask, _pair(words[k - 1], words[k]), owner)
        out[i, NUMBERS] = _numbers(data, offsets[i], offsets[i + 1], words)
        for k in range(out[i, NUMBERS]):
            out[i, NUMBERS_FOUND] += _has(table, mask, words[k], owner)
        out[i, WORDS] = _words(data, offsets[i], offsets[i + 1], letter, stop, longest, words)
        for k in range(out[i, WORDS]):
            out[i, WORDS_FOUND] += _has(table, mask, words[k], owner)
            if k > 0:
                out[i, PAIRS] += 1
                out[i, PAIRS_FOUND] += _has(table, mask, _pair(words[k - 1], words[k]), owner)


def support(texts: pl.Series, passages: Passages) -> NDArray[np.int64]:
    """Counts (n, COUNTS) of what each text (n,) holds, and of how much of that its passages hold; a null is empty."""
    offsets, data = column_bytes(texts.str.to_lowercase())
    at, theirs = column_bytes(passages.texts.str.to_lowercase())
    out = np.zeros((len(texts), COUNTS), np.int64)
    longest = max(int(np.diff(offsets).max(initial=0)), int(np.diff(at).max(initial=0)))
    held = at[passages.first]
    table = np.zeros(int(_mask(int(np.diff(held).max(initial=0)))) + 1, np.uint64)
    words = np.empty(longest + 1, np.uint64)
    _support(offsets, data, passages.first, at, theirs, _LETTER, _STOP, _LONGEST_STOP, table, words, out)
    return out


def share(counts: NDArray[np.int64], of: int) -> NDArray[np.float64]:
    """What was found of a kind (n,), from 0 to 1: `of` is WORDS, PAIRS or NUMBERS; NaN where the text holds none."""
    out = np.full(len(counts), np.nan)
    np.divide(counts[:, of + 1], counts[:, of], out=out, where=counts[:, of] > 0)
    return out


def groundedness(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share (n,) of the pairs that are found, of a single content word whether it is; NaN where there is none."""
    return np.where(counts[:, PAIRS] > 0, share(counts, PAIRS), share(counts, WORDS))


@nb.njit(cache=True, nogil=True)
def _holds(offsets, data, first, at, passages, letter, stop, longest, wanted, words, out):  # type: ignore[no-untyped-def]
    for i in range(len(offsets) - 1):
        m = _words(data, offsets[i], offsets[i + 1], letter, stop, longest, wanted)
        out[i] = np.nan if m == 0 else 0.0
        for p in range(first[i], first[i + 1] if m else first[i]):
            held = _words(passages, at[p], at[p + 1], letter, stop, longest, words)
            for k in range(held - m + 1):
                if words[k] == wanted[0] and np.all(words[k : k + m] == wanted[:m]):
                    out[i] = 1.0
                    break


def holds(texts: pl.Series, passages: Passages) -> NDArray[np.float64]:
    """1 where a passage holds the content words of a text in a row, else 0, shape (n,); NaN where a text has none."""
    offsets, data = column_bytes(texts.str.to_lowercase())
    at, theirs = column_bytes(passages.texts.str.to_lowercase())
    longest = max(int(np.diff(offsets).max(initial=0)), int(np.diff(at).max(initial=0)))
    wanted, words = np.empty(longest + 1, np.uint64), np.empty(longest + 1, np.uint64)
    out = np.empty(len(texts), np.float64)
    _holds(offsets, data, passages.first, at, theirs, _LETTER, _STOP, _LONGEST_STOP, wanted, words, out)
    return out


def scores(frame: pl.DataFrame, names: Collection[str]) -> dict[str, NDArray[np.float64]]:
    """What the passages of each interaction (n,) support, by name; NaN where it has none, or not the text in question.

    groundedness: of the answer's pairs; number_support: of its numbers; context_overlap: of the prompt's content words;
    retrieval_hit: the reference answer's content words in a row.
    """
    lengths = frame["context"].list.len().cast(pl.Float64).to_numpy()
    at = np.flatnonzero(lengths > 0)
    found: dict[str, NDArray[np.float64]] = {}
    if len(at):
        mine = frame.select("prompt", "response", "reference_answer", "context")[at]
        _, items = flatten(mine["context"], lengths[at])
        passages = Passages(np.cumsum([0, *lengths[at]]).astype(np.int64), items["item"])
        if not {"groundedness", "number_support"}.isdisjoint(names):
            counts = support(mine["response"], passages)
            found |= {"groundedness": groundedness(counts), "number_support": share(counts, NUMBERS)}
        if "context_overlap" in names:
            found["context_overlap"] = share(support(mine["prompt"], passages), WORDS)
        if "retrieval_hit" in names:
            found["retrieval_hit"] = holds(mine["reference_answer"], passages)
    out = {name: np.full(len(frame), np.nan) for name in names}
    for name in found.keys() & out.keys():
        out[name][at] = found[name]
    return out


def answer_overlap(prompts: pl.Series, responses: pl.Series) -> NDArray[np.float64]:
    """The share (n,) of the prompt's content words that the answer uses; NaN where either is missing or has none."""
    counts = support(prompts, Passages(np.arange(len(prompts) + 1), responses))
    return np.where(responses.is_null().to_numpy(), np.nan, share(counts, WORDS))
