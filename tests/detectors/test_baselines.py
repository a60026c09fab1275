"""Baselines that move with the window, or stand still: what each compares, and what it learns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from detectors.baselines import Baseline
from detectors.calibration import ALL, Panes, Slice, always, learn
from detectors.course import Course
from records.pane import merge_all
from records.window import HOUR, WINDOW, Code
from tests.detectors.panes import BUDGET, PAST, START, declared, pane

A, B = ("model", "a"), ("model", "b")
REST = Baseline("cohort model against rest", "cohort", "cohort", dimension="model")
RELEASE = Baseline("cohort model b against a", "cohort", "cohort", dimension="model", of="b", against="a")
SEASONAL = Baseline("seasonal 1d x2", "seasonal", period=24 * HOUR, repeats=2)
DAY = 24 * HOUR


def window(rng: np.random.Generator, both: float = 1.0, b: float = 1.0, n: int = 60) -> Panes:
    """Two slices of n values each: `both` moves the two, `b` the second alone; b always fails more often than a."""
    slices: dict[Slice, dict[str, list[float]]] = {}
    for where, factor, failing in ((A, both, 0.05), (B, both * b, 0.3)):
        lengths = rng.normal(100, 15, n) * factor
        slices[where] = {"length": lengths.tolist(), "failed": (rng.random(n) < failing).tolist()}
    panes = {where: pane(**values) for where, values in slices.items()}
    return {**panes, ALL: pane(**{name: slices[A][name] + slices[B][name] for name in ("length", "failed")})}


def calibrated(windows: list[Panes], *baselines: Baseline) -> Course:
    course = Course([])
    held = [(START + i * WINDOW, panes) for i, panes in enumerate(windows)]
    start = START + len(windows) * WINDOW
    course.adopt(learn(start, lambda: held, {}, [PAST, *baselines], declared, course.register, always))
    return course


def scores(course: Course, panes: Panes, at: int) -> dict[tuple[str, str, str], float]:
    """Score of the window by slice, signal and baseline."""
    judged = course.judge(at, panes, BUDGET)
    return {(s.value, s.signal, s.baseline): float(judged.score[i]) for i, s in enumerate(course.registry)}


@pytest.mark.parametrize("cohort", [REST, RELEASE], ids=["the rest", "another release"])
def test_a_cohort_sees_what_one_group_does_alone_and_not_what_all_do(cohort: Baseline) -> None:
    rng = np.random.default_rng(1)
    course = calibrated([window(rng) for _ in range(60)], cohort)
    at = START + 60 * WINDOW
    together = scores(course, window(rng, both=1.5), at)
    alone = scores(course, window(rng, b=1.5), at + WINDOW)
    assert together["b", "length", "past"] > 8 > 3 > together["b", "length", cohort.name]
    assert alone["b", "length", cohort.name] > 8


def test_what_a_group_always_had_of_its_own_is_no_change() -> None:
    rng = np.random.default_rng(2)
    course = calibrated([window(rng) for _ in range(60)], REST)
    row = next(i for i, s in enumerate(course.registry) if s[1:] == ("b", "failed", REST.name))
    judged = [course.judge(START + (60 + i) * WINDOW, window(rng), BUDGET) for i in range(50)]
    assert np.median([one.score[row] for one in judged]) > 2, "no tail is right: the difference is in every window"
    assert judged[-1].verdict[row] == Code.CALM, "among scores that were always so, it is nothing new"
    assert max(one.evidence[row] for one in judged) < judged[-1].threshold[row]


def test_a_release_is_compared_with_the_other_alone_and_never_with_itself() -> None:
    rng = np.random.default_rng(3)
    course = calibrated([window(rng) for _ in range(30)], RELEASE)
    assert {s.value for s in course.registry if s.baseline == RELEASE.name} == {"b"}
    panes = window(rng)
    assert course.calibration is not None
    seen = course.calibration.see(START, panes, lambda *_: (), always)
    beside = course.calibration.against(seen)
    rows = [i for i, s in enumerate(course.registry) if s.baseline == RELEASE.name and s.signal == "length"]
    assert beside.n[rows].tolist() == [60]
    assert_allclose(beside.mean[rows], panes[A].moments[panes[A].index("length"), 0] * 1.0 / 60, rtol=1e-9)


@given(st.lists(st.floats(0.6, 1.8), min_size=30, max_size=40))
@settings(max_examples=5, deadline=None)
def test_a_difference_wobbles_no_more_than_sampling_however_much_both_sides_do(factors: list[float]) -> None:
    rng = np.random.default_rng(4)
    course = calibrated([window(rng, both=f) for f in factors], REST)
    calibration = course.calibration
    assert calibration is not None
    rows = {(s.value, s.signal, s.baseline): i for i, s in enumerate(course.registry)}
    places = {row: place for place, row in enumerate(calibration.index.tolist())}
    apart = places[rows["b", "length", REST.name]]
    assert calibration.wobble.mean_wobble[apart] <= 60, "variance of a mean of 60 values of sd 15, twice, is 7.5"


def by_the_hour(at: int) -> float:
    """A level of its own for every hour of the day."""
    return 1 + 0.5 * float(np.sin(2 * np.pi * (at // HOUR % 24) / 24))


def test_a_season_is_the_same_hour_of_earlier_days() -> None:
    """Every hour has a level of its own: against the past every window differs, against its season none does."""
    rng = np.random.default_rng(5)
    held = {START + i * WINDOW: window(rng, by_the_hour(START + i * WINDOW)) for i in range(3 * 288)}
    hours: dict[int, list[Panes]] = {}
    for at, panes in held.items():
        hours.setdefault(at // HOUR * HOUR, []).append(panes)
    rolled = {hour: {where: merge_all(p[where] for p in parts) for where in (ALL, A, B)} for hour, parts in hours.items()}

    def season(baseline: Baseline, start: int) -> list[tuple[int, Panes]]:
        earlier = [start // HOUR * HOUR - i * baseline.period for i in range(1, baseline.repeats + 1)]
        return [(hour, rolled[hour]) for hour in earlier if hour in rolled]

    course, last = Course([]), START + 3 * DAY
    recent = [(at, panes) for at, panes in held.items() if at >= last - DAY]
    course.adopt(learn(last, lambda: recent, {}, [PAST, SEASONAL], declared, course.register, always, season))
    at = last + 6 * HOUR
    judged = course.judge(at, window(rng, by_the_hour(at)), BUDGET, season)
    moved = course.judge(at + WINDOW, window(rng, by_the_hour(at) * 1.3), BUDGET, season)
    row = {(s.value, s.signal, s.baseline): i for i, s in enumerate(course.registry)}
    of_season, of_past = row["", "length", SEASONAL.name], row["", "length", "past"]
    assert judged.score[of_season] < 2
    assert moved.score[of_season] > 8
    assert judged.js[of_past] > 0.3 > 0.15 > judged.js[of_season]
    nothing = course.judge(at + 40 * DAY, window(rng), BUDGET, season)
    assert nothing.verdict[of_season] == Code.TOO_FEW
    assert np.isnan(nothing.score[of_season])


def test_trailing_baselines_of_two_lengths_learn_from_their_own_windows() -> None:
    rng = np.random.default_rng(6)
    short = Baseline("trailing 3h", "trailing", length=3 * HOUR)
    windows = [window(rng, 2.0 if i < 40 else 1.0) for i in range(80)]
    course = calibrated(windows, short)
    calibration = course.calibration
    assert calibration is not None
    mean = {(s.value, s.signal, s.baseline): calibration.base.mean[i] for i, s in enumerate(course.registry)}
    assert mean["", "length", "past"] == pytest.approx(150, rel=0.03)
    assert mean["", "length", "trailing 3h"] == pytest.approx(100, rel=0.03)
