"""Form and language of a text: counts from one pass over its bytes, ratios of those counts, and its words."""

import numpy as np
import polars as pl
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


def measure(side: str, column: pl.Series, counts: NDArray[np.int32], words: Words, out: Columns) -> None:
    """Add the text signals of one side ("prompt" or "response"); where the text is null they are missing."""
    null = column.is_null().to_numpy()
    table = counts.T.astype(np.float64)
    table[:, null] = np.nan
    for name, index in COUNTS.items():
        out.numeric[f"{side}.{name}"] = table[index]
    above, below = np.array(list(RATIOS.values())).T
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = table[above] / table[below]
    for row, name in enumerate(RATIOS):
        out.numeric[f"{side}.{name}"] = ratios[row]
    out.boolean[f"{side}.empty"] = np.where(null, np.int8(-1), counts[:, scan.LINES] == 0).astype(np.int8)
    out.text[f"{side}.text"] = words
