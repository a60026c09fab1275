"""Scores of people beside those of a judge of the same name: each counts apart, and the pairs of both are counted as well."""

from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.store.engine import Store
from records.window import WINDOW
from streams.broker import FEEDBACK, INTERACTIONS
from tests.monitor.streaming import (
    ACCEPTED,
    APPLICATION,
    CONFIG,
    START,
    Change,
    feed,
    left,
    opened,
    pipeline,
    record,
    unbounded,
    windows,
)
from tests.monitor.test_joining import CALL, feedback, ingest, scores
from tests.monitor.test_partitions import PLACES, Topics, Worker, by_embedded
from tests.monitor.test_partitions import counted as summed

JUDGED = f"""{CONFIG}    evaluations:
      - judge: {{name: helpful, rubric: "Does it help?", endpoint: "http://127.0.0.1:9/v1", model: m, scale: [bad, fair, good]}}
"""
CALLS = [{**CALL, "id": f"c{i}", "model": "ab"[i % 2], "timestamp": (START + i * WINDOW) / 1e6} for i in range(3)]


def said(value: Any, source: str, id_: str = CALL["id"]) -> dict[str, Any]:
    return feedback(value, "helpful", source, id_)


def means(store: Store, dimension: str = "") -> dict[str, tuple[int, float]]:
    return {name.removeprefix("scores.helpful"): found for name, found in scores(store, dimension=dimension).items()}


BOTH = {
    "": (1, 1.0), ".human": (1, 0.25),
    ".paired.human": (1, 0.25), ".paired.judge": (1, 1.0), ".paired.correction": (1, -0.75),
}  # fmt: skip
SENT = [
    ("interactions", CALL), ("feedback", said(0.25, "human")), ("feedback", said(1.0, "judge")),
]  # fmt: skip


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("at_once", [True, False])
def test_a_pair_is_counted_once_whatever_comes_first(tmp_path: Path, order: tuple[int, ...], at_once: bool) -> None:
    parts = [record(i + 1, [SENT[which][1]], ACCEPTED, SENT[which][0]) for i, which in enumerate(order)]
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store, JUDGED)
        for batch in [parts] if at_once else [[part] for part in parts]:
            pipe.ingest(batch, ACCEPTED)
        assert means(store) == means(store, "model") == BOTH


def test_a_later_score_of_either_takes_the_place_of_its_own_in_the_pair(tmp_path: Path) -> None:
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store, JUDGED)
        for i, (topic, row) in enumerate([*SENT, ("feedback", said(0.5, "human")), ("feedback", said(0.75, "judge"))]):
            ingest(pipe, i + 1, [row], topic)
        assert means(store)[".paired.correction"] == (1, -0.25)
        assert means(store)[""] == means(store)[".paired.judge"] == (1, 0.75)


def test_an_application_counts_apart_too_and_corrects_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store, JUDGED)
        ingest(pipe, 1, [CALL])
        ingest(pipe, 2, [said(0.5, "application"), said(1.0, "judge")], "feedback")
        assert means(store) == {"": (1, 1.0), ".application": (1, 0.5)}
    with opened(tmp_path / "b.db") as store:
        pipe = pipeline(store, JUDGED.replace("[response", "[scores.*, response"))
        ingest(pipe, 1, [{**CALL, "scores": {"helpful": 0.5, "other": 0.25}}])
        assert scores(store) == {"scores.helpful.application": (1, 0.5), "scores.other": (1, 0.25)}


def test_what_was_counted_before_there_was_a_judge_counts_apart_once_it_scores(tmp_path: Path) -> None:
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store)
        ingest(pipe, 1, [CALL])
        ingest(pipe, 2, [said(0.25, "human")], "feedback")
        assert means(store) == {"": (1, 0.25)}
        ingest(pipeline(store, JUDGED), 3, [said(1.0, "judge")], "feedback")
        assert means(store) == BOTH
        ingest(pipeline(store), 4, [said(0.5, "judge")], "feedback")
        assert means(store) == {"": (2, 0.75)}


VALUES = [("good", 1.0, ""), ("fair", 0.5, ""), ("0.25", 0.25, ""), (True, 1.0, ""), (4, None, "out of scale"),
          ("-1", None, "out of scale"), ("splendid", None, "not a number"), ("nan", None, "not a number")]  # fmt: skip


