"""Every signal, one line each: what it is, in which unit, where it comes from and what a rise of it means."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from records.signal import Kind, Signal

Source = Literal["count", "ratio", "pattern", "field", "embedding", "run"]
"""A count or words from the one pass over the bytes, a ratio of such counts, a pattern, a field of the call, what a text means,
of a sample, or a whole run of interactions."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A signal and where it comes from."""

    signal: Signal
    source: Source


FORM, LANGUAGE, SAFETY, TRAFFIC, QUALITY = "form", "language", "safety", "traffic", "quality"
LATENCY, TOKENS, TOOLS = "latency and cost", "tokens", "tools and retrieval"
SHARE, MANY, SECONDS, FINE = 1e-4, 1e9, 1e-3, 1e-6


def _count(name: str, title: str, family: str, unit: str, rise: str) -> Declared:
    return Declared(Signal(name, Kind.NUMERIC, title, family, unit, rise, low=0, high=MANY), "count")


def _ratio(name: str, title: str, family: str, unit: str, rise: str, high: float = 1) -> Declared:
    return Declared(Signal(name, Kind.NUMERIC, title, family, unit, rise, SHARE, low=0, high=high), "ratio")


def _pattern(name: str, title: str, rise: str, worse: Literal["up"] | None = "up") -> Declared:
    return Declared(Signal(name, Kind.BOOLEAN, title, SAFETY, rise=rise, worse=worse), "pattern")


def _category(name: str, title: str, rise: str, family: str = TRAFFIC) -> Declared:
    return Declared(Signal(name, Kind.CATEGORICAL, title, family, rise=rise), "field")


def _number(name: str, title: str, family: str, unit: str, rise: str, resolution: float = 1, high: float = MANY) -> Declared:
    return Declared(Signal(name, Kind.NUMERIC, title, family, unit, rise, resolution, 0, high), "field")


def _run(name: str, title: str, unit: str, rise: str, resolution: float = 1, high: float = MANY) -> Declared:
    return Declared(Signal(name, Kind.NUMERIC, title, TOOLS, unit, rise, resolution, 0, high), "run")


def _run_share(name: str, title: str, rise: str) -> Declared:
    return Declared(Signal(name, Kind.NUMERIC, title, TOOLS, "", rise, FINE, 0, 1, worse="up"), "run")


def _side(side: Literal["prompt", "response"]) -> Iterable[Declared]:
    """The signals of one text. Where harm depends on the side (a refusal harms in an answer), only that side is one-sided."""
    answer: Literal["up"] | None = "up" if side == "response" else None
    question: Literal["up"] | None = "up" if side == "prompt" else None
    return (
        _count("characters", "characters", FORM, "characters", "longer texts"),
        _count("words", "words", FORM, "words", "longer texts"),
        _count("sentences", "sentences", FORM, "sentences", "longer texts"),
        _ratio("mean_word_length", "mean word length", FORM, "characters", "longer words", MANY),
        _ratio("words_per_sentence", "words per sentence", FORM, "words", "longer sentences", MANY),
        _count("lines", "lines", FORM, "lines", "more paragraphs or lists"),
        _count("list_markers", "list items", FORM, "list items", "more lists"),
        _count("bold_markers", "bold markers", FORM, "markers", "more emphasis"),
        _count("code_fences", "code fences", FORM, "fences", "more code blocks"),
        _ratio("type_token_ratio", "type-token ratio", LANGUAGE, "", "a richer vocabulary, or shorter texts"),
        _ratio("punctuation_share", "punctuation share", LANGUAGE, "", "more punctuation, markup or code"),
        _ratio("digit_share", "digit share", LANGUAGE, "", "more figures"),
        _ratio("upper_share", "upper-case share", LANGUAGE, "", "more names, abbreviations or shouting"),
        _ratio("non_ascii_share", "non-ASCII share", LANGUAGE, "", "other languages, symbols or emoji"),
        _count("question_marks", "question marks", LANGUAGE, "marks", "more questions"),
        _count("exclamation_marks", "exclamation marks", LANGUAGE, "marks", "more exclamations"),
        _pattern("refusal", "refusals", "more texts that decline to help", answer),
        _ratio("repetition", "repetition", LANGUAGE, "", "texts that repeat themselves"),
        _pattern("email", "e-mail addresses", "more personal data"),
        _pattern("phone", "phone numbers", "more personal data"),
        _pattern("card", "card numbers", "more payment data"),
        _pattern("key", "keys and tokens", "more secrets in texts"),
        _pattern("injection", "injection phrases", "more attempts to override instructions", question),
        Declared(Signal("empty", Kind.BOOLEAN, "empty texts", QUALITY, rise="more texts without content", worse="up"), "count"),
        Declared(Signal("text", Kind.TEXT, "words used", LANGUAGE, rise="other words"), "count"),
        Declared(Signal("embedding", Kind.VECTOR, "topics", LANGUAGE, "sd", "other topics"), "embedding"),
    )


