"""Which words may be named: enough interactions used them, and there is no digit in them."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.scan import scan
from signals.vocabulary import FULL, USED_BY, Vocabulary, telling, word_keys
from tests.golden.test_text_kernel import letters

RUNS = st.sampled_from(["the", "The,", "refund", "don't", "Dr.", "x9", "2024", "a@b.com", "naïve", "—", "**bold**", "i\u0307"])
TEXTS = st.lists(st.lists(RUNS, max_size=6).map(" ".join), max_size=120)


def learned(texts: list[str], sizes: list[int], owners: list[int]) -> list[tuple[int, str]]:
    """What is told of texts that come in pieces; by owner."""
    vocabulary, told, at = Vocabulary(), [], 0
    for size in [*sizes, len(texts)]:
        piece = slice(at, at + size)
        mine = owners[piece]
        told += [(mine[r], w) for r, w in vocabulary.learn(np.array(mine, np.uint64), pl.Series(texts[piece], dtype=pl.String))]
        at += size
    return told


@given(TEXTS, st.lists(st.integers(1, 40), max_size=5), st.integers(1, 2))
@settings(max_examples=60)
def test_a_word_is_told_once_when_twenty_interactions_used_it_however_they_come(
    texts: list[str], sizes: list[int], owners: int
) -> None:
    of = [i % owners for i in range(len(texts))]
    told = learned(texts, sizes, of)
    uses = Counter((owner, w) for owner, text in zip(of, texts, strict=True) for w in {letters(run) for run in text.split()})
    enough = {key for key, n in uses.items() if n >= USED_BY}
    assert Counter(told).most_common(1) == [] or Counter(told).most_common(1)[0][1] == 1
    assert {(owner, letters(w)) for owner, w in told} <= enough
    assert {(owner, w) for owner, w in enough if w.isalpha() and w not in ("abcom", "i̇")} <= {(o, letters(w)) for o, w in told}
    assert not any(c.isnumeric() for _, w in told for c in w)


@pytest.mark.parametrize(
    ("run", "word"),
    [("Refund!", "refund"), ("(don't", "don't"), ("**well-known**", "well-known"), ("NAÏVE", "naÏve"), ("हिन्दी", "हिन्दी"),
     ("x2", None), ("²", None), ("٣", None), ("a@b.com", None), ("http://x.y", None), ("snake_case", None), ("a/b", None),
     ("--", None), ("-", None), ("“quoted”", None), ("x" * 41, None), ("", None), ("\u202eevil", None)],
)  # fmt: skip
def test_only_words_of_letters_are_told(run: str, word: str | None) -> None:
    assert telling(run.encode()) == word


def test_bytes_that_are_no_text_are_no_word() -> None:
    assert telling(b"\xff\xfe") is None


@given(st.text(max_size=30))
def test_a_word_that_is_told_has_the_key_under_which_it_was_counted(run: str) -> None:
    run = "".join(run.split(" ")) or "x"
    word = telling(run.encode()) if len(run.split()) == 1 else None
    if word is not None:
        assert word_keys([word]).tolist() == scan(pl.Series([run]))[1].buckets.tolist()


def test_words_without_end_are_forgotten_and_learned_anew() -> None:
    vocabulary = Vocabulary()
    flood = pl.Series([" ".join(f"w{i}x{j}" for j in range(FULL // 8)) for i in range(9)])
    assert vocabulary.learn(np.zeros(9, np.uint64), flood) == []
    assert [w for _, w in vocabulary.learn(np.zeros(25, np.uint64), pl.Series(["word"] * 25))] == ["word"]
