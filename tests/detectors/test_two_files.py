import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from detectors import two_files
from detectors.scores import MOMENTS, Scores

COUNTS = hnp.arrays(np.float64, (3, 6), elements=st.sampled_from([0.0, 0.0, 1.0, 2.0, 30.0, 1e4, 1e9]))


@given(COUNTS, COUNTS, hnp.arrays(np.bool_, (3,)))
def test_any_two_files_have_a_p_or_a_reason_why_not(
    base: NDArray[np.float64], now: NDArray[np.float64], ordered: NDArray[np.bool_]
) -> None:
    found = two_files.compare(base, now, np.full(3, 6), ordered)
    there = (base.sum(axis=1) > 0) & (now.sum(axis=1) > 0)
    np.testing.assert_array_equal(~np.isnan(found.decades), there)
    assert np.all(np.isfinite(found.decades[there]) & (found.decades[there] >= 0))
    assert np.all((found.spoke >= 0) == there)


@pytest.mark.parametrize("skewed", [False, True])
@pytest.mark.parametrize("n", [200, 1000])
def test_clean_pairs_are_flagged_at_about_the_stated_rate(skewed: bool, n: int) -> None:
    """statistics.md, section 6: 0.70 to 1.38 times nominal; here 20,000 pairs, so within four standard errors of that."""
    rng = np.random.default_rng([n, skewed])
    p = np.linspace(3, 0.3, 10) if skewed else np.ones(10)
    p /= p.sum()
    base, now = (rng.multinomial(size, p, size=20_000).astype(float) for size in (600, n))
    decades = two_files.compare(base, now, np.full(20_000, 10), np.ones(20_000, bool)).decades
    for nominal in (1e-1, 1e-2, 1e-3):
        error = 4 * np.sqrt(nominal / 20_000)
        assert 0.6 * nominal - error < np.mean(decades >= -np.log10(nominal)) < 1.38 * nominal + error


def test_with_windows_a_score_pays_for_each_test_that_could_speak() -> None:
    scores = Scores(np.array([4.0, 4.0, 4.0, np.nan, 0.2]), np.full(5, MOMENTS, np.int8), np.full(5, np.nan))
    found = two_files.with_windows(
        scores,
        ordered=np.array([True, True, False, True, True]),
        numeric=np.array([True, False, False, True, True]),
        k=np.array([10, 10, 10, 10, 3]),
    )
    np.testing.assert_allclose(found.decades, [4 - np.log10(3), 4 - np.log10(2), 4, np.nan, 0])
