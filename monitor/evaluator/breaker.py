"""When a judge is not to be called for a while: after failures in a row that say something of the judge itself."""

from dataclasses import dataclass

IN_A_ROW = 5
FIRST_PAUSE, LONGEST_PAUSE = 30.0, 600.0
"""Seconds; each pause in a row is twice as long."""


@dataclass
class Breaker:
    """`until`, `now` are seconds of one clock. After a pause one call is made, which ends or doubles it."""

    failures: int = 0
    pauses: int = 0
    until: float = 0.0
    why: str = ""

    def failed(self, outcome: str, now: float, patience: float | None) -> None:
        """A call failed; `patience` is what the server asked for."""
        self.failures += 1
        if now < self.until and patience is None:
            return  # of a call that began before the pause
        pause = 0.0
        if self.failures >= IN_A_ROW:
            pause = min(FIRST_PAUSE * 2**self.pauses, LONGEST_PAUSE)
            self.pauses += 1
        if max(pause, patience or 0.0) > 0:
            self.until, self.why = max(self.until, now + max(pause, patience or 0.0)), outcome

    def worked(self) -> bool:
        """A call was answered; whether that ended a row of failures."""
        ended = bool(self.pauses or self.until)
        self.failures, self.pauses, self.until, self.why = 0, 0, 0.0, ""
        return ended

    def room(self, now: float, busy: int, most: int) -> int:
        """How many calls may begin while `busy` are under way."""
        if now < self.until:
            return 0
        return max((1 if self.until else most) - busy, 0)
