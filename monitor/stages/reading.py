"""From bytes to the interactions that count: decoded, in time, each once; and how far event time has come."""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from monitor.stages.batch import Batch
from monitor.state import Partition, State
from records.codec import Refusal, decode_feedback_records, decode_records
from records.hashing import hash_column
from records.window import WINDOW
from streams.embedded import LogRecord
from streams.recent import interaction_hash
from streams.watermark import advance, closings, is_live


def decode(state: State, batch: Batch) -> None:
    """Bytes to columns, refusals apart; both topics."""
    for topic, reader in (("interactions", decode_records), ("feedback", decode_feedback_records)):
        mine = [i for i, record in enumerate(batch.records) if record.topic == topic]
        values, accepted = [batch.records[i].value for i in mine], [batch.records[i].accepted_at for i in mine]
        decoded = reader(values, accepted)
        place = np.array(mine, np.int64)
        record = place[decoded.record] if len(mine) else np.empty(0, np.int64)
        batch.refused += [_placed(refusal, mine[refusal.record]) for refusal in decoded.refused]
        if topic == "interactions":
            batch.frame, batch.record, batch.unknown = decoded.frame, record, decoded.unknown
            _refuse_old(state, batch, decoded.lines, decoded.rows)
        else:
            batch.feedback, batch.feedback_record = decoded.frame, record


def _placed(refusal: Refusal, record: int) -> Refusal:
    return Refusal(record, refusal.index, refusal.field, refusal.reason, refusal.text, refusal.line)


def _refuse_old(state: State, batch: Batch, lines: list[bytes], rows: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> None:
    """Refuse what is older than the panes that are kept."""
    oldest = batch.accepted_at[batch.record] - state.config().retention.panes
    old = batch.frame["timestamp"].to_numpy() < oldest
    for i in np.flatnonzero(old).tolist():
        text = "timestamp is older than the panes that are kept (retention.panes)"
        batch.refused.append(Refusal(int(batch.record[i]), int(rows[i]), "timestamp", "too_old", text, lines[i]))
    batch.keep(~old)


def deduplicate(state: State, batch: Batch) -> None:
    """Keep the first of each (application, id), also across batches and restarts."""
    application = batch.frame["application"]
    batch.hashes = hashes_of(batch.frame)
    accepted = batch.accepted_at[batch.record]
    new = batch.partition.recent.unseen(batch.hashes, accepted)
    again = application.filter(pl.Series(~new)).value_counts()
    batch.duplicates = dict(again.iter_rows())
    batch.keep(new)
    batch.partition.recent.add(batch.hashes, accepted[new])


def hashes_of(frame: pl.DataFrame) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    """Hashes (n,) of interactions: of (application, id)."""
    application, ids = frame["application"], hash_column(frame["id"])
    hashes = np.zeros(len(ids), np.uint64)
    for name in application.unique().to_list():
        mine = (application == name).to_numpy()
        hashes[mine] = interaction_hash(name, ids[mine])
    return hashes


def follow_time(state: State, batch: Batch) -> None:
    """Watermarks record by record."""
    timestamp = batch.frame["timestamp"].to_numpy()
    batch.start = timestamp // WINDOW * WINDOW
    batch.segment = np.zeros(len(timestamp), np.int64)
    for name, mine in _by_application(batch):
        before = batch.partition.watermarks.get(name, _first(batch, mine))
        batch.progress[name] = advance(before, batch.record[mine], timestamp[mine], batch.accepted_at)


def cut(state: State, batch: Batch) -> None:
    """Where watermarks let windows close, record by record: the one partition of an embedded stream tells of all traffic."""
    for name, mine in _by_application(batch):
        judged = state.judged.setdefault(name, _first(batch, mine))
        lateness = state.application(name).allowed_lateness
        batch.closings += closings(name, batch.progress[name], judged, lateness, WINDOW)
        state.live[name] = is_live(int(batch.accepted_at[batch.record[mine]].max()), batch.watermarks[name])
    batch.segment = batch.segment_of(batch.record)


def firsts(batch: Batch) -> "Iterator[tuple[str, int]]":
    """Where each application of a batch begins: the earliest pane of the first record that has any of its rows."""
    for name, mine in _by_application(batch):
        yield name, _first(batch, mine)


def _by_application(batch: Batch) -> "Iterator[tuple[str, np.ndarray[tuple[int], np.dtype[np.bool_]]]]":
    application = batch.frame["application"]
    for name in sorted(application.unique().to_list()):
        yield name, (application == name).to_numpy()


def _first(batch: Batch, mine: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> int:
    return int(batch.start[mine][batch.record[mine] == batch.record[mine].min()].min())


def new_batch(partition: Partition, records: Sequence[LogRecord]) -> Batch:
    """A batch of log records, nothing done to it yet."""
    return Batch(partition, records, np.array([record.accepted_at for record in records], np.int64))
