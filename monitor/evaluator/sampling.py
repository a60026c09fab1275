"""Which interactions of a batch are to be judged: written into the transaction that counts them, or that moves our position."""

from collections.abc import Callable, Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy import Connection

from monitor.config.judges import Judge
from monitor.config.models import Config
from monitor.metrics import Metrics
from monitor.store import judgements
from monitor.store.judgements import Wanted
from records.hashing import hash_column
from signals import redact
from signals.evaluation.judging import chosen
from streams.slices import dimension_values

STRATA = 1024
_TEXTS = ("prompt", "response", "context", "reference_answer")


def sample(
    c: Connection, config: Config, frame: pl.DataFrame, hashes: NDArray[np.uint64], start: NDArray[np.int64], now: int
) -> dict[tuple[str, str], int]:
    """Put what is to be judged of n interactions, with their hashes and the start of their windows (n,), into the store;
    how many that were of each application and judge. Calls that may cost money come later, from elsewhere."""
    counts: dict[tuple[str, str], int] = {}
    if not len(frame):
        return counts
    for application in sorted(name for name in frame["application"].unique().to_list() if config.application(name).judges):
        answered = ((pl.col("application") == application) & pl.col("response").is_not_null()).alias("mine")
        mine = np.flatnonzero(frame.select(answered)["mine"].to_numpy())
        for judge in config.application(application).judges:
            strata = _strata(frame, judge, mine)

            def known(starts: list[int], application: str = application, name: str = judge.name) -> set[tuple[int, str]]:
                return judgements.strata(c, application, name, starts)

            rows = mine[_taken(judge, hashes[mine], start[mine], strata, known)]
            of_rows = {int(row): stratum for row, stratum in zip(mine.tolist(), strata, strict=True)}
            wanted = _wanted(config.content, frame, rows, hashes, start, of_rows)
            counts[application, judge.name] = judgements.put(c, application, judge.name, wanted, now) if wanted else 0
    return counts


def count(metrics: Metrics, sampled: dict[tuple[str, str], int]) -> None:
    """Tell of a sample that is committed."""
    for (application, judge), n in sampled.items():
        metrics.judgements.labels(**metrics.capped(application=application, judge=judge), outcome=judgements.SAMPLED).inc(n)


def _strata(frame: pl.DataFrame, judge: Judge, mine: NDArray[np.int64]) -> list[str]:
    """The stratum of each of these rows; all are one where nothing is stratified. There are at most STRATA, by a hash."""
    if judge.stratify is None:
        return [""] * len(mine)
    hashes = hash_column(dimension_values(frame, judge.stratify).gather(pl.Series(mine)))
    return [str(bucket) for bucket in (hashes % np.uint64(STRATA)).tolist()]


def _taken(
    judge: Judge,
    hashes: NDArray[np.uint64],
    start: NDArray[np.int64],
    strata: list[str],
    known: Callable[[list[int]], set[tuple[int, str]]],
) -> NDArray[np.bool_]:
    """Those in the sample, and the first of each window and stratum: the same ones however the stream is cut into batches."""
    taken = chosen(hashes, judge.sample)
    if judge.stratify is not None and len(hashes):
        seen = known(np.unique(start).tolist())
        for i, group in enumerate(zip(start.tolist(), strata, strict=True)):
            if group not in seen:
                seen.add(group)
                taken[i] = True
    return taken


def _wanted(
    content: str,
    frame: pl.DataFrame,
    rows: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    start: NDArray[np.int64],
    strata: dict[int, str],
) -> list[Wanted]:
    if not len(rows):
        return []
    texts = frame.select("id", *_TEXTS)[rows]
    if content == "redacted":
        context = [None if parts is None else redact(pl.Series(parts, dtype=pl.String)).to_list() for parts in texts["context"]]
        plain = (redact(texts[name]) for name in ("prompt", "response", "reference_answer"))
        texts = texts.with_columns(*plain, pl.Series("context", context, dtype=pl.List(pl.String)))
    found: Iterable[tuple[str, str | None, str | None, list[str] | None, str | None]] = texts.iter_rows()
    return [
        Wanted(int(hashes[row]), id_, int(start[row]), strata[row], (prompt, response, context or [], answer))
        for row, (id_, prompt, response, context, answer) in zip(rows.tolist(), found, strict=True)
    ]
