"""Texts of a simulated support assistant: questions and answers by topic, made from templates and word lists.

Everything is made once from a seed into pools (`pools(seed)`); a simulated call then only draws an index.
"""

import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from monitor.demo.vocabulary import (
    CLOSINGS,
    DEVELOPERS,
    GREETINGS,
    LEADS,
    LOG_WORDS,
    OPENINGS,
    PATHS,
    REFUSALS,
    SLOTS,
    TAKEAWAYS,
    THANKS,
    TOPICS,
    Topic,
)

PROMPTS_PER_TOPIC = 2000
RESPONSES_PER_STYLE = 1500
CONTEXTS_PER_TOPIC = 400
STYLES = ("plain", "listed", "refusal")
PLAIN, LISTED, REFUSAL = range(3)

_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Pools:
    """Texts by index, topic after topic (and style after style): text i of a group is at group * size + i.

    The group of a response is topic * len(STYLES) + style. Lengths are characters, of a context all its passages'."""

    prompts: list[str]
    responses: list[str]
    contexts: list[list[str]]
    prompt_length: NDArray[np.int64]
    response_length: NDArray[np.int64]
    context_length: NDArray[np.int64]


class _Writer:
    """Writes texts from templates; all choices come from one seeded generator."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.subject: dict[str, str] = {}

    def slot(self, match: re.Match[str]) -> str:
        name = match.group(1)
        if name == "days":
            return str(self.random.randint(2, 9))
        if name == "amount":
            return self.amount()
        if name in ("place", "weekday"):
            return self.random.choice(SLOTS[name])
        if name not in self.subject:
            self.subject[name] = self.order() if name == "order" else self.random.choice(SLOTS[name])
        return self.subject[name]

    def fill(self, template: str) -> str:
        text = _SLOT.sub(self.slot, template)
        return text[0].upper() + text[1:]

    def write(self, kind: Callable[[Topic], str], topic: Topic) -> str:
        """One text; things that it names (an order, an article) stay the same throughout."""
        self.subject = {}
        return kind(topic)

    def order(self) -> str:
        return f"SO-{self.random.randint(10000, 99999)}"

    def amount(self) -> str:
        return f"{self.random.lognormvariate(3.6, 0.7):.2f}"

    def count(self, median: float, spread: float, least: int, most: int) -> int:
        return min(most, max(least, round(self.random.lognormvariate(math.log(median), spread))))

    def several(self, templates: Sequence[str], median: float, spread: float, least: int = 1) -> list[str]:
        """A lognormal number of sentences in random order, no template twice."""
        count = self.count(median, spread, least, len(templates))
        return [self.fill(template) for template in self.random.sample(templates, count)]

    def items(self, topic: Topic, median: float, spread: float, least: int) -> list[str]:
        count = self.count(median, spread, least, len(topic.steps))
        return [f"- **{name}:** {self.fill(text)}." for name, text in self.random.sample(topic.steps, count)]

    def maybe(self, share: float, items: Sequence[str]) -> list[str]:
        return [self.random.choice(items)] if self.random.random() < share else []

    def ask(self, topic: Topic) -> str:
        body = [self.fill(self.random.choice(topic.questions)), *self.several(topic.details, 1.6, 0.55)]
        if self.random.random() < 0.6:
            body = body[1:] + body[:1]
        text = " ".join(self.maybe(0.35, GREETINGS) + body + self.maybe(0.3, THANKS))
        return text.lower().rstrip(".?!") if self.random.random() < 0.2 else text

    def log_line(self) -> str:
        r = self.random
        return (
            f"[{r.randint(0, 23):02}:{r.randint(0, 59):02}:{r.randint(0, 59):02}] {r.choice(('WARN', 'ERROR', 'INFO'))} "
            f"{r.choice(PATHS)} status={r.choice((200, 400, 409, 422, 500, 503))} "
            f"code={r.choice(LOG_WORDS)} ms={r.randint(3, 9000)}"
        )

    def body_line(self) -> str:
        r = self.random
        return (
            f'{{"order": "{self.order()}", "qty": {r.randint(1, 9)}, "state": "{r.choice(LOG_WORDS)}", '
            f'"amount": {{"value": "{self.amount()}", "currency": "EUR"}}}}'
        )

    def code_line(self) -> str:
        r = self.random
        word = r.choice(LOG_WORDS)
        return f'reply = client.post("{r.choice(PATHS)}", json={{"{word}": {r.randint(1, 99)}}})  # {word}?'

    def paste(self, topic: Topic) -> str:
        line = self.random.choice((self.log_line, self.body_line, self.code_line))
        block = "\n".join(line() for _ in range(self.count(5, 0.4, 2, 14)))
        opening = [self.random.choice(topic.questions), *self.several(topic.details, 1.2, 0.4)]
        return f"{' '.join(opening)}\n```\n{block}\n```"

    def plain(self, topic: Topic) -> str:
        body = self.several(topic.facts, 4.0, 0.42)
        if self.random.random() < 0.12:
            items = self.items(topic, 2, 0.3, 1)
            if self.random.random() < 0.7:
                items = [item.replace("**", "") for item in items]
            return "\n".join([" ".join(body[:3]), *items, *self.maybe(0.5, CLOSINGS)])
        return " ".join(self.maybe(0.6, OPENINGS) + body + self.maybe(0.5, CLOSINGS))

    def listed(self, topic: Topic) -> str:
        opening = " ".join(self.maybe(0.6, OPENINGS) + self.several(topic.facts, 3.0, 0.4))
        items = self.items(topic, 5, 0.3, 3)
        ending = self.maybe(1, TAKEAWAYS) + self.maybe(0.5, CLOSINGS)
        return "\n".join([opening, "", self.random.choice(LEADS), *items, "", " ".join(ending)])

    def refuse(self, topic: Topic) -> str:
        """As long as any other answer: only what is said differs, not how much."""
        body = [self.random.choice(REFUSALS), "In general:", *self.several(topic.facts, 3.7, 0.42), *self.maybe(0.5, CLOSINGS)]
        return "\n".join([" ".join(body), *(self.items(topic, 2, 0.3, 1) if self.random.random() < 0.12 else [])])

    def passages(self, topic: Topic) -> list[str]:
        self.subject = {}
        return [" ".join(self.several(topic.facts, 3.0, 0.4)) for _ in range(self.random.randint(1, 4))]


@lru_cache(maxsize=2)
def pools(seed: int) -> Pools:
    """All texts of one seed; the same seed gives the same texts. Takes about a second."""
    writer = _Writer(seed)
    prompts: list[str] = []
    responses: list[str] = []
    contexts: list[list[str]] = []
    for index, topic in enumerate(TOPICS):
        ask = writer.paste if index == DEVELOPERS else writer.ask
        prompts += [writer.write(ask, topic) for _ in range(PROMPTS_PER_TOPIC)]
        for answer in (writer.plain, writer.listed, writer.refuse):
            responses += [writer.write(answer, topic) for _ in range(RESPONSES_PER_STYLE)]
        contexts += [writer.passages(topic) for _ in range(CONTEXTS_PER_TOPIC)]
    return Pools(
        prompts,
        responses,
        contexts,
        np.array([len(text) for text in prompts]),
        np.array([len(text) for text in responses]),
        np.array([sum(len(text) for text in passages) for passages in contexts]),
    )
