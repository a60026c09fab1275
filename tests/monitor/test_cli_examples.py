"""Every example in the help of check, replay, reference and alerts is run as it stands there (the address aside)."""

import re
import shlex
from pathlib import Path

import pytest

from monitor.cli import run
from monitor.store import Store, alerts
from tests.monitor.check_files import rows, write
from tests.monitor.http_service import service
from tests.store.make import alert

COMMANDS = ("check", "replay", "reference", "reference build", "reference list", "reference show", "alerts", "alerts list",
            "alerts mark")  # fmt: skip
CODES = {"check": (0, 1)}


def examples(command: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines under Example in a command's help."""
    assert run([*command.split(), "--help"]) == 0
    text = capsys.readouterr().out
    return re.findall(r"^\s+plumbline (.+)$", text[text.index("Example") :], re.MULTILINE)


@pytest.fixture
def _prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the examples speak of."""
    monkeypatch.chdir(tmp_path)
    Path("plumbline.yaml").write_text("applications: {support: {}}\n")
    for k, name in enumerate(("march", "june", "evalset", "last-month")):
        write(Path(f"{name}.jsonl"), [{**row, "timestamp": 1.76e9 - i} for i, row in enumerate(rows(k, 60))])
    for name in ("march", "june"):
        lines = [f'"{row["response"]}",{row["tags"]["tenant"]}' for row in rows(3, 60)]
        Path(f"{name}.csv").write_text("\n".join(["answer,tags.tenant", *lines]))
    store = Store("sqlite:///plumbline.db")
    store.upgrade()
    with store.begin() as c:
        c.exec_driver_sql("INSERT INTO sequences (name, value) VALUES ('alert', 411)")
        alerts.put(c, [alert("a" * 16)])
    store.close()
    assert run(["reference", "build", "evalset", "evalset.jsonl", "--application", "support"]) == 0


@pytest.mark.usefixtures("_prepared")
@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_of_a_help_work(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = examples(command, capsys)
    assert found
    with service() as running:
        for line in found:
            words = shlex.split(line.replace("http://127.0.0.1:4000", str(running.client.base_url)))
            assert run(words) in CODES.get(command, (0,)), capsys.readouterr()
