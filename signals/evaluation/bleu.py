"""BLEU of single answers (Papineni et al. 2002), as sacrebleu computes it."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.errors import ConfigError


def bleu(responses: pl.Series, references: pl.Series) -> NDArray[np.float64]:
    """sacrebleu's sentence BLEU (n,) with effective order, from 0 to 1. ConfigError without the package."""
    try:
        from sacrebleu.metrics import BLEU
    except ImportError as error:
        raise ConfigError("bleu needs the package sacrebleu: install plumbline[evaluation]") from error
    metric = BLEU(effective_order=True)
    return np.array(
        [metric.sentence_score(answer, [truth]).score / 100 for answer, truth in zip(responses, references, strict=True)],
        np.float64,
    )
