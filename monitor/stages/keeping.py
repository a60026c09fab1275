"""What a batch leaves in the store, in the one transaction that also holds its position."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from sqlalchemy import Connection

from monitor.stages.batch import Batch
from monitor.stages.measuring import codes
from monitor.state import Partition, State
from monitor.store import contents, courses, dead_letters, ids, panes, positions
from monitor.store.contents import Content
from monitor.store.counters import Counters
from monitor.store.dead_letters import DeadLetter
from monitor.store.positions import Position
from records.pane import EMPTY, Pane, merge
from records.pane_codec import decode_pane, encode_pane
from records.window import DAY, HOUR, WINDOW
from signals import redact
from streams.embedded import TOPIC
from streams.panes import PaneKey

ROLLED_UP = ("rolled up", 0)
"""Topic and partition of what was merged over partitions and time."""
STEPS = (HOUR, DAY)
WINDOWS_KEPT = 15 * DAY


def add_panes(state: State, c: Connection, batch: Batch, segment: list[tuple[PaneKey, Pane]]) -> None:
    """Merge a segment's panes into those that are open, or into stored ones where their window was judged already."""
    late: dict[PaneKey, Pane] = {}
    for key, pane in segment:
        if key.start >= state.judged.setdefault(key.application, key.start):
            batch.partition.open[key] = merge(batch.partition.open.get(key, EMPTY), pane)
        else:
            late[key] = merge(late.get(key, EMPTY), pane)
    add_late(c, batch, late, state.judged)


