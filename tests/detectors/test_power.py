"""Smallest detectable effects against scipy.stats.ncx2 and against simulation."""

import numpy as np
import pytest
from scipy import stats

from detectors.effects import jensen_shannon
from detectors.power import smallest_detectable


@pytest.mark.parametrize(("n", "k", "alpha"), [(100, 10, 0.05), (1000, 2, 1e-4), (50_000, 7, 1e-7), (500, 10, 1e-12)])
def test_the_effect_found_has_the_stated_power_by_scipys_noncentral_chi_square(n: float, k: int, alpha: float) -> None:
    distance = float(smallest_detectable(n, k, alpha, "js"))
    noncentral = 8 * n * np.log(2) * distance**2
    assert stats.ncx2.sf(stats.chi2.isf(alpha, k - 1), k - 1, noncentral) == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize(("n", "k"), [(300, 10), (1000, 4)])
def test_a_change_of_that_size_is_found_in_four_draws_of_five(n: int, k: int) -> None:
    rng, alpha = np.random.default_rng(1), 1e-3
    target = float(smallest_detectable(n, k, alpha, "js"))
    p, tilt = np.full(k, 1 / k), np.linspace(-1, 1, k)
    sizes = np.linspace(0, 1, 2001)[:, None]
    tilted = p * np.exp(sizes * tilt)
    tilted /= tilted.sum(axis=1, keepdims=True)
    q = tilted[np.argmin(np.abs(jensen_shannon(np.tile(p, (len(tilted), 1)), tilted) - target))]
    draws = rng.multinomial(n, q, size=4000)
    g = 2 * np.where(draws > 0, draws * np.log(np.maximum(draws, 1) / (n * p)), 0).sum(axis=1)
    assert np.mean(g >= stats.chi2.isf(alpha, k - 1)) == pytest.approx(0.8, abs=0.05)


def test_a_shift_of_the_mean_of_that_size_is_found_in_four_draws_of_five() -> None:
    rng, n, alpha = np.random.default_rng(2), 200, 1e-3
    effect = float(smallest_detectable(n, 10, alpha, "smd"))
    means = rng.normal(effect, 1 / np.sqrt(n), 20_000)
    assert np.mean(2 * stats.norm.sf(np.abs(means) * np.sqrt(n)) <= alpha) == pytest.approx(0.8, abs=0.02)


def test_more_events_show_smaller_effects_and_nothing_shows_none() -> None:
    n = np.array([10.0, 100, 1000, 10_000])
    for measure in ("js", "smd"):
        assert np.all(np.diff(smallest_detectable(n, 10, 1e-4, measure)) < 0)
    assert float(smallest_detectable(1, 10, 1e-9, "js")) == 1.0
    assert np.isnan(smallest_detectable([0, 50, 50], [10, 1, 10], [0.1, 0.1, 0.0], "js")).all()
