"""Hotelling's T-squared of windows of vectors: sums, tails, distances. Second source: scipy.stats and plain loops."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import mahalanobis as scipy_mahalanobis

from detectors.scores import MINIMUM_WINDOWS, MOST
from detectors.vectors import (
    NO_VECTORS,
    ROUNDING,
    VectorBase,
    VectorSums,
    VectorTally,
    VectorWobble,
    beyond_chance,
    concatenate_vectors,
    learn_vectors,
    mahalanobis,
    vector_scores,
)

Floats = NDArray[np.float64]
D = 16


def sums_of(windows: list[Floats], include: bool = True) -> VectorSums:
    """Sums of one comparison over windows of vectors (n_w, D)."""
    sums = VectorSums.empty(1, windows[0].shape[1])
    for x in windows:
        sums.add(np.array([float(len(x))]), x.sum(axis=0)[None], (x.T @ x)[None], np.array([include]))
    return sums


def drawn(seed: int, count: int, n: int, wobble: float = 0.0, dimensions: int = D) -> list[Floats]:
    """Windows of correlated vectors whose means wobble along two directions."""
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(7).normal(size=(dimensions, dimensions)) / 4
    out = []
    for _ in range(count):
        x = rng.normal(size=(n, dimensions))
        x[:, :2] += wobble * rng.normal(size=2)
        out.append(x @ mix)
    return out


def based(wobble: VectorWobble) -> VectorBase:
    """The healthy windows themselves as the baseline."""
    return VectorBase(np.arange(len(wobble.count)), wobble.mean, wobble.count, wobble)


def score(x: Floats, wobble: VectorWobble) -> float:
    return float(vector_scores(based(wobble), x.mean(axis=0)[None], np.array([float(len(x))]))[0])


def assert_equal(a: VectorSums, b: VectorSums) -> None:
    for field in fields(VectorSums):
        np.testing.assert_allclose(getattr(a, field.name), getattr(b, field.name), rtol=1e-9, atol=1e-9)


@given(st.integers(1, 7), st.integers(0, 2**31))
def test_sums_of_parts_add_up_and_subtract(cut: int, seed: int) -> None:
    windows = drawn(seed, 8, 5, dimensions=3)
    whole, first, last = sums_of(windows), sums_of(windows[:cut]), sums_of(windows[cut:])
    first += last
    assert_equal(first, whole)
    first -= last
    assert_equal(first, sums_of(windows[:cut]))


def test_empty_and_excluded_windows_add_nothing() -> None:
    assert_equal(sums_of([np.empty((0, 3))]), VectorSums.empty(1, 3))
    assert_equal(sums_of(drawn(1, 3, 5, dimensions=3), include=False), VectorSums.empty(1, 3))


def test_the_score_is_hotellings_test_among_the_means_of_the_windows() -> None:
    # second source: the covariance of the window means by numpy.cov, Hotelling's T-squared, scipy.stats.f
    windows, now = drawn(1, 300, 40, 0.3), drawn(2, 1, 40)[0]
    means = np.array([x.mean(axis=0) for x in windows])
    d = now.mean(axis=0) - means.mean(axis=0)
    rounding = np.eye(D) * ROUNDING * (1 / 40 + 1 / 12_000)
    within = np.mean([np.cov(x.T) for x in windows], axis=0)
    t_square = d @ np.linalg.solve(np.cov(means.T) + within / 12_000 + rounding, d)
    expected = -np.log10(stats.f.sf(t_square * (300 - D) / (D * 299), D, 300 - D))
    assert score(now, learn_vectors(sums_of(windows))) == pytest.approx(expected, rel=1e-3)


def test_the_distance_is_mahalanobis_within_windows() -> None:
    # second source: scipy.spatial.distance.mahalanobis
    windows, now = drawn(1, 30, 50, 0.3), drawn(2, 1, 50)[0] + 0.1
    wobble = learn_vectors(sums_of(windows))
    within = np.mean([np.cov(x.T) for x in windows], axis=0) + np.eye(D) * ROUNDING
    expected = scipy_mahalanobis(now.mean(axis=0), np.concatenate(windows).mean(axis=0), np.linalg.inv(within))
    found = mahalanobis(based(wobble), now.mean(axis=0)[None])
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert beyond_chance(found, wobble.count, np.array([50.0]))[0] == pytest.approx(
        max(expected**2 - D * (1 / 50 + 1 / 1500), 0) ** 0.5
    )


@pytest.mark.parametrize("wobble", [0.0, 0.2])
def test_the_f_tail_is_right_where_the_asymptotic_one_flags_too_much(wobble: float) -> None:
    """16 dimensions, a day of windows of 200: 5 % at 5 %; of few windows chi-square would flag most clean ones."""
    rng, n, flagged, asymptotic = np.random.default_rng(5), 200, [], []
    for count in (288, 30):
        hits = chi = 0
        for _ in range(8):
            made = _summed(rng, count, n, wobble)
            now = _means(rng, 250, n, wobble)
            at = learn_vectors(made)
            many = based(_repeated(at, 250))
            number = np.full(250, float(n))
            hits += int((vector_scores(many, now, number) > -np.log10(0.05)).sum())
            c = np.einsum("vij,vj->vi", many.wobble.frame, now - many.mean)
            t_square = (c**2 / np.maximum(1 / n + many.wobble.values, 0.1 / n)).sum(axis=1)
            chi += int((stats.chi2.sf(t_square, D) < 0.05).sum())
        flagged.append(hits / 2000)
        asymptotic.append(chi / 2000)
    assert 0.03 < flagged[0] < 0.07 and flagged[1] < 0.05
    assert asymptotic[0] > 0.06 and asymptotic[1] > 0.4


def _repeated(wobble: VectorWobble, times: int) -> VectorWobble:
    return VectorWobble(*(np.repeat(getattr(wobble, f.name), times, axis=0) for f in fields(VectorWobble)))


def _means(rng: np.random.Generator, count: int, n: int, wobble: float) -> Floats:
    means = rng.normal(size=(count, D)) / np.sqrt(n)
    means[:, :2] += wobble * rng.normal(size=(count, 2))
    return means


def _summed(rng: np.random.Generator, count: int, n: int, wobble: float) -> VectorSums:
    """Sums of windows drawn by their sufficient statistics: a mean, and a Wishart matrix of what is left."""
    sums = VectorSums.empty(1, D)
    left = stats.wishart.rvs(n - 1, np.eye(D), size=count, random_state=rng)
    for mean, rest in zip(_means(rng, count, n, wobble), left, strict=True):
        sums.add(np.array([float(n)]), n * mean[None], (rest + n * np.outer(mean, mean))[None], np.array([True]))
    return sums


def test_a_shift_is_seen_and_the_wobble_is_taken_off() -> None:
    calm, restless = (learn_vectors(sums_of(drawn(3, 288, 60, wobble))) for wobble in (0.0, 0.8))
    mix = np.random.default_rng(7).normal(size=(D, D)) / 4
    along, across = np.zeros(D), np.zeros(D)
    along[0], across[5] = 1.2, 1.2
    now = drawn(4, 1, 60)[0]
    assert score(now, calm) < 2
    assert score(now + along @ mix, calm) > 4
    assert score(now + along @ mix, restless) < 2 < 4 < score(now + across @ mix, restless)
    moved = mahalanobis(based(calm), (now + across @ mix).mean(axis=0)[None])
    assert beyond_chance(moved, calm.count, np.array([60.0]))[0] == pytest.approx(1.2, abs=0.35)


def test_too_few_windows_or_an_empty_side_have_no_score() -> None:
    few, enough = (learn_vectors(sums_of(drawn(1, count, 9))) for count in (MINIMUM_WINDOWS - 1, MINIMUM_WINDOWS))
    now, none = drawn(2, 1, 9)[0].mean(axis=0)[None], np.zeros(1)
    n = np.array([9.0])
    assert np.isnan(vector_scores(based(few), now, n)[0])
    assert np.isfinite(vector_scores(based(enough), now, n)[0])
    assert np.isnan(vector_scores(based(enough), now, none)[0])
    assert np.isnan(vector_scores(based(enough)._replace(n=none), now, n)[0])
    assert np.isnan(vector_scores(based(learn_vectors(VectorSums.empty(1, D))), now, n)[0])
    single = learn_vectors(sums_of(drawn(1, 40, 1)))
    assert np.isnan(score(drawn(2, 1, 9)[0], single))


def test_vectors_that_never_change_neither_fire_nor_blind() -> None:
    constant = learn_vectors(sums_of([np.full((9, D), 0.25)] * 40))
    assert score(np.full((9, D), 0.25), constant) < 1
    assert 10 < score(np.full((9, D), 0.3), constant) <= MOST


# -- what windows saw ------------------------------------------------------------------------------------------------


def tally_of(windows: list[Floats], rows: list[int]) -> VectorTally:
    return VectorTally(np.array(rows), np.array([x.sum(axis=0) for x in windows]), np.array([x.T @ x for x in windows]))


def assert_tally(found: VectorTally, expected: VectorTally) -> None:
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_tallies_are_chosen_added_blanked_and_put_below_each_other() -> None:
    x, y, z = drawn(1, 3, 6)
    tally = tally_of([x, y], [1, 3])
    assert_tally(tally.select(np.array([3, 0])), tally_of([y], [0]))
    assert_tally(tally.plus(tally_of([z, z], [1, 3])), tally_of([np.vstack([x, z]), np.vstack([y, z])], [1, 3]))
    assert_tally(tally.where(np.array([True, False, True, True])), tally_of([0 * x, y], [1, 3]))
    assert_tally(concatenate_vectors([tally, NO_VECTORS, tally_of([z], [0])], [4, 2, 1]), tally_of([x, y, z], [1, 3, 6]))
    np.testing.assert_allclose(tally.mean(np.array([9.0, 6, 9, 0])), [x.mean(axis=0), np.full(D, np.nan)])


def test_a_baseline_that_moves_is_taken_off_every_vector() -> None:
    x, y = drawn(1, 2, 6)
    delta = np.linspace(-1, 1, D)
    n = np.array([0.0, 6, 0, 6])
    found = tally_of([x, y], [1, 3]).less(np.array([3]), delta[None], n)
    assert_tally(found, tally_of([x, y - delta], [1, 3]))
    base = based(learn_vectors(sums_of(drawn(3, 30, 9))))
    moved = base.moved(np.array([0]), tally_of([x], [2]), np.array([0.0, 0, 6]))
    np.testing.assert_allclose(moved.mean[0], x.mean(axis=0))
    assert moved.n.tolist() == [6] and base.n.tolist() == [270]
