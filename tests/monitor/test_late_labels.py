"""Labels that come days after their answers revise the windows of that time, and the alert says that they did."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alerts.lifecycle import LATE, REVISED
from monitor.store import alerts
from monitor.store.engine import Store
from records.alert import Alert, Transition
from records.window import DAY, WINDOW
from streams.embedded import LogRecord
from tests.monitor.streaming import ACCEPTED, APPLICATION, START, feed, left, opened, pipeline, record, windows

CONFIG = """
applications:
  support: {slices: [], allowed_lateness: 0s, signals: [output_tokens]}
"""
FIRST, LASTING, ROWS = 100, 16, 31
"""Windows with labels at once; then so many whose labels come later; interactions of each."""
AFTER = 14
"""Windows after the labels: what changed long ago is judged again at the end of the hour."""
GOOD, BAD = 0.8, 0.3
OVER_SIX_HOURS = 74
LATER = [OVER_SIX_HOURS, pytest.param(3 * DAY // WINDOW, marks=pytest.mark.faults)]


def labelled(rows: Sequence[dict[str, Any]], share: float, seed: int) -> list[dict[str, Any]]:
    """What people say of these answers: that share of them is correct."""
    correct = np.random.default_rng([7, seed]).random(len(rows)) < share
    return [
        {"interaction_id": row["id"], "application": APPLICATION, "timestamp": row["timestamp"] + 60, "name": "correct",
         "value": bool(value), "source": "human"}
        for row, value in zip(rows, correct, strict=True)
    ]  # fmt: skip


def stream(later: int, at_first: float | None, at_last: float) -> list[LogRecord]:
    """Traffic whose first windows have their labels at once. Of those that follow a share `at_first` is called correct at once
    (None: nothing is said), and `later` windows after the last of them a share `at_last`."""
    traffic = windows(FIRST + LASTING + later + AFTER, rows=ROWS)
    out = []
    for i, rows in enumerate(traffic):
        out.append(record(0, rows))
        if i < FIRST:
            out.append(record(0, labelled(rows, GOOD, i), topic="feedback"))
        elif i < FIRST + LASTING and at_first is not None:
            out.append(record(0, labelled(rows, at_first, i), topic="feedback"))
        if i == FIRST + LASTING + later:
            late = [label for k in range(FIRST, FIRST + LASTING) for label in labelled(traffic[k], at_last, 1000 + k)]
            out.append(record(0, late, topic="feedback"))
    return [one._replace(offset=i + 1) for i, one in enumerate(out)]


def told(store: Store) -> tuple[Alert, list[Transition]]:
    """The one alert, and what it went through."""
    (alert,) = left(store).alerts
    with store.read() as c:
        return alert, alerts.history(c, alert.id)


@pytest.mark.parametrize("later", LATER)
def test_a_decay_that_only_late_labels_show_is_found_since_then_and_the_alert_says_so(tmp_path: Path, later: int) -> None:
    with opened(tmp_path / "a.db") as store:
        feed(pipeline(store, CONFIG), stream(later, None, BAD))
        findings = left(store).findings.values()
        assert {(f.signal, f.verdict, f.ended) for f in findings} == {("scores.correct", "finding", None)}
        assert "drift" in {f.comparison for f in findings}
        assert all(abs(f.since - (START + FIRST * WINDOW)) <= 3 * WINDOW for f in findings)
        alert, history = told(store)
    assert (alert.state, alert.late) == ("firing", True)
    assert alert.started_at == min(f.since for f in findings)
    assert "core correct fell from 0." in alert.sentence
    assert LATE in alert.description
    assert history[0].reason.startswith(LATE)
    assert history[0].at > START + (FIRST + LASTING + later) * WINDOW  # nobody could know before


@pytest.mark.parametrize("later", LATER)
def test_an_alert_that_late_labels_prove_wrong_is_resolved_with_that_reason(tmp_path: Path, later: int) -> None:
    with opened(tmp_path / "a.db") as store:
        pipe, records = pipeline(store, CONFIG), stream(later, BAD, GOOD)
        feed(pipe, records[: -AFTER - 1])
        alert, _ = told(store)
        assert (alert.state, alert.late) == ("firing", False)  # what nobody labels has not recovered
        pipe.ingest(records[-AFTER - 1 :], ACCEPTED)
        revised, history = told(store)
        findings = left(store).findings.values()
    assert (revised.id, revised.state, revised.resolution) == (alert.id, "resolved", REVISED)
    assert "withdrawn: late data removed the evidence" in revised.sentence
    assert history[0].reason.startswith("a change was found")
    assert (history[-1].alert.state, history[-1].reason) == ("resolved", REVISED)
    assert {(f.verdict, f.revision) for f in findings} == {("calm", 1)}
