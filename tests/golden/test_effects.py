"""Effects against scipy (jensenshannon, power_divergence, ks_2samp, wasserstein_distance) and, for PSI, Hellinger and
total variation, their definitions written out row by row.
"""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial import distance

from detectors import effects
from records.summary.buckets import bucket_keys, bucket_middles

Floats = NDArray[np.float64]

PAIRS = [  # reference, window: counts of the same cells
    ([10, 20, 30, 40], [40, 30, 20, 10]),
    ([1000, 1000, 1000], [10, 10, 10]),
    ([500, 300, 200, 0], [40, 30, 20, 10]),
    ([500, 300, 200, 7], [40, 30, 20, 0]),
    ([1, 0], [0, 1]),
    ([999999, 1], [999990, 10]),
    ([5, 5, 5, 5, 5, 5, 5, 5, 5, 5], [6, 4, 5, 5, 6, 4, 5, 5, 6, 4]),
]


def row(*counts: list[int]) -> tuple[Floats, ...]:
    return tuple(np.array([part], float) for part in counts)


@pytest.mark.parametrize(("reference", "window"), PAIRS)
def test_cell_effects_agree_with_the_second_source(reference: list[int], window: list[int]) -> None:
    base, now = row(reference, window)
    p, q = base[0] / base.sum(), now[0] / now.sum()
    assert effects.jensen_shannon(base, now)[0] == pytest.approx(distance.jensenshannon(p, q, base=2), abs=1e-9)
    assert effects.hellinger(base, now)[0] == pytest.approx(np.linalg.norm(np.sqrt(p) - np.sqrt(q)) / 2**0.5, abs=1e-12)
    assert effects.total_variation(base, now)[0] == pytest.approx(distance.cityblock(p, q) / 2, abs=1e-12)
    assert effects.l_infinity(base, now)[0] == pytest.approx(distance.chebyshev(p, q), abs=1e-12)
    smooth_p, smooth_q = ((part[0] + 0.5) / (part + 0.5).sum() for part in (base, now))
    expected = stats.entropy(smooth_p, smooth_q) + stats.entropy(smooth_q, smooth_p)
    assert effects.psi(base, now, np.array([len(p)]))[0] == pytest.approx(expected, abs=1e-12)


def test_padded_cells_change_no_effect() -> None:
    base, now = row([10, 20, 30], [9, 1, 50])
    wide_base, wide_now = (np.pad(part, ((0, 0), (0, 9))) for part in (base, now))
    for effect in (effects.jensen_shannon, effects.hellinger, effects.total_variation, effects.l_infinity):
        assert effect(wide_base, wide_now)[0] == pytest.approx(effect(base, now)[0], abs=1e-15)
    three = np.array([3])
    assert effects.psi(wide_base, wide_now, three)[0] == pytest.approx(effects.psi(base, now, three)[0], abs=1e-15)


def test_nearly_equal_shares_keep_their_digits() -> None:
    """For p and p + e the distance is e sqrt(1 / (8 ln 2 p (1 - p))) to first order."""
    base, now = row([5 * 10**11, 5 * 10**11], [5 * 10**11 + 500, 5 * 10**11 - 500])
    assert effects.jensen_shannon(base, now)[0] == pytest.approx(5e-10 * np.sqrt(4 / (8 * np.log(2))), rel=1e-3)


def histogram(values: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    keys, counts = np.unique(bucket_keys(values), return_counts=True)
    return keys, counts.astype(np.int64)


Draw = Callable[[np.random.Generator], Floats]
SAMPLES: dict[str, tuple[Draw, Draw]] = {  # name: (reference, window), all much wider than a bucket
    "durations": (lambda r: r.lognormal(0, 0.8, 4000), lambda r: r.lognormal(0.3, 0.9, 3000)),
    "lengths": (lambda r: r.gamma(2, 200, 5000).round(), lambda r: r.gamma(2, 260, 800).round()),
    "signed": (lambda r: r.normal(0, 5, 4000), lambda r: r.normal(1, 6, 4000)),
    "counts": (lambda r: r.poisson(3, 4000).astype(float), lambda r: r.poisson(5, 500).astype(float)),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_histogram_effects_agree_with_the_raw_values(name: str) -> None:
    rng = np.random.default_rng(7)
    reference, window = (draw(rng) for draw in SAMPLES[name])
    sides = (*histogram(reference), *histogram(window))
    assert effects.kolmogorov_smirnov(*sides) == pytest.approx(stats.ks_2samp(reference, window).statistic, abs=0.01)
    unit, standardised = effects.wasserstein(*sides)
    expected = stats.wasserstein_distance(reference, window)
    assert unit == pytest.approx(expected, rel=0.022)
    assert standardised == pytest.approx(expected / reference.std(), rel=0.022)


def test_histogram_effects_are_exact_on_the_same_cells() -> None:
    """Second source: scipy on the bucket middles themselves, weighted."""
    rng = np.random.default_rng(3)
    reference, window = rng.lognormal(0, 1, 2000), rng.lognormal(0.2, 1, 700)
    (keys_a, counts_a), (keys_b, counts_b) = histogram(reference), histogram(window)
    expected = stats.wasserstein_distance(bucket_middles(keys_a), bucket_middles(keys_b), counts_a, counts_b)
    unit, _ = effects.wasserstein(keys_a, counts_a, keys_b, counts_b)
    assert unit == pytest.approx(expected, rel=1e-9)
    x, y = (np.repeat(bucket_middles(k), c) for k, c in ((keys_a, counts_a), (keys_b, counts_b)))
    assert effects.kolmogorov_smirnov(keys_a, counts_a, keys_b, counts_b) == pytest.approx(
        stats.ks_2samp(x, y).statistic, abs=1e-12
    )


def test_means_and_shares_are_compared_in_plain_units() -> None:
    mean_b, var_b, mean_w = (np.array(part, float) for part in ([10, 5, 5, 0], [4, 0, 0, 1], [11, 5, 6, -2]))
    np.testing.assert_array_equal(effects.standardised_mean_difference(mean_b, var_b, mean_w), [0.5, 0.0, np.nan, -2.0])
    base, now = ([10, 100, 0, 50, 0, 5], [1000, 1000, 1000, 1000, 1000, 0]), ([4, 5, 20, 0, 0, 1], [100, 100, 1000, 999, 9, 9])
    ratio = effects.share_ratio(*base, *now)
    np.testing.assert_allclose(ratio, [4.0, 0.5, 41.0, 0.5 / 50.5 * 1001 / 1000, 1.0, np.nan])
