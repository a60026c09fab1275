"""Every score of an answer is the same whether the right one comes with the interaction or later, as feedback."""

from pathlib import Path
from typing import Any

from signals.evaluation.catalogue import CATALOGUE
from tests.monitor.streaming import CONFIG, opened, pipeline
from tests.monitor.test_joining import CALL, feedback, ingest, scores

CONFIGURED = f"{CONFIG}    evaluations: [{', '.join(one.name for one in CATALOGUE)}]\ncontent: full\n"
RESPONSES = {"words": "the cat sat on 2 mats", "json": '{"cats": 2.0}', "nothing": ""}
ANSWERS = {"words": "on 2 mats the cat sat", "json": '{"cats": 2}', "nothing": "2 cats"}


def scored(path: Path, at_once: bool) -> dict[str, tuple[int, float]]:
    """Number and sum of each score."""
    calls: list[dict[str, Any]] = [{**CALL, "id": name, "response": text} for name, text in RESPONSES.items()]
    with opened(path) as store:
        pipe = pipeline(store, CONFIGURED)
        if at_once:
            ingest(pipe, 1, [{**call, "reference_answer": ANSWERS[call["id"]]} for call in calls])
        else:
            ingest(pipe, 1, calls)
            ingest(pipe, 2, [feedback(text, "reference_answer", id_=name) for name, text in ANSWERS.items()], "feedback")
        return scores(store)


def test_an_answer_that_comes_later_gives_the_same_scores(tmp_path: Path) -> None:
    at_once = scored(tmp_path / "a.db", at_once=True)
    assert at_once == scored(tmp_path / "b.db", at_once=False)
    assert {f"scores.{one.name}" for one in CATALOGUE} == at_once.keys()
    assert {name.removeprefix("scores."): n for name, (n, _) in at_once.items() if n < len(ANSWERS)} == {"json_match": 1}
