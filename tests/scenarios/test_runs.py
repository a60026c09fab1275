"""Failed runs of an agent, turn by turn among real ones, are told by what runs are measured by. Figures: make bench-runs."""

import pytest

from bench.runs import CONFIGS, run
from bench.scenarios import DATA

pytestmark = [pytest.mark.skipif(not DATA.is_dir(), reason="the real rows of ../shared/data are not here"), pytest.mark.faults]


def test_failed_runs_show_in_what_is_measured_of_runs() -> None:
    outcome = run(0, False, CONFIGS["of runs"])
    assert outcome.runs is not None and outcome.runs <= 200, outcome
    assert {"run_tool_calls", "run_repeated_calls"} <= set(outcome.signals), outcome


def test_successful_runs_raise_nothing() -> None:
    assert run(0, True, CONFIGS["of runs"]).alerts == []
