"""Ranks and dependence against their definitions, written as loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import integrate

from detectors import ranks

HISTORIES = hnp.arrays(np.float32, (30, 3), elements=st.sampled_from([np.nan, 0.0, 0.5, 1.0, 2.0, 2.5, 300.0]))


def present(column: NDArray[np.float32]) -> NDArray[np.float32]:
    return column[~np.isnan(column)]


def tied(higher: int, at_least: int, of: int) -> float:
    """The definition: that p wins what the ranks between win on average, here by quadrature; each counts itself twice."""
    low, high = (higher + 1) / of, at_least / of
    if high <= low:
        return high
    won = integrate.quad(lambda p: 0.4 * p**-0.6, low, high)[0] / (high - low)
    return float((won / 0.4) ** (1 / -0.6))


@given(HISTORIES)
def test_self_ranks_are_the_ranks_of_each_among_all(history: NDArray[np.float32]) -> None:
    p = ranks.self_ranks(history)
    for c in range(3):
        own = present(history[:, c])
        for w in range(len(history)):
            expected = tied(1 + (own > history[w, c]).sum(), 1 + (own >= history[w, c]).sum(), len(own) + 1)
            assert np.isnan(p[w, c]) if np.isnan(history[w, c]) else p[w, c] == pytest.approx(expected)


@settings(deadline=None)
@given(HISTORIES, st.integers(0, 4), hnp.arrays(np.int64, (30,), elements=st.integers(0, 9)))
def test_time_of_day_ranks_use_the_neighbours_in_time_of_day_alone(
    history: NDArray[np.float32], width: int, slots: NDArray[np.int64]
) -> None:
    p = ranks.time_of_day_ranks(history, slots, width=width, day=10)
    for c in range(3):
        for w in range(len(history)):
            own = present(history[ranks.near(slots, int(slots[w]), width, 10), c])
            expected = tied(1 + (own > history[w, c]).sum(), 1 + (own >= history[w, c]).sum(), len(own) + 1)
            assert np.isnan(p[w, c]) if np.isnan(history[w, c]) else p[w, c] == pytest.approx(expected)


def test_near_goes_over_midnight() -> None:
    np.testing.assert_array_equal(ranks.near(np.array([0, 36, 37, 252, 251]), 0), [True, True, False, True, False])
    np.testing.assert_array_equal(ranks.near(np.array([287, 35, 36]), 287), [True, True, False])


def test_a_day_that_shapes_the_scores_is_found_and_one_that_does_not_is_not() -> None:
    rng = np.random.default_rng(1)
    t = np.arange(14 * ranks.DAY)
    noise = rng.exponential(size=(len(t), 3))
    noise[:, 1] *= np.exp(2 * np.sin(2 * np.pi * t / ranks.DAY))
    noise[:, 2] = np.exp(np.convolve(rng.normal(size=len(t) + 99), np.ones(100) / 10, "valid"))
    by_day, v, vif = ranks.learn(noise.astype(np.float32), t % ranks.DAY)
    assert by_day.tolist() == [False, True, False]
    assert v[0] < 1.5
    assert v[1] < 3
    assert v[2] > 20
    assert vif[0] < 1.5
    assert vif[1] < 3, "the bets are those of the ranks by time of day"
    assert vif[2] > 5


def test_the_smallest_p_knows_what_dependent_windows_are_worth() -> None:
    np.testing.assert_allclose(ranks.smallest_p(np.array([19.0, 19, 0]), np.array([1.0, 19, 1])), [0.05, 0.5, 1.0])
