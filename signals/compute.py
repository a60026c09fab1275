"""A batch of interactions to columns of signals: THE list of parts."""

from collections.abc import Callable, Collection

import polars as pl

from records.columns import Columns
from signals import agent, dynamic, embedding, evaluation, quality, retrieval, safety, text, usage
from signals.catalogue import BY_NAME
from signals.evaluation import reference_free
from signals.evaluation.reference_free import NOTHING, Expected, Given
from signals.scan import scan

PARTS = (usage, quality, agent, retrieval)
_PREPARED = tuple(expression for part in (*PARTS, dynamic) for expression in part.PREPARED)


def _matcher(enabled: Collection[str] | None, evaluations: Collection[str]) -> Callable[[str], bool]:
    """Whether a name is enabled: all are by default, and "scores.*" and "tags.*" mean all of their kind."""
    if enabled is None:
        return lambda name: True
    names = frozenset(enabled) | {f"scores.{evaluation}" for evaluation in evaluations}
    return lambda name: name in names or f"{name.partition('.')[0]}.*" in names


def compute(
    frame: pl.DataFrame,
    enabled: Collection[str] | None = None,
    evaluations: Collection[str] = (),
    sampled: embedding.Sampled | None = None,
    expected: Expected = NOTHING,
) -> Columns:
    """All signals of a batch; `frame` has the columns of INTERACTION_SCHEMA and any number of rows.

    `enabled` keeps the named signals only (and "scores.*", "tags.*"); names that nothing computes are ignored.
    `evaluations` are the scores to add that are not always there: "rouge_l", "groundedness" (some need an extra).
    `sampled`: the interactions to embed, and how; no embeddings without it.
    `expected`: the form of answers and the tools that the application declared.
    A score that the application sent takes the place of a computed one.
    """
    wanted = _matcher(enabled, (*evaluations, *expected.names))
    every = Columns(len(frame))
    if any(wanted(f"{side}.{name}") for side in text.SIDES for name in text.NAMES + tuple(safety.PATTERNS)):
        texts = pl.concat([frame[side].alias("text") for side in text.SIDES])
        null = texts.is_null().to_numpy()
        counts, words = scan(texts)
        text.measure(null, counts, words, every)
        safety.measure(texts, null, counts, wanted, every)
    prepared = frame.select(_PREPARED)
    for part in PARTS:
        part.measure(frame, prepared, every)
    evaluation.measure(frame, evaluations, every)
    embeds = not reference_free.OF_EMBEDDINGS.isdisjoint(evaluations)
    directions = embedding.measure(frame, sampled, lambda name: embeds or wanted(name), every)
    given = Given(frame, expected, sampled, directions, every.numeric.get(embedding.SIMILARITY))
    reference_free.measure(given, evaluations, every)
    dynamic.measure_scores(frame, prepared, wanted, every)
    dynamic.measure_tags(frame, prepared, wanted, every)
    return _declared(every, wanted)


def _declared(every: Columns, wanted: Callable[[str], bool]) -> Columns:
    """The wanted signals alone, each with its declaration."""
    kept = Columns(
        every.n,
        numeric={name: values for name, values in every.numeric.items() if wanted(name)},
        boolean={name: values for name, values in every.boolean.items() if wanted(name)},
        categorical={name: values for name, values in every.categorical.items() if wanted(name)},
        text={name: values for name, values in every.text.items() if wanted(name)},
        vector={name: values for name, values in every.vector.items() if wanted(name)},
    )
    for name in (*kept.numeric, *kept.boolean, *kept.categorical, *kept.text, *kept.vector):
        kept.declared[name] = BY_NAME.get(name) or dynamic.declare(name)
    return kept
