"""Recorded interactions, sent again in the order of their event times: batches, pace, retries. HTTP is the caller's."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.files import read_lines
from records.errors import InputError, PlumblineError
from records.timestamps import OK, WITHOUT_OFFSET, parse_timestamps

MOST_BYTES = 8 << 20
"""Of one batch; a service takes bodies of up to 16 MiB."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds between attempts while the service is away: doubled from the first to the longest."""
TOGETHER = 0.1
"""Seconds of a paced replay that go in one request."""
SHOWN = 5


class _Time(msgspec.Struct):
    timestamp: float | str | None = None


class _Names(msgspec.Struct):
    id: msgspec.Raw = msgspec.Raw()
    application: msgspec.Raw = msgspec.Raw()


_time = msgspec.json.Decoder(_Time)
_names = msgspec.json.Decoder(_Names)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Batch(NamedTuple):
    """Lines to send, their numbers in the file from 1, and the event time of the last, microseconds."""

    lines: list[bytes]
    numbers: list[int]
    until: int


class Answer(NamedTuple):
    """What a service answered: `status`, the body's fields, and for how many seconds it asks to be left alone."""

    status: int
    body: Mapping[str, object]
    retry_after: float | None = None


class Away(PlumblineError):  # noqa: N818
    """The service cannot be reached now."""


class Refused(PlumblineError):  # noqa: N818
    """The service will not take this, however often it is sent."""


Send = Callable[[list[bytes]], Answer]
"""Sends one batch. Raises Away where nobody answers."""


@dataclass
class Summary:
    """What became of the lines: `rejected` counts reasons, `examples` are the first of them with their line numbers."""

    sent: int = 0
    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def reject(self, number: int, reason: str, words: str) -> None:
        """Count a line that was not taken."""
        self.rejected[reason] += 1
        if len(self.examples) < SHOWN:
            self.examples.append(f"line {number}: {words}")


class Recording:
    """A file of interactions, its lines in the order of their times. Lines without a readable time are `unusable`."""

    def __init__(self, path: str, mapping: Mapping[str, str], application: str | None):
        """Reads the file once. Raises InputError where it cannot be read or no line has a time."""
        if Path(path).suffix.lower() == ".csv":
            raise InputError(f"{path}: CSV does not say what is a number; expected JSON lines or Parquet")
        self.path, self.mapping, self.application = path, mapping, application
        self.unusable: dict[int, tuple[str, str]] = {}
        self.times = self._read_times()
        usable = np.ones(len(self.times), bool)
        usable[[number - 1 for number in self.unusable]] = False
        self.total = int(usable.sum())
        if not self.total:
            reason = next(iter(self.unusable.values()), ("", "it is empty"))[1]
            raise InputError(f"{path} has no line that can be replayed: {reason}")
        self.first, self.last = int(self.times[usable].min()), int(self.times[usable].max())
        self.in_order = bool(np.all(np.diff(self.times[usable]) >= 0))

    def _read_times(self) -> NDArray[np.int64]:
        every: list[NDArray[np.int64]] = []
        number = 0
        for lines in read_lines(self.path, self.mapping):
            values: list[float | str | None] = []
            for line in lines:
                number += 1
                try:
                    values.append(_time.decode(line).timestamp)
                except (msgspec.DecodeError, ValueError, RecursionError):
                    values.append(None)
                    self.unusable[number] = ("invalid_json", "not a JSON object with a timestamp that can be read")
            micros, became = parse_timestamps(values)
            for place in np.flatnonzero((became != OK) & (became != WITHOUT_OFFSET)).tolist():
                words = "there is no timestamp" if values[place] is None else "the timestamp cannot be read"
                self.unusable.setdefault(number - len(lines) + place + 1, ("invalid_timestamp", words))
            every.append(micros)
        return np.concatenate(every) if every else np.empty(0, np.int64)

    def batches(self, most: int, within: float = np.inf) -> Iterator[Batch]:
        """The lines by event time, up to `most` at once that lie `within` microseconds of each other.

        A file that is not in order is held in memory.
        """
        batch, size, began = Batch([], [], 0), 0, 0
        for number, line in self._ordered():
            at = int(self.times[number - 1])
            full = len(batch.lines) >= most or size + len(line) > MOST_BYTES or at - began > within
            if batch.lines and full:
                yield batch
                batch, size = Batch([], [], 0), 0
            if not batch.lines:
                began = at
            batch.lines.append(self._complete(line, number))
            batch.numbers.append(number)
            batch, size = batch._replace(until=at), size + len(line)
        if batch.lines:
            yield batch

    def _numbered(self) -> Iterator[tuple[int, bytes]]:
        number = 0
        for lines in read_lines(self.path, self.mapping):
            for line in lines:
                number += 1
                if number not in self.unusable:
                    yield number, line

    def _ordered(self) -> Iterator[tuple[int, bytes]]:
        if self.in_order:
            yield from self._numbered()
            return
        every = dict(self._numbered())
        for place in np.argsort(self.times, kind="stable").tolist():
            if place + 1 in every:
                yield place + 1, every.pop(place + 1)

    def _complete(self, line: bytes, number: int) -> bytes:
        """The line with an id and an application where it has none; the same file gives the same ids."""
        names = _names.decode(line)
        missing = {}
        if bytes(names.id) in (b"", b"null"):
            digest = hashlib.blake2b(b"%d\n%b" % (number, line), digest_size=16).hexdigest()
            missing["id"] = f"replay-{digest}"
        if self.application is not None and bytes(names.application) in (b"", b"null"):
            missing["application"] = self.application
        return msgspec.json.encode({**_object.decode(line), **missing}) if missing else line


