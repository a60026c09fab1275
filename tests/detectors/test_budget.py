import numpy as np
import pytest

from detectors import budget


def test_a_threshold_is_the_fair_bet_bound_stretched_by_the_inflation() -> None:
    np.testing.assert_allclose(
        budget.thresholds(np.array([1.0, 2.5, 0.3, 1.0]), comparisons=100, windows_in_period=8640, at_most=1),
        np.log10(864_000) * np.array([1, 2.5, 1, 1]),
    )


def test_the_ways_of_a_comparison_share_what_is_granted_to_it() -> None:
    """By luck evidence of h decades comes once in 10^h windows: all ways of all comparisons together, `at_most` times."""
    ways = np.array([1, 3, 2])
    h = budget.thresholds(np.ones((3, 3)), 3, 8640, 1, ways)
    assert (8640 * 10**-h * (np.arange(3)[:, None] < ways)).sum() == pytest.approx(1)


def test_a_larger_budget_lowers_the_threshold_down_to_one_decade() -> None:
    one = np.ones(1)
    assert budget.thresholds(one, 100, 8640, 10)[0] == budget.thresholds(one, 100, 8640, 1)[0] - 1
    assert budget.thresholds(one, 1, 8640, 1e9)[0] == 1.0


def test_any_one_effect_above_the_floor_passes() -> None:
    nan = np.nan
    cases = [  # js, smd, ratio, events, times the floor
        (0.1, nan, nan, nan, 1.0),
        (0.05, -0.3, nan, nan, 1.5),
        (0.0, 0.0, 1.5, 10, 1.0),
        (0.0, 0.0, 1 / 1.5, 10, 1.0),
        (0.0, 0.0, 2.25, 10, 2.0),
        (0.01, nan, 50.0, 9, 0.1),
        (nan, nan, nan, nan, 0.0),
        (nan, nan, nan, 100, 0.0),
        (0.02, nan, 0.0, 100, np.inf),
    ]
    js, smd, ratio, events, expected = (np.array(part, float) for part in zip(*cases, strict=True))
    np.testing.assert_allclose(budget.times_floor(js, smd, ratio, events), expected)


def test_a_floor_of_ones_own_is_used() -> None:
    own = budget.Floor(js=0.3, smd=1.0, ratio=3.0, events=5)
    assert budget.times_floor([0.15], [0.1], [9.0], [6], own)[0] == 2.0
