"""The README is executed: its commands exist, its configuration passes, its record is accepted."""

import json
import re
from pathlib import Path

import pytest

from monitor.cli import run
from monitor.config.loader import parse
from records.codec import decode_feedback_records, decode_records

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
MAKEFILE = (ROOT / "Makefile").read_text()


def commands(prefix: str) -> list[str]:
    lines = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]
    inline = re.findall(rf"`({prefix} [^`]*)`", README)
    return [line.split("#")[0].strip() for line in [*lines, *inline] if line.startswith(prefix)]


@pytest.mark.parametrize("command", commands("make"))
def test_every_make_command_of_the_readme_exists(command: str) -> None:
    assert re.search(rf"^{command.split()[1]}:", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize("command", sorted({" ".join(c.split()[1:2]) for c in commands("plumbline")}))
def test_every_plumbline_command_of_the_readme_exists(command: str) -> None:
    assert run([command, "--help"]) == 0


def test_the_configurations_of_the_readme_are_valid() -> None:
    first, second = (parse(text, "README.md", {}).application("support") for kind, text in BLOCKS if kind == "yaml")
    assert first.slices == ("model", "tags.tenant")
    assert [judge.name for judge in second.judges] == ["helpfulness"]


def test_the_interaction_of_the_readme_and_the_feedback_on_it_are_accepted() -> None:
    lines = [json.dumps(json.loads(line)).encode() for line in re.findall(r"-d '(\{.*?\})'\n", README, re.DOTALL)]
    for decode, line in zip((decode_records, decode_feedback_records), lines, strict=True):
        decoded = decode([line], [1_800_000_000_000_000])
        assert len(decoded.frame) == 1 and not decoded.refused and not decoded.unknown


def test_the_check_of_the_readme_runs_on_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"prompt": f"Where is order {i}?", "response": "It is on its way. " * (1 + i % 5)} for i in range(400)]
    for name in ("reference.jsonl", "current.jsonl"):
        Path(name).write_text("\n".join(map(json.dumps, rows)))
    assert run(["check", "current.jsonl", "--reference", "reference.jsonl"]) == 0


def test_every_link_of_the_readme_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target
