"""A judge that moves is told from an application that does: its golden set is scored again, and its scores are put right."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from detectors.golden import compare, moves, needed
from monitor.evaluator.golden import LOOK_EVERY
from monitor.store import alerts, judges
from monitor.store.engine import Store
from monitor.store.judges import GoldenRun
from records.window import DAY
from tests.judge_server import Judge, failing, judging
from tests.monitor.judged import CONFIG, NAME, Work, source
from tests.monitor.streaming import ACCEPTED, feed, opened, pipeline, records, windows
from tests.monitor.test_judge_faults import feedback

ANSWERS = 20
MILD: dict[str, float] = {f"golden {i}": 3 + i % 3 for i in range(ANSWERS)}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path / "plumbline.db") as found:
        yield found


@pytest.fixture
def judge() -> Iterator[Judge]:
    with judging(scored=lambda judged: MILD.get(judged["response"], 5.0)) as found:
        yield found


def golden(tmp_path: Path, remedy: str = "correct") -> str:
    """Keys of a judge with a golden set of which one line is none."""
    path = tmp_path / "golden.jsonl"
    lines = [json.dumps({"prompt": "Where?", "response": text}) for text in MILD]
    path.write_text("\n".join([*lines, '{"prompt": 7}', ""]))
    return f"sample: 1.0, golden: {{file: {path}, every: 1d, on_drift: {remedy}}}"


def runs(work: Work) -> list[GoldenRun]:
    """Those that are over, the newest first."""
    definition = source(work.judge, work.more).current.application("support").judges[0].definition
    with work.store.read() as c:
        return [run for run in judges.newest_runs(c, *NAME, definition, limit=20) if run.done_at]


def scored_again(work: Work, times: int) -> GoldenRun:
    """The newest run, when so many are over."""
    work.now = max(work.now, (runs(work) or [GoldenRun(at=0, definition="")])[0].at + DAY)

    def over() -> bool:
        work.now += LOOK_EVERY
        return len(runs(work)) == times

    work.until(over)
    return runs(work)[0]


def harsher(judged: dict[str, str]) -> float:
    """A point less than before."""
    return MILD.get(judged["response"], 5.0) - 1


def test_a_judge_that_moved_has_its_scores_corrected_until_it_is_back(store: Store, judge: Judge, tmp_path: Path) -> None:
    work = Work(store, judge, golden(tmp_path))
    work.put(["a"])
    first = scored_again(work, 1)
    assert (len(first.scores), first.moved) == (ANSWERS, False)
    assert not scored_again(work, 2).moved
    judge.scored = harsher
    moved = scored_again(work, 3)
    assert (moved.n, moved.moved, moved.since) == (ANSWERS, True, moved.at)
    assert moved.difference == pytest.approx(-0.25)
    work.put(["a", "b", "a"])  # the first is known, as it was scored before the judge moved
    assert work.finish() == {"judged": 2, "cached": 1}
    assert feedback(store) == {"i-0": 1.0, "i-1": 1.0, "i-2": 1.0}
    again = scored_again(work, 4)
    assert (again.moved, again.since) == (True, moved.since)
    judge.scored = lambda judged: MILD.get(judged["response"], 5.0)
    assert not scored_again(work, 5).moved
    assert work.spending().calls > 0  # within the day's budget, as any call


def test_a_judge_that_moved_can_be_held(store: Store, judge: Judge, tmp_path: Path) -> None:
    work = Work(store, judge, golden(tmp_path, "hold"))
    scored_again(work, 1)
    judge.scored = harsher
    assert scored_again(work, 2).moved
    asked = len(judge.requests)
    work.put(["a", "b"])
    assert work.finish() == {"judge_moved": 2}
    assert (len(judge.requests), feedback(store)) == (asked, {})


def test_another_definition_is_another_judge_with_a_beginning_of_its_own(store: Store, judge: Judge, tmp_path: Path) -> None:
    work = Work(store, judge, golden(tmp_path))
    scored_again(work, 1)
    judge.scored = harsher
    work.more += ", examples: [{response: x, score: 1}]"
    work.evaluator = work.anew()
    assert not scored_again(work, 1).moved
    assert not scored_again(work, 2).moved


def test_a_run_that_nobody_answered_says_nothing(store: Store, judge: Judge, tmp_path: Path) -> None:
    work = Work(store, judge, golden(tmp_path))
    scored_again(work, 1)
    judge.always = failing(413)
    run = scored_again(work, 2)
    assert (run.moved, run.n, set(run.scores)) == (False, 0, {None})


def test_a_golden_set_that_cannot_be_read_harms_nothing(store: Store, judge: Judge, tmp_path: Path) -> None:
    work = Work(store, judge, f"sample: 1.0, golden: {{file: {tmp_path}/nothing.jsonl}}")
    work.put(["a"])
    assert work.finish() == {"judged": 1}
    assert runs(work) == []


SHIFTS: dict[str, tuple[Callable[[int], float], bool]] = {
    "all the same": (lambda i: 0.0, False),
    "all by a step": (lambda i: -0.25, True),
    "one answer": (lambda i: -0.25 * (i == 3), False),
    "either way": (lambda i: 0.25 * (-1) ** i, False),
    "most by a step": (lambda i: -0.25 * (i % 4 > 0), True),
    "too little to matter": (lambda i: -0.01, False),
}


@pytest.mark.parametrize(("shift", "moved"), SHIFTS.values(), ids=list(SHIFTS))
def test_what_counts_as_a_move(shift: Callable[[int], float], moved: bool) -> None:
    before = [0.25 + 0.25 * (i % 4) for i in range(40)]
    found = compare(before, [score + shift(i) for i, score in enumerate(before)])
    assert moves(found, needed(100, 30, 1.0), held=False) is moved


def test_the_alert_says_that_the_judge_moved_by_how_much_and_what_becomes_of_its_scores(store: Store, tmp_path: Path) -> None:
    with judging() as judge:
        config = source(judge, golden(tmp_path))
        text = CONFIG.format(endpoint=judge.endpoint, more=golden(tmp_path))
        definition = config.current.application("support").judges[0].definition
        pipe = pipeline(store, text)
        feed(pipe, records(windows(4)))
        run = GoldenRun(
            at=ACCEPTED, definition=definition, done_at=ACCEPTED, n=20, before=0.75, difference=-0.25, decades=9.0,
            threshold=4.0, times_floor=5.0, moved=True, since=ACCEPTED,
        )  # fmt: skip
        with store.begin() as c:
            judges.put_run(c, *NAME, run)
        feed(pipe, records(windows(3, first=4), offset=100))
        with store.read() as c:
            (alert,) = [one for one in alerts.open_(c, "support") if one.signal == "judges.helpful"]
        assert alert.sentence.startswith(
            "Judge helpful (its scores are corrected by +0.25) fell from 0.75 to 0.5 (mean, -33 %)"
        )
        assert "20 golden answers scored again" in alert.description
        assert alert.state in ("pending", "firing")
        with store.begin() as c:
            over = GoldenRun(at=ACCEPTED + DAY, definition=definition, done_at=ACCEPTED + DAY, n=20, before=0.75)
            judges.put_run(c, *NAME, over)
        feed(pipe, records(windows(3, first=7), offset=200))
        with store.read() as c:
            assert "judges.helpful" not in {one.signal for one in alerts.open_(c, "support")}


def test_scores_of_another_judge_of_the_same_name_are_another_signal(store: Store) -> None:
    meanings = []
    for more in ("sample: 0.5", "sample: 0.1", "scale: [0, 10]"):
        pipe = pipeline(store, CONFIG.format(endpoint="http://127.0.0.1:9/v1", more=more))
        feed(pipe, records(windows(3, first=10 * len(meanings)), offset=1 + 10 * len(meanings)))
        definitions = pipe.verdicts.judges["support"].definitions(["scores.helpful", "scores.rating"])
        meanings.append((definitions["signal scores.helpful"], definitions["signal scores.rating"]))
    (first, rating), same, other = meanings
    assert (first, rating) == same
    assert other[0] != first and other[1] == rating
