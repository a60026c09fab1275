"""One pass over the UTF-8 bytes of a text column: everything that can be counted in it, in one compiled loop.

A *word* is a run of characters between ASCII white space that holds a letter, a digit or a non-ASCII character; two
words are the same if these characters are (ASCII case, punctuation and symbols aside). Languages written without spaces
therefore count few, long words. `tests/golden/test_text_kernel.py` holds the same definitions in plain Python.
"""

import numba as nb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.columns import WORD_BUCKETS, Words
from records.hashing import column_bytes

WORD_LIMIT = 32_768
"""Distinct words, repeated trigrams and word buckets are taken from this many first words of a text."""

CHARACTERS, WORDS, SENTENCES, LINES, LIST_MARKERS, BOLD_MARKERS, CODE_FENCES = range(7)
DISTINCT, REPEATED, COMPARED, TRIGRAMS, LETTERS, DIGITS, UPPER, CASED, NON_ASCII = range(7, 16)
PUNCTUATION, QUESTION_MARKS, EXCLAMATION_MARKS, AT_SIGNS, PHONE_DIGITS, CARD_DIGITS, COUNTS = range(16, 23)
"""Columns of the counts. COMPARED: words up to WORD_LIMIT, TRIGRAMS: of these; LETTERS: letters, digits and non-ASCII
characters; CASED: ASCII letters, UPPER: the capitals among them; PUNCTUATION: ASCII punctuation and symbols;
PHONE_DIGITS and CARD_DIGITS: the most digits in a row with at most two bytes, or one, between one and the next."""

_TABLE = 2 * WORD_LIMIT
_ODD = np.uint64(0x9E3779B97F4A7C15)


def _fold_table() -> NDArray[np.uint8]:
    """Per byte: 0 white space, 1 punctuation and control, else the byte by which a word is compared."""
    table = np.ones(256, np.uint8)
    for byte in range(256):
        if byte >= 128 or chr(byte).isalnum():
            table[byte] = byte if byte >= 128 else ord(chr(byte).lower())
    table[[ord(character) for character in " \t\n\r\v\f"]] = 0
    return table


def _lane_table() -> NDArray[np.uint64]:
    """Per byte: a one in each of the eight byte-wide lanes that count it; lane k is NON_ASCII, … as `_classes` reads."""
    lanes = np.zeros((256, 8), np.uint8)
    for byte in range(256):
        character = chr(byte)
        if byte >= 128:
            lanes[byte, 1 if byte < 192 else 0] = 1
        else:
            lanes[byte, 2] = character.isdigit()
            lanes[byte, 3] = character.isupper()
            lanes[byte, 4] = character in "*`@"
            lanes[byte, 5] = 33 <= byte <= 126 and not character.isalnum()
            lanes[byte, 6] = character == "?"
            lanes[byte, 7] = character == "!"
    return np.ascontiguousarray(lanes).view("<u8").ravel().astype(np.uint64)


FOLD = _fold_table()
_LANES = _lane_table()


@nb.njit(cache=True, nogil=True)
def _is_list_marker(data: NDArray[np.uint8], start: int, end: int) -> bool:
    """Whether a run that opens a line is -, *, +, • or one to three digits and . or )."""
    length = end - start
    first = data[start]
    if length == 1:
        return bool(first == 45 or first == 42 or first == 43)
    if length == 3 and first == 0xE2:
        return bool(data[start + 1] == 0x80 and data[start + 2] == 0xA2)
    digits = 0
    while digits < length and 48 <= data[start + digits] <= 57:
        digits += 1
    return 1 <= digits <= 3 and digits == length - 1 and (data[end - 1] == 46 or data[end - 1] == 41)


@nb.njit(cache=True, nogil=True)
def _ends_sentence(data: NDArray[np.uint8], start: int, end: int) -> bool:
    """Whether a run ends in . ! or ?, with nothing but closing quotes, brackets and emphasis behind it."""
    while end > start:
        last = data[end - 1]
        if last == 46 or last == 33 or last == 63:
            return True
        if last == 34 or last == 39 or last == 41 or last == 93 or last == 125 or last == 42 or last == 95:
            end -= 1
        elif (last == 0x9D or last == 0x99) and end - start > 3 and data[end - 2] == 0x80 and data[end - 3] == 0xE2:
            end -= 3
        else:
            return False
    return False


