"""An alert: one incident that somebody should know of, made of one finding or of many that began together."""

from typing import Literal

import msgspec

State = Literal["pending", "firing", "resolved"]
Mark = Literal["false_alarm", "real", "accepted"]


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Times are microseconds of event time; `findings` are ids, the first one leads (its slice, signal, sentence)."""

    id: str
    application: str
    rule: str
    severity: str
    state: State
    started_at: int
    ended_at: int | None = None
    fired_at: int | None = None
    sentence: str
    slice: dict[str, str]
    signal: str
    findings: list[str]
    mark: Mark | None = None
    resolution: str = ""


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that went from one state to another at `at` (event time, microseconds), and why."""

    alert: Alert
    before: State | None
    at: int
    reason: str
