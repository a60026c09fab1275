"""Tails against mpmath 1.4.1 with 60 digits (far ones) and scipy.stats (all others).

The mpmath numbers are -log10 of betainc(d2/2, d1/2, 0, d2/(d2 + d1 x), regularized=True), gammainc and erfc.
"""

import numpy as np
import pytest
from scipy import stats

from detectors.tails import chi_square_decades, f_decades, normal_decades, one_sided, t_decades

F_FAR = [  # x, d1, d2, decades
    (1, 9, 2006, 0.3588360293903776),
    (5, 9, 2006, 5.957362268000227),
    (50, 9, 2006, 81.29159598900638),
    (200, 9, 2006, 270.6664528411601),
    (2000, 9, 2006, 992.5439478835079),
    (1e6, 9, 2006, 3653.522418585835),
    (30, 4, 19, 7.246625649137469),
    (1e12, 11, 13, 74.91825452471429),
    (3, 1, 285, 1.073933059513972),
    (1e4, 1, 4000, 1089.962185157206),
    (0.01, 9, 2006, 7.010322336857442e-9),
]
T_FAR = [  # t, df, decades of both sides
    (0.1, 2015, 0.03604496688626572),
    (4.5, 2015, 5.143707078377875),
    (40, 2015, 257.3105284674529),
    (100, 2015, 782.9750229322002),
    (1e4, 23, 77.12377395336207),
    (1e8, 60, 427.6444075287909),
    (6, 1e9, 8.704834183372703),
    (300, 4000, 2744.025403771925),
]
CHI_SQUARE_FAR = [  # x, df, decades
    (3, 9, 0.01579009741031347),
    (60, 9, 8.872675501486355),
    (1500, 9, 316.7217625273529),
    (5000, 1, 1087.683836514322),
    (1e5, 11, 21695.29754782214),
]
NORMAL_FAR = [(0.3, 0.1168059492903183), (5, 6.241615676726673), (38, 315.2387597082985), (100, 2173.57051287337)]


@pytest.mark.parametrize(("x", "d1", "d2", "expected"), F_FAR)
def test_the_f_tail_is_exact_far_beyond_the_smallest_float(x: float, d1: float, d2: float, expected: float) -> None:
    assert float(f_decades(x, d1, d2)) == pytest.approx(expected, rel=1e-11, abs=1e-15)


@pytest.mark.parametrize(("t", "df", "expected"), T_FAR)
def test_the_t_tail_is_exact_far_beyond_the_smallest_float(t: float, df: float, expected: float) -> None:
    assert float(t_decades(t, df)) == pytest.approx(expected, rel=1e-11)
    assert float(t_decades(-t, df)) == float(t_decades(t, df))


@pytest.mark.parametrize(("x", "df", "expected"), CHI_SQUARE_FAR)
def test_the_chi_square_tail_is_exact_far_beyond_the_smallest_float(x: float, df: float, expected: float) -> None:
    assert float(chi_square_decades(x, df)) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(("z", "expected"), NORMAL_FAR)
def test_the_normal_tail_is_exact_far_beyond_the_smallest_float(z: float, expected: float) -> None:
    assert float(normal_decades(z)) == pytest.approx(expected, rel=1e-11)


def test_tails_agree_with_scipy_where_scipy_can_say() -> None:
    rng = np.random.default_rng(1)
    d1, d2 = rng.integers(1, 12, 500).astype(float), rng.integers(12, 4000, 500).astype(float)
    x = rng.exponential(3, 500)
    np.testing.assert_allclose(f_decades(x, d1, d2), -stats.f.logsf(x, d1, d2) / np.log(10), rtol=1e-9, atol=1e-14)
    t = rng.normal(0, 6, 500)
    np.testing.assert_allclose(
        t_decades(t, d2), -(stats.t.logsf(np.abs(t), d2) + np.log(2)) / np.log(10), rtol=1e-9, atol=1e-14
    )
    np.testing.assert_allclose(chi_square_decades(8 * x, d1), -stats.chi2.logsf(8 * x, d1) / np.log(10), rtol=1e-9, atol=1e-14)


def test_one_side_agrees_with_scipy() -> None:
    t = np.array([-30.0, -3.0, -0.2, 0.2, 3.0, 30.0])
    np.testing.assert_allclose(
        one_sided(t_decades(t, 100.0), t > 0), -stats.t.logsf(t, 100) / np.log(10), rtol=1e-9, atol=1e-14
    )


def test_decades_go_on_where_floats_end_without_a_jump() -> None:
    x = np.linspace(190, 230, 400)
    steps = np.diff(f_decades(x, 9.0, 2006.0))
    assert steps.min() > 0
    assert steps.max() / steps.min() < 1.3
    steps = np.diff(chi_square_decades(np.linspace(1250, 1350, 400), 9.0))
    assert steps.max() / steps.min() < 1.1


def test_what_is_not_a_number_stays_so_and_the_edges_are_whole() -> None:
    np.testing.assert_array_equal(f_decades([np.nan, 0.0, -1.0, np.inf], 9.0, 200.0), [np.nan, 0.0, 0.0, np.inf])
    np.testing.assert_array_equal(t_decades([np.nan, 0.0, np.inf], 200.0), [np.nan, 0.0, np.inf])
    np.testing.assert_array_equal(chi_square_decades([np.nan, 0.0, np.inf], 3.0), [np.nan, 0.0, np.inf])
    np.testing.assert_array_equal(t_decades([2.0], [np.nan]), [np.nan])
