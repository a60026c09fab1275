"""`plumbline serve` as a process of its own, told what happens by its log."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

CODE = "import sys; from monitor.cli import main; main(['--log-format', 'json', 'serve', *sys.argv[1:]])"
CONFIG = "store: sqlite:///{directory}/plumbline.db\nlisten: 127.0.0.1:0\n"


@dataclass
class Process:
    """A running service."""

    popen: subprocess.Popen[str]
    client: httpx.Client

    def event(self, name: str) -> dict[str, Any]:
        """Fields of the next event of this name in its log; fails where the process ends without it."""
        assert self.popen.stderr is not None
        for line in self.popen.stderr:
            entry = json.loads(line)
            if entry["event"] == name:
                fields: dict[str, Any] = entry["fields"]
                return fields
        raise AssertionError(f"the process ended with {self.popen.wait()} and never said {name}")

    def ends(self) -> int:
        """Its exit code."""
        return self.popen.wait(timeout=60)


def start(*arguments: str) -> "subprocess.Popen[str]":
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PLUMBLINE_")}
    return subprocess.Popen([sys.executable, "-c", CODE, *arguments], stderr=subprocess.PIPE, text=True, env=environ)


@contextmanager
def serving(config: Path) -> Iterator[Process]:
    """Serves `config` until the end of the block; whoever has not ended then is killed."""
    popen = start("-c", str(config))
    with popen, httpx.Client(trust_env=False) as client:
        process = Process(popen, client)
        try:
            client.base_url = httpx.URL(process.event("started")["url"])
            yield process
        finally:
            popen.kill()


def write_config(directory: Path, more: str = "") -> Path:
    path = directory / "plumbline.yaml"
    path.write_text(CONFIG.format(directory=directory) + more, encoding="utf-8")
    return path
