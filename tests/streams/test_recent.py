"""The same interaction again is counted once, however its stream is cut into batches."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.hashing import hash_text
from streams.recent import GENERATIONS, RecentIds, interaction_hash

WITHIN = 600
WIDTH = WITHIN // GENERATIONS


def take(recent: RecentIds, hashes: list[int], accepted: list[int]) -> list[bool]:
    """What is new of a batch, which is then remembered as the pipeline does."""
    given_, at = np.array(hashes, np.uint64), np.array(accepted, np.int64)
    new = recent.unseen(given_, at)
    recent.add(given_[new], at[new])
    return [bool(each) for each in new]


@pytest.mark.parametrize(
    ("again", "new"),
    [(0, False), (1, False), (WITHIN - 1, False), (WITHIN, False), (WITHIN + WIDTH - 1, False), (WITHIN + WIDTH, True)],
)
def test_an_interaction_is_remembered_for_the_time_and_at_most_a_sixth_longer(again: int, new: bool) -> None:
    for first, later in ((0, again), (7 * WIDTH, 7 * WIDTH + again)):
        recent = RecentIds(WITHIN)
        assert take(recent, [5], [first]) == [True]
        assert take(recent, [5], [later]) == [new]
        assert take(RecentIds(WITHIN), [5, 5], [first, later]) == [True, new]


@given(st.integers(0, 10 * WITHIN), st.integers(0, WITHIN))
def test_a_retry_within_the_time_is_never_counted(first: int, later: int) -> None:
    recent = RecentIds(WITHIN)
    assert take(recent, [5], [first]) == [True]
    assert take(recent, [5], [first + later]) == [False]


def test_the_first_of_a_batch_counts() -> None:
    assert take(RecentIds(WITHIN), [9, 5, 9, 9, 7, 5], [0] * 6) == [True, True, False, False, True, False]
    assert take(RecentIds(WITHIN), [], []) == []


def test_a_duplicate_does_not_prolong_its_memory() -> None:
    recent = RecentIds(WITHIN)
    times = [0, 5 * WIDTH, 7 * WIDTH]
    assert [take(recent, [5], [at])[0] for at in times] == [True, False, True]
    assert take(RecentIds(WITHIN), [5, 5, 5], times) == [True, False, True]


def test_what_can_no_longer_matter_is_forgotten() -> None:
    recent = RecentIds(WITHIN)
    for generation in range(50):
        take(recent, [generation * 2 + i for i in range(2)], [generation * WIDTH] * 2)
        assert len(recent) <= 2 * (GENERATIONS + 1)
    assert len(recent) == 2 * (GENERATIONS + 1)


def test_asking_remembers_nothing() -> None:
    recent = RecentIds(WITHIN)
    for _ in range(2):
        assert recent.unseen(np.array([1, 1], np.uint64), np.array([0, 0])).tolist() == [True, False]
    assert len(recent) == 0


def plain(hashes: list[int], accepted: list[int]) -> list[bool]:
    """One by one, with a dictionary."""
    counted: dict[int, int] = {}
    out = []
    for hash_, at in zip(hashes, accepted, strict=True):
        generation = at // WIDTH
        out.append(hash_ not in counted or generation - counted[hash_] > GENERATIONS)
        if out[-1]:
            counted[hash_] = generation
    return out


@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, WITHIN // 2)), max_size=60),
    st.lists(st.integers(0, 60), max_size=8),
)
def test_answers_do_not_depend_on_how_records_are_batched(rows: list[tuple[int, int]], places: list[int]) -> None:
    hashes = [hash_text(str(number)) for number, _ in rows]
    accepted = np.cumsum([step for _, step in rows]).tolist()
    expected = plain(hashes, accepted)
    for cuts in (places, [], list(range(len(rows)))):
        recent = RecentIds(WITHIN)
        found: list[bool] = []
        for a, b in pairwise(sorted({0, *(min(place, len(rows)) for place in cuts), len(rows)})):
            found += take(recent, hashes[a:b], accepted[a:b])
        assert found == expected


def test_the_same_id_of_another_application_is_another_interaction() -> None:
    ids = np.array([hash_text("a"), hash_text("b")], np.uint64)
    support, search = interaction_hash("support", ids), interaction_hash("search", ids)
    assert len({*support.tolist(), *search.tolist()}) == 4
