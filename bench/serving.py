"""A real `plumbline serve` under load over HTTP: how fast, how much memory, how late. The client is this process."""

import asyncio
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import urlopen

from bench.records_simulated import APPLICATION, ONE_KB, PER_SECOND, SLICES, bodies
from monitor.store.tables import counters
from records.window import HOUR, WINDOW

EACH = 100
"""Interactions in a body."""
CONNECTIONS = 4
CONFIG = (
    "store: sqlite:///{directory}/plumbline.db\nlisten: 127.0.0.1:0\ndeduplicate_within: {within}\n"
    "applications: {{support: {{slices: [{slices}]}}}}\n"
)
START = "import sys; from monitor.cli import main; main(['--log-format', 'json', 'serve', '-c', sys.argv[1]])"
HISTORY, QUIET = 24 * HOUR, 100
"""What the service knows before memory is measured: so long, with so many interactions in a window."""
WARM_UP = 100
"""Bodies before anything is measured."""
_HEAD = b"POST /v1/interactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n"
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = resource.getpagesize()


class Served(NamedTuple):
    """A running service: its process, where it listens, and its database."""

    pid: int
    url: str
    database: Path

    def committed(self) -> int:
        """Interactions that are committed, as the API tells it."""
        with urlopen(f"{self.url}/api/applications") as reply:
            return sum(row["interactions"] for row in json.load(reply)["items"])

    def cpu(self) -> float:
        """CPU seconds so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident(self) -> float:
        """MiB of memory in use."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE / 2**20


@contextmanager
def serving(within: str = "1h") -> Iterator[Served]:
    """A service on a fresh store, which remembers ids so long; it is gone afterwards."""
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "plumbline.yaml"
        config.write_text(CONFIG.format(directory=directory, within=within, slices=", ".join(SLICES)), encoding="utf-8")
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PLUMBLINE_")}
        with subprocess.Popen([sys.executable, "-c", START, str(config)], stderr=subprocess.PIPE, env=environ) as process:
            try:
                url = _url(process)
                threading.Thread(target=_read_away, args=(process,), daemon=True).start()
                yield Served(process.pid, url, Path(directory) / "plumbline.db")
            finally:
                process.kill()


def _url(process: "subprocess.Popen[bytes]") -> str:
    assert process.stderr is not None
    for line in process.stderr:
        entry = json.loads(line)
        if entry["event"] == "started":
            return str(entry["fields"]["url"])
    raise RuntimeError(f"the service ended with {process.wait()}")


def _read_away(process: "subprocess.Popen[bytes]") -> None:
    assert process.stderr is not None
    for _ in process.stderr:
        pass


def first_time() -> int:
    """Event time of the first interaction: the start of a window, a day ago; later ones must not lie in the future."""
    return (time.time_ns() // 1000 - 24 * HOUR) // WINDOW * WINDOW


class Connection:
    """One HTTP connection that is kept open; it does nothing but send bodies and read what became of them."""

    async def open(self, url: str) -> None:
        where = urlsplit(url)
        self.reader, self.writer = await asyncio.open_connection(where.hostname, where.port)

    async def post(self, body: bytes) -> None:
        """Returns when the body is accepted; waits and tries again where the service has too much to do."""
        while True:
            self.writer.write(_HEAD % len(body))
            self.writer.write(body)
            reply = await self.reader.readuntil(b"\r\n\r\n")
            length = int(reply.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
            content = await self.reader.readexactly(length)
            status = int(reply.split(b" ", 2)[1])
            if status == 202:
                return
            if status != 429:
                raise RuntimeError(f"{status}: {content[:200]!r}")
            await asyncio.sleep(0.05)

    def close(self) -> None:
        self.writer.close()


async def _send(url: str, made: Iterator[bytes]) -> None:
    async def work() -> None:
        connection = Connection()
        await connection.open(url)
        for body in made:
            await connection.post(body)
        connection.close()

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))


def send(served: Served, made: Iterable[bytes], expected: int) -> float:
    """Send bodies over several connections until all are committed, `expected` in all; wall seconds from the first on."""
    began = time.perf_counter()
    asyncio.run(_send(served.url, iter(made)))
    while served.committed() < expected:
        time.sleep(0.02)
    return time.perf_counter() - began


