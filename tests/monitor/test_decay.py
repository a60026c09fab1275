"""Performance decay through the real pipeline: scores that fell on average, told before the windows can tell it."""

import json
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
CHANGE = 8 * HOUR


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    store = Store(f"sqlite:///{tmp_path}/plumbline.db")
    store.upgrade()
    yield Pipeline(store, ConfigSource(parse(CONFIG, "test", {})), Metrics())
    store.close()


def drive(pipeline: Pipeline, since: int, until: int, right: float) -> None:
    """60 answers a window, of which so many are right."""
    rng = np.random.default_rng(since // WINDOW)
    for at in range(since, until, WINDOW):
        scores = (rng.random(60) < right).astype(int).tolist()
        lines = [
            json.dumps(
                {"id": f"{at}-{i}", "application": "tutor", "timestamp": (START + at) / 1e6 + 4 * i, "scores": {"correct": s}}
            )
            for i, s in enumerate(scores)
        ]
        record = LogRecord(at // WINDOW + 1, "interactions", "\n".join(lines).encode(), START + at + WINDOW)
        pipeline.ingest([record], START + at + WINDOW)


def decays(pipeline: Pipeline) -> list[Finding]:
    with pipeline.store.read() as c:
        return [finding for finding in findings.since(c, "tutor", 0) if finding.horizon in STRETCHES]


def told(pipeline: Pipeline) -> list[Alert]:
    with pipeline.store.read() as c:
        return alerts.query(c)[0]


def test_a_fall_is_found_within_180_answers_told_at_once_and_over_when_it_is_over(pipeline: Pipeline) -> None:
    drive(pipeline, 0, CHANGE, 0.4)
    drive(pipeline, CHANGE, CHANGE + HOUR // 4 + WINDOW, 0.15)
    (finding,) = decays(pipeline)
    assert (finding.horizon, finding.comparison, finding.n) == ("15m", "decay", 180)
    assert finding.since == START + CHANGE and finding.ended is None
    (alert,) = told(pipeline)
    assert alert.state == "firing" and alert.severity == "critical" and alert.rule == "performance_decay"
    assert alert.sentence.startswith("Performance decay: score correct fell from 0.39")
    drive(pipeline, CHANGE + HOUR // 4 + WINDOW, CHANGE + HOUR, 0.4)
    assert [f.ended is not None for f in decays(pipeline)] == [True]


def test_better_answers_are_no_decay(pipeline: Pipeline) -> None:
    drive(pipeline, 0, CHANGE, 0.4)
    drive(pipeline, CHANGE, CHANGE + HOUR, 0.8)
    assert decays(pipeline) == []


@pytest.mark.parametrize("mark", ["false_alarm", "accepted"])
def test_what_somebody_settled_is_not_told_again_while_it_lasts(pipeline: Pipeline, mark: str) -> None:
    drive(pipeline, 0, CHANGE, 0.4)
    drive(pipeline, CHANGE, CHANGE + HOUR // 4 + WINDOW, 0.15)
    with pipeline.store.begin() as c:
        alerts.mark(c, told(pipeline)[0].id, mark, "me", START + CHANGE + HOUR // 3)  # type: ignore[arg-type]
    drive(pipeline, CHANGE + HOUR // 4 + WINDOW, CHANGE + HOUR // 2, 0.15)
    again = Pipeline(pipeline.store, ConfigSource(parse(CONFIG, "test", {})), Metrics())
    drive(again, CHANGE + HOUR // 2, CHANGE + HOUR + WINDOW, 0.15)
    found = decays(pipeline)
    assert all(f.ended is not None for f in found if f.horizon == "15m")
    assert len([f for f in found if f.horizon == "15m"]) == 1
