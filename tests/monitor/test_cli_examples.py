"""Every example in the help of check, replay, reference and alerts is run as it stands there (the address aside)."""

import re
import shlex
from pathlib import Path

import pytest

from monitor.cli import run
from monitor.stages import keeping
from monitor.store import Store, alerts, courses, panes
from records.pane_codec import encode_pane
from records.window import WINDOW
from streams.panes import PaneKey
from tests.detectors.panes import pane
from tests.monitor.check_files import rows, write
from tests.monitor.http_service import service
from tests.store.make import alert

COMMANDS = ("check", "replay", "reference", "reference build", "reference promote", "reference list", "reference show",
            "alerts", "alerts list", "alerts mark")  # fmt: skip
CODES = {"check": (0, 1)}
NOON = 1_795_089_600_000_000
"""2026-11-19, 12:00 UTC: before it lies the window that is promoted."""


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
        key, held = PaneKey("support", "", "", NOON - WINDOW), pane(length=[1, 2, 3])
        panes.put(c, "rolled up", 0, WINDOW, {key: encode_pane(held)}, {key: held.n})
        keeping.roll_up(c, "support", NOON)
        courses.set_judged(c, "support", NOON)
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
