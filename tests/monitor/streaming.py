"""Hand-made traffic through a real pipeline, and everything that the pipeline leaves in its store."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from monitor.config import ConfigSource
from monitor.config.loader import parse
from monitor.metrics import Metrics
from monitor.pipeline import Pipeline
from monitor.store import alerts, counters, courses, findings, panes
from monitor.store.engine import Store
from records.finding import Finding
from records.pane import HIGH, LOW, Pane, merge
from records.pane_codec import decode_pane
from records.window import DAY, HOUR, WINDOW, decode_window
from streams.embedded import LogRecord
from streams.panes import PaneKey

START = 1_790_000_000_000_000 // DAY * DAY
"""Midnight of the first window, microseconds."""
ACCEPTED = START + 30 * DAY
"""When a replayed history was accepted: long after it happened, so that no clock closes its windows."""
APPLICATION = "support"
CONFIG = """
applications:
  support:
    slices: [model]
    allowed_lateness: 0s
    signals: [response.characters, output_tokens, duration, error, response.refusal]
"""


class Change(NamedTuple):
    """From `first` to `last` window (exclusive) model `b` answers twice as long and fails ten times as often."""

    first: int
    last: int


def interaction(window: int, row: int, rng: np.random.Generator, change: Change | None, **more: Any) -> dict[str, Any]:
    """One call in a window; half of them go to each of two models."""
    model = "ab"[row % 2]
    changed = change is not None and change.first <= window < change.last and model == "b"
    length = max(1, int(rng.normal(40, 10))) * (2 if changed else 1)
    return {
        "id": f"{window}-{row}",
        "application": APPLICATION,
        "timestamp": (START + window * WINDOW + row * (WINDOW // 1000)) / 1e6,
        "model": model,
        "prompt": "Where is my order?",
        "response": "x" * length,
        "output_tokens": length // 4,
        "duration": round(float(rng.gamma(4, 0.25)), 3),
        "error": "timeout" if rng.random() < (0.2 if changed else 0.02) else None,
        **more,
    }


def windows(
    count: int, change: Change | None = None, rows: int = 60, first: int = 0, seed: int = 1
) -> list[list[dict[str, Any]]]:
    """Interactions by window; every window has a generator of its own."""
    out = []
    for window in range(first, first + count):
        rng = np.random.default_rng([seed, window])
        out.append([interaction(window, row, rng, change) for row in range(rows)])
    return out


def record(
    offset: int, rows: Iterable[Mapping[str, Any]], accepted_at: int = ACCEPTED, topic: str = "interactions"
) -> LogRecord:
    return LogRecord(offset, topic, "\n".join(json.dumps(row) for row in rows).encode(), accepted_at)


def records(batches: Iterable[Iterable[Mapping[str, Any]]], offset: int = 1, accepted_at: int = ACCEPTED) -> list[LogRecord]:
    """One log record each."""
    return [record(offset + i, rows, accepted_at) for i, rows in enumerate(batches)]


@contextmanager
def opened(path: Path) -> Iterator[Store]:
    """A store of its own with its tables."""
    store = Store(f"sqlite:///{path}")
    try:
        store.upgrade()
        yield store
    finally:
        store.close()


def pipeline(store: Store, config: str = CONFIG) -> Pipeline:
    return Pipeline(store, ConfigSource(parse(config, "test", {})), Metrics())


def feed(pipe: Pipeline, batch: Sequence[LogRecord], size: int = 24, now: int = ACCEPTED) -> None:
    """Ingest in batches of `size` records."""
    for i in range(0, len(batch), size):
        pipe.ingest(batch[i : i + size], now)


class Left(NamedTuple):
    """All that a run leaves, comparable to the bit: windows (start to bytes), findings, alerts, panes, counters."""

    windows: dict[int, bytes]
    findings: dict[str, Finding]
    alerts: list[Any]
    panes: dict[tuple[int, PaneKey], Any]
    counters: dict[str, Any]


def left(store: Store, application: str = APPLICATION) -> Left:
    with store.read() as c:
        kept: dict[tuple[int, PaneKey], Pane] = {}
        for step in (WINDOW, HOUR, DAY):
            for key, blob in panes.between(c, application, step, 0, 2**62):
                pane = decode_pane(blob)
                kept[step, key] = merge(kept[step, key], pane) if (step, key) in kept else pane
        return Left(
            dict(courses.rows(c, application)),
            {finding.id: finding for finding in findings.since(c, application, 0)},
            alerts.query(c, limit=500)[0],
            {key: plain(pane) for key, pane in kept.items()},
            dict(counters.load(c)),
        )


def plain(pane: Pane) -> dict[str, Any]:
    """A pane's state as values that compare: what counts, without bounds of sums that were taken back."""
    at = dict(enumerate(pane.names))
    counts = sorted(
        (at[s], k, n)
        for s, k, n in zip(pane.counts.signal.tolist(), pane.counts.key.tolist(), pane.counts.count.tolist(), strict=True)
    )
    moments = {name: pane.moments[i].tolist() for i, name in at.items()}
    return {"n": pane.n, "counts": counts, "moments": moments, "labels": dict(pane.labels), "sample": pane.sample.ids}


def unbounded(state: dict[str, Any]) -> dict[str, Any]:
    """The same without lowest and highest: a value that was replaced stays within them."""
    moments = {name: [v for i, v in enumerate(m) if i not in (LOW, HIGH)] for name, m in state["moments"].items()}
    return {**state, "moments": moments}


def differing(a: Left, b: Left) -> list[str]:
    """What differs, in words: the first difference of each kind."""
    out = []
    for name in Left._fields:
        x, y = getattr(a, name), getattr(b, name)
        if x == y:
            continue
        if isinstance(x, dict):
            wrong = sorted((k for k in x.keys() | y.keys() if x.get(k) != y.get(k)), key=str)
            first = _detail(x.get(wrong[0]), y.get(wrong[0]))
            out.append(f"{name}: {len(wrong)} of {len(x.keys() | y.keys())}, first {wrong[0]}: {first}")
        else:
            out.append(f"{name}: {x} != {y}")
    return out


def _detail(x: Any, y: Any) -> str:
    if isinstance(x, bytes) and isinstance(y, bytes):
        p, q = decode_window(x), decode_window(y)
        fields = [f for f in p.__slots__ if not np.array_equal(getattr(p, f), getattr(q, f), equal_nan=f not in ("start",))]
        return f"fields {fields}: " + "; ".join(f"{f} {_where(getattr(p, f), getattr(q, f))}" for f in fields[:3])
    return f"{x} != {y}"


def _where(x: Any, y: Any) -> str:
    if np.shape(x) != np.shape(y) or not np.shape(x):
        return f"{x} / {y}"
    rows = np.flatnonzero(~((x == y) | ((x != x) & (y != y))))
    return f"rows {rows[:5].tolist()} {x[rows[:5]].tolist()} / {y[rows[:5]].tolist()}"
