"""The interval covers the truth as often as it says, the judge's own does not, and each stretch says what it rests on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from detectors.prediction_powered import LEAST, Method, Scores, Sums, estimate, mean_interval

Floats = NDArray[np.float64]
DRAWS = 500
JUDGED = 2_000
FALSE_POSITIVE, FALSE_NEGATIVE = 0.3, 0.1
"""How often the judge passes a bad answer, and fails a good one."""
RARELY = 1e-6


def drawn(truth: float, n: int, alone: int = 0, draws: int = DRAWS, judge: tuple[float, float] | None = None) -> Scores:
    """Draws of n labelled and JUDGED other judgements of answers of which a share `truth` is good; `alone` labels have none."""
    passed, failed = judge or (FALSE_POSITIVE, FALSE_NEGATIVE)
    rng = np.random.default_rng([int(truth * 1000), n, alone])
    cells = [truth * (1 - failed), truth * failed, (1 - truth) * passed, (1 - truth) * (1 - passed)]
    right, lost, let_in, _ = rng.multinomial(n, cells, draws).T.astype(float)
    others = rng.binomial(JUDGED, cells[0] + cells[2], draws)
    size, human, judged = np.full(draws, float(n)), right + lost, right + let_in
    more = rng.binomial(alone, truth, draws)
    labels = Sums(size + alone, human + more, human + more)
    return Scores(
        Sums(size + JUDGED, judged + others, judged + others), labels, Sums(size, human, human), Sums(size, judged, judged),
        Sums(size, lost - let_in, lost + let_in), np.zeros(draws), np.ones(draws),
    )  # fmt: skip


def covered(low: Floats, high: Floats, truth: float) -> int:
    return int(((low <= truth) & (truth <= high)).sum())


@pytest.mark.parametrize("confidence", [0.9, 0.95])
@pytest.mark.parametrize("alone", [0, 40])
@pytest.mark.parametrize("n", [10, 20, 42, 100, 300])
@pytest.mark.parametrize("truth", [0.0, 0.05, 0.5, 0.88, 0.97, 1.0])
def test_the_interval_covers_the_truth_at_its_stated_rate(truth: float, n: int, alone: int, confidence: float) -> None:
    made = estimate(drawn(truth, n, alone), confidence)
    assert (made.method == Method.PREDICTION_POWERED).all()
    assert covered(made.low, made.high, truth) >= stats.binom.ppf(RARELY, DRAWS, confidence)


@pytest.mark.parametrize("confidence", [0.9, 0.95])
@pytest.mark.parametrize("truth", [0.5, 0.7, 0.88])
def test_with_many_labels_it_is_as_wide_as_it_says_and_narrower_than_their_own(truth: float, confidence: float) -> None:
    scores = drawn(truth, 300)
    made = estimate(scores, confidence)
    assert covered(made.low, made.high, truth) <= stats.binom.isf(RARELY, DRAWS, confidence)
    _, low, high = mean_interval(scores.labels, scores.low, scores.high, confidence)
    assert (made.high - made.low).mean() < 0.95 * (high - low).mean()


@pytest.mark.parametrize("truth", [0.0, 0.5, 0.88, 1.0])
def test_the_judges_own_interval_never_covers_a_truth_from_which_it_errs(truth: float) -> None:
    scores = drawn(truth, 42)
    _, low, high = mean_interval(scores.judged, scores.low, scores.high)
    assert covered(low, high, truth) == 0


@pytest.mark.parametrize("n", [10, 20, 42, 100, 300, 1000])
@pytest.mark.parametrize("truth", [0.0, 0.005, 0.05, 0.5, 0.95])
def test_a_plain_mean_covers_at_its_stated_rate_and_would_not_without_the_ends(truth: float, n: int) -> None:
    x = np.arange(n + 1.0)
    chance = stats.binom.pmf(x, n, truth)
    _, low, high = mean_interval(Sums(np.full(n + 1, float(n)), x, x), np.zeros(n + 1), np.ones(n + 1))
    assert chance[(low <= truth) & (truth <= high)].sum() > 0.94


def test_a_judge_that_knows_nothing_costs_nothing() -> None:
    scores = drawn(0.8, 100, judge=(0.5, 0.5))
    made = estimate(scores)
    _, low, high = mean_interval(scores.labels, scores.low, scores.high)
    assert (made.high - made.low).mean() < 1.03 * (high - low).mean()
    assert made.weight.mean() < 0.1


WHICH = [
    (0, 0, 0, Method.NONE),
    (500, 0, 0, Method.JUDGE_ONLY),
    (500, 9, 9, Method.JUDGE_ONLY),
    (500, 10, 9, Method.LABELS_ONLY),
    (500, 10, 10, Method.PREDICTION_POWERED),
    (LEAST + 9, 10, 10, Method.LABELS_ONLY),
    (0, 3, 0, Method.LABELS_ONLY),
]


@pytest.mark.parametrize(("judged", "labels", "pairs", "method"), WHICH)
def test_an_estimate_says_what_it_rests_on(judged: int, labels: int, pairs: int, method: Method) -> None:
    judge, human, both, nothing = (Sums(*np.full((3, 1), float(n))) for n in (judged, labels, pairs, 0))
    made = estimate(Scores(judge, human, both, both, Sums(both.n, nothing.n, nothing.n), np.zeros(1), np.ones(1)))
    assert made.method[0] == method
    assert np.isnan(made.value[0]) == (method == Method.NONE)
    if method != Method.NONE:
        assert made.low[0] < made.value[0] == made.high[0] == 1.0  # all is good, and still nothing is certain


PAIRS = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=40)


@given(pairs=PAIRS, alone=st.lists(st.floats(0, 1), max_size=20), others=st.lists(st.floats(0, 1), max_size=40))
def test_whatever_is_counted_gives_an_interval_around_its_value_inside_the_scale(
    pairs: list[tuple[float, float]], alone: list[float], others: list[float]
) -> None:
    def sums(values: list[float]) -> Sums:
        x = np.array(values, np.float64)
        return Sums(*np.array([[len(x)], [x.sum()], [(x * x).sum()]], np.float64))

    human, judge = [h for h, _ in pairs], [f for _, f in pairs]
    made = estimate(Scores(
        sums(judge + others), sums(human + alone), sums(human), sums(judge), sums([h - f for h, f in pairs]),
        np.zeros(1), np.ones(1),
    ))  # fmt: skip
    value, low, high = made.value[0], made.low[0], made.high[0]
    assert (made.method[0] == Method.NONE) == (not pairs and not alone and not others)
    if made.method[0] != Method.NONE:
        assert -1e-9 <= low <= value <= high <= 1 + 1e-9
        assert 0 <= made.weight[0] <= 1
