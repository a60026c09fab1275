"""How close an answer is in meaning to the one that was expected, by static word embeddings."""

from collections.abc import Collection

import numpy as np
import polars as pl
from numpy.typing import NDArray

from signals.embedding.projection import unit
from signals.embedding.static import static_words

TOGETHER = 4096
"""Pairs that are embedded at once: 17 MB."""


def similarity(responses: pl.Series, references: pl.Series, names: Collection[str]) -> dict[str, NDArray[np.float64]]:
    """Cosine (n,) of the embeddings; 0 where the answer alone has no word, NaN where the reference has none."""
    out = np.empty(len(references))
    for at in range(0, len(out), TOGETHER):
        answers, truths = (unit(static_words()(column[at : at + TOGETHER].to_list())) for column in (responses, references))
        cosine = np.clip((np.nan_to_num(answers, nan=0.0) * truths).sum(axis=1), -1, 1)
        out[at : at + TOGETHER] = cosine
    return dict.fromkeys(names, out)
