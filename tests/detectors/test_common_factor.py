"""Maxima between zeros against a loop, pools against the whole, the factor against a calculation by hand."""

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from detectors.common_factor import LARGEST, NOTHING, Peaks, Pool, factor, merge
from records.window import DAY, HOUR, WINDOW

Floats = NDArray[np.float64]
heights = hnp.arrays(np.float64, st.integers(0, 60), elements=st.floats(0.01, 9))
ratios = hnp.arrays(np.float64, st.tuples(st.integers(1, 40), st.integers(1, 4)), elements=st.sampled_from([0, 0, 0.1, 0.7, 2]))


def by_loop(course: Floats) -> list[float]:
    """The maxima between zeros of one comparison, what still runs included."""
    return [float(max(part)) for above, part in groupby(course[~np.isnan(course)].tolist(), lambda x: x > 0) if above]


def pool(heights: Floats, lived: float, apart: int = DAY) -> Pool:
    """Of maxima that were reached so far apart, in order."""
    return Pool.of(heights, np.arange(len(heights)) * apart, lived)


def test_the_factor_is_the_tail_extended_to_the_budget() -> None:
    """By hand: maxima 0.85, 0.86 ... 1.05: u = 0.85, e = mean(0.01 ... 0.20) = 0.105; 3 comparisons lived 14 days."""
    maxima = np.arange(85, 106) / 100
    expected = 0.85 + 0.105 * (1 + 1 / 20**0.5) * np.log(20 / 14 * 30 / 1)
    assert factor(pool(maxima, 3 * 14.0), comparisons=3, at_most=1, period_days=30) == pytest.approx(expected)
    twice = 0.85 + 0.105 * (1 + 1 / 20**0.5) * np.log(2 * 20 / 14 * 30 / 1)
    assert factor(pool(maxima, 3 * 14.0), comparisons=6, at_most=1, period_days=30) == pytest.approx(twice)


@pytest.mark.parametrize(("apart", "independent"), [(DAY, 20), (4 * HOUR, 20), (3 * HOUR, 1), (0, 1)])
def test_maxima_that_come_together_say_less_of_the_tail(apart: int, independent: int) -> None:
    expected = 0.85 + 0.105 * (1 + 1 / independent**0.5) * np.log(20 / 14 * 30)
    assert factor(pool(np.arange(85, 106) / 100, 14.0, apart), 1, 1, 30) == pytest.approx(expected)


def test_as_many_unsaid_incidents_as_the_budget_grants_count_as_maxima_of_unknown_height() -> None:
    """By hand: k = 1 of 28 / 30 granted; a = ln(20.93 / 0.93) / 20 = 0.1555; 0.85 + 0.1555 x 2.1 / (1 - 0.1452) x 1.2236."""
    maxima = np.arange(85, 106) / 100
    for unsaid in (1, 10):
        found = factor(Pool(pool(maxima, 28.0).maxima, 28.0, unsaid), comparisons=1, at_most=1, period_days=30)
        assert found == pytest.approx(1.3175, abs=1e-3)
    assert factor(pool(maxima, 28.0), 1, 1, 30) < found


def test_a_tail_is_found_although_false_alarms_are_hidden_as_incidents() -> None:
    """Exponential maxima, 40 a day; those above the level that the budget allows are left out and counted."""
    rng = np.random.default_rng(6)
    true = 0.2 * np.log(1200)
    found, naive = [], []
    for _ in range(400):
        drawn = rng.exponential(0.2, 40 * 28)
        seen = pool(drawn[drawn < true], 28.0)
        found.append(factor(Pool(seen.maxima, 28.0, int((drawn >= true).sum())), 1, 1, 30))
        naive.append(factor(seen, 1, 1, 30))
    assert np.mean(naive) < 1.02 * true, "the stretch alone makes up for it"
    assert 1.05 * true < np.mean(found) < 1.25 * true


@pytest.mark.parametrize("at_most", [1e-3, 1, 10, 1e3, 1e6])
def test_however_large_the_budget_and_however_many_incidents_the_factor_is_a_number(at_most: float) -> None:
    seen = Pool(pool(np.arange(85, 106) / 100, 28.0).maxima, 28.0, 10_000)
    assert 1 <= factor(seen, 1, at_most, 30) < 10


def test_a_pool_is_stored_to_the_bit() -> None:
    one = Pool(pool(np.arange(85, 106) / 100, 28.0).maxima, 27.123, 4)
    again = Pool.decode(one.encode())
    np.testing.assert_array_equal(again.maxima, one.maxima)
    assert (again.lived, again.unsaid) == (one.lived, one.unsaid)
    assert Pool.decode(b"") is NOTHING


