import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from detectors.scores import MOMENTS, RANK, SHAPE, ways
from detectors.wobble import WobbleSums, learn_wobble
from records.window import Way
from tests.detectors.helpers import iid_wobble, judged, sums_of

Floats = NDArray[np.float64]

COUNTS = hnp.arrays(np.float64, (4, 6), elements=st.sampled_from([0.0, 0.0, 1.0, 2.0, 30.0, 1e4, 1e9]))
NUMBERS = hnp.arrays(np.float64, (4,), elements=st.sampled_from([np.nan, 0.0, 1.0, -3.0, 1e-300, 1e12, 1e200, np.inf]))
NATURAL = hnp.arrays(np.float64, (4,), elements=st.sampled_from([0.0, 1.0, 30.0, 1e9]))
KS = hnp.arrays(np.int64, (4,), elements=st.integers(1, 6))


@settings(max_examples=100, deadline=None)
@given(st.lists(COUNTS, min_size=1, max_size=4), COUNTS, COUNTS, KS, st.data())
def test_scores_of_anything_are_finite_and_not_negative_or_nan_where_there_are_none(
    windows: list[Floats], base: Floats, now: Floats, k: NDArray[np.int64], data: st.DataObject
) -> None:
    real = np.arange(6) < k[:, None]
    sums = WobbleSums.empty(4, 6)
    everything = [real * part for part in windows * 24]
    moments = [data.draw(NATURAL), data.draw(NUMBERS), data.draw(NUMBERS)]
    for counts in everything:
        sums.add(counts, moments[0], moments[1], moments[2], np.array([True, True, True, False]))
    scores = judged(
        base * real, now * real, k, learn_wobble(sums, k),
        ordered=np.array([True, False, True, True]), numeric=np.array([True, True, False, True]),
        worse=np.array([-1, 0, 1, 1], np.int8), evaluation=np.array([True, False, False, True]),
        base_mean=data.draw(NUMBERS), base_var=data.draw(NUMBERS), base_n=data.draw(NATURAL),
        now_mean=data.draw(NUMBERS), now_var=data.draw(NUMBERS), now_n=data.draw(NATURAL),
    )  # fmt: skip
    there = ((base * real).sum(axis=1) > 0) & ((now * real).sum(axis=1) > 0) & (k >= 2) & (sums.windows >= 24)
    np.testing.assert_array_equal(~np.isnan(scores.decades), there)
    assert np.all(np.isfinite(scores.decades[there]) & (scores.decades[there] >= 0))
    assert np.all(scores.spoke[~there] == -1)
    assert not np.isinf(scores.lean).any()
    assert np.isnan(scores.lean[~there | (k < 5) | [False, True, False, False]]).all()


@pytest.mark.parametrize(
    ("k", "ordered", "worse", "evaluation", "expected"),
    [
        (10, True, 0, False, [True, True, True]),
        (5, True, 0, False, [True, True, True]),
        (4, True, 0, False, [True, False, False]),
        (10, False, 0, False, [True, False, False]),
        (10, True, 1, False, [True, True, True]),
        (10, True, 1, True, [True, True, False]),
        (10, True, -1, True, [True, False, True]),
        (10, True, 0, True, [True, True, True]),
        (2, False, 1, False, [True, False, False]),
        (1, True, 0, False, [True, False, False]),
    ],
)
def test_the_order_of_values_is_judged_each_way_that_may_harm(
    k: int, ordered: bool, worse: int, evaluation: bool, expected: list[bool]
) -> None:
    given_ = np.array([k]), np.array([ordered]), np.array([worse], np.int8), np.array([evaluation])
    assert ways(*given_)[:, 0].tolist() == expected


def test_a_lean_is_above_nothing_where_values_rise_and_is_itself_the_other_way_round() -> None:
    rng = np.random.default_rng(13)
    base, wobble = iid_wobble(rng, np.full(6, 1 / 6))
    k, ordered = np.array([6]), np.array([True])
    rising = np.array([[30.0, 40, 50, 55, 60, 65]])
    up, down = (judged(base, now, k, wobble, ordered=ordered).each_way()[:, 0] for now in (rising, rising[:, ::-1]))
    assert up[Way.UP] > 3 and up[Way.UP] == -up[Way.DOWN]
    assert down[Way.DOWN] == pytest.approx(up[Way.UP], rel=0.2)
    assert down[Way.SCORE] > 2


