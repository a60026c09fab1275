"""How often a judge agrees with people, estimated by NannyML's CBPE for days that nobody labelled (detectors.estimation)."""

from collections.abc import Callable, Sequence

import numpy as np
from sqlalchemy import Connection

from detectors.estimation.process import Limits, run
from detectors.estimation.statement import Agreement
from monitor.store import feedback
from records.window import DAY

FEWEST = 100
"""Pairs that calibrate, and judgements of the day."""
AS_FAR_BACK = 14 * DAY
GOOD = 0.5
"""From this score on people call an answer good."""
Scored = Sequence[tuple[int, dict[str, float]]]


def scores(c: Connection, application: str, judges: Sequence[str], day: int) -> dict[str, Scored]:
    """What was said of the interactions of a day and the two weeks before it, by judge."""
    return {name: feedback.scored(c, application, name, day - AS_FAR_BACK, day + DAY) for name in judges}


def agreement(rows: Scored, day: int, limits: Limits, stop: Callable[[], bool]) -> Agreement | None:
    """Of the day that begins at `day`; None where too little is known. EstimationError where NannyML gives no answer."""
    judged = [(start, one) for start, one in rows if "judge" in one]
    pairs = [one for start, one in judged if start < day and "human" in one]
    asked = [one["judge"] for start, one in judged if start >= day]
    outcome = np.array([one["human"] >= GOOD for one in pairs], np.int64)
    if min(len(pairs), len(asked)) < FEWEST or len(np.unique(outcome)) < 2:
        return None
    job = {
        "task": "performance", "known": len(pairs),
        "probability": np.clip([*(one["judge"] for one in pairs), *asked], 0.0, 1.0),
        "outcome": np.append(outcome, np.zeros(len(asked), np.int64)),
    }  # fmt: skip
    found = run(job, limits, stop)
    return Agreement(labels=len(pairs), n=len(asked), accuracy=found["accuracy"][0], roc_auc=found["roc_auc"][0])
