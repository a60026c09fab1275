from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors.wobble import Wobble, WobbleSums, learn_wobble
from tests.detectors.helpers import sums_of

Floats = NDArray[np.float64]


def assert_equal(a: WobbleSums, b: WobbleSums) -> None:
    for field in fields(WobbleSums):
        np.testing.assert_allclose(getattr(a, field.name), getattr(b, field.name), rtol=1e-9, atol=1e-9)


@given(st.integers(0, 20), st.integers(0, 2**31))
def test_sums_of_parts_add_up_and_subtract(cut: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts, values = rng.poisson(3, size=(20, 2, 4)).astype(float), rng.normal(size=(20, 2, 5))
    whole, first, last = sums_of(counts, values), sums_of(counts[:cut], values[:cut]), sums_of(counts[cut:], values[cut:])
    if cut in (0, 20):
        first, last = (part if part.windows.any() else WobbleSums.empty(2, 4) for part in (first, last))
    first += last
    assert_equal(first, whole)
    first -= last
    assert_equal(first, sums_of(counts[:cut], values[:cut]) if cut else WobbleSums.empty(2, 4))


def test_empty_and_excluded_windows_add_nothing() -> None:
    sums = WobbleSums.empty(2, 3)
    number = np.array([0.0, 4.0])
    counts = np.array([[0.0, 0, 0], [1, 2, 1]])
    sums.add(counts, number, np.array([np.nan, 8.0]), np.array([np.nan, 20.0]), np.array([True, False]))
    assert_equal(sums, WobbleSums.empty(2, 3))


def test_a_flood_weighs_as_ten_usual_windows() -> None:
    usual, flood = np.array([[30.0, 20.0, 50.0]]), np.array([[0.0, 0.0, 100_000.0]])
    sums = sums_of(np.stack([usual] * 40 + [flood]))
    np.testing.assert_allclose(sums.cells, 40 * usual + flood / 100)
    again = sums_of(np.stack([flood, usual, 9 * usual]))
    np.testing.assert_allclose(again.cells, flood + 10 * usual)


def test_iid_windows_have_no_wobble_and_wobbling_ones_have_theirs() -> None:
    """Shares p_i exp(z a_i) with z of sd w: to first order the whitened covariance is w^2 along sqrt(p) (a - p.a)."""
    rng = np.random.default_rng(1)
    p, axis, k = np.array([0.4, 0.3, 0.2, 0.1]), np.array([1.0, -1.0, 0.5, 0.0]), np.array([4])
    still = sums_of(rng.multinomial(500, p, size=(3000, 1)).astype(float))
    assert learn_wobble(still, k).values.max() < 3e-4
    shares = p * np.exp(0.05 * rng.normal(size=(3000, 1)) * axis)
    counts = rng.multinomial(500, shares / shares.sum(axis=1, keepdims=True))[:, None, :].astype(float)
    wobble = learn_wobble(sums_of(counts), k)
    direction = np.sqrt(p) * (axis - p @ axis)
    assert wobble.values[0, -1] == pytest.approx(0.05**2 * direction @ direction, rel=0.2)
    cosine = wobble.vectors[0, :, -1] @ direction / np.linalg.norm(direction)
    assert abs(cosine) > 0.99


def test_a_wobbling_mean_is_told_from_sampling() -> None:
    rng = np.random.default_rng(2)
    means = 10 + 0.5 * rng.normal(size=(2000, 1, 1))
    values = means + 2 * rng.normal(size=(2000, 1, 50))
    wobble = learn_wobble(sums_of(np.full((2000, 1, 2), 25.0), values), np.array([2]))
    assert wobble.mean[0] == pytest.approx(10, abs=0.05)
    assert wobble.mean_variance[0] == pytest.approx(4.25, rel=0.05)
    assert wobble.mean_wobble[0] == pytest.approx(0.25, rel=0.15)


def test_a_step_of_rounding_is_no_spread() -> None:
    values = np.full((30, 1, 40), 1e6)
    wobble = learn_wobble(sums_of(np.full((30, 1, 1), 40.0), values), np.array([1]))
    assert (wobble.mean_variance[0], wobble.mean_wobble[0]) == (0.0, 0.0)


def test_nothing_learned_is_nan_and_never_an_error() -> None:
    wobble = learn_wobble(WobbleSums.empty(3, 4), np.array([4, 2, 1]))
    assert isinstance(wobble, Wobble)
    assert np.isnan(wobble.p).all()
    assert np.isnan(wobble.mean).all()
