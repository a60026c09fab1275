"""Signals of a batch as columns: what `signals` hands to `streams.panes`."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from records.signal import Signal

WORD_BUCKETS = 8192
"""Distinct words of a text are counted under their hash modulo this."""


@dataclass(frozen=True, slots=True)
class Labels:
    """A categorical column. `codes` index `values`, -1 is missing.

    With `rows` an interaction may have any number of values: item j belongs to row `rows[j]`
    (an interaction without an item is neither counted nor missing); without it `codes` has one entry a row.
    """

    codes: NDArray[np.int32]
    values: list[str]
    rows: NDArray[np.int32] | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """A text column: interaction `rows[j]` holds a word of bucket `buckets[j]` (each pair once); sorted by row."""

    rows: NDArray[np.int32]
    buckets: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Vectors:
    """A vector column of a sample: `values` (m, DIMENSIONS), finite, of the interactions `rows` (m,), each once."""

    rows: NDArray[np.int32]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Columns:
    """All signals of `n` interactions. Arrays are aligned with the rows of the batch they were computed from.

    numeric: float64, NaN is missing, an infinity or a value outside the declaration's bounds is bad.
    boolean: int8, 0 or 1, -1 is missing.
    """

    n: int
    declared: dict[str, Signal] = field(default_factory=dict)
    numeric: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    boolean: dict[str, NDArray[np.int8]] = field(default_factory=dict)
    categorical: dict[str, Labels] = field(default_factory=dict)
    text: dict[str, Words] = field(default_factory=dict)
    vector: dict[str, Vectors] = field(default_factory=dict)
