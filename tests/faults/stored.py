"""All that a store holds, decoded, as plain values that can be compared."""

from collections import Counter
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import zstandard
from sqlalchemy import Connection, Table, select

from monitor.store import Store, ids, tables
from monitor.store.counters import Counters, load
from records.notification import Notification
from records.pane import Pane
from records.pane_codec import decode_pane
from records.window import decode_window

Rows = dict[tuple[Any, ...], Any]
_notification = msgspec.msgpack.Decoder(Notification)


@dataclass
class Stored:
    """Every table, rows by key. What only tells when (wall clock) or in which batches something came is left out."""

    panes: Rows
    courses: Rows
    comparisons: Rows
    calibrations: Rows
    judged: Rows
    findings: Rows
    alerts: Rows
    transitions: Rows
    notifications: Rows
    slices: Rows
    ids: Rows
    joined: Rows
    waiting: Rows
    watermarks: Rows
    letters: Rows
    counters: dict[str, Counters]


def read(directory: Path) -> Stored:
    """The store in `directory`."""
    store = Store(f"sqlite:///{directory}/plumbline.db")
    try:
        with store.read() as c:
            return _read(c)
    finally:
        store.close()


def differences(one: Stored, other: Stored) -> list[str]:
    """Where two stores differ, in words; counters are the caller's, since a retry may count as a duplicate."""
    said = []
    for part in fields(Stored):
        a, b = getattr(one, part.name), getattr(other, part.name)
        if part.name == "counters":
            continue
        keys = [key for key in sorted({*a, *b}, key=repr) if a.get(key) != b.get(key)]
        said += [f"{part.name} {key}: {_where(a.get(key), b.get(key))}" for key in keys]
    return said


def _where(a: Any, b: Any) -> str:
    if isinstance(a, dict) and isinstance(b, dict):
        return ", ".join(f"{name}: {a.get(name)!r:.200} and {b.get(name)!r:.200}" for name in a if a[name] != b.get(name))
    return f"{a!r:.300} and {b!r:.300}"


def _read(c: Connection) -> Stored:
    t = tables
    return Stored(
        panes={
            (row.application, row.dimension, row.value, row.step, row.start, row.topic, row.partition):
            _pane(decode_pane(row.pane)) | {"rows": row.n}
            for row in c.execute(select(t.panes))
        },
        courses={(row.application, row.start): _window(row.arrays) for row in c.execute(select(t.courses))},
        comparisons=_by(c, t.comparisons, 2),
        calibrations={
            (row.application, row.start): zstandard.ZstdDecompressor().decompress(row.arrays)
            for row in c.execute(select(t.calibrations))
        },
        judged=_by(c, t.judged, 1),
        findings={(row.id,): msgspec.msgpack.decode(row.body) for row in c.execute(select(t.findings))},
        alerts={
            (row.id,): msgspec.msgpack.decode(row.body) | {"number": row.number, "mark": row.mark}
            for row in c.execute(select(t.alerts))
        },
        transitions={
            (row.alert, row.state, row.at): msgspec.msgpack.decode(row.body) for row in c.execute(select(t.alert_transitions))
        },
        notifications={
            (n.id,): (n.alert, n.receiver, n.state, n.body)
            for n in map(_notification.decode, c.execute(select(t.notifications.c.body)).scalars())
        },
        slices=_by(c, t.slices, 3),
        ids=_ids(c),
        joined=_by(c, t.joined_feedback, 4),
        waiting=_by(c, t.waiting_feedback, 4),
        watermarks={(row.topic, row.partition): row.watermarks for row in c.execute(select(t.positions))},
        letters={(row.topic, row.line): (row.field, row.reason, row.text) for row in c.execute(select(t.dead_letters))},
        counters=load(c),
    )  # fmt: skip


def _by(c: Connection, table: Table, width: int) -> Rows:
    return {(*row[:width],): (*row[width:],) for row in c.execute(select(table))}


def _pane(pane: Pane) -> dict[str, Any]:
    """Every array to the bit."""
    c, s = pane.counts, pane.sample
    arrays: dict[str, Any] = {
        "kinds": pane.kinds, "resolution": pane.resolution, "moments": np.ascontiguousarray(pane.moments),
        "signal": c.signal, "key": c.key, "count": c.count, "hashes": s.hashes, "keys": np.ascontiguousarray(s.keys),
    }  # fmt: skip
    plain = {"n": pane.n, "names": pane.names, "labels": dict(pane.labels), "ids": s.ids, "slices": s.slices}
    return plain | {name: array.tobytes() for name, array in arrays.items()}


def _window(data: bytes) -> dict[str, Any]:
    window = decode_window(data)
    values: dict[str, Any] = {field.name: getattr(window, field.name) for field in fields(window)}
    return {name: value.tobytes() if isinstance(value, np.ndarray) else value for name, value in values.items()}


def _ids(c: Connection) -> Rows:
    """How often each interaction was counted, with its minute and slices: batches differ from run to run."""
    seen: Counter[tuple[Any, ...]] = Counter()
    for row in ids.since(c, 0):
        hashes, starts = np.frombuffer(row.hashes, np.uint64), np.frombuffer(row.starts, np.int64)
        names = tuple(row.dimensions)
        codes = np.frombuffer(row.codes, np.int32).reshape(len(names), len(hashes)).T
        own = zip(hashes.tolist(), starts.tolist(), map(tuple, codes.tolist()), strict=True)
        seen.update((row.application, names, *one) for one in own)
    return dict(seen)
