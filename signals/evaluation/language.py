"""Whether an answer is in the language of its prompt, by Google's Compact Language Detector 2 (package pycld2)."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

CHARACTERS = 1_000
"""What is read of a text: its beginning."""
FEWEST = 20
"""Bytes of letters below which a text has no language: names and numbers have none."""
_ALIKE = {"bs": "hr", "sr": "hr", "id": "ms", "nb": "no", "nn": "no", "iw": "he"}
"""Varieties that the detector takes for one another, and an old code."""


def languages(texts: pl.Series) -> list[str | None]:
    """ISO 639 codes (n,); None where the detector is not sure, or where there are too few letters."""
    import pycld2

    def detect(text: str) -> tuple[bool, int, tuple[tuple[str, str, int, float], ...]]:
        try:
            found = pycld2.detect(text)
        except pycld2.error:  # it refuses control characters
            found = pycld2.detect("".join(c if c.isprintable() else " " for c in text))
        return found[:3]  # type: ignore[no-any-return]

    out: list[str | None] = []
    for text in texts.str.head(CHARACTERS).fill_null(""):
        sure, letters, ((_, code, *_), *_) = detect(text)
        code = code.partition("-")[0]
        out.append(_ALIKE.get(code, code) if sure and letters >= FEWEST and code != "un" else None)
    return out


def language_match(prompts: pl.Series, responses: pl.Series) -> NDArray[np.float64]:
    """1 where both are in one language, else 0, shape (n,); NaN where the language of either is not known."""
    asked, answered = languages(prompts), languages(responses)
    return np.array([float(a == b) if a and b else np.nan for a, b in zip(asked, answered, strict=True)], np.float64)
