"""The demonstration's story: when which incident happens, in which slice, and which signals name it rightly."""

from dataclasses import dataclass
from typing import Literal

WINDOW = 300_000_000
"""Five minutes in microseconds: what `batches` yields at a time."""
HOUR = 3_600_000_000
DAY = 24 * HOUR

_FORM = (
    "characters", "words", "sentences", "lines", "mean_word_length", "words_per_sentence", "type_token_ratio",
    "punctuation_share", "digit_share", "upper_share", "repetition",
)  # fmt: skip
_ANSWER_SIGNALS = frozenset(
    [
        *(f"response.{name}" for name in (*_FORM, "list_markers", "bold_markers", "non_ascii_share")),
        *("output_tokens", "tokens_per_second", "duration", "cost_usd"),
    ]
)
_QUESTION_SIGNALS = frozenset([*(f"prompt.{name}" for name in (*_FORM, "code_fences", "question_marks")), "input_tokens"])
_FAILURE_SIGNALS = frozenset({"response.refusal", "error"})


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that goes wrong from `start` to `end` (event time, microseconds) in `slice` only.

    An alert of this slice by any of `signals` names it rightly.
    """

    name: str
    kind: Literal["model_change", "topic_change", "refusals_and_errors"]
    start: int
    end: int
    slice: dict[str, str]
    signals: frozenset[str]
    description: str


@dataclass(frozen=True)
class Story:
    """When what happens. `start` is event time in microseconds since 1970 UTC, taken down to a whole window.

    `history_days` of healthy past, `quiet_hours` in which nothing should be reported, then three incidents of
    `incident_hours`, with `pause_hours` of healthy traffic after each; healthy for ever after the last.
    """

    seed: int
    start: int
    history_days: float = 2.0
    quiet_hours: float = 2.0
    incident_hours: float = 3.0
    pause_hours: float = 3.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", self.start // WINDOW * WINDOW)

    @property
    def history_end(self) -> int:
        """Where the past ends and the quiet time begins."""
        return self.start + round(self.history_days * DAY)

    @property
    def continues(self) -> int:
        """The last incident's end and its pause are over: from here on the traffic is healthy for ever."""
        return self.incidents[-1].end + round(self.pause_hours * HOUR)

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """The three incidents in order of time."""
        length = round(self.incident_hours * HOUR)
        first = self.history_end + round(self.quiet_hours * HOUR)
        starts = [first + i * (length + round(self.pause_hours * HOUR)) for i in range(3)]
        return (
            Incident(
                "silent model change",
                "model_change",
                starts[0],
                starts[0] + length,
                {"model": "atlas-large"},
                _ANSWER_SIGNALS,
                "atlas-large answers in long bold lists, under the same name",
            ),
            Incident(
                "topic change",
                "topic_change",
                starts[1],
                starts[1] + length,
                {"tags.tenant": "globex"},
                _QUESTION_SIGNALS,
                "globex asks about its integration and pastes logs, JSON and code",
            ),
            Incident(
                "refusals and errors",
                "refusals_and_errors",
                starts[2],
                starts[2] + length,
                {"tags.tenant": "initech"},
                _FAILURE_SIGNALS,
                "initech is refused 30 % instead of 2 %, and 12 % instead of 0.5 % of its calls fail",
            ),
        )
