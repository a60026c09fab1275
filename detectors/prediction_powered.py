"""The true mean of a score from many judgements and few labels, with its interval, from what panes count alone.

A judge errs, so the mean of its scores is the mean of something else, however many there are. A few labels h of people, on
interactions that the judge scored too (f), say by how much: `h - f` corrects the judge's mean over everything it judged.
Sources: Angelopoulos, Bates, Fannjiang, Jordan and Zrnic 2023 (prediction-powered inference); Angelopoulos, Duchi and Zrnic
2023 (PPI++: how far the judge is followed is tuned, so that a useless one costs nothing); Agresti and Min 2005 (half a pair
in each corner, without which ten labels that all agree would claim certainty); Welch 1947 and Satterthwaite 1946 (degrees of
freedom). Labels and judgements are taken to be random samples of the traffic, independent of one another.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from detectors.arrays import Floats, divide

LEAST = 10
"""Labels, pairs and judgements beyond them from which an estimate rests on them."""
CONFIDENCE = 0.95


class Method(IntEnum):
    """What an estimate rests on."""

    NONE = 0
    JUDGE_ONLY = 1
    LABELS_ONLY = 2
    PREDICTION_POWERED = 3


class Sums(NamedTuple):
    """Number, sum and sum of squares of scores, arrays of any one shape."""

    n: Floats
    total: Floats
    square: Floats

    def mean(self) -> Floats:
        """nan where there are none."""
        return divide(self.total, self.n)

    def variance(self) -> Floats:
        """Around the own mean, over n."""
        mean = self.mean()
        return np.maximum(divide(self.square, self.n) - mean * mean, 0.0)

    def less(self, other: "Sums") -> "Sums":
        """What is not in the other."""
        return Sums(self.n - other.n, self.total - other.total, self.square - other.square)

    def with_ends(self, low: Floats, high: Floats) -> "Sums":
        """With one more at either end of the range."""
        return Sums(self.n + 2, self.total + low + high, self.square + low * low + high * high)


class Scores(NamedTuple):
    """Of each of some stretches: all judgements, all labels, and of what has both the label, the judgement and label less
    judgement. `low` and `high` are the ends of the scale that labels and judgements share."""

    judged: Sums
    labels: Sums
    human: Sums
    judge: Sums
    correction: Sums
    low: Floats
    high: Floats


class Estimates(NamedTuple):
    """The estimated means with their intervals (nan where nothing is known), the Method of each, and the weight in [0, 1]
    with which the judge is followed."""

    value: Floats
    low: Floats
    high: Floats
    method: NDArray[np.int64]
    weight: Floats


class Tuned(NamedTuple):
    """A prediction-powered mean: the judge's weight, and the variances that paired labels, other labels and judgements beyond
    the pairs bring into it."""

    weight: Floats
    value: Floats
    paired: Floats
    unpaired: Floats
    judged: Floats


def tuned(scores: Scores) -> Tuned:
    """`mean(h) + w (mean of other judgements - mean of paired f)`, w that of the least variance, in [0, 1]; broadcasts.

    Where every label has its judgement this is PPI++: w = cov(h, f) / ((1 + n/N) var(f)), n pairs and N other judgements, the
    variance var(h - w f)/n + w^2 var(f)/N. Of L labels those without a judgement count in mean(h) alone, and w is n/L of that.
    """
    pairs, others = scores.judge.n, scores.judged.less(scores.judge)
    human, judge = scores.human.variance(), scores.judge.variance()
    covariance = (human + judge - scores.correction.variance()) / 2
    paired = divide(pairs, scores.labels.n)
    spread = scores.judged.variance() * divide(scores.judged.n, scores.judged.n - 1)
    weight = np.clip(divide(covariance, spread, 0.0) * paired / (1 + divide(pairs, others.n)), 0.0, 1.0)
    value = scores.labels.mean() + weight * (others.mean() - scores.judge.mean())
    followed = divide(weight, paired)
    residual = np.maximum(human - 2 * followed * covariance + followed**2 * judge, 0.0)
    return Tuned(
        weight,
        value,
        divide(paired**2 * residual, pairs),
        divide((1 - paired) * scores.labels.variance(), scores.labels.n),
        divide(weight**2 * others.variance(), others.n),
    )


def estimate(scores: Scores, confidence: ArrayLike = CONFIDENCE) -> Estimates:
    """The best that can be said of each stretch: prediction-powered with LEAST pairs and as many judgements beyond them; the
    labels' own mean with LEAST labels, or where nothing is judged; else the judge's, uncorrected.

    The value is the plain estimate. Its interval is that of the scores with two more pairs, half a one in each corner of the
    scale: t quantiles, one degree of freedom less for the weight that was tuned, cut off at the scale's ends.
    """
    powered = (scores.judge.n >= LEAST) & (scores.judged.n - scores.judge.n >= LEAST)
    labelled = (scores.labels.n >= LEAST) | ((scores.judged.n == 0) & (scores.labels.n > 0))
    method = np.select(
        [powered, labelled, scores.judged.n > 0],
        [Method.PREDICTION_POWERED, Method.LABELS_ONLY, Method.JUDGE_ONLY],
        int(Method.NONE),
    )
    *both, tuning = _powered(scores, confidence)
    labels, judged = (mean_interval(one, scores.low, scores.high, confidence) for one in (scores.labels, scores.judged))
    choices = zip(both, labels, judged, strict=True)
    value, low, high = (np.select([powered, labelled], [first, second], third) for first, second, third in choices)
    return Estimates(value, low, high, method, np.where(powered, tuning, np.where(method == Method.JUDGE_ONLY, 1.0, 0.0)))


def mean_interval(sums: Sums, low: Floats, high: Floats, confidence: ArrayLike = CONFIDENCE) -> tuple[Floats, Floats, Floats]:
    """A plain mean and its interval, that of the scores with one more at either end of the scale: t quantiles, cut off at the
    ends; nan where there are none."""
    wider, value = sums.with_ends(low, high), sums.mean()
    half = _quantile(confidence, sums.n - 1) * np.sqrt(divide(wider.variance(), wider.n - 1))
    return value, *_interval(value, wider.mean(), half, low, high)


def _powered(scores: Scores, confidence: ArrayLike) -> tuple[Floats, Floats, Floats, Floats]:
    low, high = scores.low, scores.high
    human, judge = scores.human.with_ends(low, high), scores.judge.with_ends(low, high)
    corners = Sums(human.n, scores.correction.total, scores.correction.square + (high - low) ** 2)
    judged, labels = (one.with_ends(low, high) for one in (scores.judged, scores.labels))
    made = tuned(Scores(judged, labels, human, judge, corners, low, high))
    shift = scores.judged.less(scores.judge).mean() - scores.judge.mean()
    value = np.clip(scores.labels.mean() + made.weight * shift, low, high)
    parts = np.stack([made.paired * divide(human.n, human.n - 2), made.unpaired, made.judged])
    freedom = np.stack([human.n - 4, labels.n - 1, judged.n - judge.n - 1])
    variance = parts.sum(0)
    half = _quantile(confidence, divide(variance**2, divide(parts**2, freedom).sum(0))) * np.sqrt(variance)
    return value, *_interval(value, made.value, half, low, high), made.weight


def _interval(value: Floats, centre: Floats, half: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """The interval around its centre, which may lie beside the value but always reaches to it."""
    return np.minimum(value, np.maximum(centre - half, low)), np.maximum(value, np.minimum(centre + half, high))


def _quantile(confidence: ArrayLike, freedom: ArrayLike) -> Floats:
    """Two-sided quantile of Student's t with at least one degree of freedom."""
    upper = (1 + np.asarray(confidence, np.float64)) / 2
    out: Floats = special.stdtrit(np.maximum(np.nan_to_num(freedom, nan=1.0), 1.0), upper)
    return out