def test_a_window_waits_until_24_healthy_windows_are_known() -> None:
    rng = np.random.default_rng(1)
    counts = rng.multinomial(100, [0.2] * 5, size=(24, 1)).astype(float)
    k = np.array([5])
    for windows, there in ((23, False), (24, True)):
        sums = sums_of(counts[:windows])
        assert np.isfinite(judged(sums.cells, counts[0], k, learn_wobble(sums, k)).decades[0]) == there


def test_shape_scores_of_iid_windows_hold_their_nominal_rate() -> None:
    """The share of 20,000 clean windows above each level, within four standard errors plus the 1.7 that G is off."""
    rng = np.random.default_rng(5)
    p = np.full(10, 0.1)
    base, wobble = iid_wobble(rng, p, windows=2000)
    now = rng.multinomial(120, p, size=20_000).astype(float)
    many = [np.repeat(part, len(now), axis=0) for part in (base,)]
    wobbles = type(wobble)(*(np.repeat(getattr(wobble, name), len(now), axis=0) for name in type(wobble).__slots__))
    decades = judged(many[0], now, np.full(len(now), 10), wobbles).decades
    for level in (1, 2, 3):
        rate, nominal = np.mean(decades >= level), 10.0**-level
        assert rate == pytest.approx(nominal, abs=0.7 * nominal + 4 * np.sqrt(nominal / len(now)))


def test_a_wobble_along_known_directions_is_taken_off_and_a_change_across_them_is_not() -> None:
    rng = np.random.default_rng(6)
    along = np.array([1, 1, -1, -1, 0, 0]) / 2
    across = np.array([0, 0, 0, 0, 1, -1]) / np.sqrt(2)
    windows = np.exp(0.5 * rng.normal(size=(600, 1)) * along)
    counts = rng.multinomial(2000, windows / windows.sum(axis=1, keepdims=True)).astype(float)[:, None, :]
    sums, k = sums_of(counts), np.array([6])
    wobble = learn_wobble(sums, k)
    decades = {}
    for name, direction in (("along", along), ("across", across)):
        shares = np.exp(0.5 * direction)
        decades[name] = judged(sums.cells, 2000 * (shares / shares.sum())[None], k, wobble).decades[0]
    assert decades["along"] < 1.5
    assert decades["across"] > 10


def test_shares_are_one_sided_where_one_direction_harms() -> None:
    rng = np.random.default_rng(7)
    base, wobble = iid_wobble(rng, np.array([0.9, 0.1]))
    k = np.array([2])
    up, down = np.array([[240.0, 60.0]]), np.array([[299.0, 1.0]])
    both = judged(base, up, k, wobble).decades[0]
    assert judged(base, up, k, wobble, worse=np.array([1], np.int8)).decades[0] == pytest.approx(both + np.log10(2))
    assert judged(base, up, k, wobble, worse=np.array([-1], np.int8)).decades[0] < 0.01
    assert judged(base, down, k, wobble, worse=np.array([1], np.int8)).decades[0] < 0.01
    assert judged(base, down, k, wobble, worse=np.array([-1], np.int8)).decades[0] > 5


def evaluated(mean: float, cells: list[float]) -> tuple[float, int]:
    rng = np.random.default_rng(8)
    counts = rng.multinomial(200, [0.2] * 5, size=(50, 1)).astype(float)
    sums = sums_of(counts, rng.normal(3, 1, size=(50, 1, 200)))
    k = np.array([5])
    wobble = learn_wobble(sums, k)
    one = {"base_mean": 3.0, "base_var": 1.0, "base_n": 1e4, "now_mean": mean, "now_var": 1.0, "now_n": 200.0}
    scores = judged(
        sums.cells, np.array([cells]), k, wobble, ordered=np.array([True]), numeric=np.array([True]),
        evaluation=np.array([True]), worse=np.array([-1], np.int8), **{name: np.array([x]) for name, x in one.items()},
    )  # fmt: skip
    return scores.decades[0], int(scores.spoke[0])


def test_better_evaluation_scores_alarm_nobody_and_worse_ones_do() -> None:
    assert evaluated(4.0, [0, 0, 20, 80, 100])[0] < 0.01
    decades, spoke = evaluated(2.0, [100, 80, 20, 0, 0])
    assert decades > 20
    assert spoke in (SHAPE, RANK, MOMENTS)


