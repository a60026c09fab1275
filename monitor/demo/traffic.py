"""Simulated LLM traffic of a support assistant with a known story: healthy, then three incidents, then healthy for ever.

Pure functions of a `Story`: the same story gives the same bytes, window by window, in whatever order windows are asked for.
Healthy rows are independent draws from distributions that do not change, but for the course of the day: the rate
(twice as much by day as by night) and, mildly, the mix of topics.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from monitor.demo.story import DAY, HOUR, WINDOW, Story
from monitor.demo.texts import (
    CONTEXTS_PER_TOPIC,
    LISTED,
    PLAIN,
    PROMPTS_PER_TOPIC,
    REFUSAL,
    RESPONSES_PER_STYLE,
    STYLES,
    pools,
)
from monitor.demo.vocabulary import DEVELOPERS, TOPICS

APPLICATION = "support"
ROWS_PER_WINDOW = 180.0
"""Mean over a day; the rate swings by a third either way."""

SYSTEM = (
    "You are the support assistant of an online shop. Answer in English, be short and friendly, use the tools for "
    "anything about one order, and hand over to a person when money above 200 euros is concerned."
)
TENANTS = {"globex": 0.34, "initech": 0.30, "acme": 0.14, "vandelay": 0.10, "umbrella": 0.07, "stark": 0.05}
REGIONS = {"eu-west": 0.5, "us-east": 0.35, "ap-south": 0.15}
USERS = 600
TOOLS = ("search_orders", "refund", "lookup")


@dataclass(frozen=True, slots=True)
class Model:
    """Prices in USD per million tokens, speed in tokens a second, time to the first token in seconds (median)."""

    name: str
    provider: str
    share: float
    first_token: float
    speed: float
    price_in: float
    price_out: float


MODELS = (
    Model("atlas-large", "atlas", 0.40, 0.55, 62.0, 2.5, 10.0),
    Model("atlas-small", "atlas", 0.35, 0.28, 140.0, 0.2, 0.8),
    Model("heron-2", "lakeside", 0.25, 0.42, 88.0, 1.0, 4.0),
)


@dataclass(frozen=True, slots=True)
class Batch:
    """The interactions of one window. `arrivals` (n,) int64 microseconds, not falling, are when each of `lines` is sent:
    up to five seconds after its own timestamp, so that timestamps are slightly out of order."""

    arrivals: NDArray[np.int64]
    lines: list[bytes]


class _ToolCall(msgspec.Struct):
    name: str
    arguments: str
    duration: float
    error: str | UnsetType


class _Interaction(msgspec.Struct):
    id: str
    timestamp: str
    prompt: str
    response: str | UnsetType
    provider: str
    model: str
    input_tokens: int
    output_tokens: int | UnsetType
    duration: float
    time_to_first_token: float | UnsetType
    cost_usd: float
    finish_reason: str | UnsetType
    error: str | UnsetType
    conversation_id: str
    user: str
    tags: dict[str, str]
    tool_calls: list[_ToolCall]
    context: list[str]
    scores: dict[str, float] | UnsetType
    application: str = APPLICATION
    system: str = SYSTEM
    prompt_name: str = "support-assistant"
    prompt_version: str = "v13"
    operation: str = "chat"


class _Rating(msgspec.Struct):
    interaction_id: str
    timestamp: str
    value: bool
    application: str = APPLICATION
    name: str = "rating"
    source: str = "human"


def _cumulative(shares: Iterable[float]) -> NDArray[np.float64]:
    total = np.cumsum(np.fromiter(shares, np.float64))
    return np.asarray(total / total[-1], np.float64)


_MODEL_SHARES = _cumulative(model.share for model in MODELS)
_TOOL_CHANCES = np.cumsum([topic.tools for topic in TOPICS], axis=1)
_CONTEXT_CHANCES = np.array([topic.context for topic in TOPICS])
_FIRST_TOKEN, _SPEED, _PRICE_IN, _PRICE_OUT = np.array(
    [(model.first_token, model.speed, model.price_in, model.price_out) for model in MODELS]
).T
# Tenant and region belong to the user: regions follow the golden ratio, so that every tenant has the same mix of them.
_USER_TENANT = np.searchsorted(_cumulative(TENANTS.values()), (np.arange(USERS) + 0.5) / USERS)
_USER_REGION = np.searchsorted(_cumulative(REGIONS.values()), np.arange(USERS) * 0.6180339887498949 % 1.0)
_USER_NAMES = [f"{list(TENANTS)[tenant]}-{user:03}" for user, tenant in enumerate(_USER_TENANT)]
_USER_TAGS = [
    {"tenant": list(TENANTS)[tenant], "region": list(REGIONS)[region]}
    for tenant, region in zip(_USER_TENANT, _USER_REGION, strict=True)
]
_OK, _TIMEOUT, _RATE_LIMITED = range(3)
_ENCODER = msgspec.json.Encoder()
_ERRORS = (UNSET, "timeout", "rate_limited")
_DEADLINE = 8.0
"""Seconds after which a call times out."""


@dataclass(frozen=True, slots=True)
class _Draw:
    """One window's calls as columns, in order of arrival: which texts, who, how it ended."""

    id: list[str]
    timestamp: NDArray[np.int64]
    arrival: NDArray[np.int64]
    user: NDArray[np.int64]
    model: NDArray[np.int64]
    topic: NDArray[np.int64]
    style: NDArray[np.int64]
    failure: NDArray[np.int64]


