import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from detectors import effects

Floats = NDArray[np.float64]

COUNTS = hnp.arrays(np.float64, (5, 6), elements=st.sampled_from([0.0, 0.0, 1.0, 2.0, 30.0, 1e4, 1e12]))


@given(COUNTS, COUNTS)
def test_cell_effects_are_bounded_symmetric_and_never_warn(base: Floats, now: Floats) -> None:
    empty = (base.sum(axis=1) == 0) | (now.sum(axis=1) == 0)
    for effect in (effects.jensen_shannon, effects.hellinger, effects.total_variation, effects.l_infinity):
        out = effect(base, now)
        np.testing.assert_array_equal(np.isnan(out), empty)
        assert np.all((out[~empty] >= 0) & (out[~empty] <= 1 + 1e-12))
        np.testing.assert_allclose(out, effect(now, base), atol=1e-12)
    psi = effects.psi(base, now, np.array([6] * 5))
    np.testing.assert_array_equal(np.isnan(psi), empty)
    assert np.all(psi[~empty] >= -1e-12)


@given(COUNTS, st.integers(2, 1000))
def test_equal_shares_have_no_effect_whatever_the_counts(base: Floats, times: int) -> None:
    some = base.sum(axis=1) > 0
    for effect in (effects.jensen_shannon, effects.hellinger, effects.total_variation, effects.l_infinity):
        assert np.all(effect(base, base * times)[some] < 1e-7)


def test_a_histogram_without_values_has_no_distance() -> None:
    none, keys, counts = np.empty(0, np.int64), np.array([20_000, 20_016]), np.array([3, 4])
    for a, b in (((none, none), (keys, counts)), ((keys, counts), (none, none)), ((keys, counts * 0), (keys, counts))):
        assert np.isnan(effects.kolmogorov_smirnov(*a, *b))
        assert np.isnan(effects.wasserstein(*a, *b)).all()


def test_a_constant_reference_has_a_distance_in_its_unit_only() -> None:
    one, other = np.array([20_000]), np.array([20_016])
    unit, standardised = effects.wasserstein(one, np.array([9]), other, np.array([5]))
    assert unit > 0
    assert np.isnan(standardised)
    assert effects.kolmogorov_smirnov(one, np.array([9]), other, np.array([5])) == 1.0
    assert effects.wasserstein(one, np.array([9]), one, np.array([5]))[0] == 0.0