@pytest.mark.parametrize(("value", "counted", "reason"), VALUES)
def test_a_person_scores_from_0_to_1_or_in_words_of_the_scale_and_nothing_else_is_lost_in_silence(
    tmp_path: Path, value: Any, counted: float | None, reason: str
) -> None:
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store, JUDGED)
        ingest(pipe, 1, [CALL])
        ingest(pipe, 2, [said(value, "human")], "feedback")
        assert means(store) == ({} if counted is None else {".human": (1, counted)})
        text = pipe.metrics.render().decode()
        assert (f'plumbline_unmatched_feedback_total{{application="{APPLICATION}",reason="{reason}"}} 1.0' in text) == (
            counted is None
        )


EVENTS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["human", "judge", "application"]), st.sampled_from([0.0, 0.1, 0.5, 1.0])),
    max_size=12,
)


@settings(max_examples=4, deadline=None)
@given(events=EVENTS, first=st.permutations(range(3)), came=st.tuples(*[st.integers(0, 12)] * 3), size=st.integers(1, 4))
def test_any_order_and_replacement_leaves_the_panes_of_the_last_scores_to_the_bit(
    events: list[tuple[int, str, float]], first: list[int], came: tuple[int, ...], size: int
) -> None:
    last = {(call, source): value for call, source, value in events}
    told: list[tuple[str, dict[str, Any]]] = [("feedback", said(v, source, f"c{call}")) for call, source, v in events]
    for call in first:
        told.insert(min(came[call], len(told)), ("interactions", CALLS[call]))
    plainly = [*(("interactions", call) for call in CALLS), *(("feedback", said(v, s, f"c{i}")) for (i, s), v in last.items())]
    found = []
    for rows, batch in ((told, size), (plainly, 1)):
        with TemporaryDirectory() as folder, opened(Path(folder) / "a.db") as store:
            parts = [record(i + 1, [row], ACCEPTED, topic) for i, (topic, row) in enumerate(rows)]
            feed(pipeline(store, JUDGED), parts, batch)
            found.append({key: counted(pane) for key, pane in left(store).panes.items()})
    assert found[0] == found[1]


def counted(pane: dict[str, Any]) -> dict[str, Any]:
    """A pane without signals that it has no value of any more."""
    state = unbounded(pane)
    named = {name for name, _, _ in state["counts"]}
    assert all(not any(moments) for name, moments in state["moments"].items() if name not in named)
    return {**state, "moments": {name: moments for name, moments in state["moments"].items() if name in named}}


def test_pairs_are_never_compared(tmp_path: Path) -> None:
    batches = windows(30, Change(20, 30), rows=31)
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store, JUDGED)
        parts = []
        for batch in batches:
            rows = [said(1.0, source, row["id"]) for row in batch for source in ("judge", "human")]
            parts += [record(0, batch), record(0, rows, ACCEPTED, "feedback")]
        feed(pipe, [part._replace(offset=i + 1) for i, part in enumerate(parts)])
        ingest(pipe, len(parts) + 1, windows(1, first=30)[0])
        names = {subject.signal for subject in pipe.verdicts.judges[APPLICATION].course.registry}
    assert {name for name in names if "helpful" in name} == {"scores.helpful", "scores.helpful.human"}


def test_workers_that_share_the_partitions_count_the_same_pairs_as_the_embedded_stream(tmp_path: Path) -> None:
    topics, log, rng = Topics(), [], np.random.default_rng(4)
    for window, batch in enumerate(windows(4, rows=12)):
        known = [f"{rng.integers(max(window - 1, 0), window + 2)}-{row}" for row in range(12)]
        told = [
            said(float(rng.integers(5)) / 4, source, id_) for id_ in known for source in rng.permutation(["human", "judge"])
        ]
        topics.add(INTERACTIONS, batch)
        topics.add(FEEDBACK, told)
        log += [record(0, batch), record(0, told, topic="feedback")]
    with opened(tmp_path / "workers.db") as store:
        workers = [Worker(store, JUDGED, name) for name in "ab"]
        for worker, places in zip(workers, (PLACES[::2], PLACES[1::2]), strict=True):
            worker.own(places)
        while any(worker.step(topics, int(rng.integers(1, 4))) for worker in rng.permutation(np.array(workers, object))):
            pass
        with store.read() as c:
            shared = summed(c)
    assert shared == by_embedded(tmp_path / "one.db", [one._replace(offset=i + 1) for i, one in enumerate(log)], JUDGED)
    assert any("scores.helpful.paired.correction" in pane["moments"] for pane in shared["panes"].values())
