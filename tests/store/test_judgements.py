"""The queue of judgements on every database: a row is one caller's, its outcome is written once, and money adds up."""

import pytest

from monitor.store import Store, judgements, judges
from monitor.store.judgements import Settled, Wanted
from monitor.store.judges import GoldenRun, Known, Pause, Spending
from tests.store.make import NOON

NAME = ("support", "helpful")
HIGH = 2**64 - 5
"""An unsigned hash that databases hold as a negative number."""
ROWS = [Wanted(h, f"i-{h}", NOON, "", ("p", f"r-{h}", ["c"], None)) for h in (1, 2, HIGH)]


def counted(store: Store) -> dict[str, int]:
    with store.read() as c:
        return judgements.counts(c, *NAME, 0, 2**62).get(NOON, {})


@pytest.fixture(autouse=True)
def _sampled(store: Store) -> None:
    with store.begin() as c:
        assert judgements.put(c, *NAME, ROWS, NOON) == 3


def test_a_sample_is_taken_once(store: Store) -> None:
    with store.begin() as c:
        assert judgements.put(c, *NAME, [*ROWS, Wanted(7, "i-7", NOON, "", (None, "r", [], "a"))], NOON + 1) == 1
        assert judgements.put(c, "support", "other", ROWS[:1], NOON) == 1
        assert judgements.held(c, *NAME, [1, 2, 3, HIGH]) == {1, 2, HIGH}
        taken = judgements.take(c, *NAME, 10)
        assert {row.id_hash for row in taken} == {1, 2, HIGH, 7}
        assert taken[-1].texts == (None, "r", [], "a")  # the oldest first
    assert counted(store) == {"sampled": 4}


def test_two_that_take_at_once_never_get_the_same_row(store: Store) -> None:
    with store.begin() as c:
        first = judgements.take(c, *NAME, 2)
        if c.dialect.name == "postgresql":
            with store.begin() as other:
                assert [row.id_hash for row in judgements.take(other, *NAME, 2)] not in ([], [row.id_hash for row in first])
        judgements.claim(c, *NAME, [(row.id_hash, NOON + 9, 5, 100) for row in first])
    with store.begin() as c:
        assert len(judgements.take(c, *NAME, 10)) == 1


def test_an_outcome_is_written_by_whoever_holds_the_claim_and_once(store: Store) -> None:
    with store.begin() as c:
        judgements.claim(c, *NAME, [(HIGH, NOON + 9, 5, 100)])
        assert judgements.calling(c, *NAME, {HIGH: NOON + 9, 1: 0}) == {HIGH}
        assert not judgements.left(c, *NAME, NOON + 9)
        assert judgements.left(c, *NAME, NOON + 10)
        assert judgements.abandoned(c, *NAME, NOON + 10) == [(HIGH, NOON + 9, 5, 100)]
        assert judgements.settle(c, *NAME, [Settled(HIGH, NOON + 8, "judged", 0.5)]) == set()
        assert judgements.settle(c, *NAME, [Settled(HIGH, NOON + 9, "interrupted"), Settled(1, 0, "over_budget")]) == {HIGH, 1}
        assert judgements.settle(c, *NAME, [Settled(HIGH, NOON + 9, "judged", 0.5)]) == set()
        assert judgements.put(c, *NAME, ROWS, NOON + 20) == 0
    assert counted(store) == {"sampled": 3, "interrupted": 1, "over_budget": 1}


def test_golden_rows_come_first_and_are_not_counted(store: Store) -> None:
    with store.begin() as c:
        judgements.put(c, *NAME, [Wanted(50, "", NOON, "", (None, "g", [], None), NOON)], 0)
        assert judgements.take(c, *NAME, 1)[0].golden == NOON
        judgements.settle(c, *NAME, [Settled(50, 0, "judged", 0.25)])
        assert judgements.of_run(c, *NAME, NOON) == {50: ("judged", 0.25)}
        judgements.delete_runs(c, *NAME)
        assert judgements.of_run(c, *NAME, NOON) == {}
        assert judgements.strata(c, *NAME, [NOON]) == {(NOON, "")}
    assert counted(store) == {"sampled": 3}


def test_spending_adds_up_by_judge_and_day(store: Store) -> None:
    with store.begin() as c:
        judges.spend(c, *NAME, 5, Spending(2, 200, 0))
        judges.spend(c, *NAME, 5, Spending(0, -150, 90))
        judges.spend(c, *NAME, 6, Spending(1, 1, 1))
        assert judges.spending(c, *NAME, 5) == Spending(2, 50, 90)
        assert judges.spending(c, "support", "other", 5) == Spending(0, 0, 0)
        judges.delete_before(c, NOON, 6, 2)
        assert (judges.spending(c, *NAME, 5), judges.spending(c, *NAME, 6)) == (Spending(), Spending(1, 1, 1))


def test_known_scores_are_found_and_forgotten(store: Store) -> None:
    with store.begin() as c:
        a, b = Known(0.5, "3", NOON), Known(0.0, "1", NOON + 1)
        judges.cache(c, {b"a": a, b"b": Known(1.0, "5", NOON)})
        judges.cache(c, {b"b": b})
        assert judges.cached(c, [b"a", b"b", b"c"]) == {b"a": a, b"b": b}
        judges.forget_cached(c, NOON + 1)
        assert judges.cached(c, [b"a", b"b"]) == {b"b": b}


def test_pauses_and_golden_runs_are_read_back(store: Store) -> None:
    with store.begin() as c:
        assert judges.paused(c, *NAME) == Pause(0, "")
        judges.pause(c, *NAME, Pause(NOON, "timeout"))
        judges.pause(c, *NAME, Pause(NOON + 1, "denied"))
        assert judges.paused(c, *NAME) == Pause(NOON + 1, "denied")
        for i in range(4):
            scores = [None, 0.5] if i == 0 else [0.5, 1.0]
            judges.put_run(c, *NAME, GoldenRun(at=NOON + i, definition="d", done_at=NOON + 9, items=[1, HIGH], scores=scores))
        judges.put_run(c, *NAME, GoldenRun(at=NOON + 8, definition="e"))
        assert [run.at for run in judges.newest_runs(c, *NAME, "d")] == [NOON + 3, NOON + 2]
        first = judges.first_run(c, *NAME, "d", 2)
        assert first is not None and (first.at, first.items) == (NOON + 1, [1, HIGH])
        judges.delete_before(c, NOON + 3, 0, 2)
        assert [run.at for run in judges.newest_runs(c, *NAME, "d", 9)] == [NOON + 3, NOON + 1]
