"""The literature's methods as columns do what their sources, and River's own code, say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from river.drift import PageHinkley

from bench.methods import PER_RATE, alarms, threshold_at
from bench.methods_evidence import (
    LINEAR,
    POWERS,
    Restart,
    by_cusum,
    by_sum,
    detector,
    jumper,
    linear_bets,
    page_hinkley,
    pareto_decades,
    power_bets,
)

P_VALUES = st.lists(st.floats(1e-4, 1.0), min_size=1, max_size=12)


@given(P_VALUES, st.sampled_from([(0.4,), POWERS]))
def test_a_mixture_of_sums_is_the_mean_over_bets_of_the_sum_over_starts(p: list[float], powers: tuple[float, ...]) -> None:
    series = np.array(p)
    wins = [[k * series[start:] ** (k - 1) for start in range(len(p))] for k in powers]
    expected = np.mean([sum(np.prod(since) for since in of_bet) for of_bet in wins])
    assert detector(series[:, None], powers, by_sum)[-1, 0] == pytest.approx(np.log10(expected), abs=1e-9)


@given(P_VALUES)
def test_a_cusum_is_the_best_start(p: list[float]) -> None:
    bets = power_bets(np.array(p), (0.4,))[0]
    expected = max(bets[start:].sum() for start in range(len(p))) / np.log(10)
    assert detector(np.array(p)[:, None], (0.4,), by_cusum)[-1, 0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("restart", [by_cusum, by_sum])
@given(p=P_VALUES)
def test_a_jumper_that_has_one_bet_never_jumps(restart: Restart, p: list[float]) -> None:
    series = np.array(p)[:, None]
    np.testing.assert_allclose(jumper(series, power_bets, (0.4,), restart), detector(series, (0.4,), restart), atol=1e-9)


def test_every_bet_is_fair() -> None:
    p = (np.arange(100_000) + 0.5) / 100_000
    assert np.exp(linear_bets(p, LINEAR)).mean(axis=1) == pytest.approx(np.ones(len(LINEAR)), abs=1e-9)
    assert np.exp(power_bets(p, POWERS[3:])).mean(axis=1) == pytest.approx(np.ones(len(POWERS[3:])), abs=0.01)


@pytest.mark.parametrize(("delta", "threshold"), [(0.005, 5.0), (0.25, 3.0), (0.25, 12.0)])
def test_page_hinkley_changes_where_rivers_does(delta: float, threshold: float) -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.exponential(0.4, 300), rng.exponential(1.2, 100)])
    river = PageHinkley(min_instances=1, delta=delta, threshold=threshold, mode="up")
    found = next(t for t, x in enumerate(values) if river.update(x) or river.drift_detected)
    assert found == (page_hinkley(values[:, None], delta)[:, 0] > threshold).argmax()


def test_the_tail_over_a_threshold_is_the_one_that_was_drawn_from() -> None:
    past = np.random.default_rng(4).exponential(size=(40_000, 3))
    live = np.full((1, 3), 8.0)
    assert pareto_decades(past, live)[0] == pytest.approx(8 / np.log(10), rel=0.15)  # the exponential's survival function


@given(st.integers(0, 1000), st.sampled_from([1.0, 10.0, 100.0]))
def test_a_threshold_is_the_lowest_that_keeps_the_rate(seed: int, rate: float) -> None:
    highest = np.random.default_rng(seed).gamma(2.0, size=(20, 30)).astype(np.float32)
    threshold, allowed = threshold_at(highest, rate), rate * highest.size / PER_RATE
    assert alarms(highest >= threshold) <= allowed
    below = highest[highest < threshold].max()
    assert alarms(highest >= below) > allowed
