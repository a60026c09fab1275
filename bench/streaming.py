"""Workers on a real broker and a real PostgreSQL, all on the same two cores: from topic to committed panes.

    python -m bench.speed --only kafka --only worker-memory

Records are in the topic before a worker starts; its rate is measured from its first commit to its last. Beside it, in the
same run: aiokafka's bare consumption, stock Faust (one event at a time), and per-event Python into River on the same topic.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import psycopg
from confluent_kafka import Producer

from bench.records_simulated import SLICES, lines
from monitor.store import Store
from records.window import HOUR
from streams.broker import INTERACTIONS
from streams.partitioner import partitions
from streams.topics import create
from tests.kafka.broker import Kafka, delete_topics
from tests.store.databases import Postgres, name, postgres

PARTITIONS, PER_SECOND, COUNT = 4, 100, 300_000
DURABLE = ("fsync=on", "full_page_writes=on", "autovacuum=on", "shared_buffers=128MB")
"""Settings of PostgreSQL as in production."""
LIKE_THE_IMAGE = {"MALLOC_ARENA_MAX": "2"}
CONFIG = """
stream: kafka://{servers}
store: {store}
listen_worker: 127.0.0.1:0
deduplicate_within: {within}
applications: {{support: {{slices: [{slices}]}}}}
"""
START = "import sys; from monitor.cli import main; main(['--log-format', 'json', 'worker', '-c', sys.argv[1]])"
WITHIN = 900.0
SMALL, LARGE, CHUNK, BUSY = 500_000, 5_000_000, 250_000, 5_000
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGESIZE")


class Mark(NamedTuple):
    """Interactions committed at a moment (seconds), and what the workers had used of CPU (seconds) by then."""

    at: float
    counted: int
    cpu: float


class Site(NamedTuple):
    """A broker, a database server and a folder."""

    kafka: Kafka
    server: Postgres
    folder: Path

    def load(self, count: int, each: int, first: int = 0, per_second: float = PER_SECOND) -> None:
        """Fill topics, fresh ones unless there is a `first`: `count` interactions, `each` in a record."""
        if not first:
            delete_topics(self.kafka.broker)
            create(self.kafka.broker, PARTITIONS)
        producer = Producer({
            "bootstrap.servers": self.kafka.broker.servers[0], "linger.ms": 20, "batch.size": 1 << 20,
            "compression.type": "lz4", "queue.buffering.max.messages": 500_000, "queue.buffering.max.kbytes": 1 << 20,
        })  # fmt: skip
        start = (time.time_ns() // 1000 - 24 * HOUR) // HOUR * HOUR
        for low in range(first, first + count, PARTITIONS * each * 50):
            some = list(lines(min(PARTITIONS * each * 50, first + count - low), start, low, per_second=per_second))
            ids = [line[7:18].decode() for line in some]
            places = partitions(pl.Series(ids), PARTITIONS).tolist()
            for number in range(PARTITIONS):
                mine = [line for line, place in zip(some, places, strict=True) if place == number]
                for at in range(0, len(mine), each):
                    producer.produce(INTERACTIONS, b"\n".join(mine[at : at + each]), partition=number)
            producer.poll(0)
        producer.flush()

    def configured(self, within: str = "10m") -> tuple[Path, str]:
        """A configuration on a fresh database, and its URL."""
        url = self.server.empty()
        store = Store(url)
        store.upgrade()
        store.close()
        path = self.folder / "plumbline.yaml"
        servers = self.kafka.broker.servers[0]
        path.write_text(CONFIG.format(servers=servers, store=url, slices=", ".join(SLICES), within=within), encoding="utf-8")
        return path, url


@contextmanager
def site() -> Iterator[Site]:
    """All of it, gone afterwards."""
    with tempfile.TemporaryDirectory() as folder, postgres() as server, Kafka(Path(folder) / "kafka") as kafka:
        server.stop()
        server.start(*DURABLE)
        yield Site(kafka, server, Path(folder))


@contextmanager
def workers(config: Path, count: int) -> Iterator[list[int]]:
    """Worker processes; their ids."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PLUMBLINE_")} | LIKE_THE_IMAGE
    command = [sys.executable, "-c", START, str(config)]
    running = [
        subprocess.Popen(command, stderr=(config.parent / "worker.log").open("ab"), env=environ, cwd=config.parent)
        for _ in range(count)
    ]
    try:
        yield [process.pid for process in running]
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(30)


def cpu(pid: int) -> float:
    """CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident(pid: int) -> float:
    """MiB of memory in use."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 2**20


def followed(url: str, server: Postgres, pids: list[int], until: int) -> Iterator[Mark]:
    """How far the workers are, as often as that changes."""
    with psycopg.connect(host=str(server.folder), user=server.user, dbname=name(url), autocommit=True) as c:
        deadline, before = time.monotonic() + WITHIN, 0
        while before < until:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{before} of {until} were counted within {WITHIN:.0f} s")
            row = c.execute("SELECT coalesce(sum(interactions), 0) FROM counters").fetchone()
            counted = int(row[0]) if row else 0
            if counted > before:
                before = counted
                yield Mark(time.monotonic(), counted, sum(map(cpu, pids)))
            time.sleep(0.02)


def rate(made: Site, count: int, processes: int) -> dict[str, Any]:
    """Interactions a second, and the CPU that one costs the workers (us), from the first commit to the last."""
    config, url = made.configured()
    with workers(config, processes) as pids:
        marks = list(followed(url, made.server, pids, count))
    first, last = marks[0], marks[-1]
    counted, seconds = last.counted - first.counted, last.at - first.at
    return {
        "rate": counted / seconds, "cpu": (last.cpu - first.cpu) / counted * 1e6, "commits": len(marks),
        "load": os.getloadavg()[0],
    }  # fmt: skip


def memory(made: Site) -> dict[str, Any]:
    """MiB of one worker after SMALL and after LARGE interactions; ids are remembered for half a minute.

    The stream is BUSY: what a worker knows of a past (a fortnight of windows in the end) is not what is measured.
    """
    made.load(CHUNK, 100, 0, BUSY)
    config, url = made.configured("30s")
    found: dict[int, float] = {}
    with workers(config, 1) as pids, ThreadPoolExecutor(1) as pool:
        loading = None
        for mark in followed(url, made.server, pids, LARGE):
            if loading is None or loading.done():
                loaded = CHUNK if loading is None else loading.result()
                if loaded < LARGE and loaded - mark.counted < CHUNK:
                    loading = pool.submit(lambda first=loaded: made.load(CHUNK, 100, first, BUSY) or first + CHUNK)
            for at in (SMALL, LARGE):
                if mark.counted >= at:
                    found.setdefault(at, resident(pids[0]))
    return {"resident": found, "growth": found[LARGE] / found[SMALL] - 1, "load": os.getloadavg()[0]}


def other(made: Site, kind: str, count: int) -> dict[str, Any]:
    """One of bench.streaming_peers in a process of its own, on the topic as it is."""
    command = [sys.executable, "-W", "ignore", "-m", "bench.streaming_peers", kind, made.kafka.broker.servers[0], str(count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, timeout=120)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
