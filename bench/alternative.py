"""The obvious alternative: an event at a time in plain Python, each signal of each slice into a River ADWIN of its own.

The same signals as `signals.text`, `signals.safety` and the fields of a call, with json, str methods and re; numbers and
booleans go to ADWIN, categories are counted. The patterns are the project's own expressions, where re takes them.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from river.drift import ADWIN

from signals import safety

_ENDS = re.compile(r"[.!?][\"')\]}*_]*(?=\s|$)")
_MARKER = re.compile(r"^\s*(?:[-*+•]|[0-9]{1,3}[.)])(?=\s|$)", re.MULTILINE)
_WORD = re.compile(r"\S*\w\S*")
_NO_LETTER = re.compile(r"\W+")


def _python(pattern: str) -> "re.Pattern[str]":
    """A pattern of polars for `re`, which knows no (?-u:…) and no (?u:…)."""
    everywhere = re.IGNORECASE if pattern.startswith("(?i-u:") else 0
    plain = pattern.replace("(?i-u:", "(?:").replace("(?-u:", "(?:").replace("(?u:", "(?:")
    return re.compile(plain, everywhere)


PATTERNS = {name: _python(getattr(safety, name.upper())) for name in safety.PATTERNS}


def _luhn(text: str) -> bool:
    digits = [int(c) for c in reversed(text) if c.isdigit()]
    return (sum(digits[::2]) + sum(sum(divmod(2 * d, 10)) for d in digits[1::2])) % 10 == 0


def _matches(name: str, text: str) -> bool:
    if name != "card":
        return PATTERNS[name].search(text) is not None
    return any(_luhn(found.group()) for found in PATTERNS[name].finditer(text))


def text_signals(side: str, text: str) -> Iterator[tuple[str, float]]:
    """Names and values of the signals of one text."""
    words = [_NO_LETTER.sub("", word).lower() for word in _WORD.findall(text)]
    trigrams = list(zip(words, words[1:], words[2:], strict=False))
    letters = sum(c.isalpha() for c in text)
    sentences = max(len(_ENDS.findall(text)), 1)
    counts = {
        "characters": len(text), "words": len(words), "sentences": sentences,
        "lines": sum(bool(line.strip()) for line in text.split("\n")), "list_markers": len(_MARKER.findall(text)),
        "bold_markers": text.count("**"), "code_fences": text.count("```"),
        "question_marks": text.count("?"), "exclamation_marks": text.count("!"), "empty": not text.strip(),
    }  # fmt: skip
    ratios = {
        "mean_word_length": (sum(map(len, words)), len(words)), "words_per_sentence": (len(words), sentences),
        "type_token_ratio": (len(set(words)), len(words)),
        "punctuation_share": (sum(c.isascii() and not c.isalnum() and not c.isspace() for c in text), len(text)),
        "digit_share": (sum(c.isdigit() for c in text), len(text)),
        "upper_share": (sum(c.isupper() for c in text), letters),
        "non_ascii_share": (sum(not c.isascii() for c in text), len(text)),
        "repetition": (len(trigrams) - len(set(trigrams)), len(trigrams)),
    }  # fmt: skip
    for name, value in counts.items():
        yield f"{side}.{name}", float(value)
    for name, (above, below) in ratios.items():
        if below:
            yield f"{side}.{name}", above / below
    for name in PATTERNS:
        yield f"{side}.{name}", float(_matches(name, text))


def call_signals(event: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Names and values of the numbers and booleans of one call."""
    for name in ("input_tokens", "output_tokens", "duration", "time_to_first_token", "cost_usd"):
        if event.get(name) is not None:
            yield name, event[name]
    if event.get("duration") and event.get("output_tokens") is not None:
        yield "tokens_per_second", event["output_tokens"] / event["duration"]
    calls, passages = event.get("tool_calls"), event.get("context")
    if calls is not None:
        errors = sum(bool(call.get("error")) for call in calls)
        yield from (("tool_calls", len(calls)), ("tool_errors", errors), ("tool_error", float(errors > 0)))
    if passages is not None:
        yield from (("context_passages", len(passages)), ("context_characters", sum(map(len, passages))))
    yield "error", float(bool(event.get("error")))
    for name, value in (event.get("scores") or {}).items():
        yield f"scores.{name}", value


class Alternative:
    """Detectors by slice and signal, and what a second of it counts."""

    def __init__(self) -> None:
        self.detectors: dict[tuple[str, str, str], ADWIN] = defaultdict(ADWIN)
        self.categories: Counter[tuple[str, str, str, str]] = Counter()
        self.changes = 0

    def take(self, lines: Iterable[bytes]) -> None:
        """Read interactions one by one."""
        for line in lines:
            event = json.loads(line)
            tags = event.get("tags") or {}
            slices = (("", ""), ("model", event["model"]), ("prompt_version", event["prompt_version"]),
                      ("tags.tenant", tags["tenant"]))  # fmt: skip
            values = [
                *text_signals("prompt", event["prompt"]), *text_signals("response", event["response"]), *call_signals(event)
            ]  # fmt: skip
            labels = [(name, event[name]) for name in ("model", "operation", "prompt_version", "finish_reason")]
            labels += [(f"tags.{key}", value) for key, value in tags.items()]
            labels += [("words", word) for side in ("prompt", "response") for word in set(event[side].lower().split())]
            for dimension, of in slices:
                for name, value in values:
                    detector = self.detectors[dimension, of, name]
                    detector.update(value)
                    self.changes += detector.drift_detected
                for name, label in labels:
                    self.categories[dimension, of, name, label] += 1
