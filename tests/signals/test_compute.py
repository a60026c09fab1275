"""A batch of interactions becomes columns: shapes, declarations, edges."""

import sys
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.columns import WORD_BUCKETS, Columns
from records.errors import ConfigError
from records.interaction import INTERACTION_SCHEMA
from records.signal import Kind
from records.summary.vectors import DIMENSIONS
from signals import SIGNALS, compute
from signals.catalogue import CATALOGUE
from signals.dynamic import MOST_SCORES, MOST_TAGS
from signals.embedding import NAMES, Sampled
from signals.embedding.novelty import Known
from signals.embedding.static import static_words
from signals.evaluation import score_answers
from signals.evaluation.catalogue import CATALOGUE as EVALUATIONS
from signals.evaluation.catalogue import Evaluation

FIXED = {declared.signal.name: declared.signal for declared in CATALOGUE if declared.source != "run"}


def batch(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([{name: row.get(name) for name in INTERACTION_SCHEMA} for row in rows], INTERACTION_SCHEMA)


def check_shapes(columns: Columns, n: int) -> None:
    """What records.columns promises holds for every column."""
    assert columns.n == n
    arrays: list[tuple[str, Kind]] = []
    for name, numbers in columns.numeric.items():
        assert numbers.shape == (n,) and numbers.dtype == np.float64, name
        arrays.append((name, Kind.NUMERIC))
    for name, flags in columns.boolean.items():
        assert flags.shape == (n,) and flags.dtype == np.int8 and set(flags.tolist()) <= {-1, 0, 1}, name
        arrays.append((name, Kind.BOOLEAN))
    for name, labels in columns.categorical.items():
        assert labels.codes.dtype == np.int32 and len(set(labels.values)) == len(labels.values), name
        assert all(-1 <= code < len(labels.values) for code in labels.codes.tolist()), name
        if labels.rows is None:
            assert labels.codes.shape == (n,), name
        else:
            assert labels.rows.dtype == np.int32 and labels.rows.shape == labels.codes.shape, name
            assert all(0 <= row < n for row in labels.rows.tolist()), name
        arrays.append((name, Kind.CATEGORICAL))
    for name, words in columns.text.items():
        assert words.rows.dtype == words.buckets.dtype == np.int32, name
        assert (np.diff(words.rows) >= 0).all() and all(0 <= b < WORD_BUCKETS for b in words.buckets.tolist()), name
        arrays.append((name, Kind.TEXT))
    for name, vectors in columns.vector.items():
        assert vectors.rows.dtype == np.int32 and vectors.values.shape == (len(vectors.rows), DIMENSIONS), name
        assert np.isfinite(vectors.values).all() and (np.diff(vectors.rows) > 0).all(), name
        arrays.append((name, Kind.VECTOR))
    assert {name: columns.declared[name].kind for name, _ in arrays} == dict(arrays)
    assert len(columns.declared) == len(arrays)


def labelled(columns: Columns, name: str) -> list[str | None]:
    labels = columns.categorical[name]
    return [labels.values[code] if code >= 0 else None for code in labels.codes.tolist()]


FULL = {
    "prompt": "How do I get a refund?",
    "response": "**Refunds** take 3 days. Ask again!",
    "model": "m-1",
    "operation": "chat",
    "prompt_version": "v14",
    "input_tokens": 12,
    "output_tokens": 30,
    "duration": 1.5,
    "time_to_first_token": 0.25,
    "cost_usd": 0.002,
    "finish_reason": "stop",
    "context": ["abc", "défg"],
    "tool_calls": [
        {"name": "search", "arguments": "{}", "error": None, "duration": 0.1},
        {"name": "search", "arguments": "{}", "error": "timeout", "duration": 5.0},
    ],
    "tags": [{"key": "tenant", "value": "acme"}],
    "scores": [{"key": "rating", "value": 4.0}],
}


def test_every_declared_signal_is_computed_and_nothing_undeclared_is() -> None:
    known = Known(np.zeros(DIMENSIONS), np.eye(DIMENSIONS))
    columns = compute(batch(FULL), sampled=Sampled(static_words(), np.array([0], np.int32), known))
    assert set(columns.declared) == FIXED.keys() | {"scores.rating", "tags.tenant"}
    check_shapes(columns, 1)


def test_the_catalogue_names_each_signal_once_with_its_meaning() -> None:
    assert len(FIXED) == 73 and len({signal.name for signal in SIGNALS}) == len(SIGNALS) == 79
    for declared in CATALOGUE:
        signal = declared.signal
        assert signal.title and signal.family and signal.rise, signal.name
        assert signal.kind != Kind.NUMERIC or (signal.low in (0, -1) and signal.high / signal.resolution < 2**53), signal.name
        assert (declared.source == "ratio") == (signal.resolution == 1e-4), signal.name


def test_the_fields_of_a_call_become_its_signals() -> None:
    columns = compute(batch(FULL, {**FULL, "error": "timeout: after 30 s", "response": None, "tool_calls": []}, {}))
    numeric = {name: columns.numeric[name].tolist() for name in columns.numeric}
    assert numeric["tokens_per_second"] == pytest.approx([20, 20, np.nan], nan_ok=True)
    assert numeric["input_tokens"] == pytest.approx([12, 12, np.nan], nan_ok=True)
    assert numeric["tool_calls"] == pytest.approx([2, 0, np.nan], nan_ok=True)
    assert numeric["tool_errors"] == pytest.approx([1, 0, np.nan], nan_ok=True)
    assert numeric["context_passages"] == pytest.approx([2, 2, np.nan], nan_ok=True)
    assert numeric["context_characters"] == pytest.approx([7, 7, np.nan], nan_ok=True)
    assert numeric["response.words"] == pytest.approx([6, np.nan, np.nan], nan_ok=True)
    assert columns.boolean["error"].tolist() == [0, 1, 0]
    assert columns.boolean["tool_error"].tolist() == [1, -1, -1]
    assert columns.boolean["response.empty"].tolist() == [0, -1, -1]
    assert labelled(columns, "model") == ["m-1", "m-1", None]
    assert labelled(columns, "error_type") == ["timeout"]
    assert columns.categorical["error_type"].rows.tolist() == [1]  # type: ignore[union-attr]
    assert labelled(columns, "tool_names") == ["search", "search"]
    assert columns.categorical["tool_names"].rows.tolist() == [0, 0]  # type: ignore[union-attr]
    assert labelled(columns, "quality.missing") == [
        "none",
        "response",
        "duration+input_tokens+model+output_tokens+prompt+response",
    ]


def test_each_ratio_is_its_counts_divided() -> None:
    columns = compute(batch({"response": "Is it? YES it is, yes it is, yes: 100 %"}, {"response": ""}))
    expected = {
        "characters": 39,
        "words": 10,
        "sentences": 2,
        "mean_word_length": 24 / 10,
        "words_per_sentence": 5,
        "type_token_ratio": 4 / 10,
        "punctuation_share": 5 / 39,
        "digit_share": 3 / 39,
        "upper_share": 4 / 21,
        "non_ascii_share": 0,
        "repetition": 2 / 8,
        "question_marks": 1,
    }
    for name, value in expected.items():
        assert columns.numeric[f"response.{name}"][0] == pytest.approx(value), name
    assert np.isnan(columns.numeric["response.mean_word_length"][1])
    assert columns.numeric["response.words"][1] == 0
    assert np.isnan(columns.numeric["prompt.words"]).all()


def test_words_of_prompt_and_response_stay_apart() -> None:
    columns = compute(batch({"prompt": "one two", "response": "two"}, {"prompt": None, "response": "One, one!"}))
    assert columns.text["prompt.text"].rows.tolist() == [0, 0]
    assert columns.text["response.text"].rows.tolist() == [0, 1]
    one, two = columns.text["response.text"].buckets.tolist()[::-1]
    assert set(columns.text["prompt.text"].buckets.tolist()) == {one, two}


def test_only_enabled_signals_are_computed() -> None:
    assert set(compute(batch(FULL), ["response.words", "duration"]).declared) == {"response.words", "duration"}
    assert set(compute(batch(FULL), ["tags.*", "scores.rating"]).declared) == {"tags.tenant", "scores.rating"}
    assert set(compute(batch(FULL), ["prompt.card"]).declared) == {"prompt.card"}
    assert compute(batch(FULL), []).declared == {}


def test_scores_and_tags_keep_what_the_application_sent() -> None:
    columns = compute(
        batch(
            {"scores": [{"key": "a", "value": 0.5}, {"key": "b", "value": None}], "tags": [{"key": "t", "value": "x"}]},
            {"scores": [], "tags": []},
            {"scores": [{"key": "a", "value": 1e308}], "tags": [{"key": "t", "value": "y"}, {"key": "u", "value": "x"}]},
        )
    )
    assert columns.numeric["scores.a"] == pytest.approx([0.5, np.nan, 1e308], nan_ok=True)
    assert np.isnan(columns.numeric["scores.b"]).all()
    assert labelled(columns, "tags.t") == ["x", "y"]
    assert columns.categorical["tags.t"].rows.tolist() == [0, 2]  # type: ignore[union-attr]
    assert labelled(columns, "tags.u") == ["x"]
    check_shapes(columns, 3)


def test_more_names_than_fit_are_left_out_in_order() -> None:
    row = {
        "scores": [{"key": f"s{i:03}", "value": 1.0} for i in range(MOST_SCORES + 7)],
        "tags": [{"key": f"t{i:03}", "value": "x"} for i in range(MOST_TAGS + 7)],
    }
    declared = compute(batch(row)).declared
    assert sum(name.startswith("scores.") for name in declared) == MOST_SCORES
    assert sum(name.startswith("tags.") for name in declared) == MOST_TAGS
    assert f"tags.t{MOST_TAGS:03}" not in declared


def test_answers_are_scored_where_a_reference_is_known_and_sent_scores_win() -> None:
    known = {"response": "It is 42.", "reference_answer": "42"}
    columns = compute(
        batch(known, {"response": "It is 42."}, {**known, "scores": [{"key": "numeric_match", "value": 0.25}]}),
        evaluations=("rouge_l",),
    )
    assert columns.numeric["scores.numeric_match"] == pytest.approx([1, np.nan, 0.25], nan_ok=True)
    assert columns.numeric["scores.exact_match"] == pytest.approx([0, np.nan, 0], nan_ok=True)
    assert columns.numeric["scores.rouge_l"] == pytest.approx([0.5, np.nan, 0.5], nan_ok=True)
    assert "scores.bleu" not in columns.declared
    assert not any(name.startswith("scores.") for name in compute(batch({"response": "x"})).declared)


def test_an_unknown_evaluation_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"expected one of exact_match, .*; did you mean rouge_l, got rougel"):
        score_answers(["a"], ["b"], ["rougel"])


