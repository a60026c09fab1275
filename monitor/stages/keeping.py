"""What a batch leaves in the store, in the one transaction that also holds its position."""

import numpy as np
import polars as pl
from sqlalchemy import Connection

from monitor.stages.batch import Batch
from monitor.stages.measuring import codes
from monitor.state import State
from monitor.store import contents, counters, courses, dead_letters, ids, panes, positions, slices
from monitor.store.contents import Content
from monitor.store.counters import Counters
from monitor.store.dead_letters import DeadLetter
from monitor.store.positions import Position
from records.pane import EMPTY, Pane, merge
from records.pane_codec import decode_pane, encode_pane
from records.window import DAY, HOUR, WINDOW
from signals import redact
from streams.panes import PaneKey

ROLLED_UP = ("rolled up", 0)
"""Topic and partition of what was merged over partitions and time."""
STEPS = (HOUR, DAY)
WINDOWS_KEPT = 15 * DAY


def add_panes(state: State, c: Connection, segment: list[tuple[PaneKey, Pane]], batch: Batch) -> dict[str, int]:
    """Merge a segment's panes into those that are open, or into stored ones where their window was judged already.

    Gives, by application, the start of the earliest judged window that changed.
    """
    late: dict[str, int] = {}
    final: dict[PaneKey, Pane] = {}
    for key, pane in segment:
        if key.start >= state.judged.setdefault(key.application, key.start):
            state.open[key] = merge(state.open.get(key, EMPTY), pane)
        else:
            late[key.application] = min(key.start, late.get(key.application, key.start))
            final[key] = merge(final.get(key, EMPTY), pane)
            if not key.dimension:
                batch.late[key.application] = batch.late.get(key.application, 0) + pane.n
    if final:
        _merge_stored(c, state.topic, state.partition, WINDOW, final)
        for step in STEPS:
            whole = {k: p for k, p in final.items() if k.start // step * step + step <= state.judged[k.application]}
            _merge_stored(c, *ROLLED_UP, step, _regrouped(whole, step))
    return late


def _regrouped(small: dict[PaneKey, Pane], step: int) -> dict[PaneKey, Pane]:
    out: dict[PaneKey, Pane] = {}
    for key, pane in small.items():
        wide = key._replace(start=key.start // step * step)
        out[wide] = merge(out.get(wide, EMPTY), pane)
    return out


def _merge_stored(c: Connection, topic: str, partition: int, step: int, added: dict[PaneKey, Pane]) -> None:
    stored = panes.get(c, topic, partition, step, list(added))
    merged = {key: merge(decode_pane(stored[key]), pane) if key in stored else pane for key, pane in added.items()}
    _put(c, topic, partition, step, merged)


def _put(c: Connection, topic: str, partition: int, step: int, rows: dict[PaneKey, Pane]) -> None:
    if rows:
        blobs = {key: encode_pane(pane) for key, pane in rows.items()}
        panes.put(c, topic, partition, step, blobs, {key: pane.n for key, pane in rows.items()})


def close_window(state: State, c: Connection, application: str, start: int) -> dict[tuple[str, str], Pane]:
    """Store the open panes of one window, which is final now; they come back by slice."""
    keys = [key for key in state.open if key.application == application and key.start == start]
    final = {key: state.open.pop(key) for key in keys}
    _put(c, state.topic, state.partition, WINDOW, final)
    return {(key.dimension, key.value): pane for key, pane in final.items()}


def roll_up(c: Connection, application: str, end: int) -> None:
    """Merge the hour, and the day, that ends at `end` over its windows and partitions."""
    for step, part in ((HOUR, WINDOW), (DAY, HOUR)):
        if end % step == 0:
            gathered: dict[PaneKey, Pane] = {}
            for key, blob in panes.between(c, application, part, end - step, end):
                wide = key._replace(start=end - step)
                gathered[wide] = merge(gathered.get(wide, EMPTY), decode_pane(blob))
            _put(c, *ROLLED_UP, step, gathered)


def keep(state: State, c: Connection, batch: Batch) -> None:
    """Everything of a batch but its windows and texts: open panes, ids, counters, refused lines, and the position."""
    touched = {key for segment in batch.panes.values() for key, _ in segment if key in state.open}
    _put(c, state.topic, state.partition, WINDOW, {key: state.open[key] for key in touched})
    for value in batch.new_values:
        slices.add(c, *value)
    _keep_ids(state, c, batch)
    _keep_letters(state, c, batch)
    state.watermarks |= batch.watermarks
    positions.put(c, state.topic, state.partition, Position(batch.next_offset, state.watermarks))


def _keep_ids(state: State, c: Connection, batch: Batch) -> None:
    """One row of arrays for each application and generation of accept times, and what they add to the counters."""
    names = batch.frame["application"] if len(batch.frame) else pl.Series(dtype=pl.String)
    accepted = batch.accepted_at[batch.record]
    generation = accepted // state.recent.width
    for name in sorted({*names.unique().to_list(), *batch.duplicates}):
        mine = (names == name).to_numpy() if len(names) else np.zeros(0, bool)
        for g in np.unique(generation[mine]).tolist():
            rows = np.flatnonzero(mine & (generation == g))
            rows = rows[np.argsort(batch.hashes[rows], kind="stable")]
            dimensions, places = codes(state, batch, name, rows)
            hashes, starts = batch.hashes[rows].tobytes(), batch.start[rows].tobytes()
            at = int(accepted[rows].max())
            ids.append(c, state.topic, state.partition, name, at, hashes, starts, places.tobytes(), dimensions)
        if name not in state.known:
            courses.set_judged(c, name, state.judged[name])  # where its judging begins, also if no window closes before a crash
        added = Counters(int(mine.sum()), batch.duplicates.get(name, 0), batch.late.get(name, 0), 0)
        counters.add(c, name, *added)
        state.known[name] = Counters(*(a + b for a, b in zip(state.known.get(name, Counters(0, 0, 0, 0)), added, strict=True)))


def _keep_letters(state: State, c: Connection, batch: Batch) -> None:
    letters = []
    for refusal in batch.refused:
        record = batch.records[refusal.record]
        place = (record.topic, state.partition, record.offset, refusal.index)
        letters.append(DeadLetter(record.accepted_at, *place, refusal.field, refusal.reason, refusal.text, refusal.line))
    if letters:
        dead_letters.put(c, letters)


def keep_contents(state: State, c: Connection, batch: Batch) -> None:
    """Prompts and responses, as they came or without what is personal in them, where they are kept at all."""
    if not len(batch.frame) or state.config().content == "digest":
        return
    texts = batch.frame.select("application", "prompt", "response")
    if state.config().content == "redacted":
        texts = texts.with_columns(redact(texts["prompt"]), redact(texts["response"]))
    for name in texts["application"].unique().to_list():
        mine = np.flatnonzero((texts["application"] == name).to_numpy())
        rows = zip(batch.hashes[mine].tolist(), batch.start[mine].tolist(), texts[mine].iter_rows(), strict=True)
        contents.put(c, name, [Content(id_hash, start, *text) for id_hash, start, (_, *text) in rows])
