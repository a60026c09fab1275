"""A real Prometheus and a real Alertmanager on free ports of loopback, each in a directory of its own."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

T = TypeVar("T")
WITHIN = 45.0
"""Seconds that a condition may take."""
LISTENS = re.compile(r'msg="Listening on" address=127\.0\.0\.1:(\d+)')


def until(condition: Callable[[], T], what: Callable[[], object], within: float = WITHIN) -> T:
    """The first result that is true; where there is none in time, fails with `what` is then."""
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)
    return found


@dataclass
class Running:
    """A program that listens."""

    client: httpx.Client

    @property
    def address(self) -> str:
        """Host and port."""
        return self.client.base_url.netloc.decode()

    def get(self, path: str, **query: str) -> Any:
        """The answer's JSON."""
        return self.client.get(path, params=query).json()


@contextmanager
def running(names: tuple[str, ...], directory: Path, *arguments: str) -> Iterator[Running]:
    """The first of the programs that is installed, until the end of the block."""
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip(f"{names[-1]} is not installed (apt-get install prometheus prometheus-alertmanager)")
    log = directory / f"{names[-1]}.log"
    with log.open("wb") as file:
        process = subprocess.Popen([program, *arguments], stdout=file, stderr=file, cwd=directory)
    with process, httpx.Client(trust_env=False, timeout=30) as client:
        try:
            port = until(lambda: process.poll() is None and LISTENS.search(log.read_text()), log.read_text)
            assert isinstance(port, re.Match)
            client.base_url = httpx.URL(f"http://127.0.0.1:{port.group(1)}")
            yield Running(client)
        finally:
            process.terminate()


@contextmanager
def prometheus(directory: Path) -> Iterator[Running]:
    """With the prometheus.yml of the directory. Alerts that fire before it has found Alertmanager are sent again at once."""
    arguments = (
        "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0",
        "--rules.alert.resend-delay=1s",
    )  # fmt: skip
    with running(("prometheus",), directory, *arguments) as started:
        yield started


@contextmanager
def alertmanager(directory: Path) -> Iterator[Running]:
    """With the alertmanager.yml of the directory."""
    arguments = (
        "--config.file=alertmanager.yml", "--storage.path=told", "--web.listen-address=127.0.0.1:0",
        "--cluster.listen-address=",
    )  # fmt: skip
    with running(("prometheus-alertmanager", "alertmanager"), directory, *arguments) as started:
        yield started
