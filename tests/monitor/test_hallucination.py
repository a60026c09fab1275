"""Answers that are made up more often: a judge over HTTP with set error rates, a few people, and what is said of the truth."""

import re
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from detectors.prediction_powered import Scores, Sums, estimate, mean_interval
from tests.judge_server import erring, judging
from tests.monitor.test_judge_embedded import serving
from tests.monitor.waiting import until

Floats = NDArray[np.float64]
HOUR = 3600
N, LABELS = 240, 48
GOOD = (0.95, 0.7)
"""Shares of answers that hold to their sources, in the hour before and the hour after."""
JUDGE = {"false_negatives": 0.02, "false_positives": 0.6}
CONFIG = "scale: [0, 1], sample: 1.0, concurrency: 16"
GAUGE = re.compile(r'^plumbline_score\{.*evaluation="helpful".*\} (\S+)', re.MULTILINE)
DRAWS, JUDGED = 500, 2_000


def true(response: str) -> bool:
    return response.startswith("As the manual says")


def texts(hour: int) -> list[str]:
    drawn = np.random.default_rng([3, hour]).random(N) < GOOD[hour]
    return [f"{'As the manual says' if good else 'I am quite sure'}, it is {hour}.{i}." for i, good in enumerate(drawn)]


def sent(hour: int, start: float) -> list[dict[str, Any]]:
    return [
        {"id": f"{hour}-{i}", "application": "support", "timestamp": start + hour * HOUR + i * HOUR / N, "response": text}
        for i, text in enumerate(texts(hour))
    ]


def labels(hour: int, start: float) -> list[dict[str, Any]]:
    """What people say of every fifth answer, an hour later: the truth."""
    rows = zip(sent(hour, start), texts(hour), strict=True)
    return [
        {"interaction_id": row["id"], "application": "support", "timestamp": row["timestamp"] + HOUR, "name": "helpful",
         "value": true(text), "source": "human"}
        for row, text in list(rows)[:: N // LABELS]
    ]  # fmt: skip


def post(client: httpx.Client, what: str, rows: list[dict[str, Any]]) -> None:
    answer = client.post(f"/v1/{what}", content=b"\n".join(map(msgspec.json.encode, rows)))
    assert answer.json() == {"accepted": len(rows), "rejected": []}


def quality(client: httpx.Client, start: float) -> dict[str, Any]:
    """The two hours of the judge's score."""
    asked = {"application": "support", "evaluation": "helpful", "since": str(start), "until": str(start + 2 * HOUR)}
    items = client.get("/api/quality", params=asked).json()["items"]
    found: dict[str, Any] = items[0] if items else {"n_judged": [], "n_labels": []}
    return found


def test_a_few_labels_say_what_the_judge_alone_hides(tmp_path: Path) -> None:
    start = time.time() // HOUR * HOUR - 5 * HOUR
    truth = [sum(map(true, texts(hour))) / N for hour in (0, 1)]
    with judging(scored=erring(true, **JUDGE)) as judge, serving(tmp_path, judge, CONFIG) as (_, client):
        for hour in (0, 1):
            post(client, "interactions", sent(hour, start))
        post(client, "interactions", [{"id": "z", "application": "support", "timestamp": start + 3 * HOUR}])
        until(lambda: quality(client, start)["n_judged"] == [N, N])
        alone = quality(client, start)
        assert alone["method"] == ["judge_only"] * 2
        assert alone["low"][1] > truth[1] + 0.05  # it lets most of what is made up pass
        for hour in (0, 1):
            post(client, "feedback", labels(hour, start))
        until(lambda: quality(client, start)["n_labels"] == [LABELS, LABELS])
        corrected = quality(client, start)
        assert corrected["method"] == ["prediction_powered"] * 2
        assert all(low <= t <= high for low, high, t in zip(corrected["low"], corrected["high"], truth, strict=True))
        assert corrected["estimate"][1] < corrected["estimate"][0] - 0.1
        assert corrected["coverage"] == [1.0, 1.0]
        assert f"corrected with {2 * LABELS} labels" in client.get("/apps/support").text
        post(client, "interactions", [{"id": "y", "application": "support", "timestamp": start + 4.1 * HOUR}])
        until(lambda: GAUGE.search(client.get("/metrics").text))  # of the next full hour
        assert 0.7 < float(GAUGE.findall(client.get("/metrics").text)[0]) < 0.9


@pytest.mark.parametrize("hour", [0, 1])
def test_over_500_draws_of_labels_the_interval_covers_the_truth_as_often_as_it_says(hour: int) -> None:
    """Whole populations of new answers, each judged by the same rule that the server of the test above scores by."""
    rng, scored = np.random.default_rng([11, hour]), erring(true, **JUDGE)
    kinds = [np.array([scored({"response": f"{words} {i}"}) for i in range(4_000)]) for words in ("As the manual says", "I am")]
    good = rng.random((DRAWS, JUDGED)) < GOOD[hour]
    f = np.where(good, rng.choice(kinds[0], (DRAWS, JUDGED)), rng.choice(kinds[1], (DRAWS, JUDGED)))
    h = good.astype(float)

    def sums(x: Floats) -> Sums:
        return Sums(np.full(DRAWS, float(x.shape[1])), x.sum(1), (x * x).sum(1))

    human, machine = h[:, :LABELS], f[:, :LABELS]
    low, high = np.zeros(DRAWS), np.ones(DRAWS)
    made = estimate(Scores(sums(f), sums(human), sums(human), sums(machine), sums(human - machine), low, high))
    covered = int(((made.low <= GOOD[hour]) & (GOOD[hour] <= made.high)).sum())
    assert covered >= stats.binom.ppf(1e-6, DRAWS, 0.95)
    _, judge_low, judge_high = mean_interval(sums(f), low, high)
    assert int(((judge_low <= GOOD[hour]) & (GOOD[hour] <= judge_high)).sum()) < (0.5, 0.01)[hour] * DRAWS
