"""How often a judge agrees with people: what is asked of NannyML, and that a judge's figures are true where labels show it."""

from pathlib import Path

import numpy as np
import pytest

from detectors.estimation.process import EstimationError, Limits
from monitor import agreeing
from monitor.config import ConfigSource, parse
from monitor.estimating import Estimating
from monitor.metrics import Metrics
from monitor.store import estimates, feedback
from monitor.store.engine import Store
from monitor.store.feedback import FeedbackKey, JoinedFeedback
from records.window import DAY
from tests.estimation import PYTHON, needs_nannyml
from tests.monitor.streaming import START, opened
from tests.monitor.test_estimating import stored

CONFIG = """
estimation: {{python: "{python}"}}
applications:
  shop:
    evaluations: [{{judge: {{name: helpful, rubric: "Does it help?", endpoint: "http://127.0.0.1:9/v1", model: m}}}}]
"""
NOWHERE = Limits("/nowhere/python")
DAYS = 7


def spoken(day: int, n: int, human: float | None, judge: float | None = 0.75) -> list[tuple[int, dict[str, float]]]:
    said = {"human": human, "judge": judge}
    return [(day + i, {source: value for source, value in said.items() if value is not None}) for i in range(n)]


BEFORE, THEN = START - DAY, START
TOO_LITTLE = {
    "nothing": [],
    "few pairs": [*spoken(BEFORE, 50, 1.0), *spoken(BEFORE, 49, 0.0), *spoken(THEN, 500, None)],
    "few judged that day": [*spoken(BEFORE, 90, 1.0), *spoken(BEFORE, 90, 0.0), *spoken(THEN, 99, 1.0)],
    "one outcome": [*spoken(BEFORE, 200, 1.0), *spoken(THEN, 200, None)],
    "labels without judgements": [*spoken(BEFORE, 200, 1.0, None), *spoken(BEFORE, 90, 0.0), *spoken(THEN, 200, None)],
}


@pytest.mark.parametrize("rows", TOO_LITTLE.values(), ids=TOO_LITTLE)
def test_of_too_little_nobody_is_asked(rows: list[tuple[int, dict[str, float]]]) -> None:
    assert agreeing.agreement(rows, START, NOWHERE, lambda: False) is None


def test_what_fails_is_one_error() -> None:
    rows = [*spoken(BEFORE, 90, 1.0), *spoken(BEFORE, 90, 0.0), *spoken(THEN, 100, None)]
    with pytest.raises(EstimationError):
        agreeing.agreement(rows, START, NOWHERE, lambda: False)


def say(store: Store) -> float:
    """Calibrated judgements of every day, labels of all but the last; how often they would agree with people on that."""
    rng, agrees = np.random.default_rng(3), []
    with store.begin() as c:
        for day in range(DAYS):
            judge = rng.beta(2, 1, 400)
            human = (rng.random(400) < judge).astype(float)
            rows = {}
            for i, (f, h) in enumerate(zip(judge.tolist(), human.tolist(), strict=True)):
                for source, value in (("judge", f), ("human", h)):
                    if source == "judge" or day < DAYS - 1:
                        at = START + day * DAY + i * 1_000_000
                        rows[FeedbackKey(day * 1000 + i, "helpful", source)] = JoinedFeedback(value, at, [], True)
            feedback.put(c, "shop", rows)
            agrees.append(float(((judge >= 0.5) == human).mean()))
    return agrees[-1]


@needs_nannyml
@pytest.mark.faults
@pytest.mark.timeout(600)
def test_a_day_that_nobody_labelled_has_the_accuracy_that_its_labels_would_show(tmp_path: Path) -> None:
    config = ConfigSource(parse(CONFIG.format(python=PYTHON), "test", {}))
    with opened(tmp_path / "a.db") as store:
        stored(store, DAYS, hours=3)  # too few rows for whole days: what judges say does not wait for those
        truth = say(store)
        Estimating(store, config, Metrics()).step()
        with store.read() as c:
            told = estimates.newest(c, "shop")
            assert told is not None
    one = told.judges["helpful"]
    assert (told.outcome, one.labels, one.n) == ("too_few", 400 * (DAYS - 1), 400)
    assert one.accuracy == pytest.approx(truth, abs=0.05)
    assert 0.6 < one.roc_auc < 0.9
