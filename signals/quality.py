"""Data quality: which of the fields that every interaction should have are absent."""

import numpy as np
import polars as pl

from records.columns import Columns, Labels

EXPECTED = ("duration", "input_tokens", "model", "output_tokens", "prompt", "response")
_VALUES = [
    "+".join(name for bit, name in enumerate(EXPECTED) if mask >> bit & 1) or "none" for mask in range(2 ** len(EXPECTED))
]


def measure(frame: pl.DataFrame, out: Columns) -> None:
    """Add `quality.missing`: the expected fields that are null, in order, joined with "+"; "none" where all are there."""
    mask = np.zeros(len(frame), np.int64)
    for bit, name in enumerate(EXPECTED):
        mask |= frame[name].is_null().to_numpy().astype(np.int64) << bit
    found = np.flatnonzero(np.bincount(mask, minlength=len(_VALUES)))
    codes = np.searchsorted(found, mask).astype(np.int32)
    out.categorical["quality.missing"] = Labels(codes, [_VALUES[index] for index in found])
