"""The demonstration: the whole service, fed through its own stream."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from alerts.notify.webhook import sign
from monitor.cli import run
from monitor.config import ConfigSource
from monitor.demo.run import Options, service
from monitor.demo.story import DAY
from monitor.demo.telling import Teller
from monitor.store import Store, alerts
from tests.monitor.conftest import SECRET, Told
from tests.store.make import NOON, alert


def test_an_alert_names_the_slice_and_a_signal_of_the_first_incident(told: Told) -> None:
    assert told.summary[0].startswith("silent model change: found at "), told.summary
    assert told.summary[-1].endswith("alarms before the first incident: 0")


def test_what_happens_is_said_in_plain_lines(told: Told) -> None:
    assert told.lines[0] == "a healthy past of 0.75 days is sent, as fast as it is counted"
    assert any("the past is over after" in line for line in told.lines)
    assert any(line.endswith("atlas-large answers in long bold lists, under the same name") for line in told.lines)
    assert any(line.startswith(("ALERT  ", "over   ")) for line in told.lines)


def test_each_alert_is_said_once_as_it_fires_with_its_page_and_once_when_it_is_over(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/plumbline.db")
    store.upgrade()
    lines: list[str] = []
    teller = Teller(store, "support", 0, "http://127.0.0.1:4000", lines.append)
    steps = ({"state": "pending"}, {"fired_at": NOON}, {"fired_at": NOON}, {"fired_at": NOON, "state": "resolved"})
    for changes in steps:
        with store.begin() as c:
            alerts.put(c, [alert("a-1", **changes)])
        teller.look()
    store.close()
    assert lines == [
        "ALERT  Answers are longer for acme.",
        "       http://127.0.0.1:4000/apps/support/signals/response.words?slice=tags.tenant:acme",
        "over   Answers are longer for acme.",
    ]


def test_an_alert_reaches_the_receiver_signed(told: Told) -> None:
    headers, body = told.received.headers, told.received.json()
    signature = sign(SECRET, headers["webhook-id"], int(headers["webhook-timestamp"]), told.received.body)
    assert headers["webhook-signature"] == signature
    assert (body["version"], body["receiver"], body["status"]) == ("4", "oncall", "firing")
    assert body["alerts"][0]["labels"]["application"] == "support"


def test_the_story_ends_now_and_nothing_of_it_lies_in_the_future() -> None:
    now = 1_760_000_000_000_000
    story = Options(seed=3).story(now)
    assert now - 300_000_000 < story.continues <= now
    assert story.history_end - story.start == round(Options().history_days * DAY)


def test_the_store_is_kept_where_it_is_asked_for(tmp_path: Path) -> None:
    with service(Options(port=0, keep=tmp_path / "kept")) as running:
        assert isinstance(running.source, ConfigSource)
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [
        "plumbline.db", "plumbline.log.db", "plumbline.log.db.lock",
    ]  # fmt: skip


def test_it_leaves_with_an_error_where_it_cannot_listen(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run(["demo", "--port", str(port)]) == 2
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


@pytest.mark.parametrize("duration", ["5", "soon"])
def test_a_duration_needs_its_unit(duration: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--duration", duration]) == 2
    assert "expected a duration such as 90s" in capsys.readouterr().err


def test_it_ends_after_its_duration_with_a_summary() -> None:
    code = "from monitor.cli import main; main(['demo', '--port', '0', '--duration', '500ms'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    first, *_, last = done.stdout.splitlines()
    assert re.fullmatch(r"plumbline is at http://127\.0\.0\.1:\d+", first)
    assert last == "incidents found: 0 of 0; alarms before the first incident: 0"


def test_the_page_shows_the_application_and_the_signal_of_an_alert(told: Told) -> None:
    overview = told.client.get("/", follow_redirects=True)
    assert (overview.status_code, overview.url.path) == (200, "/apps/support")
    page = told.client.get("/apps/support/signals/response.bold_markers", params={"slice": "model:atlas-large"})
    assert page.status_code == 200
    assert "atlas-large" in page.text
