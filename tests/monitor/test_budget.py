"""The budget as it is shown: who shares it, what spent it, and that changing it needs no restart."""

import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from sqlalchemy import Connection

from monitor import reading
from monitor.api.app import now_us
from monitor.config import parse
from monitor.metrics import Metrics
from monitor.reading.budget import show
from monitor.store import Store, alerts, counters, courses
from records.alert import Alert
from records.window import DAY, WINDOW, Window, decode_window, encode_window
from tests.monitor.process import Process, serving, write_config
from tests.store.make import NOON, alert

CONFIG = parse("false_alarms: {at_most: 4, per: 30d}", "plumbline.yaml", {})


@pytest.fixture(scope="module")
def c(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """Two applications of three and one comparisons."""
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('budget') / 'plumbline.db'}")
    store.upgrade()
    with store.begin() as c:
        for name, size in (("search", 1), ("support", 3)):
            counters.add(c, name, 10)
            window = Window.blank(NOON, 0, 10, size + 1)
            window.threshold[:size] = 6.0
            courses.put_row(c, name, NOON, 1, encode_window(window))
        alerts.put(c, [fired("a"), fired("b", application="search", started_at=NOON + 1), fired("c", mark="real"),
                       fired("d", signal="traffic"), fired("e", fired_at=None), fired("f", started_at=NOON - 40 * DAY),
                       fired("g", mark="false_alarm", started_at=NOON - DAY)])  # fmt: skip
    with store.read() as c:
        yield c
    store.close()


def fired(id_: str, **changes: object) -> Alert:
    return alert(id_, **({"fired_at": NOON, "state": "resolved", "ended_at": NOON + WINDOW} | changes))


def test_alerts_of_the_period_spend_it_but_for_real_ones_and_for_silence(c: Connection) -> None:
    found = reading.budget(c, CONFIG, NOON + DAY)
    assert [spent.id for spent in found.alerts] == ["b", "a", "g"]
    assert (found.spent, found.left, found.comparisons) == (3, 1.0, 4)
    assert {spent.number for spent in found.alerts} == {1, 2, 7}


def test_every_comparison_has_the_same_share_and_applications_have_those_of_theirs(c: Connection) -> None:
    found = reading.budget(c, CONFIG, NOON + DAY)
    assert found.share == 1.0
    parts = [(part.application, part.comparisons, part.share, part.spent) for part in found.applications]
    assert parts == [("search", 1, 1.0, 1), ("support", 3, 3.0, 2)]


def test_the_gauge_is_what_was_spent_over_what_is_accepted(c: Connection) -> None:
    metrics = Metrics()
    show(c, CONFIG, metrics, NOON + DAY)
    assert b"plumbline_false_alarm_budget_spent_ratio 0.75\n" in metrics.render()


# -- changed while it runs -------------------------------------------------------------------------------------------


START = now_us() // WINDOW * WINDOW - DAY


def traffic(first: int, last: int) -> bytes:
    """Windows of 40 interactions."""
    rows = [
        {"id": f"{window}-{i}", "application": "support", "timestamp": (START + window * WINDOW) / 1e6 + 7 * i,
         "prompt": "Where is it? " * (i % 5 + 1), "response": "There. " * (i % 7 + 1)}
        for window in range(first, last) for i in range(40)
    ]  # fmt: skip
    return b"\n".join(msgspec.json.encode(row) for row in rows)


def judged(process: Process, through: int) -> None:
    """Waits until the window before `through` was judged."""
    query = {"application": "support", "signal": "error", "since": str((START + (through - 1) * WINDOW) / 1e6)}
    for _ in range(2_000):
        items = process.client.get("/api/windows", params=query).json()["items"]
        if items and len(items[0]["start"]):
            return
    raise AssertionError("it was not judged")


def test_a_budget_that_is_changed_while_it_runs_moves_the_thresholds(tmp_path: Path) -> None:
    with serving(write_config(tmp_path, "false_alarms: {at_most: 1}\n")) as process:
        process.client.post("/v1/interactions", content=traffic(0, 27))
        judged(process, 26)
        before = process.client.get("/api/budget").json()
        write_config(tmp_path, "false_alarms: {at_most: 100}\n")
        process.popen.send_signal(signal.SIGHUP)
        process.event("configuration_reloaded")
        process.client.post("/v1/interactions", content=traffic(27, 30))
        judged(process, 29)
        after = process.client.get("/api/budget").json()
        process.popen.send_signal(signal.SIGTERM)
        assert process.ends() == 0
    assert (before["at_most"], after["at_most"]) == (1.0, 100.0)
    assert after["comparisons"] == before["comparisons"] > 40
    assert after["share"] == pytest.approx(100 * before["share"])
    store = Store(f"sqlite:///{tmp_path}/plumbline.db")
    with store.read() as c:
        old, new = (decode_window(blob).threshold for start, blob in courses.rows(c, "support")
                    if start in (START + 25 * WINDOW, START + 28 * WINDOW))  # fmt: skip
    store.close()
    known = np.isfinite(old)
    assert known.sum() == before["comparisons"]
    assert old[known] - new[known] == pytest.approx(2.0, abs=1e-4)  # log10(100): neighbours were not alike yet, VIF is 1
