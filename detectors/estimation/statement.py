"""What the values of days say: a finding as long as a day is unlike the healthy days before it (statistics.md).

The last value against those before it, as one more draw from the same normal distribution: t with D - 1 degrees of
freedom and variance s2 (1 + 1/D) (a prediction interval, Hahn 1969), s2 at least what
sampling alone gives. Values are exchangeable where days are, since every day is compared with all others (`worker.drift`).
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from detectors.budget import DEFAULT_FLOOR, thresholds
from detectors.calibration import Subject
from detectors.course import Budget
from detectors.episodes import finding_id
from detectors.standing import HORIZON
from detectors.tails import one_sided, t_decades
from records.alert import Mark
from records.finding import Finding, Reasons, Span
from records.signal import Kind, Signal
from records.window import DAY, WINDOW

FEWEST_DAYS = 5
"""Healthy days before a day that it needs to be compared with."""
SIGNALS = (
    Signal("multivariate.reconstruction_error", Kind.NUMERIC, "reconstruction error of all signals", "all signals",
           rise="signals that no longer go together as they did"),
    Signal("multivariate.domain_classifier", Kind.NUMERIC, "AUROC of the day against those before", "all signals",
           rise="a day that a classifier tells from the days before", worse="up"),
)  # fmt: skip
NAMES = ERROR, CLASSIFIER = tuple(signal.name for signal in SIGNALS)


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """How often a judge agrees with people, as CBPE estimates it of `n` judgements of a day without their labels: accuracy and
    AUROC of its score as the probability that an answer is good, calibrated on `labels` earlier pairs."""

    labels: int
    n: int
    accuracy: float
    roc_auc: float


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What was estimated of the day that begins at `day` against `before`, the starts of other days; empty where nothing was.

    `rows`, `error`, `deviation` (of a single row's error) and `auroc` are of each day, the day itself last. `baseline` is
    its name as findings have it; `outcome` is done, too_few (rows or days) or failed. `judges` by name, where it could be told.
    """

    day: int
    baseline: str
    outcome: str
    before: list[int] = []
    rows: list[int] = []
    error: list[float] = []
    deviation: list[float] = []
    auroc: list[float] = []
    judges: dict[str, Agreement] = {}


class Seen(NamedTuple):
    """One method's last day: decades of p, effect in standard deviations between means, value and the mean before."""

    decades: float
    smd: float
    value: float
    before: float


def reconstruction(estimate: Estimate) -> Seen:
    """Of mean errors, by their logarithms, both ways; the effect is in deviations of single rows."""
    error, deviation = np.maximum(estimate.error, 1e-12), np.array(estimate.deviation)
    before = float(error[:-1].mean())
    noise = deviation[-1] / np.sqrt(estimate.rows[-1]) / error[-1]
    smd = float(error[-1] - before) / max(float(deviation[:-1].mean()), 1e-12)
    return Seen(float(t_decades(*_prediction(np.log(error), noise))), smd, float(error[-1]), before)


def classification(estimate: Estimate) -> Seen:
    """Of AUROCs, upwards. A shift of d standard deviations between two normal distributions has AUROC Phi(d / sqrt 2)."""
    auroc, n = np.array(estimate.auroc), estimate.rows[-1]
    others = sum(estimate.rows[:-1])
    t, df = _prediction(auroc, np.sqrt((n + others + 1) / (12 * n * others)))  # Mann and Whitney 1947
    apart = np.sqrt(2) * ndtri(np.clip(auroc, 1e-6, 1 - 1e-6))
    decades = float(one_sided(t_decades(t, df), t > 0))
    return Seen(decades, float(apart[-1] - apart[:-1].mean()), float(auroc[-1]), float(auroc[:-1].mean()))


def _prediction(values: NDArray[np.float64], noise: float) -> tuple[float, int]:
    before = values[:-1]
    variance = max(float(before.var(ddof=1)), noise**2, 1e-24)
    return float((values[-1] - before.mean()) / np.sqrt(variance * (1 + 1 / len(before)))), len(before) - 1


class Days:
    """The findings of one application by signal; `update` follows them from one estimate to the next."""

    def __init__(self, application: str):
        self.application = application
        self.open: dict[str, Finding] = {}
        self._told = -1

    def restore(self, findings: Iterable[Finding]) -> None:
        """Take up those that are open; a day of which something was said is not spoken of again."""
        mine = [finding for finding in findings if finding.signal in NAMES]
        self.open = {finding.signal: finding for finding in mine if finding.ended is None}
        self._told = max((finding.window.start for finding in mine), default=-1)

    def update(self, estimate: Estimate | None, end: int, budget: Budget, marks: Mapping[str, Mark]) -> list[Finding]:
        """What began, moved or ended with the newest estimate, at `end` (event time); without one everything ends.

        The two signals draw on the budget as any two comparisons do, one look a day.
        """
        over = [name for name, was in self.open.items() if estimate is None or marks.get(was.id) in ("accepted", "false_alarm")]
        changed = [msgspec.structs.replace(self.open.pop(name), ended=end) for name in over]
        if estimate is None or estimate.outcome != "done" or estimate.day <= self._told:
            return changed
        self._told = estimate.day
        looks = budget.windows * WINDOW / DAY
        h = float(thresholds(np.ones(1), budget.comparisons + len(SIGNALS), looks, budget.at_most)[0])
        for name, seen in ((ERROR, reconstruction(estimate)), (CLASSIFIER, classification(estimate))):
            was = self.open.get(name)
            finding = self._finding(name, estimate, seen, h, was)
            share = 0.5 if was else 1.0  # what holds is let go only when it is clearly over
            if seen.decades >= share * h and finding.times_floor >= share:
                self.open[name] = finding
                changed.append(finding)
            elif was is not None:
                changed.append(msgspec.structs.replace(self.open.pop(name), ended=estimate.day))
        return changed

    def _finding(self, name: str, estimate: Estimate, seen: Seen, h: float, was: Finding | None) -> Finding:
        since, baseline = (was.since, was.baseline) if was else (estimate.day, estimate.baseline)
        times = abs(seen.smd) if name == ERROR else max(seen.smd, 0.0)
        return Finding(
            id=finding_id(self.application, Subject("", "", name, baseline), since, HORIZON),
            application=self.application, slice={}, signal=name, baseline=baseline, comparison="drift",
            horizon=HORIZON, window=Span(estimate.day, estimate.day + DAY), since=since, n=estimate.rows[-1],
            reference_n=sum(estimate.rows[:-1]), effect={"smd": seen.smd}, times_floor=times / DEFAULT_FLOOR.smd,
            p=10.0 ** -min(seen.decades, 300.0), evidence=seen.decades, threshold=h, verdict="finding",
            revision=was.revision if was else 0,
            reasons=Reasons(before=seen.before, after=seen.value, statistic="mean", spoke="days"),
        )  # fmt: skip
