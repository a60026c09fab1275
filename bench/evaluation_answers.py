"""Scores of answers against the right ones: pairs a second on one core, of each score.

    python -m bench.evaluation_answers [--pairs 10000] [--words 50]

A pair is a text of about so many words and the same with a third of its words replaced; JSON for `json_match`. CPU time of
one pass, after one over a few pairs, which loads what a score needs. The last column: one pair of texts of 1 MiB.
"""

import argparse
import json
import time

import numpy as np
import polars as pl

from monitor.demo.texts import pools
from signals.evaluation.catalogue import CATALOGUE, Evaluation

MIB = 1 << 20
WARM = 50
"""Pairs that are not timed."""


def _texts(rng: np.random.Generator, pairs: int, words: int) -> tuple[pl.Series, pl.Series]:
    """Answers and references."""
    pool = np.array(" ".join(pools(1).responses[:2_000]).split())
    answers, references = [], []
    for size in np.maximum(rng.poisson(words, pairs), 1).tolist():
        start = int(rng.integers(max(len(pool) - size, 1)))
        text = np.resize(pool[start:], size)
        references.append(" ".join(text))
        answers.append(" ".join(np.where(rng.random(size) < 1 / 3, rng.choice(pool, size), text)))
    return pl.Series(answers), pl.Series(references)


def _objects(rng: np.random.Generator, pairs: int, words: int) -> tuple[pl.Series, pl.Series]:
    """The same as JSON, an object of numbers each."""
    rows = [{f"key{i}": value for i, value in enumerate(row)} for row in rng.integers(100, size=(pairs, words // 5)).tolist()]
    backwards = [json.dumps(dict(reversed(row.items()))) for row in rows]
    return pl.Series(backwards), pl.Series([json.dumps(row) for row in rows])


def _seconds(one: Evaluation, answers: pl.Series, references: pl.Series) -> float:
    """CPU time of one score, cut as it is cut in use."""
    one.scorer(answers.head(WARM).str.head(1_000), references.head(WARM).str.head(1_000), [one.name])
    began = time.process_time()
    pair = (answers, references) if one.characters is None else (c.str.head(one.characters) for c in (answers, references))
    one.scorer(*pair, [one.name])
    return time.process_time() - began


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--words", type=int, default=50)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    texts, objects = (make(rng, options.pairs, options.words) for make in (_texts, _objects))
    long_texts = _texts(rng, 1, MIB // 6)
    long_objects = _objects(rng, 1, MIB // 2)
    print(f"| score | pairs/s ({options.pairs:,} pairs of {options.words} words) | one pair of 1 MiB |\n|---|---|---|")
    for one in CATALOGUE:
        is_json = one.name == "json_match"
        many = _seconds(one, *(objects if is_json else texts))
        long = _seconds(one, *(long_objects if is_json else long_texts))
        print(f"| {one.name} | {options.pairs / many:,.0f} | {long * 1000:.0f} ms |", flush=True)


if __name__ == "__main__":
    main()
