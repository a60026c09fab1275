"""`plumbline alerts`: listed with their numbers, marked by number or id."""

from pathlib import Path

import pytest

from monitor.cli import run
from monitor.config import load
from monitor.store import Store, alerts, audit
from records.alert import Alert
from tests.store.make import alert


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.chdir(tmp_path)
    Path("plumbline.yaml").write_text(f"store: sqlite:///{tmp_path}/plumbline.db\n")
    store = Store(load("plumbline.yaml").store.get_secret_value())
    store.upgrade()
    with store.begin() as c:
        alerts.put(c, [alert("a" * 16, state="firing"), alert("b" * 16, state="resolved", application="search")])
    return store


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(["alerts", *arguments, "-c", "plumbline.yaml"]) == code, capsys.readouterr()
    heard = capsys.readouterr()
    return heard.out if code == 0 else heard.err


def one(store: Store, id_: str) -> Alert:
    with store.read() as c:
        found = alerts.get(c, id_)
    assert found is not None
    return found


def test_alerts_are_listed_with_number_state_and_sentence(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "list").splitlines()
    assert lines[0].split() == ["alert", "since", "application", "severity", "state", "marked", "what"]
    assert {line.split()[0] for line in lines[1:]} == {"#1", "#2"}
    assert all(one(store, id_ * 16).sentence in "\n".join(lines) for id_ in "ab")
    assert len(said(capsys, "list", "--state", "firing").splitlines()) == 2
    assert said(capsys, "list", "--application", "nobody") == "no alerts\n"


@pytest.mark.parametrize("name", ["1", "#1", "a" * 16])
@pytest.mark.parametrize("as_", ["false_alarm", "real", "accepted"])
def test_a_mark_is_kept_and_audited(name: str, as_: str, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "mark", name, "--as", as_).startswith(f"#1 is marked {as_}: ")
    assert one(store, "a" * 16).mark == as_
    assert one(store, "b" * 16).mark is None
    with store.read() as c:
        entries, _ = audit.query(c)
    assert [(entry.action, entry.subject, entry.actor.split()[0]) for entry in entries] == [("mark", "a" * 16, "command")]


def test_an_alert_that_is_not_there_is_bad_input(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no alert #9" in said(capsys, "mark", "#9", "--as", "real", code=2)
    assert "--as" in said(capsys, "mark", "1", "--as", "fine", code=2)
