"""Whether an answer and its passages are about what was asked: by embeddings where they are on, by shared words where not."""

from collections.abc import Collection

import numba as nb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from signals.embedding import CHARACTERS, Sampled
from signals.embedding.projection import unit
from signals.labels import flatten

PASSAGES = 16
"""What is embedded of an interaction's context: its first passages, so that none is costly."""
OF_SIDE = {"context_relevance": 0, "context_similarity": 1}
"""Which text each score compares with the passages: 0 the prompt, 1 the response."""


def similarities(
    frame: pl.DataFrame, sampled: Sampled, directions: NDArray[np.float64], names: Collection[str]
) -> dict[str, NDArray[np.float64]]:
    """The largest cosine (n,) of a text to one of its passages; NaN where not sampled, or where either has no embedding.

    directions (2, m, D) are those of the prompts and responses of the m sampled interactions.
    """
    context = frame["context"].gather(pl.Series(sampled.rows)).list.head(PASSAGES)
    rows, items = flatten(context, context.list.len().cast(pl.Float64).to_numpy())
    texts = items["item"].str.head(CHARACTERS)
    there = (texts.str.len_bytes() > 0).fill_null(False)
    out = {name: np.full(len(frame), np.nan) for name in names}
    if there.any():
        passages = unit(sampled.embed(texts.filter(there).to_list()))
        for name, column in out.items():
            column[sampled.rows] = _nearest(directions[OF_SIDE[name]], rows[there.to_numpy()], passages)
    return out


@nb.njit(cache=True, nogil=True)
def _nearest(texts: NDArray[np.float64], rows: NDArray[np.int32], passages: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest cosine (m,) of each text to the passages of its row, summed in a fixed order."""
    out = np.full(len(texts), np.nan)
    if passages.shape[1] == texts.shape[1]:
        for p in range(len(rows)):
            cosine = 0.0
            for j in range(passages.shape[1]):
                cosine += texts[rows[p], j] * passages[p, j]
            if np.isfinite(cosine) and not out[rows[p]] >= cosine:
                out[rows[p]] = min(max(cosine, -1.0), 1.0)
    return out
