"""Which words may be named: those that enough interactions of one application used.

Panes count words under their hash alone, so a word's text is kept nowhere but where this tells it. A word here is what
`scan` counts as one.
"""

import re
import unicodedata

import numba as nb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.hashing import column_bytes
from signals.scan import FOLD, finish, scan

USED_BY = 20
"""Interactions of one application that must have used a word before it is told: fewer could be about somebody."""
LONGEST = 40
"""Characters of a word: what is longer is a link, a key, or a sentence written without spaces."""
SLOTS = 1 << 17
FULL = SLOTS // 4 * 3


class Vocabulary:
    """Counts the interactions that use each word; a word is told when it reaches USED_BY of them.

    Only hashes are remembered, in 2.6 MB; once there is no room for more, all is forgotten and learned anew.
    """

    def __init__(self) -> None:
        self._keys = np.zeros(SLOTS, np.uint64)
        self._counts, self._last = np.zeros(SLOTS, np.int32), np.zeros(SLOTS, np.int64)
        self._held = self._read = 0

    def learn(self, owner: NDArray[np.uint64], texts: pl.Series) -> list[tuple[int, str]]:
        """Read the texts (n,) of as many interactions, whose applications hash to `owner` (n,); a null is empty.

        Returns words that may be told from now on, each with the row of its application.
        """
        offsets, data = column_bytes(texts)
        table = (self._keys, self._counts, self._last)
        rows, starts, ends, held = _learn(offsets, data, FOLD, owner, self._read, *table, self._held)
        self._read, self._held = self._read + len(texts), held
        if held >= FULL:
            for array in table:
                array.fill(0)
            self._held = 0
        spans = zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True)
        found = ((row, telling(data[start:end].tobytes())) for row, start, end in spans)
        return [(row, word) for row, word in found if word]


@nb.njit(cache=True, nogil=True)
def _learn(offsets, data, fold, owner, read, keys, counts, last, held):  # type: ignore[no-untyped-def]
    """Rows, starts and ends of the words that reach USED_BY; `last` holds which text used a word last, counted from 1."""
    most = min(len(data) // 2 + 1, FULL)
    rows, starts, ends = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    found, mask = 0, np.uint64(len(keys) - 1)
    for i in range(len(offsets) - 1):
        j, high = offsets[i], offsets[i + 1]
        while j < high:
            start, letters, h = j, 0, np.uint64(0)
            while j < high and fold[data[j]] > 0:
                folded = fold[data[j]]
                if folded > 1:
                    h = ((h << np.uint64(9)) | (h >> np.uint64(55))) ^ np.uint64(folded)
                    letters += 1
                j += 1
            if letters > 0:
                h = max(finish(h) ^ owner[i], np.uint64(1))
                k = h & mask
                while keys[k] != 0 and keys[k] != h:
                    k = (k + np.uint64(1)) & mask
                if keys[k] == h or held < FULL:
                    held += keys[k] == 0
                    keys[k] = h
                    if last[k] != read + i + 1:
                        last[k] = read + i + 1
                        counts[k] += 1
                        if counts[k] == USED_BY:
                            rows[found], starts[found], ends[found] = i, start, j
                            found += 1
            j += 1
    return rows[:found], starts[:found], ends[:found], held


def telling(run: bytes) -> str | None:
    """A run between white space as the word that people read; None where it is no word of letters alone.

    Nothing with a digit is told, nor what is joined by other than hyphens and apostrophes (addresses, links, keys, code).
    """
    try:
        word = run.lower().decode()
    except UnicodeDecodeError:
        return None
    word = "".join(_ENDS.split(word))
    parts = _JOINS.split(word)
    return word if len(word) <= LONGEST and all(part and all(map(_is_letter, part)) for part in parts) else None


_ENDS = re.compile(r"^[!-/:-@\[-`{-~]+|[!-/:-@\[-`{-~]+$")
"""Punctuation around a word, ASCII alone: only that is not part of what a word is counted under."""
_JOINS = re.compile("['’-]")


def _is_letter(character: str) -> bool:
    return character.isalpha() or unicodedata.category(character)[0] == "M"


def word_keys(words: list[str]) -> NDArray[np.int64]:
    """The keys (n,) under which panes count words (n,), each of letters."""
    return scan(pl.Series(words, dtype=pl.String))[1].buckets.astype(np.int64)
