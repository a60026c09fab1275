"""A deployment on a real broker and PostgreSQL: `plumbline api`, `worker` and `serve` as processes, told by what they left."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
from prometheus_client.parser import text_string_to_metric_families

from monitor.api.app import now_us
from monitor.store import Store, alerts, counters, courses, findings, positions
from monitor.store.positions import Position
from records.alert import Alert
from records.finding import Finding
from streams import topics
from streams.broker import DEAD_LETTER, INTERACTIONS, Broker
from streams.publisher import Message, Publisher
from tests.kafka.consumed import consumed

T = TypeVar("T")
CODE = "import sys; from monitor.cli import main; main(['--log-format', 'json', *sys.argv[1:]])"
CONFIG = """
stream: {broker}
store: {database}
spool: {folder}/spool.db
allow_private_targets: ["127.0.0.1"]
"""
WITHIN = 60.0
"""Seconds that a condition may take."""


def until(condition: Callable[[], T], what: Callable[[], object] = lambda: "", within: float = WITHIN) -> T:
    """The first result that is true; where there is none in time, fails with `what` is then."""
    deadline, never = time.monotonic() + within, threading.Event()
    while not (found := condition()):
        assert time.monotonic() < deadline, what()
        never.wait(0.05)
    return found


def calls(ids: Iterable[int], at: int | None = None, application: str = "support", step: int = 1_000) -> list[bytes]:
    """Interactions with these ids, one each `step` microseconds from `at` on; without it their time is now."""
    start, step = (now_us(), 0) if at is None else (at, step)
    return [
        b'{"id":"call-%d","timestamp":%d.%06d,"application":"%b","model":"m","response":"It has left, %d.","duration":1}'
        % (n, *divmod(start + i * step, 1_000_000), application.encode(), n)
        for i, n in enumerate(ids)
    ]


@dataclass
class Role:
    """A process of a deployment; `client` speaks to it."""

    popen: "subprocess.Popen[bytes]"
    log: Path
    client: httpx.Client
    ended: bool = False
    """Whether it was meant to end."""

    def events(self, name: str) -> list[dict[str, Any]]:
        """Fields of the events of this name in its log."""
        entries = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
        return [entry["fields"] for entry in entries if entry["event"] == name]

    def problems(self) -> dict[str, str]:
        """What /readyz says; empty where it is ready."""
        answer = self.client.get("/readyz")
        found: dict[str, str] = answer.json()["problems"]
        assert (answer.status_code == 503) == bool(found)
        return found

    def metrics(self) -> dict[str, float]:
        """Samples by name and label values: name, or name{value,value}."""
        found = {}
        for family in text_string_to_metric_families(self.client.get("/metrics").text):
            for sample in family.samples:
                labels = ",".join(sample.labels.values())
                found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
        return found

    def stop(self) -> float:
        """SIGTERM; the seconds until it had ended, in order."""
        began, self.ended = time.monotonic(), True
        self.popen.terminate()
        assert self.popen.wait(timeout=30) == 0, self.log.read_text()
        return time.monotonic() - began

    def kill(self) -> None:
        """kill -9."""
        self.ended = True
        self.popen.kill()
        self.popen.wait()

    def freeze(self) -> None:
        """Holds it until `thaw`."""
        self.popen.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on."""
        self.popen.send_signal(signal.SIGCONT)


