"""docs/check.md: every command in it runs, every field of the JSON has its row."""

import re
import shlex
from pathlib import Path

import msgspec
import pytest

from monitor.check.report import Compared, Report
from monitor.cli import run
from tests.monitor.check_files import rows, write
from tests.monitor.http_service import service

DOC = (Path(__file__).parents[2] / "docs" / "check.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ plumbline (.+)$", DOC, re.MULTILINE)


def test_every_command_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plumbline.yaml").write_text("applications: {support: {}}\n")
    for k, name in enumerate(("march", "june", "evalset", "last-month")):
        items = [{**row, "timestamp": 1.76e9 - i} for i, row in enumerate(rows(k, 60))]
        write(Path(f"{name}.jsonl"), items)
        cells = [f'"{row["response"]}",{row["tags"]["tenant"]}' for row in items]
        Path(f"{name}.csv").write_text("\n".join(["answer,tags.tenant", *cells]))
    assert len(COMMANDS) == 9
    with service() as running:
        for line in COMMANDS:
            words = shlex.split(line.replace("http://127.0.0.1:4000", str(running.client.base_url)))
            assert run(words) in ((0, 1) if words[0] == "check" else (0,)), (line, capsys.readouterr())


@pytest.mark.parametrize("struct", [Compared, Report])
def test_every_field_of_the_json_has_its_row(struct: type[msgspec.Struct]) -> None:
    described = set(re.findall(r"`([a-z_]+)`", DOC))
    assert [field.name for field in msgspec.structs.fields(struct) if field.name not in described] == []
