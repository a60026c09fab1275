"""Signals that an application names itself: `scores.<name>` and `tags.<key>`."""

from collections.abc import Callable, Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.columns import Columns, Labels
from records.signal import Signal, score_signal, tag_signal
from signals.labels import encode, flatten

MOST_SCORES = 100
MOST_TAGS = 50
"""Names taken from one batch, in alphabetical order; the rest is left out."""


def _groups(keys: pl.Series, most: int, wanted: Callable[[str], bool]) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """The wanted keys, each with the positions of its items."""
    labels = encode(keys)
    order = np.argsort(labels.codes, kind="stable")
    bounds = np.searchsorted(labels.codes[order], np.arange(len(labels.values) + 1))
    chosen = [code for code, key in enumerate(labels.values) if wanted(key)]
    for code in chosen[:most]:
        yield labels.values[code], order[bounds[code] : bounds[code + 1]]


def declare(name: str) -> Signal:
    """The declaration of a dynamic signal, from its full name."""
    prefix, _, rest = name.partition(".")
    return score_signal(rest) if prefix == "scores" else tag_signal(rest)


def measure_scores(frame: pl.DataFrame, wanted: Callable[[str], bool], out: Columns) -> None:
    """Add `scores.<name>`, missing where an interaction has no such score; an earlier value of `out` gives way."""
    rows, items = flatten(frame["scores"])
    values = items.struct.field("value").to_numpy()
    for key, at in _groups(items.struct.field("key"), MOST_SCORES, lambda key: wanted(f"scores.{key}")):
        column = out.numeric.setdefault(f"scores.{key}", np.full(len(frame), np.nan))
        column[rows[at]] = values[at]


def measure_tags(frame: pl.DataFrame, wanted: Callable[[str], bool], out: Columns) -> None:
    """Add `tags.<key>`; an interaction without the key is neither counted nor missing."""
    rows, items = flatten(frame["tags"])
    labels = encode(items.struct.field("value"))
    for key, at in _groups(items.struct.field("key"), MOST_TAGS, lambda key: wanted(f"tags.{key}")):
        codes = labels.codes[at]
        found = np.unique(codes[codes >= 0])
        compact = np.where(codes >= 0, np.searchsorted(found, codes), -1).astype(np.int32)
        out.categorical[f"tags.{key}"] = Labels(compact, [labels.values[code] for code in found], rows[at])
