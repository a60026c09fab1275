"""Second sources: SQuAD's evaluation script (its functions, below), scikit-learn's CountVectorizer and cosine_similarity;
rouge-score and sacrebleu called directly, text by text."""

import json
import re
import string
from collections import Counter
from typing import Any

import numpy as np
import pytest
import sacrebleu
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from signals.embedding.static import static_words
from signals.evaluation import score_answers
from signals.evaluation.catalogue import CATALOGUE, CHARACTERS
from signals.evaluation.rouge import WORDS

BY_NAME = {one.name: one for one in CATALOGUE}
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
    ("東京は日本の首都です。", "日本の首都は東京です。"),
    ("naïve café ☕ 👩‍👩‍👧", "naive cafe\u0301 ☕"),
    ("a\x00b &amp; <skipped> 1,000.5-", "a b & 1,000.5 -"),
    ("he said that he said that he said", "he said that she said that"),
]
WORD = st.sampled_from(["the", "A", "an", "cat", "Cat,", "42", "x.y", "-", "ü", "  ", "\n", "It", "is", "not"])
TEXT = st.lists(WORD, max_size=12).map(" ".join) | st.text(max_size=30)
TEXTS = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5)
Pairs = list[tuple[str, str]]


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


def counted_f1(answer: str, truth: str, n: int, pattern: str) -> float | None:
    """F1 of runs of n words as multisets, by scikit-learn; None where it finds no words."""
    if not all(len(re.findall(pattern, text)) >= n for text in (answer, truth)):
        return None
    counts = CountVectorizer(token_pattern=pattern, ngram_range=(n, n), lowercase=False).fit_transform([answer, truth])
    got, expected = counts.toarray()
    return float(2 * np.minimum(got, expected).sum() / (got.sum() + expected.sum()))


def rouge_score(kind: str, answer: str, truth: str) -> float:
    return float(rouge_scorer.RougeScorer([kind]).score(truth, answer)[kind].fmeasure)


SOURCES = {
    "exact_match by SQuAD": lambda a, b: float(normalise(a) == normalise(b)),
    "token_f1 by SQuAD": squad_f1,
    "token_f1 by scikit-learn": lambda a, b: counted_f1(normalise(a), normalise(b), 1, r"\S+"),
    "rouge_1 by rouge-score": lambda a, b: rouge_score("rouge1", a, b),
    "rouge_1 by scikit-learn": lambda a, b: counted_f1(a.lower(), b.lower(), 1, r"[a-z0-9]+"),
    "rouge_2 by rouge-score": lambda a, b: rouge_score("rouge2", a, b),
    "rouge_2 by scikit-learn": lambda a, b: counted_f1(a.lower(), b.lower(), 2, r"[a-z0-9]+"),
    "rouge_l by rouge-score": lambda a, b: rouge_score("rougeL", a, b),
    "bleu by sacrebleu": lambda a, b: sacrebleu.sentence_bleu(a, [b], use_effective_order=True).score / 100,
    "chrf by sacrebleu": lambda a, b: sacrebleu.sentence_chrf(a, [b]).score / 100,
}


@pytest.mark.parametrize("source", SOURCES)
@settings(max_examples=25, deadline=None)
@given(pairs=TEXTS)
@example(pairs=PAIRS)
def test_a_score_agrees_with_its_second_source(source: str, pairs: Pairs) -> None:
    name = source.split()[0]
    found = score_answers(*zip(*pairs, strict=True), [name])[name].tolist()
    expected = [SOURCES[source](answer, truth) for answer, truth in pairs]
    known = [(mine, other) for mine, other in zip(found, expected, strict=True) if other is not None]
    assert [mine for mine, _ in known] == pytest.approx([other for _, other in known], abs=1e-9)
    assert len(known) > 9 or pairs is not PAIRS


@settings(max_examples=40, deadline=None)
@given(TEXTS)
@example(PAIRS)
def test_any_texts_have_scores_within_their_range_and_the_same_in_any_batch(pairs: Pairs) -> None:
    together = score_answers(*zip(*pairs, strict=True), list(BY_NAME))
    assert together.keys() == BY_NAME.keys()
    for name, values in together.items():
        assert values.shape == (len(pairs),)
        assert all(np.isnan(v) or BY_NAME[name].low <= v <= BY_NAME[name].high for v in values), (name, values)
    alone = [score_answers([answer], [truth], list(BY_NAME)) for answer, truth in pairs]
    for name, values in together.items():
        assert np.array_equal(values, [one[name][0] for one in alone], equal_nan=True), name


