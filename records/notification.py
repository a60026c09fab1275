"""A notification: one message for one receiver, kept in the outbox until it is handed over or given up."""

from typing import Literal

import msgspec

Outcome = Literal["waiting", "delivered", "failed", "disabled"]
Told = Literal["firing", "resolved"]


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is stable over all attempts, so a receiver can drop what it has seen. Times are wall clock, seconds since 1970.

    `body` is what is sent, byte for byte, decided when the alert changed state, never again; `state` is the state it
    tells of. `at` is the time of the last attempt (0: none yet); `detail` says why it is not delivered, without secrets.
    """

    id: str
    alert: str
    receiver: str
    state: Told
    created_at: float
    body: bytes
    attempts: int = 0
    at: float = 0.0
    next_attempt_at: float = 0.0
    outcome: Outcome = "waiting"
    detail: str = ""
