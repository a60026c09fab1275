"""BLEU (Papineni et al. 2002) and chrF (Popović 2015) of single answers, as sacrebleu computes them."""

from collections.abc import Collection

import numpy as np
import polars as pl
from numpy.typing import NDArray


def bleu(responses: pl.Series, references: pl.Series, names: Collection[str]) -> dict[str, NDArray[np.float64]]:
    """sacrebleu's sentence BLEU and chrF (n,), from 0 to 1. BLEU with effective order, or short answers would all be 0."""
    from sacrebleu.metrics import BLEU, CHRF
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
    from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp

    metrics = {"bleu": lambda: BLEU(effective_order=True), "chrf": CHRF}
    pairs = list(zip(responses.to_list(), ([truth] for truth in references), strict=True))
    out = {}
    for name in names:
        score = metrics[name]().sentence_score
        percent = np.fromiter((score(answer, truth).score for answer, truth in pairs), np.float64, len(pairs))
        out[name] = np.minimum(percent / 100, 1.0)  # a geometric mean of ones may be a bit above one
    for tokenizer in (Tokenizer13a, TokenizerRegexp):  # they would keep 65,536 texts for good
        tokenizer.__call__.cache_clear()
    return out