@dataclass
class Replayer:
    """Sends a recording. `speed` is a multiple of recorded time, None as fast as possible; a service that is away for
    `patience` seconds ends it. `clock` is in seconds."""

    send: Send
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    speed: float | None = None
    patience: float = 300.0
    summary: Summary = field(default_factory=Summary)

    def run(self, recording: Recording, most: int, progress: Callable[[str], None] = lambda text: None) -> None:
        """Send all of it. Raises Away after `patience`, Refused where going on makes no sense."""
        for number, (reason, words) in sorted(recording.unusable.items()):
            self.summary.reject(number, reason, words)
        began = self.clock()
        within = np.inf if self.speed is None else TOGETHER * self.speed * 1e6
        for batch in recording.batches(most, within):
            if self.speed is not None:
                due = began + (batch.until - recording.first) / 1e6 / self.speed
                self.sleep(max(0.0, due - self.clock()))
            self._count(batch, self._persist(batch, progress))
            progress(f"sent {self.summary.sent / recording.total:.0%}: {self.summary.accepted} accepted")

    def _persist(self, batch: Batch, progress: Callable[[str], None]) -> Answer:
        """Send until it is answered for good; the same ids again are counted once, so nothing is counted twice."""
        given_up = self.clock() + self.patience
        wait = FIRST_WAIT
        while True:
            try:
                answer = self.send(batch.lines)
                if answer.status not in (429, 502, 503, 504):
                    return answer
                why, pause = f"the service answered {answer.status}", answer.retry_after or wait
            except Away as error:
                why, pause = str(error), wait
            if self.clock() + pause > given_up:
                raise Away(f"{why}; gave up after {self.patience:.0f} s")
            progress(f"{why}; trying again in {pause:.1f} s")
            self.sleep(pause)
            wait = min(2 * wait, LONGEST_WAIT)

    def _count(self, batch: Batch, answer: Answer) -> None:
        rejected = answer.body.get("rejected")
        if answer.status not in (200, 202) and not (answer.status == 400 and isinstance(rejected, list)):
            raise Refused(f"the service answered {answer.status}: {_message(answer)}")
        self.summary.sent += len(batch.lines)
        rows = [row for row in rejected if isinstance(row, dict)] if isinstance(rejected, list) else []
        for row in rows:
            index = row.get("index")
            number = batch.numbers[index] if isinstance(index, int) and 0 <= index < len(batch.numbers) else 0
            self.summary.reject(number, str(row.get("reason")), str(row.get("message") or row.get("reason")))
        accepted = answer.body.get("accepted")
        self.summary.accepted += accepted if isinstance(accepted, int) else len(batch.lines) - len(rows)


def _message(answer: Answer) -> str:
    error = answer.body.get("error")
    return str(error.get("message") if isinstance(error, dict) else error or "no reason given")
