"""Real data through the real pipeline: what must be found is found, and nothing else is. Figures: make bench-scenarios."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from bench import scenarios
from bench.scenarios import SEEN, Outcome, run

pytestmark = pytest.mark.skipif(not scenarios.DATA.is_dir(), reason="the real rows of ../shared/data are not here")
SEEDS = range(2)
"""Seeds of the long run here; `make bench-scenarios` takes ten."""
SPEAKS = {
    "gsm8k_decay_6b": {"scores.numeric_match"},
    "pii_leak_wave": {"prompt.card", "prompt.phone", "prompt.email"},
}
"""Signals of which one at least must be among what was found, where it matters by what."""


def check(outcome: Outcome) -> None:
    assert outcome.found, outcome
    assert SPEAKS.get(outcome.scenario, set(outcome.signals)) & set(outcome.signals), outcome


@pytest.mark.parametrize("name", ["llmdrift_gpt35_prime", "agent_domain_shift", "pii_leak_wave", "gsm8k_decay_6b"])
def test_the_change_is_found(name: str) -> None:
    check(run(name, 0, False))


LABELS = "applications: {scenario: {slices: [], signals: [scores.numeric_match], evaluations: [numeric_match]}}"


def test_decay_is_told_within_200_labelled_answers_where_labels_are_what_is_watched() -> None:
    outcome = run("gsm8k_decay_6b", 1, False, LABELS)
    assert outcome.found and outcome.interactions <= 200, outcome
    assert outcome.said.startswith("Performance decay: score numeric_match fell from 0.39"), outcome


@pytest.mark.faults
def test_of_ten_seeds_at_most_three_take_more_and_none_twice_as_many() -> None:
    took = [run("gsm8k_decay_6b", seed, False, LABELS).interactions for seed in range(10)]
    assert sum(answers <= 200 for answers in took) >= 7 and max(took) <= 400, took


@pytest.mark.parametrize("name", ["agent_null_trials", "pii_leak_wave"])
def test_reference_rows_against_themselves_raise_nothing(name: str) -> None:
    assert run(name, 0, True).alerts == []


@pytest.mark.faults
def test_every_scenario_is_found_at_every_seed_and_null_runs_stay_silent() -> None:
    names = list(scenarios.scenarios()) if scenarios.DATA.is_dir() else []
    drifts = [(name, seed, False) for name in SEEN for seed in SEEDS]
    nulls = [(name, seed, True) for name in names for seed in SEEDS]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        outcomes = list(pool.map(run, *zip(*drifts, *nulls, strict=True)))
    for outcome in outcomes[: len(drifts)]:
        check(outcome)
    silent = outcomes[len(drifts) :]
    raised = [(outcome.scenario, outcome.seed, outcome.alerts) for outcome in silent if outcome.alerts]
    assert len(silent) == 12 * len(SEEDS) and sum(len(sentences) for _, _, sentences in raised) <= 1, raised
