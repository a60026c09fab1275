"""ROUGE (Lin 2004), as the package rouge-score computes it."""

from collections.abc import Collection

import numpy as np
import polars as pl
from numpy.typing import NDArray

WORDS = 512
"""Words that are compared of a text, the first ones: a longest common subsequence costs their square, here 80 ms."""
_KINDS = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL"}


def rouge(responses: pl.Series, references: pl.Series, names: Collection[str]) -> dict[str, NDArray[np.float64]]:
    """F-measures (n,) of shared words, of shared pairs of words, and of the longest common subsequence of words, without
    stemming. Words are runs of a-z and 0-9 in lower case."""
    from rouge_score.rouge_scorer import RougeScorer
    from rouge_score.tokenize import tokenize

    class Beginning:
        """A tokenizer as rouge-score takes it."""

        def tokenize(self, text: str) -> list[str]:
            words: list[str] = tokenize(text, None)
            return words[:WORDS]

    scorer = RougeScorer([_KINDS[name] for name in names], tokenizer=Beginning())
    scores = [scorer.score(truth, answer) for answer, truth in zip(responses, references, strict=True)]
    return {name: np.array([score[_KINDS[name]].fmeasure for score in scores], np.float64) for name in names}
