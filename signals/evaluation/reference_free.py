"""Every score of an interaction that needs no reference answer, one line each."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.columns import Columns
from signals import agent
from signals.embedding import Sampled
from signals.evaluation import grounding, language, relevance, tone
from signals.evaluation.format import Format, adherence


class Expected(NamedTuple):
    """What an application declares of its answers: their form, and the tools that may be called."""

    form: Format | None = None
    tools: tuple[agent.Tool, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The scores that are there because of it."""
        takes = any(tool.arguments is not None for tool in self.tools)
        there = {"format": self.form is not None, "unknown_tools": bool(self.tools), "unknown_arguments": takes}
        return tuple(name for name, declared in there.items() if declared)


NOTHING = Expected()


class Given(NamedTuple):
    """What scores are computed from. `similarity` (n,) and `directions` (2, m, D) are those of the `sampled` interactions."""

    frame: pl.DataFrame
    expected: Expected
    sampled: Sampled | None = None
    directions: NDArray[np.float64] | None = None
    similarity: NDArray[np.float64] | None = None


Scores = Mapping[str, NDArray[np.float64]]
Part = Callable[[Given, Collection[str]], Scores]
"""Scores (n,) by name, those of `names`, NaN where one does not apply."""


def _grounding(given: Given, names: Collection[str]) -> Scores:
    return grounding.scores(given.frame, names)


def _overlap(given: Given, names: Collection[str]) -> Scores:
    return dict.fromkeys(names, grounding.answer_overlap(given.frame["prompt"], given.frame["response"]))


def _answer_relevance(given: Given, names: Collection[str]) -> Scores:
    return {} if given.similarity is None else dict.fromkeys(names, given.similarity)


def _similarities(given: Given, names: Collection[str]) -> Scores:
    if given.sampled is None or given.directions is None:
        return {}
    return relevance.similarities(given.frame, given.sampled, given.directions, names)


def _format(given: Given, names: Collection[str]) -> Scores:
    return dict.fromkeys(names, adherence(given.frame["response"], given.expected.form or Format()))


def _language(given: Given, names: Collection[str]) -> Scores:
    return dict.fromkeys(names, language.language_match(given.frame["prompt"], given.frame["response"]))


def _toxicity(given: Given, names: Collection[str]) -> Scores:
    return dict.fromkeys(names, tone.toxicity(given.frame["response"]))


def _sentiment(given: Given, names: Collection[str]) -> Scores:
    return dict.fromkeys(names, tone.sentiment(given.frame["response"]))


def _agent(given: Given, names: Collection[str]) -> Scores:
    return agent.scores(given.frame, names, given.expected.tools)


@dataclass(frozen=True, slots=True)
class Free:
    """A score, what a rise of it means, and which direction harms; `package`, of the extra `extra`, is imported for it.

    `declared`: it is there where the application says what is expected, and only there; others are asked for by name.
    """

    name: str
    part: Part
    rise: str
    worse: Literal["up", "down"] = "down"
    package: str = ""
    extra: str = ""
    declared: bool = False


REFERENCE_FREE: tuple[Free, ...] = (
    Free("groundedness", _grounding, "answers closer to the words of their passages"),
    Free("number_support", _grounding, "more numbers that the passages hold"),
    Free("context_overlap", _grounding, "passages closer to the words of the prompts"),
    Free("retrieval_hit", _grounding, "more passages that hold the reference answer"),
    Free("context_similarity", _similarities, "answers closer to their passages"),
    Free("context_relevance", _similarities, "passages closer to the prompts"),
    Free("answer_relevance", _answer_relevance, "answers closer to their prompts"),
    Free("answer_overlap", _overlap, "answers closer to the words of their prompts"),
    Free("format", _format, "more answers of the declared form", declared=True),
    Free("language_match", _language, "more answers in the language of their prompts", package="pycld2", extra="evaluation"),
    Free("toxicity", _toxicity, "more offensive answers", "up", "profanity_check", "toxicity"),
    Free("sentiment", _sentiment, "kinder answers", package="vaderSentiment", extra="evaluation"),
    Free("tool_error_rate", _agent, "more tool calls that fail", "up"),
    Free("repeated_calls", _agent, "more tool calls made again", "up"),
    Free("unknown_tools", _agent, "more calls of tools that are not declared", "up", declared=True),
    Free("unknown_arguments", _agent, "more arguments that the tools do not take", "up", declared=True),
)
FREE: dict[str, Free] = {free.name: free for free in REFERENCE_FREE}
OF_EMBEDDINGS = frozenset(free.name for free in REFERENCE_FREE if free.part in (_similarities, _answer_relevance))
"""What is there for embedded interactions alone."""


def measure(given: Given, evaluations: Collection[str], out: Columns) -> None:
    """Add those of the scores that `evaluations` names, and those of what is expected; no score of embeddings without any."""
    together: dict[Part, list[str]] = {}
    for free in REFERENCE_FREE:
        if free.name in (given.expected.names if free.declared else evaluations):
            together.setdefault(free.part, []).append(free.name)
    for part, names in together.items():
        out.numeric.update({f"scores.{name}": values for name, values in part(given, names).items()})
