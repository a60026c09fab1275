"""Dockerfile: not root, nothing copied that is not there, and a check of its health that works without curl."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import msgspec
import pytest

from tests.deploy.site import ROOT, compose

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PACKAGES = ("alerts", "detectors", "monitor", "records", "signals", "streams")


def instructions() -> list[tuple[str, str]]:
    """Instructions with their arguments: continued lines joined, heredocs and comments left out."""
    text = re.sub(r"^RUN <<'(\w+)'\n.*?^\1$", "RUN heredoc", TEXT, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [(words[0], words[1].strip()) for words in (line.split(maxsplit=1) for line in text.splitlines() if line)]


def last(name: str) -> str:
    return [argument for instruction, argument in instructions() if instruction == name][-1]


def test_every_instruction_is_one_of_dockers() -> None:
    known = {"ARG", "FROM", "ENV", "RUN", "WORKDIR", "COPY", "LABEL", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK",
             "ENTRYPOINT", "CMD"}  # fmt: skip
    assert {name for name, _ in instructions()} <= known


def test_it_has_two_stages_and_the_last_does_not_run_as_root() -> None:
    found = instructions()
    starts = [i for i, (name, _) in enumerate(found) if name == "FROM"]
    assert [found[i][1] for i in starts] == ["python:${PYTHON} AS build", "python:${PYTHON}"]
    runs = found[starts[-1] :]
    user = next(argument for name, argument in runs if name == "USER")
    made = [re.search(r"useradd .* (\w+)\s*(&&|$)", argument) for name, argument in runs if name == "RUN"]
    assert user != "root" and user in [one.group(1) for one in made if one]


def test_it_copies_the_packages_and_what_building_needs_and_nothing_else_reaches_docker() -> None:
    copied = [word for name, argument in instructions() if name == "COPY" and "--from" not in argument
              for word in argument.split()[:-1]]  # fmt: skip
    assert sorted(copied) == sorted([*PACKAGES, "LICENSE", "README.md", "constraints.txt", "pyproject.toml"])
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = [line.removeprefix("!").rstrip("/") for line in lines if line.startswith("!")]
    assert lines[0] == "*"
    assert sorted(allowed) == sorted(copied)
    assert not any(fnmatch(".env", line) for line in allowed)


def test_it_starts_plumbline() -> None:
    assert msgspec.json.decode(last("ENTRYPOINT")) == ["plumbline"]


@pytest.fixture
def healthy() -> Iterator[int]:
    """The port of a service that is alive, and says so at /healthz alone."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


def checks() -> dict[str, list[str]]:
    """The commands that ask for health: the image's, and those of the compose file for our services."""
    found: dict[str, Any] = {"image": msgspec.json.decode(last("HEALTHCHECK").partition("CMD")[2])}
    services = compose()["services"]
    return found | {name: services[name]["healthcheck"]["test"][1:] for name in ("api", "worker", "evaluator")}


@pytest.mark.parametrize("name", ["image", "api", "worker", "evaluator"])
def test_its_health_is_seen_and_its_death_too(name: str, healthy: int) -> None:
    command = [sys.executable, *checks()[name][1:]]
    assert checks()[name][0] == "python"
    assert subprocess.run(command, env={"HEALTH_PORT": str(healthy)}, check=False).returncode == 0
    dead = subprocess.run(command, env={"HEALTH_PORT": "1"}, check=False, capture_output=True)
    assert dead.returncode == 1
