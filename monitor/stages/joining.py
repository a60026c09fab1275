"""Feedback finds its interaction: a score joins the pane of the interaction it speaks of, whenever it comes."""

import numpy as np
import polars as pl
from sqlalchemy import Connection

from monitor.stages import scoring
from monitor.stages.batch import Batch, Parts
from monitor.stages.keeping import keep_contents
from monitor.stages.measuring import codes
from monitor.stages.scoring import Found, Row
from monitor.state import State
from monitor.store import feedback as stored
from monitor.store import ids
from monitor.store.feedback import FeedbackKey, WaitingFeedback
from records.hashing import hash_column
from streams.recent import interaction_hash


def join(state: State, batch: Batch, c: Connection) -> Parts:
    """Join what this batch brought, and what waited for its interactions; the rest waits. What it adds to panes comes back."""
    keep_contents(state, c, batch)  # first, so that an answer that waited finds the text it is compared with
    came = set(batch.feedback["application"].unique().to_list()) if len(batch.feedback) else set()
    added: Parts = {}
    for application in sorted({*came, *batch.progress}):
        awaited = state.awaited(c, application)
        if awaited or application in came:
            _join(state, batch, c, application, awaited, added)
    return added


def _join(state: State, batch: Batch, c: Connection, application: str, awaited: set[int], added: Parts) -> None:
    rows = _rows(batch, application)
    own = _own(state, batch, application, awaited | {key.id_hash for key in rows})
    arrived = sorted(awaited & own.keys())
    for row in stored.take(c, application, arrived):
        key = FeedbackKey(row.id_hash, row.name, row.source)
        rows.setdefault(key, Row(key, row.value_number, row.value_text, row.at, -1))
    awaited.difference_update(arrived)
    dimensions = list(state.application(application).slices)
    found = own | _earlier(c, application, dimensions, {key.id_hash for key in rows} - own.keys())
    pending = [row for key, row in rows.items() if key.id_hash not in found]
    stored.wait(c, application, [WaitingFeedback(*row.key, row.number, row.text, row.at) for row in pending])
    told = scoring.scores(state, c, application, [row for key, row in rows.items() if key.id_hash in found], found)
    scoring.count(state, batch, c, application, told, found, added)


def _rows(batch: Batch, application: str) -> dict[FeedbackKey, Row]:
    """This batch's feedback on one application; the same key again replaces the earlier one."""
    if not len(batch.feedback):
        return {}
    mine = (batch.feedback["application"] == application).to_numpy()
    frame, records = batch.feedback.filter(pl.Series(mine)), batch.feedback_record[mine].tolist()
    hashes = interaction_hash(application, hash_column(frame["interaction_id"])).tolist()
    columns = (frame[name].to_list() for name in ("name", "source", "number", "text", "timestamp"))
    out: dict[FeedbackKey, Row] = {}
    for id_hash, name, source, number, text, at, record in zip(hashes, *columns, records, strict=True):
        key = FeedbackKey(id_hash, name, source)
        out.pop(key, None)
        out[key] = Row(key, number, text, at, record)
    return out


def _own(state: State, batch: Batch, application: str, wanted: set[int]) -> dict[int, Found]:
    """Those of the wanted interactions that are of this batch, by hash."""
    if not len(batch.frame) or not wanted:
        return {}
    mine = (batch.frame["application"] == application).to_numpy()
    mine = np.flatnonzero(mine & np.isin(batch.hashes, np.fromiter(wanted, np.uint64, len(wanted))))
    _, places = codes(state, batch, application, mine)
    hashes, starts, records = (a[mine].tolist() for a in (batch.hashes, batch.start, batch.record))
    return {h: Found(s, p, r) for h, s, p, r in zip(hashes, starts, places.T.tolist(), records, strict=True)}


def _earlier(c: Connection, application: str, dimensions: list[str], wanted: set[int]) -> dict[int, Found]:
    """Interactions of earlier batches, looked up newest first: most feedback comes soon.

    `dimensions`: those of today; what an interaction was not sliced by when it came has the code -1.
    """
    out: dict[int, Found] = {}
    left = np.array(sorted(wanted), np.uint64)
    for batch in ids.holding(c, application, left) if len(left) else ():
        hashes = np.frombuffer(batch.hashes, np.uint64)
        at = np.minimum(np.searchsorted(hashes, left), len(hashes) - 1)
        hit = hashes[at] == left
        if hit.any():
            starts = np.frombuffer(batch.starts, np.int64)[at[hit]].tolist()
            kept = np.frombuffer(batch.codes, np.int32).reshape(len(batch.dimensions), len(hashes))[:, at[hit]]
            places = np.full((len(dimensions), int(hit.sum())), -1, np.int32)
            for d, dimension in enumerate(dimensions):
                if dimension in batch.dimensions:
                    places[d] = kept[batch.dimensions.index(dimension)]
            names = left[hit].tolist()
            out |= {h: Found(s, p, -1) for h, s, p in zip(names, starts, places.T.tolist(), strict=True)}
            left = left[~hit]
        if not len(left):
            break
    return out
