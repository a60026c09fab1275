"""Files and pairs of files for the tests of `plumbline check`: made up rows of known distributions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from monitor.check.reading import File
from records.codec import decode_records
from signals import compute
from streams.panes import fold, group_rows

WORDS = ("order", "parcel", "invoice", "arrives", "Monday", "please", "thanks", "refund", "soon", "42", "street", "and")
REFUSED = "I'm sorry, but I can't help with that."


def rows(seed: int, n: int, *, length: float = 30.0, refused: float = 0.02, tenant: str | None = None) -> list[dict[str, Any]]:
    """n interactions: answers of about `length` words, a share `refused` of refusals, four tenants."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(n):
        words = rng.choice(WORDS, max(1, int(rng.normal(length, 8))))
        refusal = rng.random() < refused
        out.append(
            {
                "prompt": " ".join(rng.choice(WORDS, rng.integers(4, 12))) + "?",
                "response": REFUSED if refusal else " ".join(words) + ".",
                "model": str(rng.choice(["small", "large"])),
                "output_tokens": int(len(words) * 1.3),
                "duration": float(rng.gamma(2.0, 0.5)),
                "tags": {"tenant": tenant or str(rng.choice(["acme", "globex", "initech", "stark"]))},
            }
        )
    return out


def write(path: Path, items: Sequence[Mapping[str, Any] | bytes]) -> str:
    """JSON lines; bytes are written as they are."""
    path.write_bytes(b"".join((item if isinstance(item, bytes) else json.dumps(item).encode()) + b"\n" for item in items))
    return str(path)


def frame_of(items: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """The rows as columns."""
    return decode_records([json.dumps(item).encode() for item in items], [0] * len(items), strict=False).frame


def split(frame: pl.DataFrame, of_reference: int, slices: Sequence[str] = ()) -> tuple[File, File]:
    """Two files: the first `of_reference` rows, and the rest."""
    columns = replace(compute(frame), text={})
    names = pl.Series(["a"] * of_reference + ["b"] * (len(frame) - of_reference))
    values = {name: frame[name] for name in slices}
    grouping = group_rows(names, np.zeros(len(frame), np.int64), values)
    panes = fold(columns, grouping, pl.int_range(len(frame), eager=True).cast(pl.String), values)
    clusters = {}
    for name, labels in columns.categorical.items():
        if labels.rows is not None:
            sizes = np.bincount(labels.rows).astype(float)
            clusters[name] = (float(sizes.sum()), float((sizes**2).sum()))
    first, second = (
        File(
            side, panes={(k.dimension, k.value): p for k, p in zip(grouping.keys, panes, strict=True) if k.application == side}
        )
        for side in "ab"
    )
    for file in (first, second):
        file.timed, file.clusters = False, clusters
    return first, second
