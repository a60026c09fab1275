"""`plumbline reference`: built from a file, listed, shown."""

import json
from pathlib import Path

import pytest

from monitor.cli import run
from monitor.config import load
from monitor.store import Store, references
from records.pane import merge_all
from records.pane_codec import decode_pane
from tests.monitor.check_files import rows, write

CONFIG = """
store: sqlite:///{folder}/plumbline.db
applications:
  support: {{slices: [model, tags.tenant]}}
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plumbline.yaml").write_text(CONFIG.format(folder=tmp_path))


def reference(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(["reference", *arguments, "-c", "plumbline.yaml"]) == code, capsys.readouterr()
    said = capsys.readouterr()
    return said.out if code == 0 else said.err


def build(capsys: pytest.CaptureFixture[str], *more: str) -> str:
    return reference(capsys, "build", "evalset", "evalset.jsonl", "--application", "support", *more)


def stored(version: int | None = None) -> references.Reference:
    store = Store(load("plumbline.yaml").store.get_secret_value())
    try:
        with store.read() as c:
            found = references.get(c, "support", "evalset", version)
    finally:
        store.close()
    assert found is not None
    return found


def test_a_reference_holds_all_rows_and_each_slice_of_the_application(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("evalset.jsonl"), rows(1, 200))
    assert build(capsys) == "support: evalset version 1 of 200 rows in 6 slices\n"
    found = stored()
    assert (found.meta.n, found.meta.source, found.meta.since, found.meta.until) == (200, "evalset.jsonl", None, None)
    panes = {where: decode_pane(blob) for where, blob in found.panes.items()}
    assert panes["", ""].n == 200
    for dimension in ("model", "tags.tenant"):
        again = merge_all(pane for (name, _), pane in panes.items() if name == dimension)
        assert again.n == 200
        assert again.cells("response.words")[1].tolist() == panes["", ""].cells("response.words")[1].tolist()
    assert "response.text" in panes["", ""].names


def test_the_same_name_again_is_the_next_version_and_older_ones_stay(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("evalset.jsonl"), rows(1, 100))
    build(capsys)
    write(Path("evalset.jsonl"), [{**row, "timestamp": 1.76e9 + i} for i, row in enumerate(rows(2, 50))])
    assert "version 2 of 50 rows" in build(capsys)
    assert (stored().meta.version, stored(1).meta.n) == (2, 100)
    assert (stored().meta.since, stored().meta.until) == (1_760_000_000_000_000, 1_760_000_049_000_001)
    listed = reference(capsys, "list").splitlines()
    assert listed[0].split() == ["application", "name", "version", "n", "created", "source"]
    assert len(listed) == 2 and listed[1].split()[:4] == ["support", "evalset", "2", "50"]


def test_rows_of_other_applications_and_refused_ones_are_left_out_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    items = rows(1, 60)
    for item in items[:20]:
        item["application"] = "search"
    for item in items[20:30]:
        item["application"] = "support"
    write(Path("evalset.jsonl"), [*items, b"{"])
    said = build(capsys)
    assert said.startswith("support: evalset version 1 of 40 rows")
    assert "left out: 1 rows refused (invalid_json), 20 rows of other applications" in said


def test_show_tells_versions_slices_and_what_is_typical(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("evalset.jsonl"), rows(1, 200))
    build(capsys)
    said = reference(capsys, "show", "evalset")
    assert "model=large" in said and "tags.tenant=acme" in said
    line = next(line for line in said.splitlines() if line.startswith("response.words "))
    assert line.split()[1] == "200" and "median 2" in line and "words, eight of ten from" in line
    assert any(line.startswith("response.refusal ") and line.endswith("%") for line in said.splitlines())
    assert any(line.startswith("model ") and "large " in line and "small " in line for line in said.splitlines())


def test_a_slice_has_at_most_200_values_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("evalset.jsonl"), [{"prompt": "a", "tags": {"tenant": f"t{i}"}} for i in range(250)])
    assert "in 201 slices" in build(capsys)
    assert decode_pane(stored().panes["tags.tenant", "__other__"]).n == 50


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "nothing"], "there is no reference nothing; plumbline reference list shows what there is"),
        (["show", "evalset", "--version", "9"], "there is no reference version 9 of evalset"),
        (["build", "evalset", "nowhere.jsonl", "--application", "support"], "nowhere.jsonl does not exist"),
        (["build", "evalset", "other.jsonl", "--application", "support"], "no row of support: 3 rows of other applications"),
        (["build", " ", "evalset.jsonl", "--application", "support"], "expected 1 to 128 printable characters"),
        (["build", "evalset", "evalset.jsonl"], "Missing option '--application'"),
    ],
)
def test_what_is_not_there_is_said(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("evalset.jsonl"), rows(1, 40))
    write(Path("other.jsonl"), [{"prompt": "a", "application": "search"}] * 3)
    build(capsys)
    assert said in reference(capsys, *arguments, code=2)


def test_a_name_that_two_applications_use_asks_which(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("evalset.jsonl"), rows(1, 40))
    build(capsys)
    reference(capsys, "build", "evalset", "evalset.jsonl", "--application", "search")
    assert "search, support have a reference evalset" in reference(capsys, "show", "evalset", code=2)
    assert "search: evalset" in reference(capsys, "show", "evalset", "--application", "search")


def test_without_a_database_the_commands_that_read_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no database" in reference(capsys, "list", code=2)
    assert not Path("plumbline.db").exists()


def test_what_was_built_is_a_reference_as_check_sees_it(capsys: pytest.CaptureFixture[str]) -> None:
    """The panes of `reference build` are those that `check` compares, texts aside."""
    write(Path("evalset.jsonl"), rows(1, 200))
    build(capsys)
    assert run(["check", "evalset.jsonl", "--reference", "evalset.jsonl", "--by", "model", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    pane = decode_pane(stored().panes["model", "large"])
    words = next(r for r in found["comparisons"] if r["signal"] == "output_tokens" and r["slice"] == {"model": "large"})
    assert words["reference_n"] == pane.cells("output_tokens")[1].sum()