def test_the_factor_is_never_under_one_and_needs_twenty_one_maxima() -> None:
    assert factor(NOTHING, 10, 1, 30) == 1
    assert factor(pool(np.full(20, 5.0), 14), 1, 1, 30) == 1
    assert factor(pool(np.full(21, 5.0), 14), 1, 1, 30) == 5
    assert factor(pool(np.full(21, 0.1), 14), 1, 1, 30) == 1
    assert factor(pool(np.linspace(1, 2, 21), 14), 1, 10, 30) < factor(pool(np.linspace(1, 2, 21), 14), 1, 1, 30)


def test_the_factor_finds_the_level_that_luck_reaches_at_the_budgets_rate() -> None:
    """Exponential maxima, 40 a day: in 30 days one of them passes u + e ln(1200) of the true scale."""
    rng = np.random.default_rng(4)
    found = [factor(pool(rng.exponential(0.2, 560), 14.0), 1, 1, 30) for _ in range(400)]
    true = 0.2 * np.log(1200)
    assert true < np.mean(found) < 1.15 * true


@given(st.lists(heights, max_size=5), st.randoms())
def test_pools_merge_in_any_order_to_the_pool_of_everything(parts: list[Floats], random: object) -> None:
    pools = [Pool.of(part, i + np.arange(len(part)), 1.0) for i, part in enumerate(parts)]
    everything = np.concatenate([np.empty((0, 2)), *(np.stack([part, i + np.arange(len(part))], 1) for i, part in
                                                     enumerate(parts))])  # fmt: skip
    expected = everything[np.lexsort((everything[:, 1], -everything[:, 0]))][: LARGEST + 1]
    random.shuffle(pools)  # type: ignore[attr-defined]
    middle = len(pools) // 2
    for merged in (merge(pools), merge([merge(pools[:middle]), merge(pools[middle:])])):
        np.testing.assert_array_equal(merged.maxima, expected)
        assert merged.lived == len(parts)


@given(ratios, st.data())
def test_maxima_are_what_a_loop_finds_however_the_windows_are_handed_in(ratio: Floats, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(ratio)))
    ratio = np.where(np.array(data.draw(st.lists(st.booleans(), min_size=ratio.size, max_size=ratio.size))).reshape(
        ratio.shape), np.nan, ratio)  # fmt: skip
    whole, parts = Peaks(), Peaks()
    whole.add(0, ratio)
    for start, part in ((0, ratio[:cut]), (cut, ratio[cut:])):
        if len(part):
            parts.add(start * WINDOW, part)
    expected = sorted((h for course in ratio.T for h in by_loop(course)), reverse=True)[: LARGEST + 1]
    for peaks in (whole, parts):
        found = peaks.pool(len(ratio) * WINDOW)
        np.testing.assert_array_equal(found.maxima[:, 0], expected)
        assert found.lived == pytest.approx((~np.isnan(ratio)).sum() * WINDOW / DAY)


def test_incidents_and_what_is_older_than_four_weeks_do_not_count() -> None:
    ratio = np.zeros((29 * 288, 1))
    for hour, height in ((2, 0.5), (30, 3.0), (31, 0.9), (200, 1.5)):
        ratio[hour * 12 + 3 : hour * 12 + 8, 0] = height
    peaks = Peaks()
    peaks.add(0, ratio)
    now = 29 * DAY
    np.testing.assert_array_equal(peaks.pool(now).maxima[:, 0], [3.0, 1.5, 0.9])
    assert peaks.pool(now).lived == pytest.approx(28)
    spoilt = peaks.pool(now, [(30 * HOUR + 5 * WINDOW, 31 * HOUR)])
    np.testing.assert_array_equal(spoilt.maxima[:, 0], [1.5, 0.9])
    assert spoilt.lived == pytest.approx(28 - 1 / 24)
    assert (peaks.pool(now).unsaid, spoilt.unsaid) == (0, 1)
    assert peaks.pool(now, [(30 * HOUR, 31 * HOUR), (32 * HOUR, 33 * HOUR), (40 * HOUR, 41 * HOUR)]).unsaid == 2


def test_new_comparisons_join_and_what_still_runs_counts_with_its_present_maximum() -> None:
    peaks = Peaks()
    peaks.add(0, np.array([[0.5], [0.8]]))
    peaks.add(2 * WINDOW, np.array([[0.6, 0.3], [0.0, 0.4]]))
    np.testing.assert_array_equal(peaks.pool(HOUR).maxima[:, 0], [0.8, 0.4])
    np.testing.assert_array_equal(peaks.height, [0.0, 0.4])
    np.testing.assert_array_equal(peaks.pool(HOUR, [(0, WINDOW)]).maxima[:, 0], [])
