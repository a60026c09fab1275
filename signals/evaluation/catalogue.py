"""Every score of an answer against the one that was expected, one line each, and all scores by name."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec

import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.errors import ConfigError
from signals.embedding import CHARACTERS as EMBEDDED
from signals.evaluation.answers import numeric_match, word_scores
from signals.evaluation.bleu import bleu
from signals.evaluation.json_match import json_match
from signals.evaluation.reference_free import REFERENCE_FREE, Free
from signals.evaluation.rouge import rouge
from signals.evaluation.similarity import similarity

Scores = Mapping[str, NDArray[np.float64]]
Scorer = Callable[[pl.Series, pl.Series, Collection[str]], Scores]
"""Answers (n,), what was expected (n,) and names of scores to scores (n,) by name, NaN where one does not apply."""


CHARACTERS = 10_000
"""Compared of a text by what is computed in Python: less than 0.1 s a pair, however long the texts are."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A score from `low` to `high`, lower is worse; `always`: unasked.

    `package`, which is part of the extra `extra`, is imported for it. Of a text the first `characters` are compared, so
    that no text is costly; None: all.
    """

    name: str
    scorer: Scorer
    low: float = 0.0
    high: float = 1.0
    always: bool = False
    package: str = ""
    extra: str = ""
    characters: int | None = None


CATALOGUE: tuple[Evaluation, ...] = (
    Evaluation("exact_match", word_scores, always=True),
    Evaluation("numeric_match", numeric_match, always=True),
    Evaluation("token_f1", word_scores, always=True),
    Evaluation("json_match", json_match),
    Evaluation("rouge_1", rouge, package="rouge_score", extra="evaluation", characters=CHARACTERS),
    Evaluation("rouge_2", rouge, package="rouge_score", extra="evaluation", characters=CHARACTERS),
    Evaluation("rouge_l", rouge, package="rouge_score", extra="evaluation", characters=CHARACTERS),
    Evaluation("bleu", bleu, package="sacrebleu", extra="evaluation", characters=CHARACTERS),
    Evaluation("chrf", bleu, package="sacrebleu", extra="evaluation", characters=CHARACTERS),
    Evaluation("similarity", similarity, -1.0, package="wordllama", extra="embeddings", characters=EMBEDDED),
)
BY_NAME: dict[str, Evaluation | Free] = {
    **{one.name: one for one in CATALOGUE},
    **{free.name: free for free in REFERENCE_FREE if not free.declared},
}
"""What can be asked for by its name alone."""


def known(name: str) -> Evaluation | Free:
    """The score of that name. ConfigError where there is none, or its package is not installed."""
    one = BY_NAME.get(name)
    if one is None:
        near = get_close_matches(name, BY_NAME, n=1)
        hint = f"; did you mean {near[0]}" if near else ""
        raise ConfigError(f"expected one of {', '.join(BY_NAME)}{hint}, got {name[:60]}")
    if one.package and find_spec(one.package) is None:
        raise ConfigError(f"{name} needs a package that is not installed; run pip install 'plumbline[{one.extra}]'")
    return one