def add_late(c: Connection, batch: Batch, late: dict[PaneKey, Pane], judged: Mapping[str, int]) -> None:
    """Merge panes of windows that take no more into the stored ones, and into what was rolled up of them; such windows are
    judged again. `judged`: up to where each application was judged."""
    if not late:
        return
    for application, start in {(key.application, key.start): None for key in late}:
        courses.add_late(c, application, start)
    for key, pane in late.items():
        if not key.dimension:
            batch.late[key.application] = batch.late.get(key.application, 0) + pane.n
    _merge_stored(c, batch.partition.topic, batch.partition.number, WINDOW, late)
    for step in STEPS:
        whole = {k: p for k, p in late.items() if k.start // step * step + step <= judged.get(k.application, 0)}
        _merge_stored(c, *ROLLED_UP, step, _regrouped(whole, step))


def _regrouped(small: dict[PaneKey, Pane], step: int) -> dict[PaneKey, Pane]:
    out: dict[PaneKey, Pane] = {}
    for key, pane in small.items():
        wide = key._replace(start=key.start // step * step)
        out[wide] = merge(out.get(wide, EMPTY), pane)
    return out


def _merge_stored(c: Connection, topic: str, partition: int, step: int, added: dict[PaneKey, Pane]) -> None:
    stored = panes.get(c, topic, partition, step, list(added))
    merged = {key: merge(decode_pane(stored[key]), pane) if key in stored else pane for key, pane in added.items()}
    put_panes(c, topic, partition, step, merged)


def put_panes(c: Connection, topic: str, partition: int, step: int, rows: Mapping[PaneKey, Pane]) -> None:
    """Insert or replace panes of one partition and width."""
    if rows:
        blobs = {key: encode_pane(pane) for key, pane in rows.items()}
        panes.put(c, topic, partition, step, blobs, {key: pane.n for key, pane in rows.items()})


def close_window(
    c: Connection, partition: Partition, application: str, start: int, runs: Mapping[PaneKey, Pane]
) -> dict[tuple[str, str], Pane]:
    """Store the open panes of one window, which is final now, with the runs that ended in it; they come back by slice."""
    keys = [key for key in partition.open if key.application == application and key.start == start]
    final = {key: partition.open.pop(key) for key in keys}
    final |= {key: merge(final.get(key, EMPTY), pane) for key, pane in runs.items()}
    put_panes(c, partition.topic, partition.number, WINDOW, final)
    return {(key.dimension, key.value): pane for key, pane in final.items()}


def gather_window(
    c: Connection, application: str, start: int, runs: Mapping[PaneKey, Pane] | None = None
) -> dict[tuple[str, str], Pane]:
    """Merge what all partitions hold of one window, which is final now, and the runs that ended in it, into one pane a slice;
    they come back by slice."""
    gathered = dict(runs or {})
    for key, blob in panes.between(c, application, WINDOW, start, start + WINDOW):
        gathered[key] = merge(gathered.get(key, EMPTY), decode_pane(blob))
    put_panes(c, *ROLLED_UP, WINDOW, gathered)
    panes.delete_partials(c, application, WINDOW, start, kept=ROLLED_UP[0])
    return {(key.dimension, key.value): pane for key, pane in gathered.items()}


def roll_up(c: Connection, application: str, end: int) -> None:
    """Merge the hour, and the day, that ends at `end` over its windows and partitions."""
    for step, part in ((HOUR, WINDOW), (DAY, HOUR)):
        if end % step == 0:
            gathered: dict[PaneKey, Pane] = {}
            for key, blob in panes.between(c, application, part, end - step, end):
                wide = key._replace(start=end - step)
                gathered[wide] = merge(gathered.get(wide, EMPTY), decode_pane(blob))
            put_panes(c, *ROLLED_UP, step, gathered)


def keep(state: State, c: Connection, batch: Batch) -> None:
    """Everything of a batch but its panes and texts: ids, refused lines, counters, and the position."""
    _keep_ids(state, c, batch)
    dead_letters.put(c, letters(batch))
    partition = batch.partition
    watermarks = partition.watermarks | batch.watermarks
    accepted_at = max(partition.accepted_at, int(batch.accepted_at.max()))
    position = Position(batch.next_offset, watermarks, partition.topic_id, accepted_at)
    positions.put(c, partition.topic, partition.number, position)


def taken_in(batch: Batch) -> None:
    """Remember of a batch what was committed of it."""
    partition = batch.partition
    partition.watermarks |= batch.watermarks
    partition.accepted_at = max(partition.accepted_at, int(batch.accepted_at.max()))
    partition.next_offset = batch.next_offset


def counted(batch: Batch) -> dict[str, Counters]:
    """What a batch adds to the counters of its applications."""
    names = batch.frame["application"] if len(batch.frame) else pl.Series(dtype=pl.String)
    found = dict(names.value_counts().iter_rows())
    every = sorted({*found, *batch.duplicates, *batch.late})
    return {name: Counters(found.get(name, 0), batch.duplicates.get(name, 0), batch.late.get(name, 0), 0) for name in every}


def _keep_ids(state: State, c: Connection, batch: Batch) -> None:
    """One row of arrays for each application and generation of accept times."""
    if not len(batch.frame):
        return
    partition, accepted = batch.partition, batch.accepted_at[batch.record]
    generation = accepted // partition.recent.width
    for name in sorted(batch.progress):
        mine = (batch.frame["application"] == name).to_numpy()
        for g in np.unique(generation[mine]).tolist():
            rows = np.flatnonzero(mine & (generation == g))
            rows = rows[np.argsort(batch.hashes[rows], kind="stable")]
            dimensions, places = codes(state, batch, name, rows)
            hashes, starts = batch.hashes[rows].tobytes(), batch.start[rows].tobytes()
            at = int(accepted[rows].max())
            ids.append(c, partition.topic, partition.number, name, at, hashes, starts, places.tobytes(), dimensions)


def letters(batch: Batch) -> list[DeadLetter]:
    """The refused lines of a batch."""
    found = []
    embedded = batch.partition.topic == TOPIC  # its one log holds all topics
    for refusal in batch.refused:
        record = batch.records[refusal.record]
        topic = record.topic if embedded else batch.partition.topic
        place = (topic, batch.partition.number, record.offset, refusal.index)
        found.append(DeadLetter(record.accepted_at, *place, refusal.field, refusal.reason, refusal.text, refusal.line))
    return found


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
