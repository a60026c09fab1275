"""Answers that lose their ground in the passages, with the length of the answers held fixed. AUC: make bench-evaluation."""

import pytest

from bench import grounding, scenarios
from bench.scenarios import play, run

pytestmark = pytest.mark.skipif(not scenarios.DATA.is_dir(), reason="the real rows of ../shared/data are not here")
ALONE = "applications: {scenario: {slices: [], signals: [response.words], evaluations: [groundedness]}}"


def test_made_up_answers_as_long_as_the_right_ones_are_found_by_their_groundedness_alone() -> None:
    outcome = play("equally long", *grounding.equally_long(0), 0, config=ALONE)
    assert outcome.signals == ["scores.groundedness"], outcome
    assert outcome.interactions <= 300, outcome


@pytest.mark.faults
def test_longer_answers_out_of_their_passages_are_longer_and_no_less_grounded() -> None:
    outcome = play("longer but grounded", *grounding.longer_but_grounded(0), 0, config=ALONE)
    assert "response.words" in outcome.signals and "scores.groundedness" not in outcome.signals, outcome


@pytest.mark.faults
def test_rag_groundedness_loss_is_found_with_the_defaults() -> None:
    assert "scores.groundedness" in run("rag_groundedness_loss", 0, False).signals
