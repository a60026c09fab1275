"""`plumbline serve` as operators run it: crashes, signals, a second one, and where it cannot start."""

import signal
import sqlite3
import time
from pathlib import Path

import msgspec
import pytest

from monitor.cli import run
from monitor.reading import Application, applications
from monitor.store import Store
from tests.monitor.process import serving, start, write_config


def lines(n: int, since: int = 0) -> bytes:
    now = int(time.time())
    rows = [{"id": f"i-{i}", "application": "support", "timestamp": now, "prompt": "Where?", "response": "There."}
            for i in range(since, since + n)]  # fmt: skip
    return b"\n".join(msgspec.json.encode(row) for row in rows)


def counted(directory: Path) -> Application:
    """What the store holds of the application."""
    store = Store(f"sqlite:///{directory}/plumbline.db")
    with store.read() as c:
        (row,) = applications(c)
    store.close()
    return row


def test_what_was_answered_with_202_is_counted_once_though_the_process_is_killed(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    with serving(config) as process:
        for batch in range(20):
            answer = process.client.post("/v1/interactions", content=lines(100, 100 * batch))
            assert (answer.status_code, answer.json()["accepted"]) == (202, 100)
        process.popen.kill()
        assert process.ends() == -signal.SIGKILL
    with serving(config) as process:
        assert process.client.post("/v1/interactions", content=lines(150, 1900)).status_code == 202
        process.popen.send_signal(signal.SIGTERM)
        assert process.ends() == 0
    assert (counted(tmp_path).interactions, counted(tmp_path).duplicates) == (2050, 100)


def test_a_hangup_reads_the_configuration_again_and_a_termination_counts_and_leaves(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    with serving(config) as process:
        write_config(tmp_path, "false_alarms: {at_most: 2}\n")
        process.popen.send_signal(signal.SIGHUP)
        assert process.event("configuration_changed") == {
            "key": "false_alarms.at_most", "before": "1.0", "after": "2.0", "waits_for_restart": False,
        }  # fmt: skip
        assert process.event("configuration_reloaded") == {"changes": 1}
        assert process.client.get("/api/budget").json()["at_most"] == 2.0
        write_config(tmp_path, "false_alarms: {at_most: none}\n")
        process.popen.send_signal(signal.SIGHUP)
        assert "at_most" in process.event("configuration_refused")["message"]
        assert process.client.get("/api/budget").json()["at_most"] == 2.0
        process.client.post("/v1/interactions", content=lines(10))
        process.popen.send_signal(signal.SIGTERM)
        assert process.event("stopped") == {"counted_to": 2, "failed": False}
        assert process.ends() == 0


def test_a_second_one_on_the_same_store_refuses(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    with serving(config):
        second = start("-c", str(config))
        _, said = second.communicate(timeout=60)
    assert second.returncode == 2
    assert "another plumbline serves this store" in said


@pytest.mark.parametrize(
    ("more", "arguments", "said"),
    [
        ("", ["--listen", "everywhere"], "expected host:port"),
        ("", ["--listen", "0.0.0.0:0"], "can be reached from other machines"),
        ("false_alarms: {at_most: none}\n", [], "at_most"),
    ],
)
def test_it_says_why_it_cannot_start(
    more: str, arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["serve", "-c", str(write_config(tmp_path, more)), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_store_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plumbline.yaml").write_text(f"store: sqlite:///{tmp_path}/none/plumbline.db\n", encoding="utf-8")
    assert run(["serve", "-c", str(tmp_path / "plumbline.yaml")]) == 2
    assert f"{tmp_path}/none" in capsys.readouterr().err


def test_a_part_that_fails_stops_the_process(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    with serving(config) as process:
        assert process.client.get("/readyz").status_code == 200
        _break_store(tmp_path)
        process.client.post("/v1/interactions", content=lines(1))
        assert process.event("failed")["part"] == "stream"
        assert process.ends() == 1


def _break_store(directory: Path) -> None:
    """What a disk error or a careless hand would do: a table is gone."""
    with sqlite3.connect(directory / "plumbline.db") as c:
        c.execute("DROP TABLE positions")
    c.close()
