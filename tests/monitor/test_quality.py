"""Quality as it is read back: means with intervals by slice and stretch, what they rest on, and what was not counted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors.estimation.statement import Agreement, Estimate
from monitor import reading
from monitor.config.loader import parse
from monitor.reading.fields import quality_fields
from monitor.reading.quality import METHODS, Quality, words
from monitor.retention import forget
from monitor.store import contents, estimates
from monitor.store.engine import Store
from records.window import DAY, HOUR, WINDOW
from tests.monitor.streaming import ACCEPTED, APPLICATION, CONFIG, START, interaction, opened, pipeline, record
from tests.monitor.test_joining import feedback
from tests.monitor.test_pairing import JUDGED

WINDOWS, ROWS = 30, 12
SCORED = CONFIG.replace("[response", "[scores.quality, response")


def sent() -> list[list[dict[str, Any]]]:
    """Two and a half hours of which three in four answers have a score of the application's own."""
    out = []
    for window in range(WINDOWS):
        rng = np.random.default_rng([8, window])
        rows = [interaction(window, row, rng, None, scores={"quality": float(rng.integers(5)) / 4}) for row in range(ROWS)]
        out.append([{**row, "scores": None} if i % 4 == 3 else row for i, row in enumerate(rows)])
    return out


def read(store: Store, config: str, step: int, **asked: Any) -> list[Quality]:
    with store.read() as c:
        wanted = reading.Scored(application=APPLICATION, **asked)
        return reading.quality(c, parse(config, "test", {}), wanted, step, START, START + 2 * HOUR)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with opened(tmp_path_factory.mktemp("quality") / "a.db") as made:
        pipe = pipeline(made, SCORED)
        for offset, rows in enumerate(sent(), 1):
            pipe.ingest([record(offset, rows)], ACCEPTED)
        yield made


@pytest.mark.parametrize("model", ["", "a", "b"])
@pytest.mark.parametrize("step", [WINDOW, 3 * WINDOW, HOUR])
def test_a_score_has_the_mean_of_its_values_in_each_stretch_and_in_all(store: Store, model: str, step: int) -> None:
    (one,) = read(store, SCORED, step, slice=("model", model) if model else ("", ""))
    for i, start in enumerate([*range(START, START + 2 * HOUR, step), None]):
        inside = [
            row for rows in sent()[: 2 * HOUR // WINDOW] for row in rows
            if model in ("", row["model"]) and (start is None or start <= round(row["timestamp"] * 1e6) < start + step)
        ]  # fmt: skip
        values = [row["scores"]["quality"] for row in inside if row["scores"]]
        assert one.value[i] == pytest.approx(np.mean(values), abs=1e-9)
        assert one.low[i] <= one.value[i] <= one.high[i]
        assert (one.n_judged[i], one.coverage[i]) == (len(values), pytest.approx(len(values) / len(inside)))
    assert set(one.method) == {METHODS.index("mean")}
    assert one.high[-1] - one.low[-1] < min(one.high[:-1] - one.low[:-1])


def test_of_the_hour_that_is_not_over_there_is_what_there_is(store: Store) -> None:
    with store.read() as c:
        wanted = reading.Scored(application=APPLICATION)
        (one,) = reading.lately(c, parse(SCORED, "test", {}), wanted, START + (WINDOWS - 1) * WINDOW)
    assert one.start.tolist() == [START, START + HOUR, START + 2 * HOUR]
    assert one.n_judged.tolist() == [108, 108, 45, 261]


def test_what_nobody_scored_or_asked_for_is_not_told(store: Store) -> None:
    assert read(store, SCORED, HOUR, evaluation="never") == []
    assert read(store, SCORED, HOUR, slice=("model", "c")) == []
    assert [one.evaluation for one in read(store, JUDGED, HOUR)] == ["quality"]  # a judge that said nothing yet


def test_labels_stand_alone_where_no_judge_has_spoken_and_the_scale_of_ratings_is_as_far_as_they_go(tmp_path: Path) -> None:
    rows = [row for batch in sent()[:4] for row in batch]
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store, JUDGED)
        pipe.ingest([record(1, rows)], ACCEPTED)
        told = [feedback(True, "helpful", "human", row["id"]) for row in rows[:20]]
        told += [feedback(5, "rating", "human", row["id"]) for row in rows[:12]]
        pipe.ingest([record(2, told, topic="feedback"), record(3, sent()[24])], ACCEPTED)
        helpful, rating = read(store, JUDGED, HOUR)
    assert (helpful.evaluation, METHODS[helpful.method[-1]], helpful.n_labels[-1]) == ("helpful", "labels_only", 20)
    assert helpful.value[-1] == helpful.high[-1] == 1.0 > helpful.low[-1] > 0.7
    assert (rating.evaluation, METHODS[rating.method[-1]], rating.value[-1], rating.high[-1]) == ("rating", "mean", 5.0, 5.0)
    assert 3 < rating.low[-1] < 5  # twelve times the best is no certainty


