"""The ring of past scores: ranks by counting (second source: plain Python), what is forgotten, what comes back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors.history import HISTORY, NEVER, History
from detectors.ranks import CALIBRATED
from records.window import DAY, HOUR, WINDOW, Way, Window
from tests.detectors.panes import START


def window(i: int, scores: list[float], traffic: int = 10, lean: list[float] | None = None) -> Window:
    out = Window.blank(START + i * WINDOW, 0, traffic, len(scores))
    out.score = np.array(scores, np.float32)
    if lean is not None:
        out.lean = np.array(lean, np.float32)
    return out


def filled(scores: list[float], at: int = 0) -> History:
    history = History()
    history.grow(2)
    for i, score in enumerate(scores):
        history.remember(window(at + i, [score, float("nan")]))
    return history


def tied(higher: int, equal: int, of: int) -> float:
    """p of a score that `higher` others exceed and `equal` equal: its bet is the mean over the ranks that it may have."""
    low, high = (1 + higher) / (of + 1), (1 + higher + equal) / (of + 1)
    return low if not equal else float(((high**0.4 - low**0.4) / (0.4 * (high - low))) ** (-1 / 0.6))


def known(history: History) -> NDArray[np.float32]:
    """The scores of the windows that are remembered, in the order of the ring."""
    scores: NDArray[np.float32] = history.scores[history.starts != NEVER]
    return scores


def rank(history: History, i: int, score: float, row: int = 0, parent: int = 0) -> tuple[float, bool]:
    """By its score alone."""
    each = np.array([[score], [np.nan], [np.nan]])
    p, calibrated = history.rank(START + i * WINDOW, each, np.array([row]), np.array([parent]))
    assert np.isnan(p[1:]).all() and not calibrated[1:].any()
    return float(p[0, 0]), bool(calibrated[0, 0])


@given(st.lists(st.floats(0, 50, width=32), min_size=1, max_size=60), st.floats(0, 50, width=32))
@settings(max_examples=40)
def test_p_is_the_share_of_higher_scores_and_of_equal_ones_what_they_win_together(past: list[float], score: float) -> None:
    p, calibrated = rank(filled(past), len(past), score)
    assert p == pytest.approx(tied(sum(x > score for x in past), past.count(score), len(past)))
    assert calibrated == (len(past) >= CALIBRATED)


def test_dependent_windows_count_for_less() -> None:
    history = filled([0.0] * 100)
    history.v[:, 0] = 10.0
    for of, expected, known in ((history, 1 / 11, False), (filled([0.0] * 100), 1 / 101, True)):
        p, calibrated = rank(of, 100, 1.0)
        assert p == pytest.approx(expected)
        assert calibrated == known


@given(st.integers(0, 2**31))
@settings(max_examples=25)
def test_comparisons_in_any_order_and_number_are_ranked_one_by_one(seed: int) -> None:
    """Second source: plain Python over the windows of one comparison."""
    rng = np.random.default_rng(seed)
    size, windows = int(rng.integers(1, 12)), int(rng.integers(1, 400))
    history = History()
    for i in range(windows):
        if i in (0, windows // 2):
            history.grow(size)
            size += int(rng.integers(0, 3))
        there = history.v.shape[1]
        scores, lean = (np.where(rng.random(there) < 0.2, np.nan, rng.integers(-6, 6, there)) for _ in range(2))
        history.remember(window(i, scores.tolist(), lean=lean.tolist()))
    history.by_day, history.v[:] = rng.random(history.by_day.shape) < 0.5, 1.0
    index, at = rng.permutation(history.v.shape[1]), windows % 288
    each = np.repeat([[3.0], [2.0], [-2.0]], len(index), axis=1)
    p, calibrated = history.rank(START + windows * WINDOW, each, index, index)
    slots = (START // WINDOW + np.arange(windows)) % HISTORY
    for way in Way:
        held = history.scores if way == Way.SCORE else history.lean
        for j, row in enumerate(index.tolist()):
            close = [i for i in range(windows) if not history.by_day[way, row] or min((at - i) % 288, (i - at) % 288) <= 36]
            past = [x for i in close if not np.isnan(x := held[slots[i], row])]
            mine = 2 if way == Way.DOWN else each[way, j]
            higher = sum(x < mine if way == Way.DOWN else x > mine for x in past)
            assert p[way, j] == pytest.approx(tied(higher, past.count(mine), len(past)))
            assert calibrated[way, j] == (len(past) >= CALIBRATED)


def test_each_way_borrows_where_it_has_too_few_of_its_own() -> None:
    history = History()
    history.grow(2)
    history.v[:] = 1.0
    for i in range(30):
        history.remember(window(i, [1.0, 1.0], lean=[float(i), np.nan if i < 15 else 5.0]))
    each = np.array([[2.0, 2.0], [28.5, 28.5], [-2.5, -2.5]])
    p, calibrated = history.rank(START + 30 * WINDOW, each, np.array([0, 1]), np.array([0, 0]))
    assert calibrated.all()
    assert p == pytest.approx(np.array([[1 / 31, 1 / 31], [2 / 31, 2 / 31], [4 / 31, 4 / 31]]))
    history.v[Way.UP, 0] = 2.0
    p, calibrated = history.rank(START + 30 * WINDOW, each, np.array([0, 1]), np.array([0, 0]))
    assert calibrated.tolist() == [[True, True], [False, False], [True, True]]


def test_a_comparison_without_history_borrows_that_of_its_parent() -> None:
    p, calibrated = rank(filled([1.0] * 30), 30, 2.0, row=1, parent=0)
    assert p == pytest.approx(1 / 31)
    assert calibrated
    assert rank(filled([1.0] * 10), 10, 2.0, row=1, parent=0) == (1.0, False)


def test_a_score_that_is_not_there_has_no_p() -> None:
    assert np.isnan(rank(filled([1.0] * 30), 30, float("nan"))[0])


def test_windows_of_an_incident_are_forgotten_for_their_comparison_alone() -> None:
    history = History()
    history.grow(2)
    for i in range(40):
        history.remember(window(i, [float(i), float(i)]))
    history.forget(np.array([0]), START + 30 * WINDOW, START + 40 * WINDOW)
    assert rank(history, 40, 29.5)[0] == pytest.approx(1 / 31)
    assert rank(history, 40, 29.5, row=1, parent=1)[0] == pytest.approx(11 / 41)


def test_a_score_of_two_weeks_ago_gives_its_place_to_the_new_one() -> None:
    history = filled([5.0] * 3)
    history.remember(window(HISTORY, [1.0, float("nan")]))
    assert known(history)[:, 0].tolist() == [1.0, 5.0, 5.0]
    assert rank(history, HISTORY + 2, 5.0)[0] == pytest.approx(1 / 2)  # those of windows 1 and 2 are too old by now


def test_dropping_what_came_after_leaves_the_history_as_it_was() -> None:
    history, before = filled([1.0] * 30), filled([1.0] * 20)
    history.drop_after(START + 19 * WINDOW)
    for a, b in ((known(history), known(before)), (history.starts, before.starts), (history.traffic, before.traffic)):
        assert np.array_equal(a, b, equal_nan=True)


def test_ranks_by_time_of_day_take_windows_of_the_same_three_hours_of_any_day() -> None:
    history = filled([float(i % 288) for i in range(4 * 288)])
    history.by_day[:] = True
    p, _ = rank(history, 4 * 288, 40.0)
    near_midnight = [s for s in range(288) if min(s, 288 - s) <= 36]
    assert p == pytest.approx(tied(4 * sum(s > 40 for s in near_midnight), 4 * (40 in near_midnight), 4 * len(near_midnight)))


@pytest.mark.parametrize(("traffic", "busy"), [([10] * 288, True), ([10] * 19, False), ([10] * 280 + [0] * 8, False)])
def test_silence_means_something_only_where_there_always_was_traffic(traffic: list[int], busy: bool) -> None:
    history = History()
    for i, n in enumerate(traffic):
        history.remember(window(i, [], n))
    assert history.always_busy(START + len(traffic) * WINDOW) == busy
    assert history.traffic_before(START + len(traffic) * WINDOW) == sum(traffic)
    assert history.traffic_before(START + 15 * DAY) == 0


def test_measuring_looks_at_the_two_weeks_before_a_window_only() -> None:
    rng = np.random.default_rng(1)
    slow = np.repeat(rng.normal(0, 1, 40), 12)
    history, late = filled(slow.tolist()), filled(slow.tolist())
    history.measure(START + len(slow) * WINDOW)
    assert history.v[Way.SCORE, 0] > 2
    assert history.vif[Way.SCORE, 0] > 1
    assert not history.settled[Way.UP :].any(), "there was no lean"
    late.measure(START + len(slow) * WINDOW + 15 * DAY + HOUR)
    assert late.v[Way.SCORE].tolist() == [1.0, 1.0]


def test_signed_ranks_are_judged_once_they_were_remembered_for_two_days() -> None:
    history = History()
    history.grow(2)
    for i in range(610):
        history.remember(window(i, [float(i % 7)] * 2, lean=[float(i % 7), np.nan if i < 100 else float(i % 5)]))
    history.measure(START + 610 * WINDOW)
    assert history.settled.tolist() == [[True, True], [True, False], [True, False]]
    history.forget(np.array([0]), START, START + 40 * WINDOW)
    history.measure(START + 610 * WINDOW)
    assert not history.settled[Way.UP :].any(), "what was defined anew starts anew"


def test_each_way_is_measured_by_what_was_seen_that_way() -> None:
    """A lean that rarely goes up, and then stays there, repeats itself upwards alone."""
    rng = np.random.default_rng(2)
    lean = rng.normal(0, 1, 600)
    lean[300:324] += 20
    history, other = History(), History()
    for each, sign in ((history, 1.0), (other, -1.0)):
        each.grow(1)
        for i, x in enumerate((sign * lean).tolist()):
            each.remember(window(i, [0.0], lean=[x]))
        each.measure(START + len(lean) * WINDOW)
    assert history.v[Way.UP, 0] > 1.5 * history.v[Way.DOWN, 0]
    assert other.v[:, 0].tolist() == history.v[[Way.SCORE, Way.DOWN, Way.UP], 0].tolist()
    assert other.vif[:, 0].tolist() == history.vif[[Way.SCORE, Way.DOWN, Way.UP], 0].tolist()
