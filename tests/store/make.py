"""Records with something in every field that matters to the store."""

from typing import Any

from records.alert import Alert
from records.finding import CellReason, Finding, Reasons, Span
from records.notification import Notification

MINUTE = 60_000_000
NOON = 1_750_000_000_000_000


def finding(id_: str, **changes: Any) -> Finding:
    fields: dict[str, Any] = {
        "id": id_,
        "application": "support",
        "slice": {"tags.tenant": "acme"},
        "signal": "response.words",
        "baseline": "trailing 7d",
        "comparison": "drift",
        "horizon": "5m",
        "window": Span(NOON, NOON + 5 * MINUTE),
        "since": NOON - MINUTE,
        "n": 60,
        "reference_n": 10_000,
        "effect": {"js": 0.25, "ratio": float("inf")},
        "times_floor": 2.5,
        "p": 1e-300,
        "evidence": 12.0,
        "threshold": 7.5,
        "verdict": "finding",
        "reasons": Reasons(cells=[CellReason("32 to 64 words", 0.1, 0.5)], exemplars=["i-1"]),
    }
    return Finding(**(fields | changes))


def alert(id_: str, **changes: Any) -> Alert:
    fields: dict[str, Any] = {
        "id": id_,
        "application": "support",
        "rule": "default",
        "severity": "warning",
        "state": "firing",
        "started_at": NOON,
        "sentence": "Answers are longer for acme.",
        "slice": {"tags.tenant": "acme"},
        "signal": "response.words",
        "findings": ["f-1", "f-2"],
    }
    return Alert(**(fields | changes))


def notification(id_: str, **changes: Any) -> Notification:
    fields: dict[str, Any] = {
        "id": id_,
        "alert": "a-1",
        "receiver": "oncall",
        "state": "firing",
        "created_at": 1000.0,
        "body": b"\x00\xff{}",
    }
    return Notification(**(fields | changes))
