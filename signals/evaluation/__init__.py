"""Scores of an answer against what was expected or observed."""

from collections.abc import Collection, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.columns import Columns
from signals.evaluation.catalogue import CATALOGUE, Scorer, known


def score_answers(
    responses: Sequence[str] | pl.Series, references: Sequence[str] | pl.Series, evaluations: Collection[str] = ()
) -> dict[str, NDArray[np.float64]]:
    """Scores by name, each (n,), of answers against what was expected; NaN where a score does not apply.

    Those of the catalogue that are always there, and the others where `evaluations` names them. ConfigError for a name
    that is none, or whose package is not installed.
    """
    asked = [known(name) for name in evaluations]
    answers, truths = pl.Series(responses, dtype=pl.String), pl.Series(references, dtype=pl.String)
    together: dict[tuple[Scorer, int | None], list[str]] = {}
    for one in CATALOGUE:
        if one.always or one in asked:
            together.setdefault((one.scorer, one.characters), []).append(one.name)
    scores: dict[str, NDArray[np.float64]] = {}
    for (scorer, characters), names in together.items():
        pair = (answers, truths) if characters is None else (answers.str.head(characters), truths.str.head(characters))
        scores |= scorer(*pair, names)
    return scores


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
