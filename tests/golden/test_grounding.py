"""Support of a text by passages: golden values from the same definitions in plain Python."""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.evaluation.grounding import (
    _FUNCTION_WORDS,
    NUMBERS,
    PAIRS,
    WORDS,
    Passages,
    answer_overlap,
    groundedness,
    holds,
    share,
    support,
)

PUNCTUATION = "\u2000-\u206f\u2070-\u207f\u3000-\u303f\u00a0"
WORD = re.compile(rf"[\u3040-\u9fff]|(?:(?![{PUNCTUATION}\u3040-\u9fff])[^\x00-/:-@\[-`{{-\x7f]|(?<=[0-9])[.,](?=[0-9]))+")
NUMBER = re.compile(r"[0-9]+(?:,[0-9]+)*(?:\.[0-9]+(?:,[0-9]+)*)?")
STOP = frozenset(_FUNCTION_WORDS.split())


def content(text: str | None) -> list[str]:
    return [word for found in WORD.findall((text or "").lower()) if (word := found.replace(",", "")) not in STOP]


def numbers(text: str | None) -> list[str]:
    return [number.replace(",", "") for number in NUMBER.findall(text or "")]


def pairs(words: list[str]) -> list[tuple[str, str]]:
    return list(pairwise(words))


def counted(text: str | None, passages: Sequence[str | None]) -> list[int]:
    words, held = content(text), [content(passage) for passage in passages]
    singles, doubles = {w for h in held for w in h}, {p for h in held for p in pairs(h)}
    figures = {n for passage in passages for n in numbers(passage)}
    mine = numbers(text)
    return [
        len(words), sum(w in singles for w in words), len(pairs(words)), sum(p in doubles for p in pairs(words)),
        len(mine), sum(n in figures for n in mine),
    ]  # fmt: skip


def together(rows: Sequence[tuple[str | None, Sequence[str | None]]]) -> tuple[pl.Series, Passages]:
    first = np.cumsum([0, *(len(passages) for _, passages in rows)])
    every = [passage for _, passages in rows for passage in passages]
    return pl.Series([text for text, _ in rows], dtype=pl.String), Passages(first, pl.Series(every, dtype=pl.String))


PASSAGES = ["The Eiffel Tower in Paris is 1,083 feet (330 m) tall.", "Built from 1887 to 1889 by Gustave Eiffel’s company."]
NONE = float("nan")
ANSWERS: dict[str, tuple[float, float]] = {
    "The Eiffel Tower in Paris is 1083 feet": (1.0, 1.0),
    "Gustave Eiffel": (1.0, NONE),
    "PARIS!": (1.0, NONE),
    "London": (0.0, NONE),
    "A Paris company of 1,083.5 people": (0.0, 0.0),
    "Built from 1887 until 1990": (1 / 2, 1 / 2),
    "He was there.": (NONE, NONE),
    "": (NONE, NONE),
}
"""Groundedness and number support in PASSAGES."""


def test_an_answer_is_grounded_as_far_as_its_pairs_and_its_numbers_are() -> None:
    counts = support(*together([(answer, PASSAGES) for answer in ANSWERS]))
    found = np.column_stack([groundedness(counts), share(counts, NUMBERS)])
    np.testing.assert_allclose(found, list(ANSWERS.values()))


CHARACTERS = st.sampled_from("ab \n12.,'’-éßÀ中の。 。ºT—")
TEXTS = st.none() | st.text(CHARACTERS, max_size=30) | st.text(max_size=12)
SAID = st.sampled_from(["the", "Tower", "tower", "is", "330", "1,083.5", "Paris.", "中国", "x"])
WORDY = st.lists(SAID, max_size=9).map(" ".join)
Row = tuple[str | None, list[str | None]]
ROW = st.tuples(TEXTS | WORDY, st.lists(TEXTS | WORDY, max_size=3))


@given(st.lists(ROW, max_size=6))
@settings(max_examples=300, deadline=None)
def test_counts_are_those_of_plain_python_whatever_else_is_in_the_batch(rows: list[Row]) -> None:
    assert support(*together(rows)).tolist() == [counted(text, passages) for text, passages in rows]


@given(st.lists(ROW, max_size=6))
@settings(max_examples=200, deadline=None)
def test_a_text_is_held_where_its_content_words_stand_in_a_row(rows: list[Row]) -> None:
    def held(text: str | None, passages: Sequence[str | None]) -> float:
        wanted = content(text)
        runs = [content(passage)[k : k + len(wanted)] for passage in passages for k in range(len(content(passage)))]
        return float(wanted in runs) if wanted else np.nan

    np.testing.assert_array_equal(holds(*together(rows)), [held(text, passages) for text, passages in rows])


def test_passages_support_nothing_across_their_border() -> None:
    counts = support(*together([("alpha beta", ["x alpha", "beta y"]), ("alpha beta", ["x alpha beta y"])]))
    assert groundedness(counts).tolist() == [0.0, 1.0]


def test_an_answer_overlaps_as_far_as_it_uses_the_words_of_its_prompt() -> None:
    prompts = pl.Series(["How tall is the Eiffel Tower?", "And why?", "How tall?", None])
    responses = pl.Series(["The tower is tall.", "Because.", None, "Yes"], dtype=pl.String)
    np.testing.assert_allclose(answer_overlap(prompts, responses), [2 / 3, np.nan, np.nan, np.nan])


def test_a_text_of_a_mebibyte_is_read_whole() -> None:
    text = " ".join(f"w{k}" for k in range(150_000))
    counts = support(*together([(text, [text]), ("w7 w8", [text])]))
    assert (counts[0, [WORDS, PAIRS, NUMBERS]] == counts[0, [WORDS + 1, PAIRS + 1, NUMBERS + 1]]).all()
    assert counts[:, WORDS].tolist() == [150_000, 2]
