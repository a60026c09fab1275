"""What an application declares of its answers: refused with its line where it is wrong, and counted for it alone."""

from pathlib import Path

import numpy as np
import pytest

from monitor.config import Config, InvalidConfigError, parse
from monitor.config.schema import config_schema
from monitor.store import panes
from monitor.store.engine import Store
from records.pane import TOTAL, Pane, merge_all
from records.pane_codec import decode_pane
from records.window import WINDOW
from signals.agent import Tool
from signals.evaluation.format import Format
from signals.evaluation.reference_free import Expected
from tests.monitor.streaming import ACCEPTED, APPLICATION, interaction, opened, pipeline, record

FILE = """
applications:
  support:
    slices: []
    evaluations:
      - repeated_calls
      - format:
          json_schema: {type: object, required: [city]}
          max_characters: 40
    tools: [search, {name: book, arguments: [flight]}]
  other:
    slices: []
    evaluations: [{format: {regex: "^[A-Z]"}}]
"""


def read(text: str) -> Config:
    return parse(text, "p.yaml", {})


def test_form_and_tools_are_read_as_they_are_written() -> None:
    config = read(FILE)
    form = Format('{"type":"object","required":["city"]}', None, None, 40)
    assert config.application("support").expected == Expected(form, (Tool("search"), Tool("book", ("flight",))))
    assert config.application("support").scores == ("repeated_calls",)
    assert [one.name for one in config.application("support").evaluations] == ["repeated_calls", "format"]
    assert config.application("never named").expected == Expected()
    assert config.application("never named").scores[-1] == "groundedness"


WRONG = {
    "schema": (
        "format:\n      json_schema:\n        type: x",
        "p.yaml:5: applications.a.evaluations[0].format.json_schema: expected a",
    ),
    "expression": ("format: {regex: '(a'}", "format.regex: expected a regular expression: unclosed group, got (a"),
    "nothing": ("format: {}", "evaluations[0].format: expected json_schema, regex, min_characters or max_characters"),
    "order": ("format: {min_characters: 2, max_characters: 1}", "format: expected min_characters to be at most max_characters"),
    "below zero": ("format: {max_characters: -1}", "format.max_characters: expected a number of at least 0, got -1"),
    "no number": ("format: {max_characters: true}", "format.max_characters: expected a whole number, got True"),
    "twice": ("format: {regex: a}\n  - format: {regex: b}", "evaluations: expected each entry once, format is there twice"),
    "by name alone": ("format", "evaluations[0]: expected one of exact_match"),
    "no such score": ("toxisity", "did you mean toxicity"),
    "a judge of that name": (
        "judge: {name: toxicity, rubric: r, endpoint: 'https://h/v1', model: m}",
        "evaluations[0]: toxicity is a score of which more is worse",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_declared_wrong_is_refused_with_its_line(name: str) -> None:
    entry, message = WRONG[name]
    with pytest.raises(InvalidConfigError) as caught:
        read(f"applications:\n a:\n  evaluations:\n  - {entry}\n")
    assert message in str(caught.value)


@pytest.mark.parametrize("tools", ["[search, search]", "[{arguments: [a]}]", "['']", "[{name: a, argument: [b]}]", "search"])
def test_a_list_of_tools_that_is_none_is_refused(tools: str) -> None:
    with pytest.raises(InvalidConfigError, match=r"p\.yaml:1: applications\.a\.tools"):
        read(f"applications: {{a: {{tools: {tools}}}}}")


def test_editors_know_the_names_and_the_sections() -> None:
    schema = config_schema()["$defs"]
    assert {"json_schema", "regex", "min_characters", "max_characters"} == set(schema["Format"]["properties"])
    names = schema["ApplicationConfig"]["properties"]["evaluations"]["items"]["anyOf"][0]["enum"]
    assert {"groundedness", "rouge_l"} < set(names) and "format" not in names


def stored(store: Store, application: str) -> Pane:
    with store.read() as c:
        return merge_all([decode_pane(blob) for _, blob in panes.between(c, application, WINDOW, 0, 2**62)])


def scores(pane: Pane) -> dict[str, int]:
    """The sum of each score."""
    sums = pane.moments[:, TOTAL] * pane.resolution
    return {n.removeprefix("scores."): round(s) for n, s in zip(pane.names, sums, strict=True) if n.startswith("scores.")}


def test_each_application_is_held_against_what_it_declares_itself(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [
        interaction(0, i, rng, None, application=application, response=response, context=["in Rome"], tool_calls=calls)
        for application in (APPLICATION, "other")
        for i, (response, calls) in enumerate([
            ('{"city": "Rome"}', [{"name": "book", "arguments": {"flight": "A"}}]),
            ("Rome", [{"name": "book", "arguments": {"seat": 1}}, {"name": "book", "arguments": {"seat": 1}}]),
            ('{"city": "Rome", "why": "it is far too long a text"}', [{"name": "pay"}]),
        ])
    ]  # fmt: skip
    with opened(tmp_path / "a.db") as store:
        pipeline(store, FILE).ingest([record(1, rows)], ACCEPTED)
        mine, other = stored(store, APPLICATION), stored(store, "other")
    assert scores(mine) == {"format": 1, "repeated_calls": 1, "unknown_tools": 1, "unknown_arguments": 2}
    assert scores(other) == {"format": 1}
