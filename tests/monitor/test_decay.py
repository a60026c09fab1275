"""Performance decay through the real pipeline: scores that fell on average, told before the windows can tell it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from detectors.decay import STRETCHES
from monitor.config import ConfigSource
from monitor.config.loader import parse
from monitor.metrics import Metrics
from monitor.pipeline import Pipeline
from monitor.store import alerts, findings
from monitor.store.engine import Store
from records.alert import Alert
from records.finding import Finding
from records.window import DAY, HOUR, WINDOW
from streams.embedded import LogRecord

START = 1_790_000_000_000_000 // DAY * DAY
CONFIG = "applications: {tutor: {slices: [], signals: [scores.correct], evaluations: []}}"
CHANGE = 50 * HOUR


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store after two days in which 40 % of the answers were right."""
    path = tmp_path_factory.mktemp("healthy") / "plumbline.db"
    store = Store(f"sqlite:///{path}")
    store.upgrade()
    drive(Pipeline(store, ConfigSource(parse(CONFIG, "test", {})), Metrics()), 0, CHANGE, 0.4)
    store.close()
    return path


@pytest.fixture
def pipeline(tmp_path: Path, healthy: Path) -> Iterator[Pipeline]:
    shutil.copy(healthy, tmp_path)
    store = Store(f"sqlite:///{tmp_path}/plumbline.db")
    yield Pipeline(store, ConfigSource(parse(CONFIG, "test", {})), Metrics())
    store.close()


def drive(pipeline: Pipeline, since: int, until: int, right: float) -> None:
    """40 answers a window, of which so many are right."""
    rng = np.random.default_rng(since // WINDOW)
    records = []
    for at in range(since, until, WINDOW):
        scores = (rng.random(40) < right).astype(int).tolist()
        lines = [
            json.dumps(
                {"id": f"{at}-{i}", "application": "tutor", "timestamp": (START + at) / 1e6 + 6 * i, "scores": {"correct": s}}
            )
            for i, s in enumerate(scores)
        ]
        records.append(LogRecord(at // WINDOW + 1, "interactions", "\n".join(lines).encode(), START + at + WINDOW))
    for i in range(0, len(records), 48):
        pipeline.ingest(records[i : i + 48], records[i].accepted_at)


def decays(pipeline: Pipeline) -> list[Finding]:
    with pipeline.store.read() as c:
        return [finding for finding in findings.since(c, "tutor", 0) if finding.horizon in STRETCHES]


def told(pipeline: Pipeline) -> list[Alert]:
    with pipeline.store.read() as c:
        return alerts.query(c)[0]


def test_a_fall_is_found_within_120_answers_told_at_once_and_over_when_it_is_over(pipeline: Pipeline) -> None:
    drive(pipeline, CHANGE, CHANGE + HOUR // 4 + WINDOW, 0.15)
    (finding,) = decays(pipeline)
    assert (finding.horizon, finding.comparison, finding.n) == ("15m", "decay", 120)
    assert finding.since == START + CHANGE and finding.ended is None
    (alert,) = told(pipeline)
    assert alert.state == "firing" and alert.severity == "critical" and alert.rule == "performance_decay"
    assert alert.sentence.startswith("Performance decay: score correct fell from 0.39")
    drive(pipeline, CHANGE + HOUR // 4 + WINDOW, CHANGE + HOUR, 0.4)
    assert [f.ended is not None for f in decays(pipeline)] == [True]


def test_better_answers_are_no_decay(pipeline: Pipeline) -> None:
    drive(pipeline, CHANGE, CHANGE + HOUR, 0.8)
    assert decays(pipeline) == []


@pytest.mark.parametrize("mark", ["false_alarm", "accepted"])
def test_what_somebody_settled_is_not_told_again_while_it_lasts(pipeline: Pipeline, mark: str) -> None:
    drive(pipeline, CHANGE, CHANGE + HOUR // 4 + WINDOW, 0.15)
    with pipeline.store.begin() as c:
        alerts.mark(c, told(pipeline)[0].id, mark, "me", START + CHANGE + HOUR // 3)  # type: ignore[arg-type]
    drive(pipeline, CHANGE + HOUR // 4 + WINDOW, CHANGE + HOUR // 2, 0.15)
    again = Pipeline(pipeline.store, ConfigSource(parse(CONFIG, "test", {})), Metrics())
    drive(again, CHANGE + HOUR // 2, CHANGE + HOUR + WINDOW, 0.15)
    found = decays(pipeline)
    assert all(f.ended is not None for f in found if f.horizon == "15m")
    assert len([f for f in found if f.horizon == "15m"]) == 1