@pytest.mark.parametrize("name", BY_NAME)
def test_what_was_expected_has_the_highest_score_and_an_empty_answer_none_of_it(name: str) -> None:
    truth = '["the", 42, "words that were expected"]'
    same, nothing = score_answers([truth, ""], [truth, truth], [name])[name]
    assert same == pytest.approx(BY_NAME[name].high, abs=1e-9)
    assert nothing == 0


def test_every_score_is_checked() -> None:
    assert len(CATALOGUE) == len(BY_NAME) == 10
    assert BY_NAME.keys() - {source.split()[0] for source in SOURCES} == {"numeric_match", "json_match", "similarity"}


@pytest.mark.parametrize("name", [one.name for one in CATALOGUE if one.characters])
def test_of_a_long_text_the_beginning_is_compared(name: str) -> None:
    (characters,) = {one.characters for one in CATALOGUE if one.name == name}
    long = "one two three four five " * 40_000
    cut = long[:characters]
    whole, beginning, other = score_answers([long, cut, cut], [long + "six", cut, "six " * 2000], [name])[name]
    assert (whole, whole) == pytest.approx((beginning, BY_NAME[name].high), abs=1e-9)
    assert other < 0.9


def test_of_many_words_rouge_compares_the_first() -> None:
    words = " ".join(map(str, range(WORDS)))
    assert len(words) < CHARACTERS
    for name in ("rouge_1", "rouge_2", "rouge_l"):
        assert score_answers([f"{words} {words}"], [f"{words} other"], [name])[name].tolist() == [1]


def test_no_text_stays_in_the_caches_of_sacrebleu() -> None:
    score_answers(["some text"], ["another text"], ["bleu", "chrf"])
    for tokenizer in (Tokenizer13a, TokenizerRegexp):
        assert tokenizer.__call__.cache_info().currsize == 0


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


def json_match(answer: str, truth: str) -> float:
    return float(score_answers([answer], [truth], ["json_match"])["json_match"][0])


@pytest.mark.parametrize(
    ("answer", "truth", "expected"),
    [
        ('{"a": 1, "b": [2, 3]}', '{"b":[2.0,3e0],"a":1.00}', 1),
        ('{"a": 1}', '{"a": 1, "b": null}', 0),
        ("[1, 2]", "[2, 1]", 0),
        (" 7\n", "7.0", 1),
        ("-0", "0", 1),
        ("0.1", "0.10000000000000001", 0),
        ("12345678901234567890", "12345678901234567891", 0),
        ("1e400", "10e399", 1),
        ("true", "1", 0),
        ('"1"', "1", 0),
        ("null", "0", 0),
        ('"\\u00e9"', '"é"', 1),
        ('{"a": 1, "a": 2}', '{"a": 2}', 1),
        ('```json\n{"a": 1}\n```', '{"a": 1}', 0),
        ("{'a': 1}", '{"a": 1}', 0),
        ("", "{}", 0),
        ("NaN", "NaN", np.nan),
        ("Infinity", "1", 0),
        ("{}", "", np.nan),
        ("{}", "the answer", np.nan),
        ("[" * 100_000, "[]", 0),
        ("[]", "[" * 100_000 + "]" * 100_000, np.nan),
        ("1e" + "9" * 30, "1", 0),
    ],
)
def test_json_is_equal_whatever_its_order_and_numbers_look_like(answer: str, truth: str, expected: float) -> None:
    assert json_match(answer, truth) == pytest.approx(expected, nan_ok=True)


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def rewritten(value: Any) -> Any:
    """The same, with keys in another order and small whole numbers as floats."""
    if isinstance(value, dict):
        return {key: rewritten(value[key]) for key in sorted(value, reverse=True)}
    if isinstance(value, list):
        return [rewritten(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) >= 2**53:
        return value
    return float(value) + 0.0  # -0 is 0


@settings(max_examples=60, deadline=None)
@given(VALUE, VALUE)
def test_json_written_otherwise_is_equal_and_other_json_is_not(value: Any, other: Any) -> None:
    assert json_match(json.dumps(rewritten(value), indent=2, ensure_ascii=False), json.dumps(value)) == 1
    one, another = (json.dumps(rewritten(each), sort_keys=True) for each in (value, other))
    assert json_match(json.dumps(other), json.dumps(value)) == float(one == another)


def test_similarity_is_the_cosine_of_the_embeddings() -> None:
    known = [(answer, truth) for answer, truth in PAIRS if answer and truth]
    answers, truths = zip(*known, strict=True)
    expected = cosine_similarity(static_words()(answers), static_words()(truths)).diagonal()
    assert score_answers(answers, truths, ["similarity"])["similarity"] == pytest.approx(expected, abs=1e-9)
    assert np.isnan(score_answers(["words"], [""], ["similarity"])["similarity"]).all()
    assert score_answers(["It's in Paris."], ["The answer: Paris"], ["similarity"])["similarity"] > 0.5
