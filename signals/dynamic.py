"""Signals that an application names itself: `scores.<name>` and `tags.<key>`."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.columns import Columns, Labels
from records.signal import JUDGES, Signal, judge_signal, score_signal, tag_signal
from signals.evaluation.reference_free import FREE
from signals.labels import encode, flatten, keep, lengths

MOST_SCORES = 100
MOST_TAGS = 50
"""Names taken from one batch, in alphabetical order; the rest is left out."""
PREPARED = (lengths("scores"), lengths("tags"))


def _groups(labels: Labels, most: int, wanted: Callable[[str], bool]) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """The wanted keys, each with the positions of its items."""
    order = np.argsort(labels.codes, kind="stable")
    bounds = np.searchsorted(labels.codes[order], np.arange(len(labels.values) + 1))
    chosen = [code for code, key in enumerate(labels.values) if wanted(key)]
    for code in chosen[:most]:
        yield labels.values[code], order[bounds[code] : bounds[code + 1]]


def declare(name: str) -> Signal:
    """The declaration of a dynamic signal, from its full name; also of `judges.<name>`, which only findings have."""
    prefix, _, rest = name.partition(".")
    if prefix != "scores":
        return judge_signal(rest) if name.startswith(JUDGES) else tag_signal(rest)
    free = FREE.get(rest.partition(".")[0])  # also where people's scores of that name are counted apart
    return replace(score_signal(rest), rise=free.rise, worse=free.worse) if free else score_signal(rest)


def measure_scores(frame: pl.DataFrame, prepared: pl.DataFrame, wanted: Callable[[str], bool], out: Columns) -> None:
    """Add `scores.<name>`, missing where an interaction has no such score; an earlier value of `out` gives way."""
    rows, items = flatten(frame["scores"], prepared["scores"].to_numpy())
    if len(rows):
        values = items["value"].to_numpy()
        for key, at in _groups(encode(items.select("key"))["key"], MOST_SCORES, lambda key: wanted(f"scores.{key}")):
            column = out.numeric.setdefault(f"scores.{key}", np.full(len(frame), np.nan))
            column[rows[at]] = values[at]


def measure_tags(frame: pl.DataFrame, prepared: pl.DataFrame, wanted: Callable[[str], bool], out: Columns) -> None:
    """Add `tags.<key>`; an interaction without the key is neither counted nor missing."""
    rows, items = flatten(frame["tags"], prepared["tags"].to_numpy())
    if len(rows):
        labels = encode(items)
        for key, at in _groups(labels["key"], MOST_TAGS, lambda key: wanted(f"tags.{key}")):
            out.categorical[f"tags.{key}"] = keep(labels["value"], at, rows[at])