@dataclass
class Deployment:
    """Topics, tables and a configuration; its roles are started and stopped one by one, and all are killed at its end."""

    broker: Broker
    store: Store
    config: Path
    publisher: Publisher
    parts: ExitStack
    roles: list[Role] = field(default_factory=list)

    def launch(self, role: str) -> Role:
        """Starts `api`, `worker` or `serve`; it listens some seconds later."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PLUMBLINE_")}
        log = self.config.parent / f"{role}-{len(self.roles)}.log"
        command = [sys.executable, "-W", "ignore", "-c", CODE, role, "-c", str(self.config), "--listen", "127.0.0.1:0"]
        with log.open("wb") as file:
            popen = subprocess.Popen(command, stderr=file, env=environ, cwd=Path(__file__).parents[2])
        client = self.parts.enter_context(httpx.Client(trust_env=False, timeout=30))
        self.roles.append(Role(popen, log, client))
        return self.roles[-1]

    def until(self, condition: Callable[[], T], what: Callable[[], object] = lambda: "", within: float = WITHIN) -> T:
        """As `until`; fails at once where a process failed."""

        def holds() -> T:
            for role in self.roles:
                assert role.ended or role.popen.poll() is None, role.log.read_text()[-8_000:]
            return condition()

        return until(holds, what, within)

    def passes(self, seconds: float) -> None:
        """Lets time go by; fails at once where a process fails."""
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end, within=seconds + 1)

    def started(self, *roles: Role) -> None:
        """Waits until they listen."""
        for role in roles:
            (event,) = self.until(lambda r=role: r.events("started")[:1], role.log.read_text)  # type: ignore[misc]
            role.client.base_url = httpx.URL(event["url"])

    def start(self, *names: str) -> list[Role]:
        """Starts them together and waits until all are ready."""
        roles = [self.launch(name) for name in names]
        self.started(*roles)
        for role in roles:
            self.until(lambda r=role: not r.problems(), lambda r=role: (r.problems(), r.log.read_text()))  # type: ignore[misc]
        return roles

    def send(self, *values: bytes, topic: str = INTERACTIONS, partition: int | None = None) -> None:
        """Writes records as they are."""
        self.publisher.send([Message(topic, value, partition=partition) for value in values])

    def spread(self, lines: Sequence[bytes], topic: str = INTERACTIONS) -> None:
        """Writes lines into the partitions that their ids belong to, many in a record."""
        self.publisher.send(self.publisher.pack(topic, [b"\n".join(lines)]))

    def counted(self) -> int:
        """Interactions that are committed, of all applications."""
        return sum(one.interactions for one in self.counters().values())

    def counts(self, wanted: int, within: float = WITHIN) -> None:
        """Waits until exactly so many interactions are counted and nothing is left to be."""
        self.until(lambda: self.counted() >= wanted and not self.behind(), lambda: (self.counted(), self.behind()), within)
        assert self.counted() == wanted

    def counters(self) -> dict[str, counters.Counters]:
        """By application."""
        with self.store.read() as c:
            return counters.load(c)

    def positions(self) -> dict[tuple[str, int], Position]:
        """By topic and partition."""
        with self.store.read() as c:
            return positions.all_(c)

    def behind(self) -> dict[tuple[str, int], int]:
        """Records that Kafka has and the stored positions have not; transactions' markers count as records."""
        ends = topics.describe(self.broker)[INTERACTIONS].partitions
        held = self.positions()
        return {(INTERACTIONS, p): held[INTERACTIONS, p].behind for p in range(ends) if held[INTERACTIONS, p].behind}

    def alerts(self) -> list[Alert]:
        """All, the newest first."""
        with self.store.read() as c:
            return alerts.query(c, limit=500)[0]

    def findings(self, application: str = "support") -> list[Finding]:
        """All of an application."""
        with self.store.read() as c:
            return findings.since(c, application, 0)

    def windows(self, application: str = "support") -> list[int]:
        """Starts of the windows that were judged."""
        with self.store.read() as c:
            return [start for start, _ in courses.rows(c, application)]


class Running:
    """A deployment with one worker that the tests of a file share, each with ids that no test before has used."""

    def __init__(self, made: Deployment) -> None:
        self.made, self.ids = made, itertools.count()
        (self.worker,) = made.start("worker")

    def calls(self, n: int, at: int | None = None) -> list[bytes]:
        """As `calls`."""
        return calls(itertools.islice(self.ids, n), at)

    def letters(self) -> list[tuple[bytes, dict[str, str]]]:
        """The dead letters there are: bytes and headers."""
        found = consumed(self.made.broker, DEAD_LETTER)
        return [(record.value, {name: text.decode() for name, text in record.headers}) for record in found]


@contextmanager
def deployed(
    folder: Path, broker: Broker, database: str, more: str = "", partitions: int = 4, create: bool = True
) -> Iterator[Deployment]:
    """A deployment whose processes live as long as the block at most; `more` is added to its configuration."""
    config = folder / "plumbline.yaml"
    config.write_text(CONFIG.format(broker=broker, database=database, folder=folder) + more, encoding="utf-8")
    if create:
        topics.create(broker, partitions)
    with ExitStack() as parts:
        store = Store(database)
        parts.callback(store.close)
        publisher = Publisher(broker)
        parts.callback(publisher.close)
        made = Deployment(broker, store, config, publisher, parts)
        try:
            yield made
        finally:
            for role in made.roles:
                role.kill()