@nb.njit(cache=True, nogil=True)
def finish(h: np.uint64) -> np.uint64:
    """MurmurHash3's finaliser: spreads the rotated bytes of a word over all 64 bits."""
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xFF51AFD7ED558CCD)
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xC4CEB9FE1A85EC53)
    return h ^ (h >> np.uint64(33))


@nb.njit(cache=True, nogil=True)
def insert(table: NDArray[np.uint64], mask: np.uint64, h: np.uint64, owner: np.uint64) -> bool:
    """Whether `h` is new to the text `owner`. A slot holds 32 bits of hash and its owner, so nothing is ever cleared."""
    entry = (h & np.uint64(0xFFFFFFFF00000000)) | owner
    k = h & mask
    while table[k] & np.uint64(0xFFFFFFFF) == owner:
        if table[k] == entry:
            return False
        k = (k + np.uint64(1)) & mask
    table[k] = entry
    return True


@nb.njit(cache=True, nogil=True)
def _marks(data: NDArray[np.uint8], low: int, high: int, out: NDArray[np.int32]) -> None:
    """Count ** and ``` (each byte in at most one of them) and @ in a text."""
    bold, fence = low, low
    for j in range(low, high):
        byte = data[np.uint64(j)]
        if byte == 42 and j > bold and data[j - 1] == 42:
            out[BOLD_MARKERS] += 1
            bold = j + 1
        elif byte == 96 and j > fence + 1 and data[j - 1] == 96 and data[j - 2] == 96:
            out[CODE_FENCES] += 1
            fence = j + 1
        elif byte == 64:
            out[AT_SIGNS] += 1


@nb.njit(cache=True, nogil=True)
def _digit_chains(data: NDArray[np.uint8], low: int, high: int, out: NDArray[np.int32]) -> None:
    """Find the longest chains of digits that could be a phone number or a card number."""
    phone = card = 0
    last = low
    for j in range(low, high):
        if 48 <= data[np.uint64(j)] <= 57:
            phone = phone + 1 if j - last <= 3 else 1
            card = card + 1 if j - last <= 2 else 1
            last = j
            out[PHONE_DIGITS] = max(out[PHONE_DIGITS], phone)
            out[CARD_DIGITS] = max(out[CARD_DIGITS], card)


@nb.njit(cache=True, nogil=True)
def _classes(data: NDArray[np.uint8], low: int, high: int, lanes: NDArray[np.uint64], out: NDArray[np.int32]) -> None:
    """Count the characters of each class. Eight counters share a word and are emptied before any can overflow."""
    totals = np.zeros(8, np.int64)
    for start in range(low, high, 255):
        packed = np.uint64(0)
        for byte in data[start : min(start + 255, high)]:
            packed += lanes[byte]
        for lane in range(8):
            totals[lane] += np.int64((packed >> np.uint64(8 * lane)) & np.uint64(255))
    out[CHARACTERS] = high - low - totals[1]
    out[NON_ASCII] = totals[0]
    out[DIGITS] = totals[2]
    out[UPPER] = totals[3]
    out[PUNCTUATION] = totals[5]
    out[QUESTION_MARKS] = totals[6]
    out[EXCLAMATION_MARKS] = totals[7]
    if totals[4] > 0:
        _marks(data, low, high, out)
    if totals[2] > 6:
        _digit_chains(data, low, high, out)


@nb.njit(cache=True, nogil=True)
def _append(buckets, used, seen, bucket, owner):  # type: ignore[no-untyped-def]
    """Append a bucket unless the text has it; returns the new end."""
    if seen[bucket] == owner:
        return used
    seen[bucket] = owner
    buckets[used] = bucket
    return used + 1


@nb.njit(cache=True, nogil=True)
def _table_mask(size: int) -> np.uint64:
    """Slots in use for a text of `size` bytes, less one: at least twice its words, few enough to stay in the cache."""
    slots = 64
    while slots < size + 2 and slots < _TABLE:
        slots *= 2
    return np.uint64(slots - 1)


