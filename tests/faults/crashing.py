"""`plumbline serve` that is killed, started again and killed again, and a client that never gives up."""

import random
import signal
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer

import httpx

from tests.faults.traffic import Request
from tests.monitor.process import Process, start

WITHIN = 0.4
"""Seconds in which a kill at a random moment falls, from the request that it was planned for."""
STARTING = 4.0
"""Seconds after its start in which a process is killed that may not serve yet."""


@dataclass
class Tally:
    """What happened. `after_202` kills came right after the headers of a 202, and of those requests `in_log` were still in
    the log afterwards (the others were counted already); `resent` requests had `resent_lines` lines."""

    kills: int = 0
    resent: int = 0
    resent_lines: int = 0
    after_202: int = 0
    in_log: int = 0


@dataclass
class Driver:
    """Serves `config` (its store beside it) through any number of lives; `sent` is answered with 202 in strict order."""

    config: Path
    tally: Tally = field(default_factory=Tally)
    timers: list[Timer] = field(default_factory=list)

    @property
    def directory(self) -> Path:
        return self.config.parent

    @contextmanager
    def running(self, kill_start_after: float | None = None) -> Iterator[Process]:
        """A process that serves; killed at the end where it still runs. `kill_start_after`: seconds until it is killed."""
        popen = start("-c", str(self.config))
        if kill_start_after is not None:
            self.kill(popen.kill, kill_start_after)
        with popen, httpx.Client(trust_env=False, timeout=60) as client:
            process = Process(popen, client)
            try:
                client.base_url = httpx.URL(process.event("started")["url"])
                yield process
            finally:
                popen.kill()

    def kill(self, how: Callable[[], None], delay: float) -> None:
        """Kills after `delay` seconds."""
        self.tally.kills += 1
        timer = Timer(delay, how)
        timer.start()
        self.timers.append(timer)

    def send(self, requests: Sequence[Request], kills: int, seed: int) -> None:
        """Sends all in order, one in flight, and retries what got no answer; `kills` of the moments are drawn from `seed`.

        Every third kill comes right after the headers of a 202, every fifth new life is killed while it starts.
        """
        rng = random.Random(seed)
        planned = dict(zip(sorted(rng.sample(range(len(requests)), kills)), range(kills), strict=True))
        at, tried = 0, -1
        while at < len(requests):
            early = rng.uniform(0.1, STARTING) if self.tally.kills and rng.random() < 0.2 else None
            with suppress(httpx.TransportError, AssertionError), self.running(early) as process:
                while at < len(requests):
                    if at == tried:
                        self.tally.resent += 1
                        self.tally.resent_lines += requests[at].lines
                    tried = at
                    number = planned.pop(at, None)
                    if number is not None and number % 3 == 0:
                        self._post_and_kill(process, requests[at])
                        at += 1
                        break
                    if number is not None:
                        self.kill(process.popen.kill, rng.uniform(0.0, WITHIN))
                    answer = process.client.post(requests[at].path, content=requests[at].body)
                    accepted(requests[at], answer)
                    at += 1
            for timer in self.timers:
                timer.join()
            self.timers.clear()

    def _post_and_kill(self, process: Process, request: Request) -> None:
        """Kills when the headers have come: what they promised is in the log's file by then, or counted and gone from it."""
        before = self.written()
        with process.client.stream("POST", request.path, content=request.body) as answer:
            process.popen.kill()
            assert answer.status_code == 202, answer.status_code
        process.ends()
        self.tally.kills += 1
        self.tally.after_202 += 1
        assert self.written() == before + 1
        with sqlite3.connect(self.directory / "plumbline.log.db") as c:
            row = c.execute("SELECT value FROM log WHERE offset = ?", (before + 1,)).fetchone()
        c.close()
        if row is None:
            assert self._position() > before + 1
        else:
            assert request.body.split(b"\n")[: request.lines] == row[0].split(b"\n")
            self.tally.in_log += 1

    def _position(self) -> int:
        with sqlite3.connect(self.directory / "plumbline.db") as c:
            (position,) = c.execute("SELECT next_offset FROM positions").fetchone()
        c.close()
        return int(position)

    def written(self) -> int:
        """The highest offset ever given in the log's file."""
        with sqlite3.connect(self.directory / "plumbline.log.db") as c:
            (last,) = c.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'log'").fetchone()
        c.close()
        return int(last)

    def settle(self) -> None:
        """Starts and stops it until nothing waits to be counted."""
        counted = -1
        while counted <= self.written():
            with self.running() as process:
                process.popen.send_signal(signal.SIGTERM)
                stopped = process.event("stopped")
                counted = stopped["counted_to"]
                assert not stopped["failed"]
                assert process.ends() == 0


def accepted(request: Request, answer: httpx.Response) -> None:
    """A refusal of the whole is a failed test: nothing here is overloaded."""
    assert answer.status_code == 202, answer.text
    said = answer.json()
    assert (said["accepted"], len(said["rejected"])) == (request.lines, request.bad), said
