"""BLEU of single answers (Papineni et al. 2002), as sacrebleu computes it."""

from collections.abc import Collection

import numpy as np
import polars as pl
from numpy.typing import NDArray


def bleu(responses: pl.Series, references: pl.Series, names: Collection[str]) -> dict[str, NDArray[np.float64]]:
    """sacrebleu's sentence BLEU (n,) with effective order, from 0 to 1."""
    from sacrebleu.metrics import BLEU

    metric = BLEU(effective_order=True)
    scores = [metric.sentence_score(answer, [truth]).score / 100 for answer, truth in zip(responses, references, strict=True)]
    return {name: np.array(scores, np.float64) for name in names}
