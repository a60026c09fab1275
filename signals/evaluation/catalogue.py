"""Every score of an answer against the one that was expected, one line each."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.errors import ConfigError
from signals.evaluation.answers import numeric_match, word_scores
from signals.evaluation.bleu import bleu
from signals.evaluation.rouge import rouge_l

Scores = Mapping[str, NDArray[np.float64]]
Scorer = Callable[[pl.Series, pl.Series, Collection[str]], Scores]
"""Answers (n,), what was expected (n,) and names of scores to scores (n,) by name, NaN where one does not apply."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A score from `low` to `high`, lower is worse. `package`, of `extra`, is imported for it; `always` is unasked."""

    name: str
    scorer: Scorer
    low: float = 0.0
    high: float = 1.0
    package: str = ""
    extra: str = ""
    always: bool = False

    def require(self) -> None:
        """ConfigError where its package is not installed."""
        if self.package and find_spec(self.package) is None:
            raise ConfigError(f"{self.name} needs a package that is not installed; run pip install 'plumbline[{self.extra}]'")


CATALOGUE: tuple[Evaluation, ...] = (
    Evaluation("exact_match", word_scores, always=True),
    Evaluation("numeric_match", numeric_match, always=True),
    Evaluation("token_f1", word_scores, always=True),
    Evaluation("rouge_l", rouge_l, package="rouge_score", extra="evaluation"),
    Evaluation("bleu", bleu, package="sacrebleu", extra="evaluation"),
)
BY_NAME: dict[str, Evaluation] = {evaluation.name: evaluation for evaluation in CATALOGUE}