def test_how_often_a_judge_agrees_with_people_stands_beside_its_estimate(tmp_path: Path) -> None:
    rows = [row for batch in sent()[:4] for row in batch]
    known = Agreement(labels=120, n=400, accuracy=0.91, roc_auc=0.95)
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store, JUDGED)
        told = [feedback(1, "helpful", "judge", row["id"]) for row in rows]
        parts = [record(1, rows), record(2, told, topic="feedback"), record(3, sent()[24])]
        pipe.ingest(parts, ACCEPTED)
        assert [one.agreement for one in read(store, JUDGED, HOUR)] == [None]
        with store.begin() as c:
            judges = {"helpful": known, "gone": known}
            estimates.put(c, APPLICATION, Estimate(day=START, baseline="trailing 7d", outcome="done", judges=judges))
        (one,) = read(store, JUDGED, HOUR)
        shown = {"day": "2026-09-21T00:00:00.000Z", "labels": 120, "n": 400, "accuracy": 0.91, "roc_auc": 0.95}
        assert quality_fields(one)["agreement"] == shown
        assert read(store, JUDGED, HOUR, slice=("model", "a"))[0].agreement is None


WORDS = {
    ("prediction_powered", 42): "corrected with 42 labels",
    ("judge_only", 0): "judge only, not corrected",
    ("judge_only", 1): "judge only, not corrected: 1 label is too few",
    ("labels_only", 12): "12 labels, no judge",
    ("mean", 0): "mean of all scored",
}


@pytest.mark.parametrize(("method", "labels"), WORDS)
def test_what_an_estimate_rests_on_is_said_in_words(method: Any, labels: int) -> None:
    assert words(METHODS.index(method), labels) == WORDS[method, labels]


def test_what_was_not_counted_is_told_with_its_reason_and_how_late_it_came(tmp_path: Path) -> None:
    config = CONFIG + "content: full\nretention: {content: 1d}\n"
    (row, *_), later = sent()[0], START / 1e6 + 3 * DAY / 1e6
    late = {**feedback("42", "reference_answer", "human", row["id"]), "timestamp": later}
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store, config)
        pipe.ingest([record(1, [row])], ACCEPTED)
        with store.begin() as c:
            contents.delete_before(c, START + WINDOW)  # texts go by their own time, ids by the time they were accepted
        nobody = {**late, "interaction_id": "nobody", "timestamp": START / 1e6}
        pipe.ingest([record(2, [late, nobody], topic="feedback")], ACCEPTED)
        with store.read() as c:
            (told,) = reading.applications(c)
        assert [(one.reason, one.n, one.age) for one in told.unmatched] == [("content not kept", 1, 3 * DAY / 1e6)]
        pipe.ingest([record(3, [{**row, "id": "new", "timestamp": later}])], ACCEPTED)
        pipe.ingest([record(4, [{**row, "id": "newer", "timestamp": later + 600}])], ACCEPTED)
        forget(store, parse(config, "test", {}), pipe.metrics, ACCEPTED + 12 * HOUR)
        with store.read() as c:
            (told,) = reading.applications(c)
        ages = {one.reason: one.age for one in told.unmatched}
        assert ages["no such interaction"] == pytest.approx(3 * DAY / 1e6, abs=1200)
        bucket = (
            'plumbline_unmatched_feedback_age_seconds_bucket{application="support",le="604800.0",reason="content not kept"}'
        )
        assert f"{bucket} 1.0" in pipe.metrics.render().decode()