def throughput(count: int = 150_000) -> dict[str, Any]:
    """Interactions a second, accepted and counted, and CPU seconds of the service per 1,000."""
    start, warm = first_time(), WARM_UP * EACH
    load = list(bodies(count // EACH, EACH, start, warm))
    with serving() as served:
        send(served, bodies(WARM_UP, EACH, start), warm)
        cpu, own = served.cpu(), time.process_time()
        seconds = send(served, load, warm + count)
        return {
            "rate": count / seconds,
            "cpu": (served.cpu() - cpu) / count * 1000,
            "client": (time.process_time() - own) / count * 1000,
            "load": os.getloadavg()[0],
        }


def memory(small: int = 200_000, large: int = 2_000_000, settle: float = 5.0) -> dict[str, Any]:
    """MiB of the service after so many interactions, when all are committed and it had `settle` seconds of rest.

    What grows with time and not with interactions is brought to its level first: ids are remembered for 10 s, and
    HISTORY of thin traffic has taught the service what is usual.
    """
    start, at, result = first_time(), QUIET * int(HISTORY / WINDOW), {}
    with serving("10s") as served:
        quiet = bodies(at // EACH, EACH, start - HISTORY, size=ONE_KB, per_second=QUIET / (WINDOW / 1e6))
        send(served, quiet, at // EACH * EACH)
        at = at // EACH * EACH
        for count in (small, (small + large) // 2, large):
            more = (count - at) // EACH
            send(served, bodies(more, EACH, start - at * (1_000_000 // PER_SECOND), at), at + more * EACH)
            at += more * EACH
            time.sleep(settle)
            result[str(count)] = served.resident()
            print(f"{count:,} interactions: {result[str(count)]:.0f} MiB", file=sys.stderr, flush=True)
    return {"resident": result, "small": result[str(small)], "large": result[str(large)]}


class _Watch:
    """When the committed count was seen to reach what; reads the database, so that the service does nothing for it."""

    def __init__(self, database: Path):
        self.seen: list[tuple[float, int]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(database,))
        self._thread.start()

    def _run(self, database: Path) -> None:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as c:
            query = f"SELECT interactions FROM {counters.name} WHERE application = '{APPLICATION}'"
            while not self._stop.wait(0.001):
                (count,) = c.execute(query).fetchone()
                if not self.seen or self.seen[-1][1] != count:
                    self.seen.append((time.perf_counter(), count))
        c.close()

    def stop(self) -> list[tuple[float, int]]:
        self._stop.set()
        self._thread.join()
        return self.seen


async def _paced(url: str, made: list[bytes], per_second: float) -> list[float]:
    connection = Connection()
    await connection.open(url)
    began, sent = time.perf_counter(), []
    for index, body in enumerate(made):
        await asyncio.sleep(max(0.0, began + index / per_second - time.perf_counter()))
        sent.append(time.perf_counter())
        await connection.post(body)
    connection.close()
    return sent


def latency(rate: int = 1_000, each: int = 10, seconds: float = 15.0) -> dict[str, Any]:
    """Milliseconds from sending a body of `each` interactions to its commit (p50, p99), and to its 202, at `rate`."""
    start, warm = first_time(), WARM_UP * EACH
    made = list(bodies(int(rate * seconds) // each, each, start, warm))
    with serving() as served:
        send(served, bodies(WARM_UP, EACH, start), warm)
        watch = _Watch(served.database)
        sent = asyncio.run(_paced(served.url, made, rate / each))
        while served.committed() < warm + len(made) * each:
            time.sleep(0.02)
        seen = watch.stop()
    waits, at = [], 0
    for index, began in enumerate(sent):
        while seen[at][1] < warm + (index + 1) * each:
            at += 1
        waits.append((seen[at][0] - began) * 1000)
    waits.sort()
    return {"p50": waits[len(waits) // 2], "p99": waits[len(waits) * 99 // 100], "load": os.getloadavg()[0]}
