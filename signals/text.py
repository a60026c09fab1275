"""Form and language of a text: counts from one pass over its bytes, ratios of those counts, and its words."""

import numpy as np
from numpy.typing import NDArray

from records.columns import Columns, Words
from signals import scan

COUNTS = {
    "characters": scan.CHARACTERS,
    "words": scan.WORDS,
    "sentences": scan.SENTENCES,
    "lines": scan.LINES,
    "list_markers": scan.LIST_MARKERS,
    "bold_markers": scan.BOLD_MARKERS,
    "code_fences": scan.CODE_FENCES,
    "question_marks": scan.QUESTION_MARKS,
    "exclamation_marks": scan.EXCLAMATION_MARKS,
}
RATIOS = {
    "mean_word_length": (scan.LETTERS, scan.WORDS),
    "words_per_sentence": (scan.WORDS, scan.SENTENCES),
    "type_token_ratio": (scan.DISTINCT, scan.COMPARED),
    "punctuation_share": (scan.PUNCTUATION, scan.CHARACTERS),
    "digit_share": (scan.DIGITS, scan.CHARACTERS),
    "upper_share": (scan.UPPER, scan.CASED),
    "non_ascii_share": (scan.NON_ASCII, scan.CHARACTERS),
    "repetition": (scan.REPEATED, scan.TRIGRAMS),
}
"""Numerator and denominator; a ratio over nothing is missing."""


SIDES = ("prompt", "response")
NAMES = (*COUNTS, *RATIOS, "empty", "text")
_ABOVE, _BELOW = np.array(list(RATIOS.values())).T


def measure(null: NDArray[np.bool_], counts: NDArray[np.int32], words: Words, out: Columns) -> None:
    """Add the text signals of both sides from the scan of all prompts, then all responses; missing where `null`."""
    table = counts.T.astype(np.float64)
    table[:, null] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = table[_ABOVE] / table[_BELOW]
    empty = np.where(null, -1, counts[:, scan.LINES] == 0).astype(np.int8)
    n = out.n
    bounds = np.searchsorted(words.rows, [0, n, 2 * n])
    for side, first in zip(SIDES, (0, n), strict=True):
        for name, index in COUNTS.items():
            out.numeric[f"{side}.{name}"] = table[index, first : first + n]
        for index, name in enumerate(RATIOS):
            out.numeric[f"{side}.{name}"] = ratios[index, first : first + n]
        out.boolean[f"{side}.empty"] = empty[first : first + n]
        low, high = bounds[first // n : first // n + 2] if n else (0, 0)
        out.text[f"{side}.text"] = Words(words.rows[low:high] - np.int32(first), words.buckets[low:high])
