"""Data quality: which of the fields that every interaction should have are absent."""

import numpy as np
import polars as pl

from records.columns import Columns, Labels

EXPECTED = ("duration", "input_tokens", "model", "output_tokens", "prompt", "response")
_VALUES = [
    "+".join(name for bit, name in enumerate(EXPECTED) if mask >> bit & 1) or "none" for mask in range(2 ** len(EXPECTED))
]
PREPARED = (
    pl.sum_horizontal(pl.col(name).is_null().cast(pl.UInt8) * (1 << bit) for bit, name in enumerate(EXPECTED)).alias("absent"),
)


def measure(frame: pl.DataFrame, prepared: pl.DataFrame, out: Columns) -> None:
    """Add `quality.missing`: the expected fields that are null, in order, joined with "+"; "none" where all are there."""
    mask = prepared["absent"].to_numpy()
    found = np.flatnonzero(np.bincount(mask, minlength=len(_VALUES)))
    codes = np.searchsorted(found, mask).astype(np.int32)
    out.categorical["quality.missing"] = Labels(codes, [_VALUES[index] for index in found])
