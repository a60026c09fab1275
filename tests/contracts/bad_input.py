"""A real service on a store of its own, what became of what it was sent, and traffic that can carry anything."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import numpy as np

from monitor.api.app import now_us
from monitor.config import ConfigSource, parse
from monitor.service import Service
from monitor.store import Store, counters, dead_letters, findings
from monitor.store.dead_letters import DeadLetter
from records.finding import Finding
from records.window import DAY, WINDOW

START = now_us() // DAY * DAY - 3 * DAY
"""Midnight some days ago: history, so that windows close as event time says."""
CONFIG = """
store: sqlite:///{directory}/plumbline.db
listen: 127.0.0.1:0
false_alarms: {{at_most: 10, per: 1d}}
applications: {{support: {{slices: [], allowed_lateness: 0s}}}}
"""
_encode = msgspec.json.Encoder().encode


class Left(NamedTuple):
    """What a service left in its store."""

    counted: dict[str, counters.Counters]
    letters: list[DeadLetter]
    findings: list[Finding]


@contextmanager
def service(directory: Path) -> Iterator[httpx.Client]:
    """A client of a real service; what was accepted is counted when the block ends, and no part failed."""
    source = ConfigSource(parse(CONFIG.format(directory=directory), "test.yaml", {}))
    with Service(source) as running:
        with httpx.Client(base_url=running.url, trust_env=False, timeout=60) as client:
            yield client
        while running.backlog.lines() and running.failure is None:
            time.sleep(0.01)
    assert running.failure is None


def left(directory: Path) -> Left:
    store = Store(f"sqlite:///{directory}/plumbline.db")
    with store.read() as c:
        found = Left(counters.load(c), dead_letters.list_(c, 1000)[0], findings.since(c, "support", 0))
    store.close()
    return found


def healthy(window: int, rows: int, changed: bool = False) -> list[dict[str, Any]]:
    """One window of plain traffic; `changed`: longer, slower, dearer, worse, by another model, and failing."""
    rng = np.random.default_rng(window)
    times = (START + window * WINDOW + np.arange(rows) * (WINDOW // rows)) / 1e6
    scale = 3 if changed else 1
    return [
        {
            "id": f"{window}-{i}",
            "timestamp": at,
            "application": "support",
            "prompt": " ".join(["where"] * int(rng.integers(3, 15) * scale)),
            "response": " ".join(["there"] * int(rng.integers(5, 40) * scale)),
            "model": "ab"[int(rng.random() < (0.9 if changed else 0.3))],
            "duration": float(rng.gamma(3.0, 0.2)) * scale,
            "time_to_first_token": float(rng.gamma(3.0, 0.1)) * scale,
            "input_tokens": int(rng.integers(50, 150)) * scale,
            "output_tokens": int(rng.integers(20, 100)) * scale,
            "cost_usd": float(rng.gamma(3.0, 0.001)) * scale,
            "error": "timeout" if rng.random() < (0.4 if changed else 0.02) else None,
            "scores": {"quality": float(rng.beta(8, 2)) / scale},
        }
        for i, at in enumerate(times.tolist())
    ]


def post(client: httpx.Client, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Sends rows; all of them are accepted."""
    answer = client.post("/v1/interactions", content=b"\n".join(map(_encode, rows)))
    assert answer.status_code == 202, answer.text[:500]
    said: dict[str, Any] = answer.json()
    assert said == {"accepted": len(rows), "rejected": []}
    return said
