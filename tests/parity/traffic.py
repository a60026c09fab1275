"""History that is replayed: two applications, an incident, and everything that makes counting hard, from a seed.

What a stream of several partitions may decide otherwise than one log is left out, here and nowhere else:

- A calibration (windows 24, 48, 96 and 192) cannot unlearn what it was learned from, in either runner. So all that speaks of
  windows before such a one is sent before that window ends, and taken in before the next begins (`Part.settle`).
- Applications share the budget, and a threshold knows what the others compare as far as they are judged. So the first verdict
  that counts waits until all have learned.
- Partitions that were idle for 10 s hold nobody back, so a burst after a pause may close windows that a slower partition
  still adds to. After a pause every partition first gets an interaction of the window that is open anyway.
- What is late may miss its run where it was the last of it for long: conversations are dense, and idle for an hour.
- An alert is worded by what was known three windows after it came up: nothing is late around the onset of the incident and
  its end.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import msgspec
import numpy as np
import polars as pl

from bench import scenarios
from monitor.demo.texts import LISTED, PLAIN, RESPONSES_PER_STYLE, STYLES, pools
from monitor.stages.learning import FIRST_DAY
from records.window import WINDOW
from streams.partitioner import partitions

APPLICATIONS = ("support", "support", "sales")
"""Whose the interactions are, in turn."""
MODELS, TENANTS = ("atlas-large", "atlas-small"), ("acme", "globex", "initech")
LATE_EVERY = 8
"""In one of so many windows some interactions are held back, and some feedback takes hours."""
LEARNED = FIRST_DAY[0] + 14
"""A window before whose end nothing has enough history to be judged, and after whose beginning all have learned."""
LATEST = 8
"""Windows that anything is late by at most: 40 minutes."""
REFUSED = (
    b'{"id": "torn", "application": "support", "timest',
    b'{"id": 7, "application": "support", "timestamp": 1}',
    b'{"id": "nobody\'s", "timestamp": 1790000000}',
    b'{"id": "tomorrow\'s", "application": "support", "timestamp": "2099-01-01T00:00:00Z"}',
    b"\xff\xfe",
)
REFUSED_FEEDBACK = (b'{"interaction_id": "1-1", "application": "support", "timestamp": 1, "value": 1}', b"[1, 2")
_encode = msgspec.json.Encoder().encode


class Record(NamedTuple):
    """What goes into one record of one partition of "interactions" or "feedback"; `key` where it holds one line alone."""

    topic: str
    partition: int
    lines: list[bytes]
    key: str | None
    whole: bool
    """Whether every line is valid."""

    @property
    def value(self) -> bytes:
        return b"\n".join(self.lines)


class Part(NamedTuple):
    """Records that may be sent at once; nothing more is sent until they are taken in, and all windows that end by `settle` are
    judged, where that is not 0."""

    records: list[Record]
    settle: int = 0


@dataclass
class Line:
    """A line, the id that decides its partition (None: any), and whether it is valid."""

    id: str | None
    data: bytes
    valid: bool = True


@dataclass
class Traffic:
    """`windows` of `rows` interactions each; those of `incident` are ill. `start` is the first one's, in microseconds.

    `counted`, by application, `duplicates` and `refused` tell what was sent so far; they are complete once `parts` is through.
    """

    windows: int
    rows: int
    incident: range
    start: int
    partitions: int = 4
    seed: int = 1
    counted: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    refused: int = 0
    _later: dict[int, list[Line]] = field(default_factory=dict)
    _feedback: dict[int, list[Line]] = field(default_factory=dict)

    def parts(self) -> Iterator[Part]:
        """All of it, in order: one part a window, and one more where it settles."""
        self.counted, self.duplicates, self.refused = Counter(), 0, 0
        self._later, self._feedback = {}, {}
        for window in range(-1, self.windows):
            rng = np.random.default_rng([self.seed, window + 1])
            lines, feedback = self._interactions(window, rng), self._ratings(window + 1, rng)
            lines += self._later.pop(window, [])
            feedback = self._feedback.pop(window, []) + feedback
            if window % LATE_EVERY == 3:
                lines.insert(len(lines) // 2, Line(None, REFUSED[window // LATE_EVERY % len(REFUSED)], False))
                feedback.append(Line(None, REFUSED_FEEDBACK[window // LATE_EVERY % len(REFUSED_FEEDBACK)], False))
            self.refused += sum(not line.valid for line in [*lines, *feedback])
            settle = self.start + (window - 1) * WINDOW if window in (*self._borders, LEARNED) else 0
            yield Part([*self._records("interactions", lines, rng), *self._records("feedback", feedback, rng)], settle)
            if settle:
                yield Part(self._records("interactions", self._waking(window), rng), settle)

    @property
    def _borders(self) -> list[int]:
        """The windows before whose end all is sent that speaks of earlier ones."""
        return [*(age for age in FIRST_DAY if age < self.windows - 3), self.windows - 3]

    def _by(self, window: int, later: int) -> int:
        """The window with which something about `window` is sent, `later` windows after it, if it may be so late."""
        border = next((border for border in self._borders if border > window), self.windows - 1)
        return min(window + later, border) if window < self.windows - 3 else window

    # -- interactions ------------------------------------------------------------------------------------------------

    def _interactions(self, window: int, rng: np.random.Generator) -> list[Line]:
        """Those of a window that come in time and in order; what is late or comes again is put off."""
        if window < 0:
            return []
        times = self.start + window * WINDOW + np.sort(rng.integers(0, WINDOW // 1000, self.rows)) * 1000
        late = set(rng.choice(self.rows, self.rows // 20, replace=False).tolist() if self._has_late(window) else [])
        lines = []
        for i, at in enumerate(times.tolist()):
            row = self._row(window, i, at, rng)
            line = Line(row["id"], _encode(row))
            self.counted[row["application"]] += 1
            if i in late:
                self._later.setdefault(self._by(window, 1 + int(rng.integers(LATEST))), []).append(line)
            else:
                lines.append(line)
            if rng.random() < 0.01:
                self.duplicates += 1
                again = self._by(window, LATEST + int(rng.integers(LATEST)))
                (self._later.setdefault(again, []) if again > window and i not in late else lines).append(line)
        return lines

    def _has_late(self, window: int) -> bool:
        near = any(edge - 4 <= window < edge + LATEST for edge in (self.incident.start, self.incident.stop))
        return window % LATE_EVERY == 0 and not near

    def _waking(self, window: int) -> list[Line]:
        """One interaction for each partition, late in a window."""
        found: dict[int, Line] = {}
        i = 0
        while len(found) < self.partitions:
            name, at = f"{window}-wakes-{i}", self.start + (window + 1) * WINDOW - 1000
            line = Line(name, _encode({"id": name, "application": "support", "timestamp": at / 1e6, "model": MODELS[0]}))
            found.setdefault(int(partitions(pl.Series([name]), self.partitions)[0]), line)
            i += 1
        self.counted["support"] += len(found)
        return list(found.values())

    def _row(self, window: int, i: int, at: int, rng: np.random.Generator) -> dict[str, Any]:
        application = APPLICATIONS[i % 3]
        ill = window in self.incident and application == "support"
        row = self._texts(rng, ill) | {
            "id": f"{window}-{i}", "application": application, "timestamp": at / 1e6, "model": MODELS[rng.integers(2)],
            "duration": round(float(rng.gamma(4.0, 0.25)) * (2 if ill else 1), 3),
            "input_tokens": int(rng.integers(200, 500)), "cost_usd": round(float(rng.gamma(3.0, 0.001)), 6),
            "finish_reason": "length" if rng.random() < 0.03 else "stop", "user": f"u{rng.integers(500)}",
            "tags": {"tenant": TENANTS[rng.integers(3)]},
            "conversation_id": f"{window // 6}-{i % 10}",
        }  # fmt: skip
        row["output_tokens"] = len(row.get("response") or "") // 4
        if rng.random() < (0.25 if ill else 0.02):
            row["error"] = "timeout"
        if rng.random() < 0.3:
            row["scores"] = {"helpfulness": round(float(rng.beta(8, 2)), 3)}
        return row

    def _texts(self, rng: np.random.Generator, ill: bool) -> dict[str, Any]:
        """Every fourth call is a real one, where there are any."""
        if self._real and rng.random() < 0.25:
            return dict(self._real[rng.integers(len(self._real))])
        made, style = pools(1), LISTED if ill or rng.random() < 0.2 else PLAIN
        topic = int(rng.integers(4))
        response = (topic * len(STYLES) + style) * RESPONSES_PER_STYLE + int(rng.integers(RESPONSES_PER_STYLE))
        prompt = topic * 2000 + int(rng.integers(2000))
        return {"prompt": made.prompts[prompt], "response": made.responses[response]}

    @cached_property
    def _real(self) -> list[dict[str, Any]]:
        if not scenarios.DATA.is_dir():
            return []
        files = ("halueval_general", "tau_bench_turns")
        return [scenarios.interaction(row) for name in files for row in scenarios.select({"file": name, "where": {}})]

    # -- feedback ----------------------------------------------------------------------------------------------------

    def _ratings(self, window: int, rng: np.random.Generator) -> list[Line]:
        """What is said of a window before it comes; the rest is put off, and some of it replaces what was said before."""
        before: list[Line] = []
        for i in np.flatnonzero(rng.random(self.rows) < 0.06).tolist():
            first = int(rng.integers(-1, 2))
            name, value = ("rating", int(rng.integers(1, 6))) if i % 4 else ("reference_answer", "It is 42.")
            self._say(before, window, first, i, name, value, rng)
            again = first + 1 + int(rng.integers(LATEST)) * self._has_late(window)
            if rng.random() < 0.3 and self._by(window, again) > self._by(window, first):
                self._say(before, window, again, i, name, value if i % 4 == 0 else 6 - int(value), rng)
        if window % LATE_EVERY == 0:
            self._say(before, window, 0, self.rows + 1, "rating", 1, rng)  # of what never comes
        return before

    def _say(
        self, before: list[Line], window: int, later: int, i: int, name: str, value: object, rng: np.random.Generator
    ) -> None:
        if window >= self.windows - 3:
            return
        id_ = f"{window}-{i}"
        at = self.start + (window + max(later, 0)) * WINDOW + int(rng.integers(WINDOW))
        said = {"interaction_id": id_, "application": APPLICATIONS[i % 3], "name": name, "value": value, "timestamp": at / 1e6}
        line = Line(id_, _encode(said | {"source": "human"}))
        if later < 0:
            before.append(line)
        else:
            self._feedback.setdefault(self._by(window, later), []).append(line)

    # -- records -----------------------------------------------------------------------------------------------------

    def _records(self, topic: str, lines: list[Line], rng: np.random.Generator) -> list[Record]:
        """Lines in records of 1 to 200, each of one partition; about as many of one size as of another. In the order of their
        last lines, so that time passes in all partitions alike."""
        ids = pl.Series([line.id or "" for line in lines], dtype=pl.String)
        of = partitions(ids, self.partitions)
        anywhere = np.array([line.id is None for line in lines], bool)
        of[anywhere] = rng.integers(0, self.partitions, int(anywhere.sum()))
        found: list[tuple[int, Record]] = []
        for partition in range(self.partitions):
            places = np.flatnonzero(of == partition).tolist()
            while places:
                size = int(rng.choice([1, 1, 2, 7, 30, 100, 200]))
                mine, places = places[:size], places[size:]
                group = [lines[i] for i in mine]
                key = group[0].id if len(group) == 1 else None
                record = Record(topic, partition, [line.data for line in group], key, all(line.valid for line in group))
                found.append((mine[-1], record))
        return [record for _, record in sorted(found, key=lambda one: one[0])]
