"""Second sources: SQuAD's evaluation script (its three functions, below), rouge_score and sacrebleu called directly."""

import re
import string
from collections import Counter

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer

from signals.evaluation import score_answers

PAIRS = [
    ("The cat sat on the mat.", "A cat sat on a mat"),
    ("Paris", "paris"),
    ("the the the", "a"),
    ("It is 42", "The answer: 42."),
    ("", "something"),
    ("something", ""),
    ("", ""),
    ("...", "the"),
    ("Größe XL, grün", "größe xl grün"),
    ("an other another theatre", "other another theatre"),
    ("one two two three", "two two one"),
    ("well-known e.g. U.S.A.", "wellknown eg usa"),
    ("line\none\ttab\u00a0nbsp\u2003em", "line one tab nbsp em"),
    ("completely different words here", "nothing in common at all"),
]


def normalise(text: str) -> str:
    bare = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


def squad_f1(answer: str, truth: str) -> float:
    got, expected = normalise(answer).split(), normalise(truth).split()
    shared = sum((Counter(got) & Counter(expected)).values())
    if not got or not expected:
        return float(got == expected)
    if not shared:
        return 0.0
    precision, recall = shared / len(got), shared / len(expected)
    return 2 * precision * recall / (precision + recall)


def scores(name: str, pairs: list[tuple[str, str]]) -> list[float]:
    answers, truths = zip(*pairs, strict=True)
    return score_answers(answers, truths, ("rouge_l", "bleu"))[name].tolist()  # type: ignore[no-any-return]


def test_exact_match_agrees_with_squad() -> None:
    assert scores("exact_match", PAIRS) == [float(normalise(a) == normalise(b)) for a, b in PAIRS]


def test_token_f1_agrees_with_squad() -> None:
    assert scores("token_f1", PAIRS) == pytest.approx([squad_f1(a, b) for a, b in PAIRS], abs=1e-12)


WORDS = st.lists(st.sampled_from(["the", "A", "an", "cat", "Cat,", "42", "x.y", "-", "ü", "  ", "\n"]), max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(WORDS.map(" ".join), WORDS.map(" ".join)), min_size=1, max_size=5))
def test_generated_answers_agree_with_squad(pairs: list[tuple[str, str]]) -> None:
    found = score_answers(*zip(*pairs, strict=True))
    assert found["exact_match"].tolist() == [float(normalise(a) == normalise(b)) for a, b in pairs]
    assert found["token_f1"] == pytest.approx([squad_f1(a, b) for a, b in pairs], abs=1e-12)


def test_rouge_l_agrees_with_rouge_score() -> None:
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    assert scores("rouge_l", PAIRS) == [scorer.score(b, a)["rougeL"].fmeasure for a, b in PAIRS]


def test_bleu_agrees_with_sacrebleu() -> None:
    expected = [sacrebleu.sentence_bleu(a, [b], use_effective_order=True).score / 100 for a, b in PAIRS]
    assert scores("bleu", PAIRS) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("answer", "truth", "expected"),
    [
        ("A: 18", "#### 18", 1),
        ("She makes $1,234.50 a day", "1234.5", 1),
        ("#### 42", "A: 26", 0),
        ("between 10-5", "5", 1),
        ("It is -5", "-5", 1),
        ("It is -$5", "-5", 1),
        ("It is -5", "5", 0),
        ("16 - 3 = 13.", "13", 1),
        ("1, 2, 3", "3", 1),
        ("1,2", "2", 1),
        ("12,345,678", "12345678", 1),
        (".5", "5", 1),
        ("0.5", "0.50", 1),
        ("1000000", "1000001", 0),
        ("no number", "7", 0),
        ("7", "no number", np.nan),
        ("version 1.2.3", "2.3", 1),
        ("", "", np.nan),
        ("9" * 400, "9" * 400, 1),
        ("(-3)", "-3", 1),
        ("f(x)-3", "3", 1),
    ],
)
def test_the_last_numbers_are_compared(answer: str, truth: str, expected: float) -> None:
    assert score_answers([answer], [truth])["numeric_match"] == pytest.approx([expected], nan_ok=True)
