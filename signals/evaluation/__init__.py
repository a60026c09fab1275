"""Scores of an answer against what was expected or observed."""

from collections.abc import Callable, Collection, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.columns import Columns
from records.errors import ConfigError
from signals.evaluation.answers import numeric_match, word_scores
from signals.evaluation.bleu import bleu
from signals.evaluation.rouge import rouge_l

Score = Callable[[pl.Series, pl.Series], NDArray[np.float64]]
ALWAYS = ("exact_match", "numeric_match", "token_f1")
ON_REQUEST: dict[str, Score] = {"rouge_l": rouge_l, "bleu": bleu}


def score_answers(
    responses: Sequence[str] | pl.Series, references: Sequence[str] | pl.Series, evaluations: Collection[str] = ()
) -> dict[str, NDArray[np.float64]]:
    """Scores by name, each (n,) from 0 to 1, of answers against what was expected; NaN where a score does not apply.

    exact_match, numeric_match and token_f1 always; rouge_l and bleu where `evaluations` names them. ConfigError for a
    name that is none of these, or whose package is not installed.
    """
    unknown = sorted(set(evaluations) - {*ALWAYS, *ON_REQUEST})
    if unknown:
        raise ConfigError(f"unknown evaluation {unknown[0]!r}; known: {', '.join((*ALWAYS, *ON_REQUEST))}")
    answers, truths = pl.Series(responses, dtype=pl.String), pl.Series(references, dtype=pl.String)
    scores = word_scores(answers, truths) | {"numeric_match": numeric_match(answers, truths)}
    return scores | {name: score(answers, truths) for name, score in ON_REQUEST.items() if name in evaluations}


def measure(frame: pl.DataFrame, evaluations: Collection[str], out: Columns) -> None:
    """Add the scores of interactions that have both a response and a reference answer, missing for the others."""
    known = frame.select(pl.col("response").is_not_null() & pl.col("reference_answer").is_not_null()).to_series()
    if not known.any():
        return
    rows = np.flatnonzero(known.to_numpy())
    pairs = frame.select("response", "reference_answer").filter(known)
    for name, values in score_answers(pairs["response"], pairs["reference_answer"], evaluations).items():
        column = np.full(len(frame), np.nan)
        column[rows] = values
        out.numeric[f"scores.{name}"] = column
