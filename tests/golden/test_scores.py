"""Scores against scipy (chi2_contingency, ttest_ind, mannwhitneyu, linear algebra) and statistics.md's formulas, row by row."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import linalg, stats

from detectors import two_files
from detectors.scores import MOMENTS, RANK, SHAPE, g_statistic, window_scores, worse_means
from detectors.wobble import WobbleSums, learn_wobble

Floats = NDArray[np.float64]

TABLES = [
    ([100, 200, 300], [12, 18, 30]),
    ([1000, 0, 10], [30, 1, 0]),
    ([60480] * 10, [38, 20, 30, 25, 40, 31, 28, 33, 29, 26]),
    ([5, 3], [1, 7]),
]


@pytest.mark.parametrize(("reference", "window"), TABLES)
def test_g_agrees_with_scipy(reference: list[int], window: list[int]) -> None:
    k, n = len(reference), min(sum(reference), sum(window))
    expected = stats.chi2_contingency([reference, window], correction=False, lambda_="log-likelihood").statistic
    got = g_statistic(np.array([reference], float), np.array([window], float), np.array([k]))
    assert got[0] * (1 + (k + 1) / (6 * n)) == pytest.approx(expected, rel=1e-9)


def wobbling(rng: np.random.Generator, windows: int, cells: int) -> tuple[Floats, list[Floats]]:
    """Counts (W, K) whose mix wobbles along one direction, and values whose mean wobbles."""
    axis = rng.normal(size=cells)
    shares = np.exp(0.15 * rng.normal(size=(windows, 1)) * (axis - axis.mean()))
    counts = rng.multinomial(rng.integers(40, 400, windows), shares / shares.sum(axis=1, keepdims=True))
    values = [rng.normal(5 + 0.3 * rng.normal(), 2, int(n)) for n in counts.sum(axis=1)]
    return counts.astype(float), values


def learned(counts: Floats, values: list[Floats]) -> WobbleSums:
    sums = WobbleSums.empty(1, counts.shape[1])
    for row, own in zip(counts, values, strict=True):
        sums.add(row[None], np.array([float(len(own))]), np.array([own.sum()]), np.array([(own**2).sum()]), np.array([True]))
    return sums


def by_the_formulas(past: Floats, values: list[Floats], now: Floats, own: Floats) -> tuple[float, float, float]:
    """a, b and m of statistics.md, section 4, for one window, written as they stand there."""
    n_w, cells = past.sum(axis=1), past.shape[1]
    p, v = past.sum(axis=0) / n_w.sum(), n_w / n_w.sum()
    deviations = past / n_w[:, None] - p
    sampling = np.diag(p) - np.outer(p, p)
    s = sum(v_w * np.outer(d, d) for v_w, d in zip(v, deviations, strict=True)) - sampling * (v / n_w).sum()
    values_k, vectors = linalg.eigh(s / np.sqrt(np.outer(p, p)))
    lam, n, base = np.maximum(values_k, 0), now.sum(), past.sum(axis=0)
    worth = n * base.sum() / (n + base.sum())
    c = vectors.T @ ((now / n - p) / np.sqrt(p))
    g = stats.chi2_contingency([base, now], correction=False, lambda_="log-likelihood").statistic
    g *= (c**2 * worth / (1 + worth * lam)).sum() / (c**2 * worth).sum() / (1 + (cells + 1) / (6 * n))
    a = -np.log10(stats.f.sf(g / (cells - 1), cells - 1, len(past) - cells))
    m = np.cumsum(p) - p / 2
    v0 = (p * (m - 0.5) ** 2).sum()
    tau2 = max((v * (deviations @ m) ** 2).sum() - v0 * (v / n_w).sum(), 0)
    b = -np.log10(2 * stats.t.sf(abs((now / n) @ m - 0.5) / np.sqrt(v0 / worth + tau2), len(past) - 1))
    everything, means = np.concatenate(values), np.array([part.mean() for part in values])
    s2 = everything.var()
    wobble = max((v * (means - everything.mean()) ** 2).sum() - s2 * (v / n_w).sum(), 0)
    spread = np.sqrt(s2 / len(own) + s2 / len(everything) + wobble)
    return a, b, -np.log10(2 * stats.t.sf(abs(own.mean() - everything.mean()) / spread, len(past) - 1))


@pytest.mark.parametrize("cells", [2, 3, 5, 10])
@pytest.mark.parametrize("seed", range(4))
def test_a_score_is_the_largest_of_the_three_tests_as_the_formulas_give_them(cells: int, seed: int) -> None:
    rng = np.random.default_rng([cells, seed])
    past, values = wobbling(rng, 60, cells)
    now, own = rng.multinomial(200, rng.dirichlet(np.full(cells, 60))).astype(float), rng.normal(5.3, 2, 200)
    a, b, m = by_the_formulas(past, values, now, own)
    b = b if cells >= 5 else 0.0
    sums, k = learned(past, values), np.array([cells])
    # padded to 12 cells, as the worker has them
    wide = WobbleSums.empty(1, 12)
    for row, of in zip(past, values, strict=True):
        number, total, square = (np.array([part]) for part in (float(len(of)), of.sum(), (of**2).sum()))
        wide.add(np.pad(row, (0, 12 - cells))[None], number, total, square, np.array([True]))
    everything = np.concatenate(values)
    for of_width in (sums, wide):
        width = of_width.cells.shape[1]
        scores = window_scores(
            of_width.cells, np.pad(now, (0, width - cells))[None], k, np.array([True]), np.array([True]),
            np.zeros(1, np.int8), learn_wobble(of_width, k), np.array([everything.mean()]), np.array([everything.var()]),
            np.array([float(len(everything))]), np.array([own.mean()]), np.array([own.var(ddof=1)]), np.array([200.0]),
            np.array([False]),
        )  # fmt: skip
        assert scores.decades[0] == pytest.approx(max(a, b, m), rel=1e-7)
        assert scores.spoke[0] == (SHAPE, RANK, MOMENTS)[int(np.argmax([a, b, m]))]
        assert np.isnan(scores.lean[0]) == (cells < 5)
        if cells >= 5:
            assert abs(scores.lean[0]) == pytest.approx(stats.t.isf(10**-b / 2, len(past) - 1), rel=1e-6)
            up = (now / now.sum() - past.sum(axis=0) / past.sum()) @ np.arange(cells)
            assert up * scores.lean[0] > 0 or abs(scores.lean[0]) < 1


def test_without_wobble_an_evaluation_is_judged_by_welch() -> None:
    """Second source: scipy.stats.ttest_ind(equal_var=False, alternative="less")."""
    rng = np.random.default_rng(2)
    before, after = rng.normal(3, 1, 500), rng.normal(2.8, 1.5, 80)
    constant = np.full((30, 1, 2), 50.0)
    sums = WobbleSums.empty(1, 2)
    for counts in constant:
        sums.add(counts, np.array([100.0]), np.array([300.0]), np.array([1000.0]), np.array([True]))
    one = before.mean(), before.var(ddof=1), 500.0, after.mean(), after.var(ddof=1), 80.0
    mean_b, var_b, n_b, mean_w, var_w, n_w = (np.array([part]) for part in one)
    k, yes = np.array([2]), np.array([True])
    scores = window_scores(
        sums.cells, constant[0], k, yes, yes, np.array([-1], np.int8), learn_wobble(sums, k),
        mean_b, var_b, n_b, mean_w, var_w, n_w, yes,
    )  # fmt: skip
    expected = stats.ttest_ind(after, before, equal_var=False, alternative="less").pvalue
    assert scores.decades[0] == pytest.approx(-np.log10(expected), rel=1e-9)
    assert scores.spoke[0] == MOMENTS
    wobble, sides = learn_wobble(sums, k), ((mean_b, var_b, n_b), (mean_w, var_w, n_w))
    falls, rises = (worse_means(wobble, np.ones(1), *sides, np.array([way], np.int8))[0] for way in (-1, 1))
    assert falls == pytest.approx(-np.log10(expected), rel=1e-9)
    assert rises == pytest.approx(-np.log10(1 - expected), rel=1e-9)
    before_is_wider = worse_means(wobble, np.ones(1), (mean_b, 2 * var_w, n_b), sides[1], np.array([-1], np.int8))[0]
    wider = stats.ttest_ind_from_stats(one[3], (2 * one[4]) ** 0.5, 80, one[0], (2 * one[4]) ** 0.5, 500, False, "less").pvalue
    assert before_is_wider == pytest.approx(-np.log10(wider), rel=1e-9), "it varies as the side that varies more"


def test_the_rank_sum_of_two_files_agrees_with_scipy() -> None:
    """Second source: mannwhitneyu(method="asymptotic", use_continuity=False) on the cells' numbers."""
    rng = np.random.default_rng(4)
    for k in (5, 7, 10):
        base, now = rng.multinomial(600, rng.dirichlet(np.ones(k))), rng.multinomial(150, rng.dirichlet(np.ones(k)))
        x, y = (np.repeat(np.arange(k), part) for part in (now, base))
        expected = stats.mannwhitneyu(x, y, method="asymptotic", use_continuity=False).pvalue
        z = two_files.rank_sum_z(base[None].astype(float), now[None].astype(float))
        assert 2 * stats.norm.sf(abs(z[0])) == pytest.approx(expected, rel=1e-9)


def test_two_files_are_compared_by_twice_the_smaller_p() -> None:
    base, now = np.array([[60.0] * 10]), np.array([[30.0, 28, 25, 22, 20, 19, 16, 15, 13, 12]])
    g = g_statistic(base, now, np.array([10]))[0]
    shape = stats.chi2.sf(g, 9)
    rank = 2 * stats.norm.sf(abs(two_files.rank_sum_z(base, now)[0]))
    found = two_files.compare(base, now, np.array([10]), np.array([True]))
    assert 10 ** -found.decades[0] == pytest.approx(2 * min(shape, rank), rel=1e-9)
    assert found.spoke[0] == RANK
    unordered = two_files.compare(base, now, np.array([10]), np.array([False]))
    assert 10 ** -unordered.decades[0] == pytest.approx(shape, rel=1e-9)
