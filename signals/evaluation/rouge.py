"""ROUGE-L (Lin 2004), as the package rouge-score computes it."""

from collections.abc import Collection

import numpy as np
import polars as pl
from numpy.typing import NDArray


def rouge_l(responses: pl.Series, references: pl.Series, names: Collection[str]) -> dict[str, NDArray[np.float64]]:
    """F-measure (n,) of the longest common subsequence of words, without stemming."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"])
    scores = [scorer.score(truth, answer)["rougeL"].fmeasure for answer, truth in zip(responses, references, strict=True)]
    return {name: np.array(scores, np.float64) for name in names}
