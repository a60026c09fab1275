"""docs/operations.md: its words are the program's, and its commands run, on a real broker and PostgreSQL."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from monitor import troubles
from monitor.metrics import Metrics
from streams.broker import INTERACTIONS, Broker
from streams.publisher import Message, Publisher
from streams.topics import describe
from tests.deploy.site import alerting
from tests.deploy.test_rules import anchors
from tests.kafka.broker import SCRIPT
from tests.kafka.deployment import Deployment, Role, calls, deployed, until
from tests.store.databases import Postgres, name, postgres

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (.+)$", TEXT, re.MULTILINE)
BACKUP = [line for line in COMMANDS if line.startswith("pg_")]
SOURCES = [path for folder in ("monitor", "streams") for path in (ROOT / folder).rglob("*.py")]
TOOLS = {
    "kafka-console-consumer.sh": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
}


def strings(path: Path) -> Iterator[str]:
    """The texts of a source, with … for what is filled in."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.sub(r"\{\w+\}", "…", node.value)


def test_what_is_quoted_is_said_by_the_program() -> None:
    said = {re.sub(r"…[ …]*", "… ", text) for path in SOURCES for text in strings(path)}
    quotes = re.findall(r"^> (.+)$", TEXT, re.MULTILINE)
    assert len(quotes) >= 12
    assert [quote for quote in quotes if not any(re.sub(r"…[ …]*", "… ", quote) in text for text in said)] == []


def test_every_event_and_metric_that_is_named_exists() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    events = set(re.findall(r'(?:event\(\s*_log, [\w. ]+, |_log\.\w+\()"(\w+)"', source)) | {"notification"}
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)*)`(?= in (?:the|an api's|its) log)", TEXT))
    assert len(named) >= 3
    assert named <= events
    exposed = set(re.findall(r"^# TYPE (\w+)", Metrics().render().decode(), re.MULTILINE))
    assert set(re.findall(r"`(plumbline_\w+)`", TEXT)) <= exposed


def test_every_alert_is_in_the_section_that_it_points_to() -> None:
    sections = {
        next(iter(anchors(f"# {part.splitlines()[0]}"))): part for part in re.split(r"^#+ ", TEXT, flags=re.MULTILINE)[1:]
    }
    for alert, rule in alerting().items():
        assert f"`{alert}`" in sections[rule["annotations"]["runbook_url"].partition("#")[2]], alert
    assert {kind.replace("_", "-") for kind in troubles.KINDS} <= sections.keys()


def test_every_link_leads_somewhere() -> None:
    for file, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", TEXT):
        target = ROOT / "docs" / file if file else ROOT / "docs" / "operations.md"
        assert target.exists(), file
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), (file, anchor)


class Shell:
    """Runs lines of the document where its names mean this deployment."""

    def __init__(self, made: Deployment, server: Postgres, roles: dict[str, Role]):
        self._made, self._roles = made, roles
        tools = made.config.parent / "bin"
        tools.mkdir()
        for tool, main in TOOLS.items():
            (tools / tool).write_text(f'#!/bin/sh\nexec java -Xmx128m -cp "$({SCRIPT} classpath)" {main} "$@"\n')
            (tools / tool).chmod(0o755)
        path = f"{tools}:{Path(sys.executable).parent}:{server.binaries}:{os.environ['PATH']}"
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PLUMBLINE_")}
        url = f"postgresql://{server.user}@/{name(server.shared)}?host={server.folder}"
        self._environ = {**clean, "PATH": path, "DATABASE": url}

    def run(self, line: str) -> str:
        """What a line prints; fails where it does."""
        line = line.replace("kafka:9092", self._made.broker.servers[0])
        for port, role in self._roles.items():
            line = line.replace(f"http://127.0.0.1:{port}", str(role.client.base_url))
        done = subprocess.run(
            line, shell=True, cwd=self._made.config.parent, env=self._environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout


@pytest.fixture
def server() -> Iterator[Postgres]:
    """One of the test's own, which it may stop."""
    with postgres() as running:
        yield running


@pytest.fixture
def made(broker: Broker, server: Postgres, tmp_path: Path) -> Iterator[Deployment]:
    with deployed(tmp_path, broker, server.ready()) as found:
        yield found


@pytest.mark.faults
def test_every_command_runs(made: Deployment, server: Postgres) -> None:
    api, worker = made.start("api", "worker")
    assert api.client.post("/v1/interactions", content=b"\n".join([*calls(range(100)), b'{"id": 7}'])).status_code == 202
    publisher = Publisher(made.broker)
    publisher.send([Message(INTERACTIONS, b'{"id": "torn', partition=0)])
    publisher.close()
    made.counts(100)
    (made.config.parent / "last-month.jsonl").write_bytes(b"\n".join(calls(range(1_000, 1_050), application="search")))
    shell = Shell(made, server, {"4000": api, "4001": worker})
    lines = [line for line in COMMANDS if line not in BACKUP]
    assert len(lines) == 20
    said = {line: shell.run(line) for line in lines}
    for words, where in (("invalid_json", "convert_from"), ("reason:invalid_json", "kafka-console"), ("50 accepted", "replay")):
        assert words in next(text for line, text in said.items() if where in line)
    assert "-> 0 (" in next(text for line, text in said.items() if "seek" in line and "earliest" in line)
    assert describe(made.broker)[INTERACTIONS].partitions == 8
    until(lambda: worker.metrics()["plumbline_assigned_partitions"] == 16, worker.metrics)
    made.counts(150)
    assert worker.problems() == api.problems() == {}


@pytest.mark.faults
def test_a_restored_backup_is_a_past_from_which_everything_is_counted_again_once(made: Deployment, server: Postgres) -> None:
    api, worker = made.start("api", "worker")
    assert api.client.post("/v1/interactions", content=b"\n".join(calls(range(200)))).status_code == 202
    made.counts(200)
    shell = Shell(made, server, {})
    dump, restore = BACKUP
    shell.run(dump)
    assert api.client.post("/v1/interactions", content=b"\n".join(calls(range(150, 500)))).status_code == 202
    made.counts(500)
    worker.stop()
    api.stop()
    shell.run(restore)
    assert made.counted() == 200
    made.start("worker")
    made.counts(500)
    assert made.counters()["support"].duplicates == 50


@pytest.mark.faults
def test_without_a_database_readyz_says_so_and_interactions_are_accepted(made: Deployment, server: Postgres) -> None:
    api, worker = made.start("api", "worker")
    server.stop()
    advice = "see that the database runs and can be reached; what was not committed is written when it is back"
    for role in (api, worker):
        problems = role.problems()
        assert problems.keys() == {"store"}
        assert advice in problems["store"]
    assert api.client.post("/v1/interactions", content=calls([1])[0]).status_code == 202
    answer = api.client.get("/api/applications")
    assert (answer.status_code, msgspec.json.decode(answer.content)["error"]["code"]) == (503, "unavailable")
    server.start()
    made.counts(1)