def test_a_narrow_signal_is_seen_by_its_moments() -> None:
    rng = np.random.default_rng(9)
    counts = rng.multinomial(100, [0.5, 0.5], size=(100, 1)).astype(float)
    sums, k = sums_of(counts, rng.normal(4000, 40, size=(100, 1, 100))), np.array([2])
    wobble = learn_wobble(sums, k)
    one = {"base_mean": 4000.0, "base_var": 1600.0, "base_n": 1e4, "now_mean": 4030.0, "now_var": 1600.0, "now_n": 100.0}
    scores = judged(
        sums.cells, np.array([[50.0, 50.0]]), k, wobble, ordered=np.array([True]), numeric=np.array([True]),
        **{name: np.array([x]) for name, x in one.items()},
    )  # fmt: skip
    assert scores.spoke[0] == MOMENTS
    assert scores.decades[0] > 8


@given(st.sampled_from([1e-6, 0.25, 8.0, 1e6]))
def test_moments_do_not_depend_on_the_unit(unit: float) -> None:
    rng = np.random.default_rng(10)
    counts = rng.multinomial(100, [0.5, 0.5], size=(40, 1)).astype(float)
    values = rng.normal(7, 2, size=(40, 1, 100))
    k, found = np.array([2]), []
    for scale in (1.0, unit):
        sums = sums_of(counts, values * scale)
        one = {"base_mean": 7 * scale, "base_var": 4 * scale**2, "base_n": 4e3, "now_mean": 7.9 * scale, "now_var": np.nan,
               "now_n": 100.0}  # fmt: skip
        scores = judged(
            sums.cells, counts[0], k, learn_wobble(sums, k), numeric=np.array([True]),
            **{name: np.array([x]) for name, x in one.items()},
        )  # fmt: skip
        found.append(scores.decades[0])
    assert found[0] == pytest.approx(found[1], rel=1e-6)


def test_the_order_of_unordered_cells_does_not_matter() -> None:
    rng = np.random.default_rng(11)
    counts = rng.multinomial(150, rng.dirichlet(np.ones(6)), size=(60, 1)).astype(float)
    now, k, order = rng.multinomial(150, [1 / 6] * 6)[None].astype(float), np.array([6]), rng.permutation(6)
    direct, permuted = sums_of(counts), sums_of(counts[:, :, order])
    a = judged(direct.cells, now, k, learn_wobble(direct, k)).decades
    b = judged(permuted.cells, now[:, order], k, learn_wobble(permuted, k)).decades
    np.testing.assert_allclose(a, b, rtol=1e-9)


def test_one_event_in_a_cell_never_seen_does_not_undo_the_discount() -> None:
    rng = np.random.default_rng(12)
    along = np.array([1, 1, -1, -1]) / 2
    shares = np.exp(0.5 * rng.normal(size=(400, 1)) * along)
    counts = np.pad(rng.multinomial(2000, shares / shares.sum(axis=1, keepdims=True)), ((0, 0), (0, 1))).astype(float)
    sums, k = sums_of(counts[:, None, :]), np.array([5])
    moved = np.exp(0.5 * along)
    now = np.append(np.round(2000 * moved / moved.sum()), 0)[None]
    wobble = learn_wobble(sums, k)
    before = judged(sums.cells, now, k, wobble).decades[0]
    after = judged(sums.cells, now + np.array([0, 0, 0, 0, 1]), k, wobble).decades[0]
    assert after < before + 3


def test_few_events_make_few_scores_whatever_the_baseline_is_by_now() -> None:
    """No, one or two failures of 100, beside baselines of 950 to 1,050 failures in 200,000: three scores and their order."""
    failures = np.tile([0.0, 1.0, 2.0, 8.0], 6)
    now = np.column_stack([100 - failures, failures])
    base = np.repeat([[200_000.0 - x, x] for x in (950, 970, 990, 1010, 1030, 1050)], 4, axis=0)
    rng = np.random.default_rng(1)
    k = np.full(len(now), 2)
    wobble = learn_wobble(
        sums_of(np.repeat(rng.multinomial(100, [0.995, 0.005], 300)[:, None].astype(float), len(k), axis=1)), k
    )
    exact = judged(base, now, k, wobble, worse=np.ones(len(k), np.int8))
    shares = np.ones(len(k), bool)
    stepped = exact.stepped(shares).decades.reshape(6, 4)
    assert len(np.unique(exact.decades)) > 20
    assert all(len(np.unique(column)) <= 2 for column in stepped.T)
    assert (np.diff(stepped, axis=1) > 0).all()
    np.testing.assert_allclose(stepped.ravel(), exact.decades, rtol=0.14)
    np.testing.assert_array_equal(exact.stepped(~shares).decades, exact.decades)
