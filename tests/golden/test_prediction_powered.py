"""Prediction-powered means against ppi_py 0.2.3 (ppi_mean_ci, ppi_mean_pointestimate and its tuned weight), on made-up data."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from detectors.prediction_powered import Method, Scores, Sums, estimate, mean_interval, tuned

Floats = NDArray[np.float64]

PPI_PY = [
    ("binary", 12, 40, 0.24147727272727262, 0.8635179924242427, 0.6582571944456104, 1.068778790402875),
    ("binary", 42, 5000, 0.8351365173641702, 0.9497551613109306, 0.8328476759508128, 1.0666626466710485),
    ("useless", 12, 40, 0.0, 0.8333333333333334, 0.6224747813530567, 1.04419188531361),
    ("useless", 42, 5000, 0.05918429839373293, 0.809051462456629, 0.6906299913005116, 0.9274729336127463),
    ("graded", 12, 40, 0.9641186292049069, 0.4918978713692254, 0.3976897844326982, 0.5861059583057526),
    ("graded", 42, 5000, 1.0, 0.5026375194817557, 0.46782025791773524, 0.5374547810457762),
]
"""Kind of data, labels, other judgements; the weight, the estimate and the ends of its 95 % interval."""


def data(kind: str, n: int, others: int) -> tuple[Floats, Floats, Floats]:
    """Labels and judgements of the same (n,), and the other judgements."""
    i, k = np.arange(n), np.arange(n, n + others)
    if kind == "graded":
        h = (i * 37) % 101 / 101
        return h, 0.7 * h + 0.3 * ((i * 53) % 97 / 97), (k * 29) % 89 / 89 * 0.8 + 0.1
    h = ((i * 7) % 10 < 8).astype(float)
    if kind == "useless":
        return h, ((i * 5) % 9 < 4).astype(float), ((k * 5) % 9 < 4).astype(float)
    return h, np.where((i * 3) % 11 < 2, 1 - h, h), ((k * 13) % 17 < 15).astype(float)


def sums(x: Floats) -> Sums:
    return Sums(np.array([float(len(x))]), np.array([x.sum()]), np.array([(x * x).sum()]))


def scores(h: Floats, f: Floats, others: Floats, alone: Floats) -> Scores:
    labels = np.concatenate([h, alone])
    judged = np.concatenate([f, others])
    return Scores(sums(judged), sums(labels), sums(h), sums(f), sums(h - f), np.zeros(1), np.ones(1))


@pytest.mark.parametrize(("kind", "n", "others", "weight", "value", "low", "high"), PPI_PY)
def test_where_every_label_is_judged_it_is_the_tuned_mean_of_ppi_py(
    kind: str, n: int, others: int, weight: float, value: float, low: float, high: float
) -> None:
    made = tuned(scores(*data(kind, n, others), np.empty(0)))
    assert made.weight[0] == pytest.approx(weight, abs=1e-12)
    assert made.value[0] == pytest.approx(value, abs=1e-12)
    half = stats.norm.ppf(0.975) * np.sqrt(made.paired + made.unpaired + made.judged)[0]
    assert (value - half, value + half) == pytest.approx((low, high), abs=1e-12)


@pytest.mark.parametrize("alone", [0, 1, 30])
@pytest.mark.parametrize("kind", ["binary", "useless", "graded"])
def test_the_weight_has_the_least_variance_and_the_variance_is_that_of_its_parts(kind: str, alone: int) -> None:
    h, f, others = data(kind, 25, 300)
    labels = np.concatenate([h, np.arange(alone) % 3 / 2])
    made = tuned(scores(h, f, others, labels[25:]))
    n, judged = len(labels), np.concatenate([f, others])

    def variance(w: float) -> float:  # of sum(h)/L - w sum(f)/n + w mean(others), piece by piece
        pairs = [(a / n - w * b / 25) for a, b in zip(h, f, strict=True)]
        return 25 * np.var(pairs) + alone * np.var(labels) / n**2 + w**2 * np.var(others) / 300

    assert made.paired[0] + made.unpaired[0] + made.judged[0] == pytest.approx(variance(made.weight[0]), rel=1e-9)
    covariance = np.mean((h - h.mean()) * (f - f.mean()))
    best = covariance / n / (np.var(judged, ddof=1) * (1 / 25 + 1 / 300))
    assert made.weight[0] == pytest.approx(np.clip(best, 0, 1), abs=1e-12)


def test_a_plain_mean_has_the_interval_of_student_with_one_more_value_at_either_end() -> None:
    x = np.arange(12) % 4 / 3
    more = np.append(x, [0.0, 1.0])
    half = stats.t.ppf(0.95, 11) * more.std(ddof=1) / np.sqrt(14)
    got = mean_interval(sums(x), np.zeros(1), np.ones(1), 0.9)
    assert np.ravel(got) == pytest.approx([x.mean(), more.mean() - half, more.mean() + half], abs=1e-12)


def test_the_interval_is_the_formula_with_half_a_pair_in_each_corner() -> None:
    h, f, others = data("binary", 42, 5000)
    corners = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0, 1.0])
    weights = np.append(np.ones(42), np.full(4, 0.5))
    human, judge = np.append(h, corners[0]), np.append(f, corners[1])
    made = estimate(scores(h, f, others, np.empty(0)))
    w = float(made.weight[0])
    rest = human - w * judge
    mean = np.average(rest, weights=weights)
    paired = np.average((rest - mean) ** 2, weights=weights) / 42  # 44 pairs, less two degrees of freedom
    judged = w**2 * np.var(others) / 5000
    freedom = (paired + judged) ** 2 / (paired**2 / 40 + judged**2 / 4999)
    half = stats.t.ppf(0.975, freedom) * np.sqrt(paired + judged)
    centre = mean + w * others.mean()
    assert made.method[0] == Method.PREDICTION_POWERED
    assert made.value[0] == pytest.approx(h.mean() + w * (others.mean() - f.mean()), abs=1e-12)
    assert (made.low[0], made.high[0]) == pytest.approx((centre - half, min(centre + half, 1.0)), abs=1e-12)
