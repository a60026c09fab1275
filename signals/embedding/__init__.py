"""Meaning of texts: embeddings of a sample of interactions, in few dimensions, how close answers are to their prompts, and
how far they are from those of a reference."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numba as nb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.columns import Columns, Vectors
from signals.embedding.novelty import Known, novelty
from signals.embedding.projection import project, unit

Embed = Callable[[Sequence[str]], NDArray[np.float64]]
"""Texts (m,) to their embeddings (m, D); a row that is not finite has none."""

SIDES = ("prompt", "response")
SIMILARITY, NOVELTY = "similarity", "response.novelty"
NAMES = (*(f"{side}.embedding" for side in SIDES), SIMILARITY, NOVELTY)
CHARACTERS = 2_000
"""What is embedded of a text: its beginning, so that no text is costly."""
SAMPLED = 256
"""Interactions of a window that are embedded for certain, if there are so many; of the others ever fewer are."""


class Sampled(NamedTuple):
    """What is embedded of a batch: the interactions `rows` (m,), ascending, by `embed`. Without `known` nothing is novel."""

    embed: Embed
    rows: NDArray[np.int32]
    known: Known | None = None


def chosen(hashes: NDArray[np.uint64], place: NDArray[np.int64], enough: int = SAMPLED) -> NDArray[np.int32]:
    """Rows of the sample, ascending: the k-th interaction of a stream is in it with chance enough / k, by its own hash.

    hashes (n,) of the interactions, place (n,) their k, from 1. Of N interactions about enough (1 + ln(N / enough)) are
    chosen, whatever comes after them and however they are cut into batches.
    """
    share = hashes.astype(np.float64) / 2.0**64
    return np.flatnonzero(share * place < enough).astype(np.int32)


def places(codes: NDArray[np.int64], before: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place (n,) of each row in its own stream, from 1; codes (n,) name the stream, before (S,) is what it had."""
    out: NDArray[np.int64] = _places(codes, before.copy())
    return out


@nb.njit(cache=True, nogil=True)
def _places(codes: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.int64]:
    out = np.empty(len(codes), np.int64)
    for i in range(len(codes)):
        count[codes[i]] += 1
        out[i] = count[codes[i]]
    return out


def measure(
    frame: pl.DataFrame, sampled: Sampled | None, wanted: Callable[[str], bool], out: Columns
) -> NDArray[np.float64] | None:
    """Add the embeddings of the sampled interactions, the cosine of prompt and response, and the novelty of the response;
    what is not sampled is missing. A null or empty text has no embedding, nor has one for which `embed` gives none.

    Returns the directions (2, m, D) of the m prompts and responses, None where none are embedded.
    """
    if sampled is None or not any(wanted(name) for name in NAMES):
        return None
    rows = sampled.rows
    directions = _directions(frame, sampled)
    for side, mine in zip(SIDES, directions, strict=True):
        good = np.isfinite(mine).all(axis=1)
        out.vector[f"{side}.embedding"] = Vectors(rows[good], project(mine[good]))
    out.numeric[SIMILARITY] = np.full(out.n, np.nan)
    out.numeric[SIMILARITY][rows] = np.clip((directions[0] * directions[1]).sum(axis=1), -1, 1)
    if sampled.known is not None:
        responses = out.vector["response.embedding"]
        out.numeric[NOVELTY] = np.full(out.n, np.nan)
        out.numeric[NOVELTY][responses.rows] = novelty(responses.values, sampled.known)
    return directions


def _directions(frame: pl.DataFrame, sampled: Sampled) -> NDArray[np.float64]:
    """The directions (2, m, D) of the prompts and the responses of a sample; nan where there is none."""
    places = pl.Series(sampled.rows)
    texts = pl.concat([frame[side].gather(places).alias("text") for side in SIDES]).str.head(CHARACTERS)
    there = np.flatnonzero((texts.str.len_bytes() > 0).fill_null(False).to_numpy())
    found = unit(sampled.embed(texts.gather(pl.Series(there)).to_list())) if len(there) else np.empty((0, 1))
    out = np.full((len(texts), found.shape[1]), np.nan)
    out[there] = found
    return out.reshape(2, len(sampled.rows), found.shape[1])
