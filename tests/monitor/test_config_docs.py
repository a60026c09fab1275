"""docs/configuration.md: every block is a good configuration, every key has its row, every default is the real one."""

import re
from pathlib import Path

import pytest

from monitor.cli import run
from monitor.config.document import show
from monitor.config.shape import leaves

DOC = Path(__file__).parents[2] / "docs" / "configuration.md"
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", DOC.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
KEYS = sorted({show(path).replace("[0]", "[]") for path, _ in leaves()})


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_passes_config_check(block: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plumbline.yaml"
    path.write_text(block, encoding="utf-8")
    assert run(["config", "check", str(path)]) == 0, capsys.readouterr().err


def test_all_blocks_are_found() -> None:
    assert len(BLOCKS) == 9


def test_every_key_has_its_row() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| ", DOC.read_text(encoding="utf-8"), re.MULTILINE)
    assert [key for key in KEYS if key not in rows] == []
    of_applications = {
        f"applications.<name>.{key}"
        for key in ("baselines", "conversations", "embeddings", "evaluations", "evaluations[].judge")
    }
    sections = {*of_applications, "alerts.rules", "tls", "estimation"}
    assert [row for row in rows if row not in KEYS and row not in sections and not row.startswith("PLUMBLINE_")] == []
