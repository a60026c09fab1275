"""Scores that need no reference answer: form, language, tone, calls of tools, closeness to the passages."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from records.errors import ConfigError
from records.interaction import INTERACTION_SCHEMA
from signals import compute
from signals.agent import Tool
from signals.embedding import Sampled
from signals.embedding.static import static_words
from signals.evaluation.catalogue import BY_NAME, known
from signals.evaluation.format import Format, adherence, check_regex, check_schema
from signals.evaluation.language import language_match, languages
from signals.evaluation.reference_free import FREE, REFERENCE_FREE, Expected
from signals.evaluation.tone import sentiment, toxicity

NONE = float("nan")
DECLARED = {free.name for free in REFERENCE_FREE if free.declared}


def batch(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([{name: row.get(name) for name in INTERACTION_SCHEMA} for row in rows], INTERACTION_SCHEMA)


def texts(*values: str | None) -> pl.Series:
    return pl.Series(values, dtype=pl.String)


def scores(rows: Sequence[dict[str, Any]], *names: str, **expected: Any) -> dict[str, list[float]]:
    columns = compute(batch(*rows), [], names, expected=Expected(**expected))
    return {name: values.tolist() for name, values in columns.numeric.items()}


SCHEMA = '{"type": "object", "required": ["city"], "properties": {"city": {"type": "string", "pattern": "^[A-Z]"}}}'
FORMS: dict[str, tuple[Format, dict[str | None, float]]] = {
    "schema": (
        Format(json_schema=SCHEMA),
        {
            '{"city": "Rome"}': 1, ' {"city": "Rome", "nights": 2}\n': 1, '{"city": "rome"}': 0, '{"city": 3}': 0, "{}": 0,
            '```json\n{"city": "Rome"}\n```': 0, "Rome": 0, "": 0, None: NONE, '{"city": "Rome"': 0, '{"city": NaN}': 0,
            "[" * 100_000: 0, '{"city": "Rome", "x": ' + "[" * 600 + "]" * 600 + "}": 1,
        },
    ),
    "expression": (Format(regex=r"^\[(Yes|No)\]$"), {"[Yes]": 1, "[No]": 1, "[Yes] ": 0, "Yes": 0, "": 0, None: NONE}),
    "somewhere": (Format(regex="(?i)source:"), {"x\nSource: a": 1, "x": 0}),
    "length": (Format(min_characters=2, max_characters=3), {"a": 0, "éé": 1, "中中中": 1, "aaaa": 0, "": 0, None: NONE}),
    "all of it": (Format(json_schema="true", regex="1", max_characters=3), {"1": 1, "2": 0, "1111": 0, "1x": 0}),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_an_answer_has_the_form_that_was_declared_or_not(name: str) -> None:
    form, expected = FORMS[name]
    np.testing.assert_array_equal(adherence(texts(*expected), form), list(expected.values()))


WRONG_SCHEMAS = {
    "no type": ('{"type": "objekt"}', '"objekt" is not valid'),
    "no schema": ("[1]", "is not of types"),
    "pattern": ('{"pattern": "(a"}', 'is not a "regex"'),
    "backtracking": ('{"pattern": "(?=a)b"}', 'is not a "regex"'),
    "elsewhere": ('{"$ref": "http://127.0.0.1:9/schema"}', "Retrieval is disabled"),
    "a file": ('{"$ref": "file:///etc/hostname"}', "Retrieval is disabled"),
    "another dialect": ('{"$schema": "http://127.0.0.1:9/dialect"}', "Unknown meta-schema"),
    "nowhere": ('{"$ref": "#/$defs/city"}', "does not exist"),
}


@pytest.mark.parametrize("name", WRONG_SCHEMAS)
def test_what_is_no_schema_is_refused_and_nothing_is_fetched(name: str) -> None:
    schema, message = WRONG_SCHEMAS[name]
    with pytest.raises(ConfigError, match="expected a JSON Schema: .*" + message.replace("(", r"\(")):
        check_schema(schema)


@pytest.mark.parametrize(
    ("regex", "reason"), [("(a", "unclosed group"), ("(?=a)b", "look-around"), ("a{9999999}", "size limit")]
)
def test_what_is_no_expression_of_linear_time_is_refused(regex: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=f"expected a regular expression: .*{reason}"):
        check_regex(regex)


SAID = {
    "en": "Could you please tell me where the nearest railway station is?",
    "de": "Könnten Sie mir bitte sagen, wo der nächste Bahnhof ist?",
    "fr": "Pourriez-vous me dire où se trouve la gare la plus proche ?",
    "es": "¿Podría decirme dónde está la estación de tren más cercana, por favor?",
    "ru": "Не могли бы вы сказать мне, где находится ближайший вокзал?",
    "ja": "最寄りの駅がどこにあるか教えていただけますか。",
    "zh": "请问最近的火车站在哪里？我想坐火车去北京，谢谢你们的帮助。",
}


def test_languages_are_told_apart_and_what_is_too_short_or_no_language_has_none() -> None:
    unknown = ("Ok.", "42", "Jonathan Stark", "", "0x3f == x[i] && !done", None)
    assert languages(texts(*SAID.values(), *unknown)) == [*SAID, *(None for _ in unknown)]
    assert languages(texts("\x00\x01" + SAID["en"], "\ufffe\U0010ffff " + SAID["de"])) == ["en", "de"]


def test_an_answer_in_another_language_than_its_prompt_does_not_match() -> None:
    found = language_match(texts(SAID["de"], SAID["de"], SAID["de"], None), texts(SAID["de"], SAID["en"], "Ja.", SAID["en"]))
    np.testing.assert_array_equal(found, [1, 0, NONE, NONE])


@given(st.lists(st.none() | st.text(max_size=40), max_size=4))
@settings(max_examples=100, deadline=None)
def test_no_text_stops_the_detector(some: list[str | None]) -> None:
    assert len(languages(texts(*some))) == len(some)


def test_offensive_and_unkind_answers_are_told_from_others() -> None:
    said = texts("You are a stupid idiot.", "Thank you, I will gladly help you.", "", None)
    offensive, kind = toxicity(said), sentiment(said)
    assert offensive[0] > 0.9 and offensive[1] < 0.1 and kind[0] < -0.5 < 0.5 < kind[1]
    assert offensive[2] < 0.1 and kind[2] == 0 and np.isnan([offensive[3], kind[3]]).all()
    assert np.isnan(toxicity(texts(None))).all()


def call(name: str, arguments: str | None = None, error: str | None = None) -> dict[str, Any]:
    return {"name": name, "arguments": arguments, "error": error, "duration": None}


TOOLS = (Tool("search"), Tool("book", ("flight", "seat")), Tool("end", ()))
RUNS: dict[str, tuple[list[dict[str, Any]] | None, tuple[float, float, float, float]]] = {
    "no list": (None, (NONE, NONE, NONE, NONE)),
    "no call": ([], (0, 0, 0, NONE)),
    "as declared": ([call("search", '{"q":1}'), call("book", '{"flight":"A"}'), call("end")], (0, 0, 0, 0)),
    "again": ([call("search", '{"a":1,"b":2}'), call("book"), call("search", '{"b": 2, "a": 1}')], (1, 0, 0, 0)),
    "twice again": ([call("end"), call("end", "{}"), call("end")], (2, 0, 0, 0)),
    "text again": ([call("search", "x"), call("search", "x"), call("search", "y")], (1, 0, 0, 0)),
    "other arguments": ([call("search", "1"), call("search", "2")], (0, 0, 0, 0)),
    "unknown tool": ([call("cancel", '{"flight":"A"}'), call("Search")], (0, 2, 0, 0)),
    "unknown argument": ([call("book", '{"flight":"A","price":1}'), call("end", '{"now":true}')], (0, 0, 2, 0)),
    "no object": ([call("book", "[1]"), call("book", '{"flight"'), call("search", "[1]")], (0, 0, 2, 0)),
    "failed": ([call("search", "1", "timeout"), call("search", "2", ""), call("search", "3"), call("end")], (0, 0, 0, 1 / 4)),
}


@pytest.mark.parametrize("name", RUNS)
def test_calls_that_make_no_sense_are_counted_by_interaction(name: str) -> None:
    calls, expected = RUNS[name]
    rows = [{"tool_calls": calls}, {"tool_calls": RUNS["again"][0]}]  # what another interaction called is no repetition
    found = scores(rows, "repeated_calls", "tool_error_rate", tools=TOOLS)
    names = ("repeated_calls", "unknown_tools", "unknown_arguments", "tool_error_rate")
    np.testing.assert_array_equal([found[f"scores.{score}"][0] for score in names], expected)
    assert found["scores.repeated_calls"][1] == 1


RAG = {
    "prompt": "Where is the Eiffel Tower?", "response": "The Eiffel Tower is in Paris.", "reference_answer": "Paris",
    "context": ["The Eiffel Tower is in Paris, France.", "It has 1,665 steps."],
}  # fmt: skip
OF_PASSAGES = ("groundedness", "number_support", "context_overlap", "retrieval_hit")
PARTS: dict[str, tuple[dict[str, Any], tuple[float, float, float, float]]] = {
    "all there": ({}, (1, NONE, 1, 1)),
    "no passages": ({"context": []}, (NONE, NONE, NONE, NONE)),
    "no context": ({"context": None}, (NONE, NONE, NONE, NONE)),
    "an empty passage": ({"context": ["", None]}, (0, NONE, 0, 0)),
    "no answer": ({"response": None}, (NONE, NONE, 1, 1)),
    "no prompt": ({"prompt": None}, (1, NONE, NONE, 1)),
    "no reference": ({"reference_answer": None}, (1, NONE, 1, NONE)),
    "made up": ({"response": "In London, up 1665 steps or 12.", "reference_answer": "Rome"}, (1 / 3, 0.5, 1, 0)),
}


def test_what_the_passages_support_is_missing_where_there_are_none_or_not_the_text() -> None:
    found = scores([{**RAG, **changed} for changed, _ in PARTS.values()], *OF_PASSAGES)
    for row, (name, (_, expected)) in enumerate(PARTS.items()):
        np.testing.assert_array_equal([found[f"scores.{score}"][row] for score in OF_PASSAGES], expected, name)


def embedded(*rows: dict[str, Any], sample: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    names = [free.name for free in REFERENCE_FREE if "similarity" in free.name or "relevance" in free.name]
    return compute(batch(*rows), [], names, Sampled(static_words(), np.array(sample, np.int32))).numeric


def test_closeness_is_the_largest_cosine_to_a_passage_of_the_sampled_alone() -> None:
    rows = [RAG, {**RAG, "context": [*RAG["context"][::-1], ""]}, {**RAG, "context": None}, RAG, {**RAG, "response": None}]
    found = embedded(*rows, sample=[0, 1, 2, 4])
    close, about, answer = (found[f"scores.{name}"] for name in ("context_similarity", "context_relevance", "answer_relevance"))
    passage, response = (static_words()([text])[0] for text in (RAG["context"][0], RAG["response"]))
    cosine = passage @ response / np.linalg.norm(passage) / np.linalg.norm(response)
    np.testing.assert_allclose(close, [cosine, cosine, NONE, NONE, NONE], rtol=1e-9)
    assert np.isfinite(about).tolist() == [True, True, False, False, True]
    assert np.isfinite(answer).tolist() == [True, True, True, False, False]
    assert not any(name.startswith(("prompt", "response", "similarity")) for name in found)


def test_without_embeddings_or_a_declaration_there_is_no_such_score() -> None:
    assert scores([RAG], "context_similarity", "answer_relevance") == {}
    assert set(scores([RAG], form=Format(regex="Paris"))) == {"scores.format"}
    assert set(scores([RAG], tools=(Tool("search"),))) == {"scores.unknown_tools"}


def test_each_goes_by_its_name_unless_it_must_be_declared_and_says_which_way_harms() -> None:
    assert BY_NAME.keys() & FREE.keys() == FREE.keys() - DECLARED
    with pytest.raises(ConfigError, match="expected one of"):
        known("unknown_tools")
    declared = compute(batch({**RAG, "tool_calls": []}), None, ["repeated_calls", "groundedness"]).declared
    assert declared["scores.repeated_calls"].worse == "up" and declared["scores.groundedness"].worse == "down"


@pytest.mark.parametrize("rows", [[], [{}], [{"context": [], "tool_calls": []}], [{"tool_calls": [call("end")]}]], ids=str)
def test_an_empty_batch_and_empty_interactions_have_no_score_but_counts_of_no_call(rows: list[dict[str, Any]]) -> None:
    names = [free.name for free in REFERENCE_FREE if not free.declared]
    expected = Expected(Format(json_schema="true"), TOOLS)
    sampled = Sampled(static_words(), np.arange(len(rows), dtype=np.int32))
    numeric = compute(batch(*rows), [], names, sampled, expected).numeric
    assert numeric.keys() == {f"scores.{free.name}" for free in REFERENCE_FREE}
    called = {name for name, values in numeric.items() if np.isfinite(values).any()}
    assert all(len(values) == len(rows) for values in numeric.values())
    assert called <= {"scores.repeated_calls", "scores.unknown_tools", "scores.unknown_arguments", "scores.tool_error_rate"}