@pytest.mark.parametrize("one", [one for one in EVALUATIONS if one.package], ids=lambda one: one.name)
def test_an_absent_package_is_named_with_its_extra(one: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, one.package, None)
    with pytest.raises(ConfigError, match=rf"^{one.name} needs .*plumbline\[{one.extra}\]"):
        score_answers(["a"], ["b"], [one.name])


POISON = {
    "empty": {"prompt": "", "response": "", "model": "", "finish_reason": "", "error": "", "reference_answer": ""},
    "white space": {"prompt": " \n\t ", "response": "\r\n", "model": " "},
    "nul": {"prompt": "\x00", "response": "a\x00b\x00", "model": "\x00", "error": "\x00"},
    "huge numbers": {"duration": 1e308, "cost_usd": 1e308, "time_to_first_token": 5e-324, "output_tokens": 2**62},
    "negative": {"duration": -1.0, "cost_usd": -1.0, "input_tokens": -5, "output_tokens": -5},
    "zero": {"duration": 0.0, "input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0},
    "tiny duration": {"duration": 1e-300, "output_tokens": 10**9},
    "infinite": {"duration": float("inf"), "cost_usd": float("nan")},
    "null items": {"context": [None, ""], "tool_calls": [{"name": None, "error": None}], "tags": [], "scores": []},
    "long names": {"model": "m" * 5000, "error": "e" * 5000, "tags": [{"key": "k", "value": "é" * 5000}]},
    "one long word": {"prompt": "x" * 100_000, "response": "7" * 100_000, "reference_answer": "7" * 100_000},
    "nothing": {},
}


@pytest.mark.parametrize("name", POISON)
def test_poison_neither_crashes_nor_blinds(name: str) -> None:
    check_shapes(compute(batch(POISON[name])), 1)
    columns = compute(batch(FULL, POISON[name], FULL))
    check_shapes(columns, 3)
    clean = compute(batch(FULL))
    for signal, values in clean.numeric.items():
        assert columns.numeric[signal][[0, 2]].tolist() == values.tolist() * 2, signal
    for signal, flags in clean.boolean.items():
        assert columns.boolean[signal][[0, 2]].tolist() == flags.tolist() * 2, signal


def test_a_value_out_of_bounds_is_handed_on_to_be_counted_as_bad() -> None:
    columns = compute(batch({"duration": -1.0, "output_tokens": 5, "cost_usd": 1e308}))
    assert columns.numeric["duration"].tolist() == [-1.0] and FIXED["duration"].low == 0
    assert columns.numeric["cost_usd"].tolist() == [1e308] and FIXED["cost_usd"].high < 1e308
    assert np.isnan(columns.numeric["tokens_per_second"]).all()


def test_long_categories_are_cut_and_stay_apart_from_short_ones() -> None:
    columns = compute(batch({"model": "m" * 500}, {"model": "m"}))
    assert labelled(columns, "model") == ["m" * 128, "m"]


def test_a_batch_without_rows_has_every_fixed_signal() -> None:
    columns = compute(batch())
    assert set(columns.declared) == FIXED.keys() - set(NAMES)
    check_shapes(columns, 0)


TEXT = st.one_of(st.none(), st.text(max_size=30), st.sampled_from(["a@b.co", "I cannot help", "4111 1111 1111 1111"]))
ROW = st.fixed_dictionaries(
    {},
    optional={
        "prompt": TEXT,
        "response": TEXT,
        "model": TEXT,
        "error": TEXT,
        "reference_answer": TEXT,
        "duration": st.one_of(st.none(), st.floats()),
        "output_tokens": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
        "context": st.one_of(st.none(), st.lists(TEXT, max_size=3)),
        "tags": st.lists(st.fixed_dictionaries({"key": st.sampled_from("ab"), "value": TEXT}), max_size=2),
    },
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, max_size=5))
def test_an_interaction_has_the_same_signals_in_any_batch(rows: list[dict[str, Any]]) -> None:
    together = compute(batch(*rows))
    check_shapes(together, len(rows))
    for at, row in enumerate(rows):
        alone = compute(batch(row))
        for name in FIXED.keys() & alone.numeric.keys():
            assert np.array_equal(together.numeric[name][at : at + 1], alone.numeric[name], equal_nan=True), name
        for name, flags in alone.boolean.items():
            assert together.boolean[name][at] == flags[0], name
        for name in ("model", "quality.missing"):
            assert labelled(together, name)[at] == labelled(alone, name)[0], name
        mine = together.text["response.text"]
        assert mine.buckets[mine.rows == at].tolist() == alone.text["response.text"].buckets.tolist()
