"""Second source of the log odds: Monroe, Colaresi and Quinn's equations 16, 19, 20 and 22 in plain Python, a word at a time."""

from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.words import TOLD, log_odds, moved_words
from records.columns import WORD_BUCKETS
from records.pane import DOCUMENTS, NO_MOMENTS, Pane
from records.signal import Kind
from records.summary.counts import Counts
from records.summary.sample import empty_sample

NAMES = {key: [f"word{key}"] for key in range(WORD_BUCKETS)}


def z_score(word: int, before: list[int], after: list[int]) -> float:
    prior = [max(y * sum(after) / sum(before), 0.5) if y + new else 0.0 for y, new in zip(before, after, strict=True)]
    a0, n_i, n_j = sum(prior), sum(after), sum(before)
    y_i, y_j, a = after[word], before[word], prior[word]
    delta = log((y_i + a) / (n_i + a0 - y_i - a)) - log((y_j + a) / (n_j + a0 - y_j - a))
    return delta / sqrt(1 / (y_i + a) + 1 / (y_j + a))


COUNTS = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000)), min_size=2, max_size=20).filter(
    lambda pairs: all(sum(count > 0 for count in side) > 1 for side in zip(*pairs, strict=True))
)


@given(COUNTS)
def test_log_odds_agree_with_the_equations_word_by_word(pairs: list[tuple[int, int]]) -> None:
    before, after = (list(side) for side in zip(*pairs, strict=True))
    used = [word for word, pair in enumerate(pairs) if any(pair)]
    z = log_odds(np.array(before, float), np.array(after, float))
    assert z[used].tolist() == pytest.approx([z_score(word, before, after) for word in used], rel=1e-9, abs=1e-9)
    assert not z[[word for word, pair in enumerate(pairs) if not any(pair)]].any()


def text(n: int, used: dict[int, int], name: str = "response.text") -> Pane:
    """A pane of n texts, so many of which use each word."""
    keys = np.array([DOCUMENTS, *sorted(used)], np.int64)
    count = np.array([n, *(used[key] for key in sorted(used))], np.int64)
    held = count > 0
    counts = Counts(np.zeros(held.sum(), np.int32), keys[held], count[held])
    kinds, one = np.array([Kind.TEXT], np.uint8), np.ones(1)
    return Pane(n, (name,), kinds, one, np.array([NO_MOMENTS]), counts, sample=empty_sample(1))


def drawn(rng: np.random.Generator, n: int, shares: np.ndarray) -> dict[int, int]:
    return dict(enumerate(rng.binomial(n, shares).tolist()))


ZIPF = 0.8 / np.arange(1, 1001) ** 0.9


@given(st.integers(20, 999), st.integers(0, 2**32 - 1), st.floats(0.1, 0.6))
@settings(max_examples=15)
def test_a_word_that_was_planted_is_told_first(word: int, seed: int, share: float) -> None:
    """Whether it is new or was rare: in texts of a thousand other words, that are used as before."""
    rng = np.random.default_rng(seed)
    after = ZIPF.copy()
    after[word] = 1 - (1 - after[word]) * (1 - share)
    risen, _ = moved_words(["response"], text(20_000, drawn(rng, 20_000, ZIPF)), text(1000, drawn(rng, 1000, after)), NAMES)
    assert (risen[0].word, risen[0].side) == (f"word{word}", "response")
    assert risen[0].after == pytest.approx(after[word], abs=0.06)


def test_words_that_came_and_went_are_told_with_their_shares() -> None:
    before, after = {1: 500, 2: 100, 3: 8}, {1: 480, 2: 5, 3: 8, 4: 120}
    risen, fallen = moved_words(["prompt", "response"], text(1000, before), text(1000, after), NAMES)
    assert [(w.word, w.side, w.before, w.after) for w in risen] == [("word4", "response", 0.0, 0.12)]
    assert [(w.word, w.side, w.before, w.after) for w in fallen] == [("word2", "response", 0.1, 0.005)]


def test_unmoved_texts_tell_nothing() -> None:
    rng = np.random.default_rng(5)
    for n in (50, 1000, 100_000):
        pair = (text(50_000, drawn(rng, 50_000, ZIPF)), text(n, drawn(rng, n, ZIPF)))
        assert moved_words(["response"], *pair, NAMES) == ([], [])


def test_at_most_five_are_told_each_way_and_a_rare_word_never() -> None:
    before = dict.fromkeys(range(20), 300) | {30: 0}
    after = {key: 600 if key % 2 else 100 for key in range(20)} | {30: 19}
    risen, fallen = moved_words(["response"], text(1000, before), text(1000, after), NAMES)
    assert (len(risen), len(fallen)) == (TOLD, TOLD)
    assert "word30" not in {w.word for w in risen}


@pytest.mark.parametrize(
    ("names", "told"), [(["refund"], ["refund"]), (["ah", "refund"], ["ah or refund"]), (["a", "b", "c"], []), ([], [])]
)
def test_words_under_one_key_are_told_together_and_unknown_ones_not_at_all(names: list[str], told: list[str]) -> None:
    risen, _ = moved_words(["response"], text(1000, {1: 500}), text(1000, {1: 500, 7: 200}), {7: names})
    assert [w.word for w in risen] == told


@pytest.mark.parametrize(("before", "after"), [(text(0, {}), text(100, {1: 50})), (text(100, {1: 50}), text(0, {}))])
def test_without_texts_on_both_sides_there_is_nothing_to_tell(before: Pane, after: Pane) -> None:
    assert moved_words(["prompt", "response"], before, after, NAMES) == ([], [])