def _texts() -> Iterable[Declared]:
    for side in ("prompt", "response"):
        for declared in _side(side):
            signal = declared.signal
            named = replace(signal, name=f"{side}.{signal.name}", title=f"{side} {signal.title}")
            yield replace(declared, signal=named)


CATALOGUE: tuple[Declared, ...] = (
    *_texts(),
    Declared(
        Signal("similarity", Kind.NUMERIC, "similarity", LANGUAGE, "cosine", "answers closer to their prompts", FINE, -1, 1),
        "embedding",
    ),
    Declared(
        Signal(
            "response.novelty", Kind.NUMERIC, "response novelty", LANGUAGE, "sd", "answers unlike the reference", FINE, 0, MANY
        ),
        "embedding",
    ),
    _number("input_tokens", "input tokens", TOKENS, "tokens", "longer prompts"),
    _number("output_tokens", "output tokens", TOKENS, "tokens", "longer answers"),
    _number("duration", "duration", LATENCY, "seconds", "slower answers", SECONDS, 1e6),
    _number("time_to_first_token", "time to first token", LATENCY, "seconds", "a slower start", SECONDS, 1e6),
    Declared(
        Signal("tokens_per_second", Kind.NUMERIC, "tokens per second", LATENCY, "tokens/s", "faster answers", SHARE, 0, 1e6),
        "ratio",
    ),
    _number("cost_usd", "cost", LATENCY, "USD", "dearer calls", 1e-6, 1e6),
    Declared(Signal("error", Kind.BOOLEAN, "errors", TRAFFIC, rise="more failed calls", worse="up"), "field"),
    _category("error_type", "error type", "other kinds of failure"),
    _category("finish_reason", "finish reason", "answers that end otherwise"),
    _category("model", "model", "another mix of models"),
    _category("operation", "operation", "another mix of operations"),
    _category("prompt_version", "prompt version", "another mix of prompt versions"),
    _number("tool_calls", "tool calls", TOOLS, "calls", "more tool use"),
    _number("tool_errors", "failed tool calls", TOOLS, "calls", "more tools that fail"),
    Declared(
        Signal("tool_error", Kind.BOOLEAN, "tool errors", TOOLS, rise="more calls with a failed tool", worse="up"), "field"
    ),
    _category("tool_names", "tool names", "another mix of tools", TOOLS),
    _number("context_passages", "context passages", TOOLS, "passages", "more retrieved passages"),
    _number("context_characters", "context length", TOOLS, "characters", "longer retrieved context"),
    _run("run_steps", "steps per run", "interactions", "longer runs"),
    _run("run_seconds", "duration of runs", "seconds", "runs that take longer", SECONDS, 1e9),
    _run("run_tool_calls", "tool calls per run", "calls", "more tool use in a run"),
    _run_share("run_tool_errors", "failed calls of runs", "runs with more tools that fail"),
    _run_share("run_repeated_calls", "repeated calls of runs", "runs that repeat themselves"),
    _run_share("run_unknown_calls", "unknown calls of runs", "more calls that no declared tool takes"),
    _category("quality.missing", "missing fields", "other fields are absent", QUALITY),
)
SIGNALS: tuple[Signal, ...] = tuple(declared.signal for declared in CATALOGUE)
BY_NAME: dict[str, Signal] = {signal.name: signal for signal in SIGNALS}
