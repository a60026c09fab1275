"""ROUGE-L (Lin 2004), as the package rouge-score computes it."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.errors import ConfigError


def rouge_l(responses: pl.Series, references: pl.Series) -> NDArray[np.float64]:
    """F-measure (n,) of the longest common subsequence of words, without stemming. ConfigError without the package."""
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ImportError as error:
        raise ConfigError("rouge_l needs the package rouge-score: install plumbline[evaluation]") from error
    scorer = RougeScorer(["rougeL"])
    return np.array(
        [scorer.score(truth, answer)["rougeL"].fmeasure for answer, truth in zip(responses, references, strict=True)],
        np.float64,
    )
