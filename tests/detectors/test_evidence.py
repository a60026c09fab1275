"""The CUSUM of bets and its inflation against their definitions and against known processes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors import evidence

Floats = NDArray[np.float64]


def by_definition(x: Floats, lags: int) -> float:
    """1 + 2 sum (1 - lag/(lags + 1)) times the mean product of the pairs that exist over the variance."""
    x = x - np.nanmean(x)
    total = 0.0
    for lag in range(1, min(lags, len(x) - 1) + 1):
        pairs = x[lag:] * x[:-lag]
        pairs = pairs[~np.isnan(pairs)]
        total += (1 - lag / (lags + 1)) * (pairs.mean() if len(pairs) else 0.0)
    return max(1.0, float(1 + 2 * total / np.nanmean(x**2)))


@given(st.integers(0, 2**31), st.integers(2, 200), st.floats(0, 0.9), st.floats(0, 0.6))
def test_inflation_is_what_its_definition_says_with_and_without_gaps(seed: int, windows: int, rho: float, gaps: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(windows, 2))
    for w in range(1, windows):
        x[w] += rho * x[w - 1]
    x[rng.random(x.shape) < gaps] = np.nan
    x[:2] = rng.normal(size=(2, 2))
    expected = [by_definition(x[:, c], 72) for c in range(2)]
    np.testing.assert_allclose(evidence.inflation(x), expected, rtol=1e-7)


def test_inflation_of_an_autoregression_is_its_long_run_variance() -> None:
    """AR(1): (1 + rho) / (1 - rho), here with Bartlett weights that lose a little."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(40_000, 2))
    for w in range(1, len(x)):
        x[w, 1] += 0.8 * x[w - 1, 1]
    found = evidence.inflation(x, lags=144)
    assert found[0] == pytest.approx(1, abs=0.3)
    assert found[1] == pytest.approx(9, rel=0.2)


@pytest.mark.parametrize(
    "x", [np.zeros((50, 2)), np.full((50, 2), 1e9), np.full((50, 2), np.nan), np.empty((0, 2)), np.ones((1, 2))]
)
def test_series_that_say_nothing_are_not_inflated(x: Floats) -> None:
    np.testing.assert_array_equal(evidence.inflation(x), [1.0, 1.0])


def test_a_bet_is_fair() -> None:
    """The integral of 10^bet over p in (0, 1) is 1: k p^(k-1) is a density."""
    p = (np.arange(2_000_000) + 0.5) / 2_000_000
    assert np.mean(10 ** evidence.bets(p)) == pytest.approx(1, abs=2e-3)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=12))
def test_a_bet_on_tied_scores_is_fair(ties: list[int]) -> None:
    """Scores in groups of equals, ranked from the highest: over all of them they win at most 1, as k p^(k-1) does."""
    of = sum(ties)
    high = np.cumsum(ties) / of
    p = evidence.tied(high - (np.array(ties) - 1) / of, high)
    won = (np.array(ties) * 10 ** evidence.bets(p)).sum() / of
    assert won <= 1 + 1e-9
    assert (p <= high + 1e-12).all() and (p >= high - (np.array(ties) - 1) / of - 1e-12).all()


def test_evidence_adds_up_to_its_cap_and_falls_back_to_zero() -> None:
    c, cap = np.zeros(3), np.full(3, 5.0)
    p = np.array([1e-4, 1.0, np.nan])
    for expected in ([2.002, 0, 0], [4.004, 0, 0], [5.0, 0, 0]):
        c = evidence.step(c, p, cap)
        np.testing.assert_allclose(c, expected, atol=1e-3)
    np.testing.assert_allclose(evidence.step(c, np.array([np.nan] * 3), cap), c)
    for _ in range(13):
        c = evidence.step(c, np.ones(3), cap)
    np.testing.assert_array_equal(c, [0, 0, 0])


def test_luck_reaches_h_decades_about_once_in_10_to_the_h_windows() -> None:
    rng = np.random.default_rng(5)
    c, raised, firing = np.zeros(1000), 0, np.zeros(1000, bool)
    for p in rng.random((4000, 1000)):
        c = evidence.step(c, p, np.full(1000, 4.5))
        over = c >= 3.0
        raised += int((over & ~firing).sum())
        firing = over | (firing & (c > 0))
    assert raised <= 1.2 * 4_000_000 / 10**3
