"""Baselines in a real pipeline: what is learned when, what starts anew, and what a restart takes up again."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from monitor.pipeline import Pipeline
from monitor.stages.learning import windows as stored_windows
from monitor.store import alerts, courses, findings, panes, references
from monitor.store.engine import Store
from records.pane import merge_all
from records.pane_codec import decode_pane, encode_pane
from records.window import HOUR, WINDOW, Window, decode_window
from tests.monitor.streaming import (
    ACCEPTED,
    APPLICATION,
    CONFIG,
    START,
    Change,
    feed,
    interaction,
    opened,
    pipeline,
    records,
    windows,
)

GENEROUS = "false_alarms: {at_most: 500, per: 1d}\n"
BASELINES = """
    baselines:
      - reference: evalset
      - trailing: 7d
      - cohort: {slice: model, against: rest}
      - period: {since: %s, until: %s}
"""
PERIOD = ("2026-09-21", "2026-09-21T02:00:00Z")
EVERYTHING = CONFIG + BASELINES % PERIOD + GENEROUS


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path / "plumbline.db") as made:
        yield made


def put_reference(store: Store, since: int, until: int) -> None:
    """Production's panes of some windows become the next version of the reference."""
    with store.begin() as c:
        held = [one for _, one in stored_windows(c, APPLICATION, since, until)]
        slices = {where for one in held for where in one}
        blobs = {where: encode_pane(merge_all(p[where] for p in held if where in p)) for where in sorted(slices)}
        references.create(c, APPLICATION, "evalset", 0, "test", 1, None, None, blobs)


def compared(pipe: Pipeline) -> set[str]:
    """The baselines that are in force."""
    calibration = pipe.verdicts.judges[APPLICATION].course.calibration
    return {part.baseline for part in calibration.parts} if calibration else set()


def judged(store: Store) -> dict[int, Window]:
    with store.read() as c:
        return {start: decode_window(blob) for start, blob in courses.rows(c, APPLICATION)}


def test_what_is_defined_anew_starts_anew_and_a_restart_takes_it_up(store: Store) -> None:
    batch = records(windows(90, Change(76, 90)))
    pipe = pipeline(store, EVERYTHING)
    feed(pipe, batch[:40], size=8)
    assert compared(pipe) == {"trailing 7d", "cohort model against rest", "period 2026-09-21 to 2026-09-21T02:00:00Z"}
    put_reference(store, START, START + 20 * WINDOW)
    feed(pipe, batch[40:60], size=1)
    assert "reference evalset" in compared(pipe), "learned at the next window, not at the next midnight"
    put_reference(store, START + 20 * WINDOW, START + 30 * WINDOW)
    feed(pipe, batch[60:70], size=1)
    course = pipe.verdicts.judges[APPLICATION].course
    calibration = course.calibration
    assert calibration is not None
    anew = {course.registry[row].baseline for row in calibration.restarts}
    assert anew == {"reference evalset"}
    assert set(calibration.restarts.values()) == {calibration.start}
    again = pipeline(store, EVERYTHING)
    assert compared(again) == compared(pipe)
    one, other = course.history, again.verdicts.judges[APPLICATION].course.history
    assert np.array_equal(one.scores[one.starts > 0], other.scores[other.starts > 0], equal_nan=True)
    feed(again, batch[70:])
    assert judged(store)[START + 80 * WINDOW].calibration == calibration.start


def test_a_group_that_changes_alone_is_a_finding_of_its_cohort(store: Store) -> None:
    feed(pipeline(store, EVERYTHING), records(windows(84, Change(70, 84))))
    with store.read() as c:
        found = [f for f in findings.since(c, APPLICATION, 0) if f.comparison == "cohort" and f.horizon == "5m"]
    told = {(f.slice["model"], f.signal) for f in found if f.verdict == "finding"}
    assert ("b", "response.characters") in told
    mine = next(f for f in found if (f.slice["model"], f.signal) == ("b", "response.characters"))
    assert mine.reasons.before == pytest.approx(40, rel=0.1), "what the others had at the same time, not the past"
    assert mine.baseline == "cohort model against rest"


def test_newcomers_are_compared_within_hours_not_at_midnight(store: Store) -> None:
    batches = windows(134)
    for window in range(98, 134):
        rng = np.random.default_rng([7, window])
        batches[window] += [interaction(window, 300 + i, rng, None, model="new") for i in range(40)]
    pipe = pipeline(store, CONFIG)
    feed(pipe, records(batches))
    calibration = pipe.verdicts.judges[APPLICATION].course.calibration
    assert calibration is not None
    assert ("model", "new") in {part.slice for part in calibration.parts}
    assert calibration.start == START + 132 * WINDOW
    again = pipeline(store, CONFIG).verdicts.judges[APPLICATION]
    assert again.course.calibration is not None
    assert again.course.calibration.start == calibration.start


def test_a_mark_counts_after_a_restart_as_it_did_before(store: Store, tmp_path: Path) -> None:
    """What somebody called false starts anew; a process that reads it back judges on as the one that heard it."""
    batch = records(windows(110, Change(66, 110)))
    pipe = pipeline(store, CONFIG + GENEROUS)
    feed(pipe, batch[:90])
    with store.begin() as c:
        standing = alerts.open_(c, APPLICATION)
        assert standing
        for alert in standing:
            alerts.mark(c, alert.id, "false_alarm", "oncall", ACCEPTED)
    feed(pipe, batch[90:92], size=1)
    restarted = pipe.verdicts.judges[APPLICATION].course.restarts
    assert restarted
    again = pipeline(store, CONFIG + GENEROUS)
    for row, at in restarted.items():
        assert again.verdicts.judges[APPLICATION].course.restarts[row] == at


def test_a_fixed_period_outlives_the_panes_it_came_from(store: Store) -> None:
    pipe = pipeline(store, EVERYTHING)
    feed(pipe, records(windows(30)))
    with store.begin() as c:
        panes.delete_before(c, APPLICATION, HOUR, START + 3 * HOUR)
    again = pipeline(store, EVERYTHING)
    feed(again, records(windows(30, first=30), offset=31))
    assert "period 2026-09-21 to 2026-09-21T02:00:00Z" in compared(again)


def test_decoding_panes_of_a_reference_gives_them_back(store: Store) -> None:
    feed(pipeline(store), records(windows(3)), now=ACCEPTED)
    put_reference(store, START, START + 2 * WINDOW)
    with store.read() as c:
        found = references.get(c, APPLICATION, "evalset")
        assert found is not None
        assert decode_pane(found.panes["", ""]).n == 120
        assert references.newest(c, APPLICATION) == {"evalset": 1}
