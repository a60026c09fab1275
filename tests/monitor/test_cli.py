"""The command line: quick help, errors as one message, exit codes."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import monitor
from monitor.cli import COMMANDS, cli, run
from records.errors import StoreError

HEAVY = ("polars", "numba", "numpy", "pydantic", "fastapi", "sqlalchemy", "scipy")


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["config", "--help"], ["config", "check", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    done = python(
        "import sys, monitor.cli\n"
        f"code = monitor.cli.run({arguments!r})\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules], code)"
    )
    assert done.stdout.endswith("heavy: [] 0\n"), done.stdout + done.stderr


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"plumbline {monitor.__version__}\n"


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    context = click.Context(group)
    found: list[tuple[str, ...]] = [path]
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found += commands(command, (*path, name)) if isinstance(command, click.Group) else [(*path, name)]
    return found


@pytest.mark.parametrize("path", commands(cli), ids=" ".join)
def test_every_help_shows_an_example_of_that_command(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*path, "--help"]) == 0
    text = capsys.readouterr().out
    assert re.search(rf"Examples?:\n\s+(\$ )?plumbline {' '.join(path)}", text), text


def test_the_list_of_commands_says_what_each_does(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--help"])
    text = capsys.readouterr().out
    context = click.Context(cli)
    for name in cli.list_commands(context):
        assert name in text and COMMANDS[name][:40] in text


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["config", "chekc"], ["config", "check"], ["--log-level", "loud", "config"]]
)
def test_what_is_no_command_is_bad_input(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert "Error: " in capsys.readouterr().err


def test_config_check_accepts_a_good_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plumbline.yaml"
    path.write_text("applications: {support: {}}")
    assert run(["config", "check", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: good; 1 applications named, listens on 127.0.0.1:4000\n"


def test_config_check_says_file_line_and_key_of_everything_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plumbline.yaml"
    path.write_text("content: al\nretention:\n  pane: 3d\n")
    assert run(["config", "check", str(path)]) == 2
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        f"{path}:1: content: expected one of digest, redacted, full, got al",
        f"{path}:3: retention.pane: unknown key; did you mean panes?",
    ]
    assert said.out == ""


def test_config_schema_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "schema"]) == 0
    assert '"$schema": "https://json-schema.org/draft/2020-12/schema"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (StoreError("run plumbline db upgrade"), 2, "plumbline: run plumbline db upgrade\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (click.exceptions.Exit(1), 1, ""),
        (click.ClickException("no"), 1, "Error: no\n"),
    ],
)
def test_an_error_is_one_message_and_an_exit_code(
    raised: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def failing() -> None:
        raise raised

    monkeypatch.setattr(cli, "get_command", lambda context, name: failing)
    assert run(["failing"]) == code
    assert capsys.readouterr().err.lstrip("\n") == said


def test_output_into_a_closed_pipe_ends_quietly() -> None:
    done = subprocess.run(
        ["bash", "-c", f'{sys.executable} -c \'from monitor.cli import main; main(["config", "schema"])\' | true'],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
