"""Interactions for the benchmarks: every field of a call, varied English texts, from a seed."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import numpy as np

from monitor.demo.texts import LISTED, PLAIN, REFUSAL, RESPONSES_PER_STYLE, STYLES, pools
from monitor.demo.vocabulary import TOPICS

APPLICATION = "support"
TENANTS = ("acme", "globex", "initech", "umbrella", "hooli", "stark")
MODELS = ("gpt-4o-2024-08-06", "gpt-4o-mini", "claude-sonnet-4")
VERSIONS = ("v13", "v14")
SLICES = ("model", "prompt_version", "tags.tenant")
TEMPLATES = 20_000
"""Different interactions; beyond that they come again with another id and time."""
PER_SECOND = 100
"""Interactions in a second of event time, unless told otherwise."""
_AT_ONCE = 1_000


class Size(NamedTuple):
    """How often a prompt has a second question, an answer is a list, and one that is none has a second part."""

    second_question: float
    listed: float
    second_part: float


ONE_KB = Size(0.2, 0.22, 0.1)
"""Records of 1 KB: prompts of about 210, responses of about 430 characters."""
ONE_KB_OF_TEXT = Size(0.45, 0.52, 1.0)
"""Records of 1.35 KB: prompts of about 250, responses of about 670 characters."""


def _texts(rng: np.random.Generator, size: Size) -> dict[str, Any]:
    """A question and its answer, on one topic; one in ten with a passage that was retrieved for it."""
    made = pools(1)
    topic = int(rng.integers(len(TOPICS)))
    per_topic = len(made.prompts) // len(TOPICS)
    prompts = rng.integers(per_topic, size=1 + (rng.random() < size.second_question)) + topic * per_topic
    chance = rng.random()
    style = REFUSAL if chance < 0.03 else LISTED if chance < 0.03 + size.listed else PLAIN
    group = (topic * len(STYLES) + style) * RESPONSES_PER_STYLE
    parts = 1 + (style != LISTED and rng.random() < size.second_part)
    responses = rng.integers(RESPONSES_PER_STYLE, size=parts) + group
    texts: dict[str, Any] = {
        "prompt": " ".join(made.prompts[i] for i in prompts),
        "response": "\n\n".join(made.responses[i] for i in responses),
    }
    if rng.random() < 0.1:
        passages = len(made.contexts) // len(TOPICS)
        texts["context"] = made.contexts[int(rng.integers(passages)) + topic * passages][:1]
    return texts


def _one_of(rng: np.random.Generator, names: tuple[str, ...], *up_to: float) -> str:
    """A name by its cumulative share; the last takes the rest."""
    return names[int(np.searchsorted(up_to, rng.random()))]


def _fields(rng: np.random.Generator, size: Size) -> dict[str, Any]:
    """Everything of an interaction but its id and time."""
    texts = _texts(rng, size)
    tokens_in, tokens_out = len(texts["prompt"]) // 4 + int(rng.integers(300, 500)), len(texts["response"]) // 4
    duration = float(rng.lognormal(0.4, 0.5))
    fields: dict[str, Any] = {
        "application": APPLICATION, **texts, "operation": "chat",
        "prompt_version": _one_of(rng, VERSIONS, 0.3), "model": _one_of(rng, MODELS, 0.6, 0.9),
        "input_tokens": tokens_in, "output_tokens": tokens_out, "duration": round(duration, 3),
        "time_to_first_token": round(duration * 0.2, 3), "cost_usd": round(tokens_in * 2e-6 + tokens_out * 8e-6, 6),
        "finish_reason": "length" if rng.random() < 0.02 else "stop", "user": f"u{rng.integers(5000)}",
        "tags": {"tenant": _one_of(rng, TENANTS, 0.35, 0.6, 0.75, 0.85, 0.95)},
        "scores": {"helpfulness": round(float(rng.beta(8, 2)), 3)},
    }  # fmt: skip
    if rng.random() < 0.3:
        fields["tool_calls"] = [{"name": "search_orders", "error": "timeout" if rng.random() < 0.03 else None}]
    if rng.random() < 0.01:
        fields["error"] = "rate_limit: try again later"
    return fields


@lru_cache(maxsize=2)
def templates(size: Size) -> list[bytes]:
    """TEMPLATES interactions as JSON without the opening brace, the id and the time."""
    rng = np.random.default_rng(1)
    return [msgspec.json.encode(_fields(rng, size))[1:] for _ in range(TEMPLATES)]


def lines(count: int, start: int, first: int = 0, size: Size = ONE_KB, per_second: float = PER_SECOND) -> Iterator[bytes]:
    """`count` interactions, one line of JSON each, numbered from `first`; `start` is the event time of number 0,
    microseconds since 1970, from which `per_second` follow each second."""
    made = templates(size)
    for low in range(first, first + count, _AT_ONCE):
        numbers = range(low, min(low + _AT_ONCE, first + count))
        micros = start + np.arange(numbers.start, numbers.stop) * round(1_000_000 / per_second)
        times = np.datetime_as_string(micros.astype("M8[us]"), unit="ms").tolist()
        for number, time in zip(numbers, times, strict=True):
            yield b'{"id":"c-%09d","timestamp":"%bZ",%b' % (number, time.encode(), made[number % TEMPLATES])


def bodies(
    count: int, each: int, start: int, first: int = 0, size: Size = ONE_KB, per_second: float = PER_SECOND
) -> Iterator[bytes]:
    """NDJSON of `each` interactions, `count` of them; as `lines`."""
    made = lines(count * each, start, first, size, per_second)
    for _ in range(count):
        yield b"\n".join(next(made) for _ in range(each))
