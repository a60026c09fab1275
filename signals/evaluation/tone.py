"""Toxicity and sentiment of English answers, offline.

Toxicity is a linear classifier of words (package alt-profanity-check, trained on labelled comments and tweets), sentiment
VADER's lexicon and rules (Hutto and Gilbert 2014, package vaderSentiment).
"""

from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

CHARACTERS = 2_000
"""What is read of a text: its beginning, so that no text is costly."""


def toxicity(texts: pl.Series) -> NDArray[np.float64]:
    """The probability (n,) of being offensive; NaN where there is no text."""
    from profanity_check import predict_prob

    out = np.full(len(texts), np.nan)
    there = texts.is_not_null()
    if there.any():
        out[there.to_numpy()] = predict_prob(texts.filter(there).str.head(CHARACTERS).to_list())
    return out


@lru_cache(maxsize=1)
def _vader() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


def sentiment(texts: pl.Series) -> NDArray[np.float64]:
    """VADER's compound score (n,), from -1 to 1; NaN where there is no text."""
    scores = _vader().polarity_scores
    shortened = texts.str.head(CHARACTERS)
    return np.array([np.nan if text is None else scores(text)["compound"] for text in shortened], np.float64)
