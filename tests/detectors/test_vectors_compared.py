"""Vectors against every kind of baseline: fixed, trailing, seasonal; of all traffic alone; and from their bytes again."""

from collections.abc import Iterable
from functools import cache

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from detectors.baselines import Baseline
from detectors.calibration import ALL, Panes, always, learn
from detectors.calibration_codec import decode_calibration, encode_calibration
from detectors.course import Course
from detectors.history import History
from records.columns import Columns, Vectors
from records.pane import Pane, merge_all
from records.signal import Kind, Signal
from records.summary.vectors import DIMENSIONS
from records.window import DAY, HOUR, WINDOW
from streams.panes import fold, group_rows
from tests.detectors.panes import BUDGET, PAST, START

REFERENCE = Baseline("evalset", "fixed", "skew")
SEASONAL = Baseline("seasonal 1d x2", "seasonal", period=DAY, repeats=2)
REST = Baseline("cohort model against rest", "cohort", "cohort", dimension="model")
ALONG, ACROSS = np.eye(DIMENSIONS)[0], np.eye(DIMENSIONS)[5]
WHEN = START + 150 * WINDOW


def declared(name: str) -> Signal:
    return Signal(name, Kind.VECTOR if name == "topics" else Kind.BOOLEAN, name, "language")


def folded(columns: Columns) -> Pane:
    n = columns.n
    grouping = group_rows(pl.Series(["app"] * n), np.zeros(n, np.int64), {})
    return fold(columns, grouping, pl.Series([str(i) for i in range(n)]), {})[0]


def pane(seed: int, shift: NDArray[np.float64], n: int = 60) -> Pane:
    """Vectors of 0.1 around a mean that is `shift` of their standard deviations off."""
    values = 0.1 * np.random.default_rng(seed).normal(size=(n, DIMENSIONS)) + 0.1 * shift
    rows = np.arange(n, dtype=np.int32)
    return folded(Columns(n, {"topics": declared("topics")}, vector={"topics": Vectors(rows, values)}))


def by_day(at: int) -> NDArray[np.float64]:
    """Where the mean is at a time of day: it goes round twice."""
    return ALONG * np.sin(4 * np.pi * (at % DAY) / DAY)


def panes(at: int, shift: NDArray[np.float64]) -> Panes:
    """A window, with a slice that has no vectors of its own."""
    return {ALL: pane(at // WINDOW, by_day(at) + shift), ("model", "a"): folded(Columns(30))}


@cache
def earlier(hour: int) -> Pane:
    return merge_all(pane(at // WINDOW, by_day(at)) for at in range(hour, hour + HOUR, WINDOW))


def season(baseline: Baseline, start: int) -> Iterable[tuple[int, Panes]]:
    for back in range(1, baseline.repeats + 1):
        hour = start // HOUR * HOUR - back * DAY
        yield hour, {ALL: earlier(hour)}


@pytest.fixture(scope="module")
def course() -> Course:
    made = Course([])
    held = [(at, panes(at, 0 * ALONG)) for at in range(START, WHEN, WINDOW)]
    references = {REFERENCE.name: {ALL: pane(1, 3 * ACROSS, 500)}}
    baselines = [PAST, REFERENCE, SEASONAL, REST]
    made.adopt(learn(WHEN, lambda: held, references, baselines, declared, made.register, always, season))
    return made


def judged(course: Course, shift: NDArray[np.float64]) -> dict[str, tuple[float, float, float]]:
    """Score, distance and effect over its floor by baseline, of one window."""
    found = course.judge(WHEN, panes(WHEN, shift), BUDGET, season)
    rows = {s.baseline: i for i, s in enumerate(course.registry) if s.signal == "topics"}
    assert np.isnan(found.js[list(rows.values())]).all()
    return {name: (found.score[i], found.smd[i], found.floors[i]) for name, i in rows.items()}


def test_vectors_are_compared_of_all_traffic_alone(course: Course) -> None:
    assert [(s.dimension, s.signal, s.baseline) for s in course.registry if s.signal == "topics"] == [
        ("", "topics", baseline.name) for baseline in (PAST, REFERENCE, SEASONAL)
    ]


def test_each_baseline_sees_what_differs_from_it(course: Course) -> None:
    still, along, across = (judged(course, shift) for shift in (0 * ALONG, 1.5 * ALONG, 1.5 * ACROSS))
    assert still[PAST.name][0] < 3 and still[SEASONAL.name][0] < 3
    assert still[REFERENCE.name][0] > 8 and still[REFERENCE.name][1] == pytest.approx(3, abs=0.4)
    assert still[REFERENCE.name][2] == pytest.approx(still[REFERENCE.name][1] / 0.5, rel=0.05)
    assert along[PAST.name][0] < 3 < 5 < along[SEASONAL.name][0], "the hour of day explains what past traffic is used to"
    assert across[PAST.name][0] > 8 and across[SEASONAL.name][0] > 8
    assert across[PAST.name][1] == pytest.approx(1.6, abs=0.4)


def test_a_calibration_of_vectors_survives_its_bytes_and_loses_a_baseline(course: Course) -> None:
    calibration = course.calibration
    assert calibration is not None
    data = encode_calibration(calibration, History())
    known = {baseline.name: baseline for baseline in (PAST, REFERENCE, SEASONAL, REST)}
    for gone in ("", PAST.name):
        left = {name: baseline for name, baseline in known.items() if name != gone}
        again = decode_calibration(data, declared, Course([]).register, left, History())
        mine = slice(None) if not gone else slice(1, None)
        for one, other in zip(again.base.vectors[:3], calibration.base.vectors[:3], strict=True):
            assert gone or np.array_equal(one, other)
        assert np.array_equal(again.base.vectors.mean, calibration.base.vectors.mean[mine])
        assert np.array_equal(again.base.vectors.wobble.values, calibration.base.vectors.wobble.values[mine])
