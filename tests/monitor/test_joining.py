"""Feedback finds its interaction, before it or after it, and a later value takes the place of an earlier one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.pipeline import Pipeline
from monitor.store.engine import Store
from records.pane import TOTAL
from records.window import WINDOW
from tests.monitor.streaming import (
    ACCEPTED,
    APPLICATION,
    CONFIG,
    START,
    interaction,
    left,
    opened,
    pipeline,
    record,
    records,
    unbounded,
    windows,
)

CALL: dict[str, Any] = {**windows(1)[0][0], "response": "the cat sat on the mat"}


def feedback(value: Any, name: str = "rating", source: str = "human", id_: str = CALL["id"]) -> dict[str, Any]:
    return {
        "interaction_id": id_, "application": APPLICATION, "timestamp": START / 1e6 + 60,
        "name": name, "value": value, "source": source,
    }  # fmt: skip


def scores(store: Store, window: int = 0, dimension: str = "") -> dict[str, tuple[int, float]]:
    """Number and sum of the scores of a window's panes, by signal."""
    out = {}
    for (step, key), pane in left(store).panes.items():
        if step == WINDOW and key.dimension == dimension and key.start == START + window * WINDOW:
            for name, moments in pane["moments"].items():
                n = sum(count for signal, _, count in pane["counts"] if signal == name)
                if name.startswith("scores.") and n:
                    out[name] = (n, round(moments[TOTAL] * 1e-6, 6))
    return out


def ingest(pipe: Pipeline, offset: int, rows: list[dict[str, Any]], topic: str = "interactions") -> None:
    pipe.ingest([record(offset, rows, ACCEPTED, topic)], ACCEPTED)


ORDERS = {
    "before its interaction": [("feedback", [feedback(4)]), ("interactions", [CALL])],
    "after it": [("interactions", [CALL]), ("feedback", [feedback(4)])],
    "twice after it": [("interactions", [CALL]), ("feedback", [feedback(1)]), ("feedback", [feedback(4)])],
    "twice at once": [("interactions", [CALL]), ("feedback", [feedback(1), feedback(4)])],
    "twice before it": [("feedback", [feedback(1)]), ("feedback", [feedback(4)]), ("interactions", [CALL])],
    "before and after": [("feedback", [feedback(1)]), ("interactions", [CALL]), ("feedback", [feedback(4)])],
    "three times": [
        ("feedback", [feedback(1)]), ("interactions", [CALL]), ("feedback", [feedback(2)]), ("feedback", [feedback(4)]),
    ],
}  # fmt: skip


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("how", ["one by one", "at once", "with a restart each"])
def test_the_last_value_of_a_source_counts_once_however_it_comes(tmp_path: Path, order: str, how: str) -> None:
    parts = [record(i + 1, rows, ACCEPTED, topic) for i, (topic, rows) in enumerate(ORDERS[order])]
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store)
        for batch in [parts] if how == "at once" else [[part] for part in parts]:
            pipe = pipeline(store) if how == "with a restart each" else pipe
            pipe.ingest(batch, ACCEPTED)
        assert scores(store) == scores(store, dimension="model") == {"scores.rating": (1, 4.0)}
        assert left(store).counters[APPLICATION].interactions == 1
        assert next(pane["n"] for (_, key), pane in left(store).panes.items() if not key.dimension) == 1


def test_sources_and_names_count_apart(tmp_path: Path) -> None:
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store)
        ingest(pipe, 1, [CALL])
        told = [feedback(4), feedback(2, source="judge"), feedback(True, "correct"), feedback(0.5, id_="nobody")]
        ingest(pipe, 2, told, "feedback")
        assert scores(store) == {"scores.rating": (2, 6.0), "scores.correct": (1, 1.0)}


def test_feedback_on_a_judged_window_joins_it_and_the_window_is_judged_again(tmp_path: Path) -> None:
    batches = windows(40)
    ratings = [feedback(i % 5, id_=row["id"]) for i, row in enumerate(batches[30])]
    with opened(tmp_path / "late.db") as store:
        pipe = pipeline(store)
        for r in [*records(batches[:36]), record(37, ratings, ACCEPTED, "feedback"), *records(batches[36:], 38)]:
            pipe.ingest([r], ACCEPTED)
        late = left(store)
        assert scores(store, 30) == {"scores.rating": (60, 120.0)}
    with opened(tmp_path / "early.db") as store:
        pipe = pipeline(store)
        for r in [*records(batches[:31]), record(32, ratings, ACCEPTED, "feedback"), *records(batches[31:], 33)]:
            pipe.ingest([r], ACCEPTED)
        early = left(store)
    assert {k: unbounded(p) for k, p in late.panes.items()} == {k: unbounded(p) for k, p in early.panes.items()}
    assert late.windows == early.windows
    assert late.counters[APPLICATION].late == 0  # interactions alone are counted as late


@pytest.mark.parametrize("content", ["full", "digest"])
@pytest.mark.parametrize("order", ["before", "after", "together"])
def test_an_answer_that_comes_apart_is_scored_only_where_the_text_is_kept(tmp_path: Path, content: str, order: str) -> None:
    config = f"{CONFIG}    evaluations: [rouge_l]\ncontent: {content}\n"
    answer = record(0, [feedback("the cat sat on the mat", "reference_answer")], ACCEPTED, "feedback")
    parts = [answer, record(0, [CALL])] if order == "before" else [record(0, [CALL]), answer]
    parts = [part._replace(offset=i + 1) for i, part in enumerate(parts)]
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store, config)
        for batch in [parts] if order == "together" else [[part] for part in parts]:
            pipe.ingest(batch, ACCEPTED)
        assert scores(store).get("scores.rouge_l") == ((1, 1.0) if content == "full" else None)
        unmatched = pipe.metrics.unmatched.labels(application=APPLICATION, reason="content not kept")._value.get()
        assert unmatched == (0 if content == "full" else 1)


def test_a_value_that_is_no_number_is_unmatched(tmp_path: Path) -> None:
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store)
        ingest(pipe, 1, [CALL])
        ingest(pipe, 2, [feedback("good")], "feedback")
        assert scores(store) == {}
        assert pipe.metrics.unmatched.labels(application=APPLICATION, reason="not a number")._value.get() == 1


def test_feedback_keeps_to_its_slice_when_the_slices_of_an_application_change(tmp_path: Path) -> None:
    tagged = {**CALL, "tags": {"tenant": "acme"}}
    other = interaction(0, 1, np.random.default_rng(1), None, tags={"tenant": "globex"})
    with opened(tmp_path / "a.db") as store:
        ingest(pipeline(store), 1, [tagged, other])
        wider = pipeline(store, CONFIG.replace("[model]", "[tags.tenant, model]"))
        ingest(wider, 2, [feedback(4)], "feedback")
        assert scores(store, dimension="model") == {"scores.rating": (1, 4.0)}
        assert scores(store, dimension="tags.tenant") == {}
