"""The benchmark's own parts: streams that are what they say, ranks and incidents against plain loops, Garwood's intervals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.rates import Result, families
from bench.rates_judging import Judge, Rule, grow, live_ranks, since
from bench.streams_simulated import CELLS, DAY, EVEN, FAMILIES, Fleet, cell_values, moved, stream
from bench.streams_special import SliceFleet, joined, multiplied


@pytest.mark.parametrize("name", FAMILIES)
def test_streams_of_every_family_are_shares_of_some_traffic(name: str) -> None:
    fleet = Fleet(np.random.default_rng(1), FAMILIES[name], comparisons=3, days=8)
    totals, shares = fleet.day(7)
    assert totals.shape == (DAY, 3)
    assert totals.min() > 0
    np.testing.assert_allclose(shares.sum(axis=2), 1.0)
    assert ((shares > 0).sum(axis=2) == fleet.k).all()
    if name != "iid":
        assert np.log(shares[..., 0]).std(axis=0).min() > 0.005


def test_one_stream_alone_is_a_fleet_of_one() -> None:
    totals, shares = stream(np.random.default_rng(2), FAMILIES["ar"], 2)
    assert totals.shape == (2 * DAY,)
    assert shares.shape == (2 * DAY, CELLS)


@pytest.mark.parametrize("sd", [-0.5, 0.1, 0.5])
def test_a_shift_moves_the_mean_by_so_many_standard_deviations(sd: float) -> None:
    """Cells lose a little of it: the mean of ten cells' means."""
    assert moved(EVEN, sd) @ cell_values(EVEN) == pytest.approx(sd, rel=0.06)
    wider = moved(EVEN, 0.0, scale=1.3) @ cell_values(EVEN) ** 2
    assert 1.1 < wider < 1.69


def test_shares_multiply_and_categories_join() -> None:
    shares = np.zeros(CELLS)
    shares[:2] = 0.99, 0.01
    np.testing.assert_allclose(multiplied(shares, 4)[:3], [0.96, 0.04, 0])
    np.testing.assert_allclose(joined(shares, 0.1)[[0, 1, -1]], [0.891, 0.009, 0.1])


def test_the_whole_is_its_slices_together() -> None:
    fleet = SliceFleet(np.random.default_rng(3), applications=2, days=1)
    totals, shares = fleet.day(0)
    for row in SliceFleet.whole(2):
        mine = slice(row + 1, row + 11)
        np.testing.assert_array_equal(totals[:, row], totals[:, mine].sum(axis=1))
        np.testing.assert_allclose((shares[:, mine] * totals[:, mine, None]).sum(1), shares[:, row] * totals[:, row, None])


@given(st.integers(0, 2**31))
@settings(max_examples=20)
def test_live_ranks_are_counted_among_the_windows_before_each(seed: int) -> None:
    rng = np.random.default_rng(seed)
    day, width = 8, 2
    scores = rng.integers(0, 6, (2, 4 * day)).astype(np.float32)
    higher, equal = live_ranks(scores, np.array([False, True]), width, day)
    for i in range(day):
        here = 3 * day + i
        past = np.arange(i, here)
        away = np.abs(past - here) % day
        close = past[np.minimum(away, day - away) <= width]
        assert (higher[i, 0], equal[i, 0]) == (
            (scores[0, past] > scores[0, here]).sum(),
            (scores[0, past] == scores[0, here]).sum(),
        )
        assert (higher[i, 1], equal[i, 1]) == (
            (scores[1, close] > scores[1, here]).sum(),
            (scores[1, close] == scores[1, here]).sum(),
        )


def test_what_was_seen_since_the_evidence_began_is_added_up() -> None:
    course = np.array([[1.0], [0.0], [2.0], [3.0]])
    counts = np.arange(1.0, 5.0).reshape(4, 1, 1)
    grown = np.array([[10.0]])
    out = grow(course, counts, grown, course > 0)
    np.testing.assert_array_equal(out[:, 0], [11, 3, 7])
    np.testing.assert_array_equal(grown, [[7.0]])
    np.testing.assert_array_equal(since(course, np.array([5]), 100), [102])
    np.testing.assert_array_equal(since(course[:1], np.array([5]), 100), [5])
    np.testing.assert_array_equal(since(course[2:], np.array([0]), 100), [100])
    np.testing.assert_array_equal(since(course[:2], np.array([5]), 100), [0])


def test_an_interval_of_a_rate_is_garwoods() -> None:
    """Garwood 1936, table: 0 has 0 to 3.689, 10 has 4.795 to 18.39."""
    result = Result("any", days=30)
    assert result.interval(0) == pytest.approx((0.0, 3.689), abs=1e-3)
    assert result.interval(10) == pytest.approx((4.795, 18.39), abs=1e-2)


def test_a_change_is_found_by_a_copy_and_leaves_the_judge_alone() -> None:
    rng, family = np.random.default_rng(4), families(4)["iid"]
    fleet = family.make(rng, 22)
    judge = Judge(fleet.base, fleet.k, [Rule()])
    judge.scores[:] = rng.exponential(0.4, judge.scores.shape)
    judge.days = 14
    for day in range(8):
        totals, shares = fleet.day(day)
        if day == 7:
            judge.midnight()
            before = judge.scores.copy()
            other = judge.fork()
            counts = rng.multinomial(totals, moved(shares, 0.5)).astype(np.float64)
            seen = other.day(counts)[Rule()]
            assert seen.over[1].any(axis=0).all()
            assert (seen.course.max(axis=0) >= 1).all()
            np.testing.assert_array_equal(judge.scores, before)
        judge.day(rng.multinomial(totals, shares).astype(np.float64))