def _generator(story: Story, window_start: int, part: int) -> np.random.Generator:
    """A generator of its own for each window, so that windows can be made in any order; part 1 is the feedback's."""
    return np.random.default_rng([story.seed, (window_start - story.start) // WINDOW, part])


def _ids(story: Story, window_start: int, n: int) -> list[str]:
    """Ids that never collide: (window, row) in 64 bits under splitmix64's finaliser, a bijection."""
    rows = np.uint64((window_start - story.start) // WINDOW << 20) + np.arange(n, dtype=np.uint64)
    x = rows ^ np.random.SeedSequence(story.seed).generate_state(1, np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    text = (x ^ (x >> np.uint64(31))).astype(">u8").tobytes().hex()
    return [f"req_{text[i : i + 16]}" for i in range(0, 16 * n, 16)]


def _times(times: NDArray[np.int64]) -> list[str]:
    """RFC 3339 with milliseconds."""
    stamps: list[str] = np.datetime_as_string(times.astype("datetime64[us]"), unit="ms", timezone="UTC").tolist()
    return stamps


def daily_rate(time: int) -> float:
    """The rate at `time` (microseconds) over its mean: 4/3 at 14:00 UTC, 2/3 at 02:00."""
    return 1.0 + math.cos((time % DAY / DAY - 14 / 24) * math.tau) / 3.0


def topic_shares(time: int) -> NDArray[np.float64]:
    """Shares of the topics in healthy traffic at `time` (microseconds): each swings by a tenth, at its own hour."""
    phase = time % DAY / DAY - np.arange(len(TOPICS)) / len(TOPICS)
    shares = np.array([topic.share for topic in TOPICS]) * (1.0 + 0.1 * np.cos(phase * math.tau))
    return np.asarray(shares / shares.sum(), np.float64)


def _draw(story: Story, window_start: int, rng: np.random.Generator) -> _Draw:
    n = int(rng.poisson(ROWS_PER_WINDOW * daily_rate(window_start + WINDOW // 2)))
    timestamp = window_start + rng.integers(0, WINDOW // 1000, n) * 1000
    arrival = np.minimum(
        timestamp + (np.minimum(rng.exponential(1.2, n), 5.0) * 1e6).astype(np.int64), window_start + WINDOW - 1
    )
    order = np.argsort(arrival, kind="stable")
    timestamp, arrival = timestamp[order], arrival[order]
    user = rng.integers(0, USERS, n)
    model = np.searchsorted(_MODEL_SHARES, rng.random(n))
    topic = np.searchsorted(_cumulative(topic_shares(window_start + WINDOW // 2)), rng.random(n))
    tenant = np.array(list(TENANTS))[_USER_TENANT[user]]
    listing, pasting, failing = (
        (timestamp >= incident.start) & (timestamp < incident.end) & touched
        for incident, touched in zip(story.incidents, (model == 0, tenant == "globex", tenant == "initech"), strict=True)
    )
    topic = np.where(pasting & (rng.random(n) < 0.8), DEVELOPERS, topic)
    refused = rng.random(n) < np.where(failing, 0.30, 0.02)
    style = np.where(refused, REFUSAL, np.where(listing, LISTED, PLAIN))
    u, chance = rng.random(n), np.where(failing, 0.12, 0.005)
    failure = np.where(u < chance / 2, _TIMEOUT, np.where(u < chance, _RATE_LIMITED, _OK))
    return _Draw(_ids(story, window_start, n), timestamp, arrival, user, model, topic, style, failure)


def _optional(values: NDArray[Any], kept: NDArray[np.bool_]) -> list[Any]:
    return [value if keep else UNSET for value, keep in zip(values.tolist(), kept.tolist(), strict=True)]


def _tool_calls(draw: _Draw, rng: np.random.Generator) -> list[list[_ToolCall]]:
    """At most one call of a tool, by topic."""
    n = len(draw.id)
    tool = (rng.random(n)[:, None] >= _TOOL_CHANCES[draw.topic]).sum(axis=1)
    number = rng.integers(10000, 100000, n).tolist()
    duration = np.round(rng.lognormal(math.log(0.18), 0.5, n), 3).tolist()
    failed = (rng.random(n) < 0.015).tolist()
    return [
        [_ToolCall(TOOLS[t], f'{{"id":"SO-{number[i]}"}}', duration[i], "not_found" if failed[i] else UNSET)]
        if t < len(TOOLS)
        else []
        for i, t in enumerate(tool.tolist())
    ]


def _usage(
    draw: _Draw, prompt_length: NDArray[np.int64], response_length: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Tokens in and out, seconds to the first token and in all, USD: about four characters make a token."""
    n, ok = len(draw.id), draw.failure == _OK
    earlier_turns = rng.lognormal(math.log(90.0), 0.8, n)
    tokens_in = np.rint(70 + earlier_turns + prompt_length / 4.1 * rng.lognormal(0, 0.05, n)).astype(np.int64)
    tokens_out = np.where(ok, np.rint(response_length / 4.3 * rng.lognormal(0, 0.06, n)), 0).astype(np.int64)
    first = _FIRST_TOKEN[draw.model] * rng.lognormal(0, 0.3, n)
    whole = first + tokens_out / (_SPEED[draw.model] * rng.lognormal(0, 0.2, n))
    timed_out, limited = _DEADLINE + rng.random(n) * 0.2, 0.04 + rng.random(n) * 0.05
    duration = np.select([draw.failure == _TIMEOUT, draw.failure == _RATE_LIMITED], [timed_out, limited], whole)
    cost = (tokens_in * _PRICE_IN[draw.model] + tokens_out * _PRICE_OUT[draw.model]) * 1e-6 * ok
    return tokens_in, tokens_out, np.round(first, 3), np.round(duration, 3), np.round(cost, 7)


def interactions(story: Story, window_start: int) -> Batch:
    """The calls whose timestamps lie in the window that begins at `window_start` (microseconds, a whole window)."""
    rng = _generator(story, window_start, 0)
    draw, texts = _draw(story, window_start, rng), pools(story.seed)
    n, ok = len(draw.id), draw.failure == _OK
    prompt = draw.topic * PROMPTS_PER_TOPIC + rng.integers(0, PROMPTS_PER_TOPIC, n)
    group = draw.topic * len(STYLES) + draw.style
    response = group * RESPONSES_PER_STYLE + rng.integers(0, RESPONSES_PER_STYLE, n)
    context = draw.topic * CONTEXTS_PER_TOPIC + rng.integers(0, CONTEXTS_PER_TOPIC, n)
    retrieved = rng.random(n) < _CONTEXT_CHANCES[draw.topic]
    sent = texts.prompt_length[prompt] + texts.context_length[context] * retrieved
    tokens_in, tokens_out, first, duration, cost = _usage(draw, sent, texts.response_length[response], rng)
    rated = (rng.random(n) < 0.15) & ok
    score = np.round(rng.beta(8.0, 2.0, n) * np.where(draw.style == REFUSAL, 0.85, 1.0), 3)
    hour = window_start // HOUR
    columns = (
        draw.id,
        _times(draw.timestamp),
        [texts.prompts[i] for i in prompt.tolist()],
        [texts.responses[i] if keep else UNSET for i, keep in zip(response.tolist(), ok.tolist(), strict=True)],
        [MODELS[m].provider for m in draw.model.tolist()],
        [MODELS[m].name for m in draw.model.tolist()],
        tokens_in.tolist(),
        _optional(tokens_out, ok),
        duration.tolist(),
        _optional(first, ok),
        cost.tolist(),
        _optional(np.where(rng.random(n) < 0.01, "length", "stop"), ok),
        [_ERRORS[f] for f in draw.failure.tolist()],
        [f"{_USER_NAMES[u]}-{hour}" for u in draw.user.tolist()],
        [_USER_NAMES[u] for u in draw.user.tolist()],
        [_USER_TAGS[u] for u in draw.user.tolist()],
        _tool_calls(draw, rng),
        [texts.contexts[i] if keep else [] for i, keep in zip(context.tolist(), retrieved.tolist(), strict=True)],
        [{"helpfulness": s} if keep else UNSET for s, keep in zip(score.tolist(), rated.tolist(), strict=True)],
    )
    return Batch(draw.arrival, [_ENCODER.encode(row) for row in map(_Interaction, *columns)])


def feedback(story: Story, window_start: int) -> list[bytes]:
    """NDJSON lines of the ratings that people give in this window, in order of time: thumbs up (true) or down for 5 %
    of the calls of the window before."""
    before = window_start - WINDOW
    if before < story.start:
        return []
    draw, rng = _draw(story, before, _generator(story, before, 0)), _generator(story, before, 1)
    rows = np.flatnonzero(rng.random(len(draw.id)) < 0.05)
    times = np.sort(window_start + rng.integers(0, WINDOW // 1000, len(rows)) * 1000)
    good = (draw.failure[rows] == _OK) & (draw.style[rows] != REFUSAL)
    value = rng.random(len(rows)) < np.where(good, 0.85, 0.25)
    given = zip((draw.id[i] for i in rows), _times(times), value.tolist(), strict=True)
    return [_ENCODER.encode(_Rating(*rating)) for rating in given]


def batches(story: Story, until: int, since: int | None = None) -> Iterator[tuple[int, list[bytes]]]:
    """(window's start, its NDJSON lines) for each whole window from `since` (default: the story's start) that ends by
    `until` (both microseconds), in order of event time."""
    first = story.start if since is None else -(-since // WINDOW) * WINDOW
    for window_start in range(max(first, story.start), until - WINDOW + 1, WINDOW):
        yield window_start, interactions(story, window_start).lines
