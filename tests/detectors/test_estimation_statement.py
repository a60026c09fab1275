"""What values of days say. Second source: scipy's t and normal distributions, and days simulated by the thousand."""

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import pytest
from scipy import stats

from detectors.course import Budget
from detectors.estimation.statement import CLASSIFIER, ERROR, Days, Estimate, classification, reconstruction
from records.alert import Mark
from records.finding import Finding
from records.window import DAY

START = 1_790_000_000_000_000 // DAY * DAY
BUDGET = Budget(at_most=1.0, windows=30 * 288, comparisons=98)
CALM = [4.00, 4.05, 3.97, 4.02, 3.99, 4.01, 4.03]
EVEN = [0.500, 0.508, 0.495, 0.502, 0.498, 0.504, 0.499]


def estimate(error: Sequence[float] = (*CALM, 4.0), auroc: Sequence[float] = (*EVEN, 0.5), day: int = 0) -> Estimate:
    n = len(error)
    starts = [START + (day - n + 1 + i) * DAY for i in range(n)]
    return Estimate(
        day=starts[-1], baseline="trailing 7d", outcome="done", before=starts[:-1], rows=[1500] * n,
        error=list(error), deviation=[1.0] * n, auroc=list(auroc),
    )  # fmt: skip


@pytest.mark.parametrize("last", [3.6, 4.0, 4.1, 4.9])
def test_an_error_is_as_surprising_as_one_more_draw_of_the_days_before_it(last: float) -> None:
    seen = reconstruction(estimate([*CALM, last]))
    logs = np.log(CALM)
    t = (math.log(last) - logs.mean()) / (max(logs.std(ddof=1), 1 / math.sqrt(1500) / last) * math.sqrt(1 + 1 / 7))
    assert seen.decades == pytest.approx(-math.log10(2 * stats.t.sf(abs(t), 6)), abs=1e-9)
    assert seen.smd == pytest.approx(last - np.mean(CALM)) and seen.value == last


@pytest.mark.parametrize("last", [0.4, 0.5, 0.53, 0.7, 1.0])
def test_an_auroc_is_surprising_upwards_alone(last: float) -> None:
    seen = classification(estimate(auroc=[*EVEN, last]))
    noise = math.sqrt((1500 + 7 * 1500 + 1) / (12 * 1500 * 7 * 1500))
    t = (last - np.mean(EVEN)) / (max(np.std(EVEN, ddof=1), noise) * math.sqrt(1 + 1 / 7))
    assert seen.decades == pytest.approx(-math.log10(stats.t.sf(t, 6)), abs=1e-9)


def test_the_effect_of_an_auroc_is_the_shift_that_it_stands_for() -> None:
    auroc = float(stats.norm.cdf(0.5 / math.sqrt(2)))
    assert classification(estimate(auroc=[*[0.5] * 7, auroc])).smd == pytest.approx(0.5)


def test_days_that_are_all_alike_are_not_surprised_by_what_sampling_alone_does() -> None:
    assert reconstruction(estimate([4.0] * 7 + [4.02])).decades < 0.6
    assert classification(estimate(auroc=[0.5] * 7 + [0.505])).decades < 0.8


@pytest.mark.parametrize("days", [5, 7, 14])
def test_days_that_wobble_are_called_as_often_as_said(days: int) -> None:
    rng = np.random.default_rng(days)
    draws = 4000
    values = 4 * np.exp(0.03 * rng.normal(size=(draws, days + 1)))
    decades = np.array([reconstruction(estimate(row.tolist(), [0.5] * (days + 1))).decades for row in values])
    for level in (0.1, 0.01):
        called = float((decades >= -math.log10(level)).mean())
        assert called == pytest.approx(level, abs=4 * math.sqrt(level / draws))


def told(days: Days, *estimates: Estimate | None, marks: Mapping[str, Mark] | None = None) -> list[Finding]:
    out: list[Finding] = []
    for one in estimates:
        out += days.update(one, START + 3 * DAY, BUDGET, marks or {})
    return out


UNLIKE = estimate([*CALM, 6.0], [*EVEN, 0.8])


def test_a_day_unlike_the_days_before_it_is_a_finding_of_each_method_as_long_as_it_holds() -> None:
    days = Days("shop")
    first = told(days, UNLIKE)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(first), type=list[Finding]) == first
    assert [(f.signal, f.horizon, f.comparison, f.verdict) for f in first] == [
        (ERROR, "1d", "drift", "finding"), (CLASSIFIER, "1d", "drift", "finding"),
    ]  # fmt: skip
    assert (first[0].reasons.before, first[0].reasons.after) == (pytest.approx(np.mean(CALM)), 6.0)
    assert (first[0].n, first[0].reference_n, first[0].since) == (1500, 10_500, START)
    assert first[0].threshold == pytest.approx(math.log10(30 * 100)), "as any comparison of the hundred, one look a day"
    second = told(days, estimate([*CALM, 5.5], [*EVEN, 0.5], day=1))
    assert [(f.id, f.ended) for f in second] == [(first[0].id, None), (first[1].id, START + DAY)]
    (third,) = told(days, estimate(day=2))
    assert (third.id, third.ended) == (first[0].id, START + 2 * DAY) and not days.open


def test_the_same_day_is_spoken_of_once_also_after_a_restart() -> None:
    days = Days("shop")
    first = told(days, UNLIKE)
    assert told(days, UNLIKE) == []
    again = Days("shop")
    again.restore(first)
    assert told(again, UNLIKE) == [] and again.open == days.open


@pytest.mark.parametrize(("mark", "over"), [("accepted", True), ("false_alarm", True), ("real", False)])
def test_a_finding_that_somebody_explained_is_over_and_does_not_come_back(mark: Mark, over: bool) -> None:
    days = Days("shop")
    first = told(days, UNLIKE)
    marks = {finding.id: mark for finding in first}
    ended = told(days, UNLIKE, marks=marks)
    assert [f.ended is not None for f in ended] == [True, True] * over
    restarted = Days("shop")
    restarted.restore({finding.id: finding for finding in [*first, *ended]}.values())
    assert told(restarted, UNLIKE, marks=marks) == []


def test_findings_end_when_estimation_is_turned_off_and_wait_where_a_day_has_none() -> None:
    days = Days("shop")
    told(days, UNLIKE)
    for outcome in ("failed", "too_few"):
        assert told(days, Estimate(day=START + DAY, baseline="trailing 7d", outcome=outcome)) == []
    assert len(days.open) == 2
    assert {f.ended for f in told(days, None)} == {START + 3 * DAY}
    assert told(days, None) == []


@pytest.mark.parametrize(
    ("error", "auroc"), [([*CALM, 4.15], [*EVEN, 0.5]), ([4.0] * 7 + [4.15], [0.5] * 7 + [0.55]), ([0.0] * 8, [1.0] * 8)]
)
def test_what_is_small_or_likely_or_broken_is_no_finding(error: list[float], auroc: list[float]) -> None:
    assert told(Days("shop"), estimate(error, auroc)) == []


def test_another_baseline_does_not_orphan_what_is_open() -> None:
    days = Days("shop")
    ids = {finding.id for finding in told(days, UNLIKE)}
    longer = msgspec.structs.replace(estimate([*CALM, 6.0], [*EVEN, 0.8], day=1), baseline="trailing 14d")
    assert {finding.id for finding in told(days, longer)} == ids
    assert {finding.baseline for finding in days.open.values()} == {"trailing 7d"}
