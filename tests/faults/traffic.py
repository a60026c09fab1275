"""What a real client sends: batches of NDJSON in a fixed order, the same bytes in every run of a day."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np

from monitor.api.app import now_us
from records.window import DAY, WINDOW

BAD = b'{"id": "torn", "application": "support", "timest'
"""A line that nobody can read."""
LATE, LATE_EVERY = 3, 36
"""So many interactions of every so many windows come an hour late."""
MODELS = ("atlas-large", "atlas-small")
WORDS = ("the", "order", "parcel", "arrives", "today", "refund", "was", "sent", "to", "your", "account", "please", "wait")
_encode = msgspec.json.Encoder().encode


class Request(NamedTuple):
    """One POST: `lines` interactions or ratings in it that are accepted, `bad` that are not."""

    path: str
    body: bytes
    lines: int
    bad: int = 0


class Day(NamedTuple):
    """Windows of healthy traffic, of an incident (long answers, many errors), and of recovery; interactions in each."""

    healthy: int
    incident: int
    recovery: int
    rows: int

    @property
    def windows(self) -> int:
        return self.healthy + self.incident + self.recovery

    def requests(self) -> list[Request]:
        """All of them in order. Event time began some days ago: no window is closed by the clock, none is refused."""
        start = now_us() // DAY * DAY - 4 * DAY
        return [request for window in range(self.windows) for request in self._window(start, window)]

    def _window(self, start: int, number: int) -> Iterator[Request]:
        rows = self._rows(start, number)
        held = self._rows(start, number - 12)[:LATE] if number >= 12 and (number - 12) % LATE_EVERY == 0 else []
        if number % LATE_EVERY == 0 and number + 12 < self.windows:
            rows = rows[LATE:]
        half = len(rows) // 2
        yield Request("/v1/interactions", b"\n".join(rows[:half]), half)
        rest, bad = [*rows[half:], *held], [BAD] if held else []
        yield Request("/v1/interactions", b"\n".join([*rest, *bad]), len(rest), len(bad))
        ratings = [
            _encode({"interaction_id": f"{number}-{i}", "application": "support", "name": "rating", "value": i % 3 > 0,
                     "timestamp": (start + (number + 1) * WINDOW - 1) / 1e6})
            for i in range(LATE * 2, half, 5)
        ]  # fmt: skip
        yield Request("/v1/feedback", b"\n".join(ratings), len(ratings))

    def _rows(self, start: int, number: int) -> list[bytes]:
        """The interactions of one window; every fourth is another application's."""
        rng = np.random.default_rng(number)
        ill = self.healthy <= number < self.healthy + self.incident
        times = start + number * WINDOW + np.sort(rng.integers(0, WINDOW // 1000, self.rows)) * 1000
        rows = []
        for i, at in enumerate(times.tolist()):
            words = rng.integers(20, 80) if ill and i % 4 else rng.integers(4, 40)
            row = {
                "id": f"{number}-{i}",
                "timestamp": at / 1e6,
                "application": "support" if i % 4 else "sales",
                "model": MODELS[rng.integers(2)],
                "prompt": " ".join(rng.choice(WORDS, rng.integers(3, 15))),
                "response": " ".join(rng.choice(WORDS, words)),
                "duration": round(float(rng.gamma(3.0, 0.2)), 3),
                "output_tokens": int(words),
                "tags": {"tenant": f"tenant {rng.integers(3)}"},
            }
            if rng.random() < (0.3 if ill and i % 4 else 0.01):
                row["error"] = "timeout"
            rows.append(_encode(row))
        return rows


def total(sent: list[Request], path: str) -> int:
    """Lines that are accepted in all requests to a path."""
    return sum(request.lines for request in sent if request.path == path)
