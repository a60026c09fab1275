"""NannyML itself, in its process: what it finds, what bounds it, and that it talks to nobody."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.estimation.process import WORKER, EstimationError, Limits, run
from tests.estimation import PYTHON, needs_nannyml

NANNY = Limits(PYTHON, 2048, 300)
DAYS, ROWS = 8, 60
LOCAL = {"socket.__new__", "socket.bind"}
"""What asks nobody: urllib3 tries at its import whether this machine has IPv6."""
DRIVER = """
# Writes down what the worker asks of the network. What NannyML has to send waits in a thread: it gets its turn before the end.
import os, runpy, sys
log = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def seen(event, args):
    if event.startswith("socket."):
        os.write(log, f"{event}\\n".encode())
sys.addaudithook(seen)
leave = os._exit
def flushed(status):
    if "segment.analytics" in sys.modules:
        sys.modules["segment.analytics"].flush()
    leave(status)
os._exit = flushed
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def related(alike: bool) -> dict[str, Any]:
    """Days of two numbers that go together; on the last day each is as it was, but they no longer do."""
    rng = np.random.default_rng(1)
    first = rng.normal(size=(DAYS, ROWS))
    second = first + 0.2 * rng.normal(size=(DAYS, ROWS))
    if not alike:
        second[-1] = rng.permutation(second[-1])
    numeric = np.column_stack([first.ravel(), second.ravel(), rng.normal(size=DAYS * ROWS)])
    numeric[rng.random(numeric.shape) < 0.02] = np.nan
    topics = rng.integers(-1, 3, (DAYS * ROWS, 1))
    topics[-ROWS:][rng.random(ROWS) < 0.1] = 3  # a category of the last day alone
    return {"task": "drift", "day": np.repeat(np.arange(DAYS), ROWS), "numeric": numeric, "categorical": topics}


@needs_nannyml
@pytest.mark.faults
def test_a_day_on_which_signals_no_longer_go_together_stands_out_and_the_same_again_is_the_same_to_the_bit() -> None:
    found = run(related(alike=False), NANNY)
    *before, last = found["reconstruction_error"]
    assert last > max(before) + 3 * np.std(before)
    assert found["domain_classifier"][-1] > max(found["domain_classifier"][:-1])
    assert run(related(alike=False), NANNY) == found
    alike = run(related(alike=True), NANNY)
    assert alike["reconstruction_error"][-1] < np.mean(alike["reconstruction_error"]) * 1.2


@needs_nannyml
@pytest.mark.faults
@pytest.mark.parametrize("told_not_to", [True, False])
def test_nothing_is_sent_anywhere_and_usage_statistics_would_be_refused(tmp_path: Path, told_not_to: bool) -> None:
    np.savez(tmp_path / "job.npz", **related(alike=True))
    environment = {"HOME": str(tmp_path)} | ({"NML_DISABLE_USAGE_LOGGING": "1"} if told_not_to else {})
    command = [PYTHON, "-I", "-c", DRIVER, str(tmp_path / "seen"), str(WORKER), str(tmp_path), "2048", "300"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.wait(300) == 0
    assert b"error" in (tmp_path / "result.json").read_bytes() and b'"error"' not in (tmp_path / "result.json").read_bytes()
    asked = set((tmp_path / "seen").read_text().split()) - LOCAL
    assert bool(asked) != told_not_to, asked  # the hook of the test does see what NannyML would do otherwise
    assert "socket.connect" not in asked, "what looks up a name is refused, so nothing gets as far"


@needs_nannyml
@pytest.mark.faults
@pytest.mark.parametrize("seed", [1, 2])
def test_estimated_performance_is_the_true_one_where_probabilities_are_calibrated(seed: int) -> None:
    rng = np.random.default_rng(seed)
    known, unknown = 4000, 4000
    probability = np.concatenate([rng.beta(2, 2, known), rng.beta(0.6, 0.9, unknown)])
    outcome = (rng.random(len(probability)) < probability).astype(np.int64)
    job = {"task": "performance", "probability": probability, "outcome": outcome, "known": known}
    found = run(job, NANNY)
    p, y = probability[known:], outcome[known:]
    assert found["accuracy"][0] == pytest.approx(((p >= 0.5) == y).mean(), abs=0.03)
    assert found["roc_auc"][0] == pytest.approx(auroc(p, y), abs=0.03)


def auroc(score: NDArray[np.float64], outcome: NDArray[np.int64]) -> float:
    """Mann and Whitney's share of pairs in the right order."""
    positive, negative = np.sort(score[outcome == 1]), score[outcome == 0]
    return float(1 - np.searchsorted(positive, negative).mean() / len(positive))


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits("/nowhere/python"), "estimation.python cannot be run: No such file or directory"),
        (Limits(seconds=0), "it took longer than 0 s"),
        (Limits(memory=1), "no result|MemoryError|ImportError"),
        (Limits(sys.executable), "Error in its process"),
    ],
)
def test_whatever_happens_to_the_process_is_one_error(limits: Limits, reason: str) -> None:
    with pytest.raises(EstimationError, match=reason):
        run({"task": "drift", "day": np.zeros(2, np.int64), "numeric": np.ones((2, 1)), "categorical": np.ones((2, 0))}, limits)


@needs_nannyml
@pytest.mark.parametrize(
    ("limits", "reason"), [(NANNY._replace(seconds=1), "longer than|status -"), (NANNY._replace(memory=100), "Error|status -")]
)
def test_nannyml_does_not_take_more_time_or_memory_than_it_may(limits: Limits, reason: str) -> None:
    with pytest.raises(EstimationError, match=reason):
        run(related(alike=True), limits)


def test_a_service_that_stops_waits_for_nobody() -> None:
    with pytest.raises(EstimationError, match="the service stops"):
        run({"task": "drift"}, Limits(), lambda: True)


def test_the_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    code = f"import runpy, signal; runpy.run_path({str(WORKER)!r})['_end_with_parent'](); signal.pause()"
    with subprocess.Popen([sys.executable, "-I", "-c", code], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 1


def test_the_process_knows_nothing_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUMBLINE_SECRET", "a secret")
    spy = tmp_path / "python"
    spy.write_text(f"#!/bin/sh\nenv > {tmp_path}/seen\n", encoding="utf-8")
    spy.chmod(0o700)
    with pytest.raises(EstimationError, match="status 0 and no result"):
        run({"task": "drift"}, Limits(str(spy)))
    seen = (tmp_path / "seen").read_text(encoding="utf-8")
    assert "a secret" not in seen and "NML_DISABLE_USAGE_LOGGING=1" in seen
