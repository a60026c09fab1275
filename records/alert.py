"""An alert: one incident that somebody should know of, made of one finding or of many that began together."""

from typing import Literal

import msgspec

State = Literal["pending", "firing", "resolved"]
Mark = Literal["false_alarm", "real", "accepted"]


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Times are microseconds of event time; `findings` are ids, the most telling one of now first.

    `started_at` and `since_last` are the earliest and latest onset (`since`) of its findings. `pending_at` is when it
    was first seen, `fired_at` when it last began to fire (None: never), `ended_at` when the change was over.
    `late`: it was found by judging again what data that came late had changed.
    `ended` maps those of its findings that are over to their end. What a notification states (`rule`, `severity`,
    `sentence`, `description`, `slice`, `signal`) is that of the leader when it fired and stays so while it fires.
    """

    id: str
    application: str
    rule: str
    severity: str
    state: State
    started_at: int
    since_last: int = 0
    pending_at: int = 0
    fired_at: int | None = None
    ended_at: int | None = None
    sentence: str
    description: str = ""
    runbook_url: str = ""
    slice: dict[str, str]
    signal: str
    findings: list[str]
    ended: dict[str, int] = {}
    mark: Mark | None = None
    resolution: str = ""
    late: bool = False


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that went from one state to another at `at` (event time, microseconds), and why; `alert` is as after."""

    alert: Alert
    before: State | None
    at: int
    reason: str
