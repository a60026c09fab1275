"""Answers with passages, right and made up, of HaluEval's QA (../shared/data): measured with their length held fixed.

Made-up answers are longer, so whatever grows with length tells them apart. Two controls: only answers of equally many words
are compared; and the right answers are held against the passages of other questions, where length is the same by itself.
"""

import gzip
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.scenarios import DATA, interaction
from records.codec import decode_records

Row = dict[str, Any]
Floats = NDArray[np.float64]


def rows(*variants: str) -> list[Row]:
    """The rows of the variants `right`, `hallucinated_one_turn`, `hallucinated_multi_turn`; all without any."""
    with gzip.open(DATA / "halueval_qa.jsonl.gz", "rt") as lines:
        return [row for row in map(json.loads, lines) if not variants or row["tags"]["variant"] in variants]


def words(row: Row) -> int:
    """Words of the answer: what is between white space."""
    return len(row["response"].split())


def auc(good: Floats, bad: Floats) -> float:
    """The chance that a good one is above a bad one, ties half; nan values are left out (Mann and Whitney 1947)."""
    good, bad = good[np.isfinite(good)], np.sort(bad[np.isfinite(bad)])
    below, upto = np.searchsorted(bad, good, "left"), np.searchsorted(bad, good, "right")
    return float((below + upto).mean() / 2 / len(bad)) if len(good) and len(bad) else float("nan")


class Matched(NamedTuple):
    """AUC over pairs of equally long answers, and how many pairs there are."""

    auc: float
    pairs: int


def matched(values: Floats, good: NDArray[np.bool_], length: NDArray[np.int64]) -> Matched:
    """AUC (n,) among answers of equal length, each length weighing as its pairs."""
    total, pairs = 0.0, 0
    for same in np.unique(length):
        of = (length == same) & np.isfinite(values)
        here = int((of & good).sum() * (of & ~good).sum())
        if here:
            total += here * auc(values[of & good], values[of & ~good])
            pairs += here
    return Matched(total / pairs if pairs else float("nan"), pairs)


def interval(values: Floats, good: NDArray[np.bool_], length: NDArray[np.int64], draws: int = 200) -> tuple[float, float]:
    """95 % of `matched` over draws of rows with replacement."""
    rng = np.random.default_rng(0)
    picks = (rng.integers(0, len(values), len(values)) for _ in range(draws))
    low, high = np.nanquantile([matched(values[pick], good[pick], length[pick]).auc for pick in picks], (0.025, 0.975))
    return float(low), float(high)


def _drawn(pools: dict[int, list[Row]], of: dict[int, int], rng: np.random.Generator) -> Iterator[Row]:
    for length, many in of.items():
        yield from (interaction(pools[length][i]) for i in rng.integers(0, len(pools[length]), many))


def _by_length(found: list[Row]) -> dict[int, list[Row]]:
    pools: dict[int, list[Row]] = {}
    for row in found:
        pools.setdefault(words(row), []).append(row)
    return pools


def equally_long(seed: int) -> tuple[list[Row], list[Row]]:
    """Interactions with right and with made-up answers, as many of each length: of lengths that both have, the rarer's."""
    right, wrong = _by_length(rows("right")), _by_length(rows("hallucinated_one_turn", "hallucinated_multi_turn"))
    of = {length: 10 * min(len(right[length]), len(wrong[length])) for length in sorted(right.keys() & wrong.keys())}
    rng = np.random.default_rng(seed)
    return list(_drawn(right, of, rng)), list(_drawn(wrong, of, rng))


def longer_but_grounded(seed: int) -> tuple[list[Row], list[Row]]:
    """Right answers, then runs of words out of their own passages, as long as the made-up answers are."""
    rng = np.random.default_rng(seed)
    after = []
    for row in rows("hallucinated_one_turn"):
        held = row["context"][0].split()
        start = int(rng.integers(0, max(len(held) - words(row), 0) + 1))
        after.append(interaction({**row, "response": " ".join(held[start : start + words(row)])}))
    return [interaction(row) for row in rows("right")], after


def swapped(found: list[Row], fields: tuple[str, ...] = ("context",)) -> list[Row]:
    """The same rows with those fields of the next one."""
    return [{**row, **{k: o[k] for k in fields}} for row, o in zip(found, found[1:] + found[:1], strict=True)]


def frame(found: list[Row]) -> pl.DataFrame:
    """Rows as the service decodes them."""
    lines = (json.dumps({**interaction(row), "id": str(i), "application": "a", "timestamp": i}) for i, row in enumerate(found))
    return decode_records(["\n".join(lines).encode()], [10**15]).frame
