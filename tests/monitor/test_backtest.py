"""`plumbline backtest` over a history that the real pipeline stored: rule changes whose outcome is known."""

import hashlib
import json
import re
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from monitor.backtest.incidents import Alarm, mark_of, nearest, same_incident
from monitor.backtest.report import Both, Count, Report, Told
from monitor.backtest.running import Asked, backtest
from monitor.cli import run
from monitor.config.loader import parse
from monitor.store import Store, alerts
from records.alert import Alert, Mark
from records.window import HOUR
from tests.monitor.streaming import APPLICATION, CONFIG, START, Change, feed, opened, pipeline, records, windows
from tests.store.make import alert

GENEROUS = CONFIG + "false_alarms: {at_most: 500, per: 1d}\n"
"""A budget so large that a short incident is found."""
DOC = (Path(__file__).parents[2] / "docs" / "backtest.md").read_text(encoding="utf-8")
SINCE = ("--since", "2026-09-21")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten hours with an incident of model `b`; what followed its end was a false alarm, a person said."""
    path = tmp_path_factory.mktemp("history") / "plumbline.db"
    with opened(path) as store:
        feed(pipeline(store, GENEROUS), records(windows(120, Change(60, 80))))
        assert len(raised(store)) == 3
    return path


@pytest.fixture
def store(history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the history where new.yaml will look for it."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(history, "plumbline.db")
    return tmp_path / "plumbline.db"


def raised(store: Store) -> list[Alert]:
    with store.read() as c:
        return [found for found in alerts.since(c, APPLICATION, 0) if found.fired_at]


def mark(path: Path, which: int, as_: Mark) -> None:
    with opened(path) as store, store.begin() as c:
        alerts.mark(c, raised(store)[which].id, as_, "somebody", START)


def backtested(config: str, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    Path("new.yaml").write_text(config)
    assert run(["backtest", "-c", "new.yaml", *(arguments or SINCE), "--format", "json"]) == 0, capsys.readouterr().err
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_present_rules_raise_to_the_letter_what_was_raised_and_the_store_is_only_read(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = hashlib.sha256(store.read_bytes()).digest()
    found = backtested(GENEROUS, capsys)
    assert hashlib.sha256(store.read_bytes()).digest() == before
    assert [both["later"] for both in found["caught"]] == [0.0, 0.0, 0.0]
    for both in found["caught"]:
        assert both["present"] == both["new"] | {"number": both["present"]["number"]}
    assert [both["present"]["number"] for both in found["caught"]] == [1, 2, 3]
    assert found["present"] == found["new"]
    assert found["present"]["per_month"] == pytest.approx(3 * 30 / found["days"])
    assert not (found["missed"] or found["added"] or found["false_again"] or found["spared"])


def test_a_budget_of_one_alarm_a_month_misses_the_short_incident_and_spares_the_false_alarm(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mark(store, 1, "false_alarm")
    found = backtested(CONFIG, capsys)
    assert (found["present"]["alarms"], found["new"]["alarms"]) == (3, 0)
    assert [told["number"] for told in found["missed"]] == [1, 3]
    assert [told["number"] for told in found["spared"]] == [2]
    assert found["spared"][0]["mark"] == "false_alarm"
    assert found["false_alarms"] == {"at_most": 1.0, "per_days": 30.0}


def test_other_signals_catch_the_incident_by_what_they_see_of_it(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mark(store, 0, "real")
    other = GENEROUS.replace("signals: [response.characters, output_tokens, duration, error, response.refusal]",
                             "signals: [output_tokens, cost_usd]").replace("[model]", "[tags.tenant]")  # fmt: skip
    found = backtested(other, capsys)
    first = found["caught"][0]
    assert first["present"]["signal"] in ("response.characters", "output_tokens") and first["present"]["mark"] == "real"
    assert first["new"]["signal"] == "output_tokens" and first["new"]["slice"] == {} and first["new"]["mark"] == "real"
    notes = " ".join(found["notes"])
    assert "holds no slices by tags.tenant" in notes and "holds no values of cost_usd" in notes


def test_the_text_says_the_same_and_a_period_cuts_it(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("new.yaml").write_text(GENEROUS + "alerts: {rules: [{name: errors, match: {signal: error, slice: ''}}]}\n")
    assert run(["backtest", "-c", "new.yaml", "--since", "2026-09-21T06:30:00Z", "--until", "2026-09-21T09:00:00Z"]) == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert lines[0] == "support: 2026-09-21 06:30 UTC to 2026-09-21 09:00 UTC, 0.104 days"
    assert lines[1] == "learned from 2026-09-21 00:00 UTC on"
    table = {line[:26].strip(): line[26:].split() for line in lines[3:9]}
    assert table["alarms"][0] == "2"
    assert re.search(r"^Missed, \d of 2\n  #2 2026-09-21 07:00 UTC, warning, support: Duration fell", text, re.MULTILINE)
    assert "Note: 6 hours are stored from before" in text


def test_how_far_it_is_is_told_and_nothing_is_left_behind(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    heard: list[tuple[float, int]] = []
    with opened(store) as source:
        asked = Asked(START, START + 150 * 60_000_000)
        backtest(source, parse(CONFIG, "test", {}), asked, lambda share, at: heard.append((share, at)))
    assert [at for _, at in heard] == [START + HOUR, START + 2 * HOUR, START + 150 * 60_000_000]
    assert [share for share, _ in heard] == pytest.approx([0.4, 0.8, 1.0])
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--since", "2026-10-01"], "no window that was judged is stored of this time"),
        (["--since", "2026-09-21", "--application", "shop"], "the store knows no application shop; it has support"),
        (["--since", "2026-09-21", "--until", "2026-09-21"], "expected a time after --since"),
        (["--since", "yesterday"], "expected a time such as"),
        ([], "Missing option '--since'"),
    ],
)
def test_where_there_is_no_such_history_it_is_bad_input(
    store: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    Path("new.yaml").write_text(CONFIG)
    assert run(["backtest", "-c", "new.yaml", *arguments]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_store_that_is_not_there_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("new.yaml").write_text(CONFIG)
    assert run(["backtest", "-c", "new.yaml", *SINCE]) == 2
    assert "there is no database plumbline.db yet" in capsys.readouterr().err
    assert not Path("plumbline.db").exists()


def alarm(id_: str, since: int, fired: int, ended: int | None, signal: str = "error", mark: Mark | None = None) -> Alarm:
    """An alarm whose times are minutes after START."""
    at = [None if t is None else START + t * 60_000_000 for t in (since, fired, ended)]
    made = msgspec.structs.replace(
        alert(id_), application=APPLICATION, started_at=at[0] or 0, since_last=at[0] or 0, pending_at=at[1] or 0,
        fired_at=at[1], ended_at=at[2], mark=mark, signal=signal,
    )  # fmt: skip
    return Alarm(made, 1, frozenset({((("model", "b"),), signal)}))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (alarm("b", 60, 300, None, "duration"), True),
        (alarm("b", 61, 300, None, "duration"), False),
        (alarm("b", 200, 70, None, "duration"), True),
        (alarm("b", 200, 300, None), True),
        (alarm("b", 501, 510, None), False),
    ],
    ids=["onsets near", "onsets far", "came up together", "one comparison while both lasted", "after it was over"],
)
def test_what_is_one_incident(other: Alarm, same: bool) -> None:
    first = alarm("a", 0, 20, 500)
    assert same_incident(first, other) is same_incident(other, first) is same
    assert nearest(first, [other]) is (other if same else None)


def test_alarms_of_different_applications_are_never_one_incident() -> None:
    a = alarm("a", 0, 20, None)
    b = Alarm(msgspec.structs.replace(a.alert, application="shop"), 2, a.about)
    assert not same_incident(a, b)


def test_an_alarm_is_what_people_said_of_the_nearest_like_it() -> None:
    others = [alarm("b", 0, 200, None, mark="real"), alarm("c", 0, 30, None, mark="false_alarm"), alarm("d", 0, 20, None)]
    assert mark_of(alarm("a", 0, 20, None), others) == "false_alarm"
    assert mark_of(alarm("a", 0, 20, None), others[2:]) is None


def test_every_command_of_the_page_and_of_the_help_runs(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("new.yaml").write_text(CONFIG)
    assert run(["backtest", "--help"]) == 0
    shown = re.findall(r"^\s+plumbline (backtest .+)$", capsys.readouterr().out, re.MULTILINE)
    commands = re.findall(r"^\$ plumbline (.+)$", DOC, re.MULTILINE)
    assert len(commands) == 2 and commands == shown
    for line in commands:
        assert run(shlex.split(line)) == 0, capsys.readouterr().err


@pytest.mark.parametrize("struct", [Report, Both, Count, Told])
def test_every_field_of_the_json_is_described(struct: type[msgspec.Struct]) -> None:
    described = set(re.findall(r"`([a-z_]+)`", DOC))
    assert [field.name for field in msgspec.structs.fields(struct) if field.name not in described] == []
