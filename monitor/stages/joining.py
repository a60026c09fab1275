"""Feedback finds its interaction: a score joins the pane of the interaction it speaks of, whenever it comes."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import polars as pl
from sqlalchemy import Connection

from monitor.stages.batch import Batch, Parts
from monitor.stages.keeping import keep_contents
from monitor.stages.measuring import codes
from monitor.state import State
from monitor.store import contents, ids, slices
from monitor.store import feedback as stored
from monitor.store.feedback import FeedbackKey, JoinedFeedback, WaitingFeedback
from records.columns import Columns
from records.hashing import hash_column
from records.pane import EMPTY, Pane, subtract
from records.signal import score_signal
from records.summary.sample import empty_sample
from signals.evaluation import score_answers
from streams.panes import PaneKey, fold, group_rows
from streams.recent import interaction_hash

ANSWER = "reference_answer"


class Found(NamedTuple):
    """Where an interaction was counted; `record` is its place in this batch, -1 where it came before."""

    start: int
    codes: list[int]
    record: int


class _Row(NamedTuple):
    key: FeedbackKey
    number: float | None
    text: str | None
    at: int
    record: int


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
        rows.setdefault(key, _Row(key, row.value_number, row.value_text, row.at, -1))
    awaited.difference_update(arrived)
    dimensions = list(state.application(application).slices)
    found = own | _earlier(c, application, dimensions, {key.id_hash for key in rows} - own.keys())
    pending = [row for key, row in rows.items() if key.id_hash not in found]
    stored.wait(c, application, [WaitingFeedback(*row.key, row.number, row.text, row.at) for row in pending])
    scores = _scores(state, c, application, [row for key, row in rows.items() if key.id_hash in found])
    _count(state, batch, c, application, scores, found, added)


def _rows(batch: Batch, application: str) -> dict[FeedbackKey, _Row]:
    """This batch's feedback on one application; the same key again replaces the earlier one."""
    if not len(batch.feedback):
        return {}
    mine = (batch.feedback["application"] == application).to_numpy()
    frame, records = batch.feedback.filter(pl.Series(mine)), batch.feedback_record[mine].tolist()
    hashes = interaction_hash(application, hash_column(frame["interaction_id"])).tolist()
    columns = (frame[name].to_list() for name in ("name", "source", "number", "text", "timestamp"))
    out: dict[FeedbackKey, _Row] = {}
    for id_hash, name, source, number, text, at, record in zip(hashes, *columns, records, strict=True):
        key = FeedbackKey(id_hash, name, source)
        out.pop(key, None)
        out[key] = _Row(key, number, text, at, record)
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


def _scores(state: State, c: Connection, application: str, rows: list[_Row]) -> list[_Row]:
    """What counts as a score: numbers as they are; an answer that was expected against the text, where that is kept."""
    out = [row for row in rows if row.number is not None]
    answers = [row for row in rows if row.number is None and row.key.name == ANSWER and row.text is not None]
    kept = contents.get(c, application, [row.key.id_hash for row in answers]) if answers else {}
    known = [row for row in answers if row.key.id_hash in kept and kept[row.key.id_hash].response is not None]
    for reason, n in (("content not kept", len(answers) - len(known)), ("not a number", len(rows) - len(out) - len(answers))):
        if n:
            state.metrics.unmatched.labels(**state.metrics.capped(application=application, reason=reason)).inc(n)
    if known:
        responses = [kept[row.key.id_hash].response or "" for row in known]
        names = state.application(application).scores
        for name, values in score_answers(responses, [row.text or "" for row in known], names).items():
            for row, value in zip(known, values.tolist(), strict=True):
                if np.isfinite(value):
                    out.append(row._replace(key=row.key._replace(name=name), number=value))
    return out


def _count(
    state: State, batch: Batch, c: Connection, application: str, rows: list[_Row], found: Mapping[int, Found], out: Parts
) -> None:
    """Add the scores to the panes of their interactions, and take earlier values of the same key back."""
    if not rows:
        return
    _know_slices(state, c, application, found)
    before = stored.get(c, application, [row.key for row in rows])
    now = {row.key: JoinedFeedback(float(row.number or 0.0), *found[row.key.id_hash][:2]) for row in rows}
    stored.put(c, application, now)
    records = np.array([max(row.record, found[row.key.id_hash].record) for row in rows], np.int64)
    segments = batch.segment_of(records)
    for segment in np.unique(segments).tolist():
        mine = [row.key for row, s in zip(rows, segments.tolist(), strict=True) if s == segment]
        added = _panes(state, application, ((key, now[key]) for key in mine))
        taken = _panes(state, application, ((key, before[key]) for key in mine if key in before))
        for key in sorted({*added, *taken}):
            delta = added.get(key, EMPTY)
            out.setdefault(segment, []).append((key, subtract(delta, taken[key]) if key in taken else delta))


def _know_slices(state: State, c: Connection, application: str, found: Mapping[int, Found]) -> None:
    """Another process may have counted the interaction, and have registered a value that this one has not met."""
    for d, dimension in enumerate(state.application(application).slices):
        known = len(state.slices.get((application, dimension), {}))
        if any(len(one.codes) > d and one.codes[d] >= known for one in found.values()):
            state.slices = slices.load(c)
            return


def _panes(state: State, application: str, rows: Iterable[tuple[FeedbackKey, JoinedFeedback]]) -> dict[PaneKey, Pane]:
    """Panes that hold scores alone: their interactions are counted already."""
    kept = list(rows)
    if not kept:
        return {}
    names = sorted({f"scores.{key.name}" for key, _ in kept})
    numeric = {name: np.full(len(kept), np.nan) for name in names}
    for i, (key, row) in enumerate(kept):
        numeric[f"scores.{key.name}"][i] = row.value
    declared = {name: score_signal(name.removeprefix("scores.")) for name in names}
    state.declared.update(declared)
    of_rows = {}
    for d, dimension in enumerate(state.application(application).slices):
        values = {code: value for value, code in state.slices.get((application, dimension), {}).items()}
        mine = [values.get(row.codes[d]) if d < len(row.codes) else None for _, row in kept]
        of_rows[dimension] = pl.Series(mine, dtype=pl.String)
    starts = np.array([row.start for _, row in kept], np.int64)
    grouping = group_rows(pl.Series([application] * len(kept)), starts, of_rows)
    panes = fold(Columns(len(kept), declared, numeric), grouping, pl.Series([""] * len(kept)), of_rows)
    blank = ((key, pane, empty_sample(len(pane.names))) for key, pane in zip(grouping.keys, panes, strict=True))
    return {key: replace(pane, n=0, sample=sample) for key, pane, sample in blank}