@nb.njit(cache=True, nogil=True)
def _text(data, low, high, fold, words, trigrams, seen, owner, out, buckets, used):  # type: ignore[no-untyped-def]
    """Count the words, lines and sentences of one text; appends its buckets behind `used` and returns their end."""
    mask = _table_mask(high - low)
    before, before2 = np.uint64(0), np.uint64(0)
    total = count = lines = markers = sentences = distinct = repeated = 0
    opened = False
    j = low
    while True:
        breaks = 0
        while j < high and fold[data[np.uint64(j)]] == 0:
            breaks += data[np.uint64(j)] == 10
            j += 1
        if breaks > 1 and opened:
            sentences += 1
            opened = False
        if j >= high:
            break
        start, letters, h = j, 0, np.uint64(0)
        while j < high:
            folded = fold[data[np.uint64(j)]]
            if folded > 1:
                h = ((h << np.uint64(9)) | (h >> np.uint64(55))) ^ np.uint64(folded)
                letters += 1
            elif folded == 0:
                break
            j += 1
        marker = (breaks > 0 or lines == 0) and _is_list_marker(data, start, j)
        lines += breaks > 0 or lines == 0
        markers += marker
        if letters > 0:
            opened = True
            count += 1
            if count <= WORD_LIMIT:
                h = finish(h)
                if insert(words, mask, h, owner):
                    distinct += 1
                    used = _append(buckets, used, seen, h % np.uint64(WORD_BUCKETS), owner)
                trigram = ((before2 * _ODD) ^ before) * _ODD ^ h
                repeated += count > 2 and not insert(trigrams, mask, trigram, owner)
                before2, before = before, h
        total += letters
        if opened and j - start > letters and not marker and _ends_sentence(data, start, j):
            sentences += 1
            opened = False
    out[WORDS], out[LINES], out[SENTENCES] = count, lines, sentences + opened
    out[DISTINCT], out[REPEATED], out[COMPARED] = distinct, repeated, min(count, WORD_LIMIT)
    out[TRIGRAMS] = max(out[COMPARED] - 2, 0)
    out[LIST_MARKERS], out[LETTERS] = markers, total - (high - low - out[CHARACTERS])
    out[CASED] = out[LETTERS] - out[DIGITS] - out[NON_ASCII]
    return used


@nb.njit(cache=True, nogil=True)
def _scan(offsets, data, fold, lanes):  # type: ignore[no-untyped-def]
    n = len(offsets) - 1
    counts = np.zeros((n, COUNTS), np.int32)
    words, trigrams = np.zeros(_TABLE, np.uint64), np.zeros(_TABLE, np.uint64)
    seen = np.zeros(WORD_BUCKETS, np.uint32)
    buckets = np.empty(1024 + len(data) // 8, np.int32)
    ends = np.empty(n, np.int64)
    used = 0
    for i in range(n):
        low, high = offsets[i], offsets[i + 1]
        most = min((high - low) // 2 + 1, WORD_BUCKETS)
        if used + most > len(buckets):
            grown = np.empty(2 * len(buckets) + most, np.int32)
            grown[:used] = buckets[:used]
            buckets = grown
        if high > low:
            _classes(data, low, high, lanes, counts[i])
            owner = np.uint64(i + 1)
            used = _text(data, low, high, fold, words, trigrams, seen, owner, counts[i], buckets, used)
        ends[i] = used
    return counts, buckets[:used].copy(), ends


def scan(column: pl.Series) -> tuple[NDArray[np.int32], Words]:
    """Counts (n, COUNTS) of a string column, zeros where it is null or empty, and the buckets of its distinct words.

    Any text below 2 GiB is read whole; only what compares words stops at WORD_LIMIT, so memory stays bounded.
    """
    counts, buckets, ends = _scan(*column_bytes(column), FOLD, _LANES)
    rows = np.repeat(np.arange(len(ends), dtype=np.int32), np.diff(ends, prepend=0))
    return counts, Words(rows, buckets)
