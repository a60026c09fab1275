"""Whole days over all signals, from a service's records to an alert, by NannyML itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.config import ConfigSource, InvalidConfigError
from monitor.config.loader import parse
from monitor.estimating import Estimating
from monitor.metrics import Metrics
from monitor.pipeline import Pipeline
from monitor.stages.keeping import ROLLED_UP, put_panes
from monitor.store import alerts, counters, courses, estimates, findings
from monitor.store.engine import Store
from records.window import DAY, HOUR, WINDOW
from streams.embedded import LogRecord
from streams.panes import PaneKey
from tests.detectors.panes import pane
from tests.estimation import PYTHON, needs_nannyml
from tests.monitor.streaming import START, opened

CONFIG = """
estimation: {{python: "{python}", timeout: {timeout}}}
applications:
  shop: {{slices: [], signals: [input_tokens, output_tokens], allowed_lateness: 0s}}
"""
HOURS, ROWS, DAYS = (3, 9, 15, 21), 60, 6
ERROR = "multivariate.reconstruction_error"


def source(python: str = PYTHON, timeout: str = "5m") -> ConfigSource:
    return ConfigSource(parse(CONFIG.format(python=python or "python3", timeout=timeout), "test", {}))


def estimated(store: Store, config: ConfigSource) -> Metrics:
    """One look of the thread."""
    metrics = Metrics()
    Estimating(store, config, metrics).step()
    return metrics


def hour(at: int, related: bool) -> LogRecord:
    """An hour's interactions in its last window: each number as ever, but the two of an interaction may not be related."""
    rng = np.random.default_rng(at // HOUR)
    asked = np.exp(rng.normal(5, 0.5, ROWS))
    answered = asked if related else rng.permutation(asked)
    rows: list[dict[str, Any]] = [
        {
            "id": f"{at}-{i}", "application": "shop", "timestamp": (at + HOUR - WINDOW + i) / 1e6,
            "input_tokens": int(asked[i]), "output_tokens": int(answered[i] * np.exp(rng.normal(0, 0.1))) + 1,
        }
        for i in range(ROWS)
    ]  # fmt: skip
    return LogRecord(at // HOUR, "interactions", "\n".join(map(json.dumps, rows)).encode(), START + 30 * DAY)


def day(pipeline: Pipeline, number: int, related: bool) -> None:
    for h in HOURS:
        pipeline.ingest([hour(START + number * DAY + h * HOUR, related)], START + 30 * DAY)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path / "plumbline.db") as store:
        yield store


@needs_nannyml
@pytest.mark.timeout(600)
def test_a_day_on_which_each_signal_alone_is_calm_becomes_an_alert_and_ends_when_it_is_explained(
    store: Store,
) -> None:
    config = source()
    pipeline = Pipeline(store, config, Metrics())
    for number in range(DAYS):
        day(pipeline, number, related=number < DAYS - 1)
    assert estimated(store, config).estimations.labels(outcome="too_few")._value.get() == 1, "four days before the fifth"
    pipeline.ingest([hour(START + DAYS * DAY, related=True)], START + 30 * DAY)
    assert estimated(store, config).estimations.labels(outcome="done")._value.get() == 1
    assert estimated(store, config).estimations._metrics == {}, "once a day"
    pipeline.ingest([hour(START + DAYS * DAY + h * HOUR, related=True) for h in (1, 2)], START + 30 * DAY)
    with store.read() as c:
        told = estimates.newest(c, "shop")
        open_ = {f.signal: f for f in findings.query(c, "shop", open_only=True)[0]}
        (alert,) = alerts.query(c, "shop", state="firing")[0]
        registered = {row.signal for row in courses.comparisons(c, "shop")}
    assert told is not None and told.day == START + (DAYS - 1) * DAY and told.rows == [len(HOURS) * ROWS] * DAYS
    assert told.error[-1] > 1.5 * max(told.error[:-1])
    assert ERROR in open_ and not registered & set(open_), "what is estimated is none of the comparisons of windows"
    assert {f.horizon for f in open_.values()} == {"1d"} and open_[ERROR].since == told.day
    assert alert.sentence.startswith("Reconstruction error of all signals rose from")
    again = Pipeline(store, config, Metrics())
    assert set(again.verdicts.judges["shop"].days.open) == set(open_)
    with store.begin() as c:
        alerts.mark(c, alert.id, "accepted", "oncall", START)
    again.ingest([hour(START + DAYS * DAY + h * HOUR, related=True) for h in (3, 4)], START + 30 * DAY)
    with store.read() as c:
        assert findings.query(c, "shop", open_only=True)[0] == []


def stored(store: Store, days: int, hours: int = 4, rows: int = 60) -> None:
    """Days of panes of an hour, and an application that was judged to their end."""
    rng = np.random.default_rng(1)
    held = {
        PaneKey("shop", "", "", START + d * DAY + h * HOUR): pane(length=rng.normal(100, 20, rows).tolist())
        for d in range(days)
        for h in range(hours)
    }
    with store.begin() as c:
        put_panes(c, *ROLLED_UP, HOUR, held)
        counters.add(c, "shop", interactions=1)
        courses.set_judged(c, "shop", START + days * DAY)


@pytest.mark.parametrize(("days", "hours", "outcome"), [(7, 3, "too_few"), (5, 4, "too_few"), (7, 4, "failed")])
def test_what_is_too_little_or_fails_is_said_counted_and_not_tried_again(
    store: Store, days: int, hours: int, outcome: str
) -> None:
    stored(store, days, hours)
    config = source("/nowhere/python")
    assert estimated(store, config).estimations.labels(outcome=outcome)._value.get() == 1
    assert estimated(store, config).estimations._metrics == {}
    with store.read() as c:
        (told,) = estimates.since(c, "shop", 0)
    assert (told.day, told.outcome, told.error) == (START + (days - 1) * DAY, outcome, [])


@needs_nannyml
def test_what_takes_too_long_is_ended(store: Store) -> None:
    stored(store, 7)
    assert estimated(store, source(timeout="1s")).estimations.labels(outcome="failed")._value.get() == 1


def test_nothing_is_read_or_run_unless_it_is_asked_for(store: Store) -> None:
    stored(store, 7)
    assert estimated(store, ConfigSource(parse("", "test", {}))).estimations._metrics == {}
    with store.read() as c:
        assert estimates.newest(c, "shop") is None


def test_one_process_estimates_an_application(store: Store) -> None:
    stored(store, 7)
    lock = store.lock("plumbline/estimating/shop")
    assert lock is not None
    assert estimated(store, source("/nowhere/python")).estimations._metrics == {}
    lock.release()
    assert estimated(store, source("/nowhere/python")).estimations.labels(outcome="failed")._value.get() == 1


def test_a_thread_that_is_stopped_leaves_the_day_for_the_next_start(store: Store) -> None:
    stored(store, 7)
    estimating = Estimating(store, source("/nowhere/python"), Metrics())
    estimating.start()
    estimating.stop(5.0)
    estimating.step()
    with store.read() as c:
        assert estimates.newest(c, "shop") is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("off", False), ("false", False), ("on", True), ("{}", True), ("{memory: 4096}", True), ("null", False)],
)
def test_estimation_is_off_on_or_a_section(text: str, wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.config.estimation.PACKAGE", "numpy")
    assert (parse(f"estimation: {text}", "test", {}).estimation is not None) == wanted


@pytest.mark.parametrize(
    ("text", "told"),
    [("on", "plumbline[estimation]"), ("{python: python3, memory: 100}", "512"), ("{python: python3, memory: true}", "number"),
     ("{python: ''}", "at least 1"), ("{python: python3, timeout: 0s}", "timeout"), ("yearly", "estimation")],
)  # fmt: skip
def test_a_section_that_cannot_be_is_refused_by_its_key(text: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.config.estimation.PACKAGE", "a_package_that_nobody_has")
    with pytest.raises(InvalidConfigError, match=told.replace("[", r"\[")):
        parse(f"estimation: {text}", "test", {})
