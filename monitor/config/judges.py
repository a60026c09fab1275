"""A model as a judge, as the file says it: what it goes by, where it is, which share it sees and what that may cost."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints, model_validator

from monitor.config.base import Model
from monitor.config.baselines import Slice
from monitor.config.duration import DAY, HOUR, SECOND, Duration
from monitor.config.embedding import web

if TYPE_CHECKING:
    from signals.evaluation.judging import Rubric

LONGEST_WAIT = 10 * 60 * SECOND


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("expected a number")
    return value


def _none(value: Any) -> Any:
    return None if value == "none" else value


def _often(microseconds: int) -> int:
    if microseconds < HOUR:
        raise ValueError("expected at least 1h")
    return microseconds


def _answers(microseconds: int) -> int:
    if microseconds > LONGEST_WAIT:
        raise ValueError("expected at most 10m")
    return microseconds


Text = Annotated[str, StringConstraints(min_length=1)]
Step = Annotated[float, BeforeValidator(_no_boolean), Field(allow_inf_nan=False)] | Text
Usd = Annotated[float, BeforeValidator(_no_boolean), Field(ge=0, le=1e6, allow_inf_nan=False)]
Count = Annotated[int, BeforeValidator(_no_boolean), Field(ge=1, le=10**9)]


class Example(Model):
    """A judgement that the judge is shown."""

    prompt: str | None = None
    context: tuple[str, ...] = ()
    reference_answer: str | None = None
    response: str
    score: Step
    reason: str = ""


class Prices(Model):
    """US dollars for a million tokens. The defaults are what the dearest of the common models cost."""

    input: Usd = 15.0
    output: Usd = 75.0

    def cost(self, input_tokens: int, output_tokens: int) -> int:
        """Micro-dollars, rounded up."""
        return int(-(-(input_tokens * self.input + output_tokens * self.output) // 1))


class Golden(Model):
    """Answers that the judge scores again and again: when their scores move, it is the judge that moved."""

    file: Annotated[Text, Field(description="JSONL with prompt, response, context, reference_answer of each")]
    every: Annotated[Duration, AfterValidator(_often)] = DAY
    on_drift: Literal["correct", "hold"] = "correct"


class Judge(Model):
    """One judge. What it sees of an interaction is sent to `endpoint`."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    rubric: Text
    endpoint: Annotated[str, AfterValidator(web)] = Field(
        description="base URL of an OpenAI-compatible service, up to /v1; prompts, contexts and responses are sent there"
    )
    model: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    api_key: SecretStr | None = None
    api_key_file: str | None = Field(default=None, description="a file that holds the key, in place of api_key")
    scale: Annotated[tuple[Step, ...], Field(min_length=2, max_length=20)] = (1.0, 5.0)
    examples: tuple[Example, ...] = ()
    sample: Annotated[float, BeforeValidator(_no_boolean), Field(gt=0, le=1, allow_inf_nan=False)] = 0.05
    stratify: Annotated[Slice | None, BeforeValidator(_none)] = None
    daily_cost_usd: Usd = 5.0
    daily_calls: Count = 10_000
    prices: Prices = Prices()
    concurrency: Annotated[Count, Field(le=64)] = 4
    timeout: Annotated[Duration, AfterValidator(_answers)] = 30 * SECOND
    max_tokens: Annotated[Count, Field(le=100_000)] = 300
    golden: Golden | None = None

    @model_validator(mode="after")
    def _scaled(self) -> "Judge":
        words = [step for step in self.scale if isinstance(step, str)]
        if len(words) not in (0, len(self.scale)) or len(set(self.scale)) != len(self.scale):
            raise ValueError("expected scale to be two numbers, or different labels from the worst to the best")
        if not words and len(self.scale) != 2:
            raise ValueError("expected scale to be two numbers, the worst and the best, or labels")
        for example in self.examples:
            self._of_scale(example.score)
        return self

    def _of_scale(self, score: float | str) -> None:
        low, *_, high = self.scale
        if isinstance(low, str) or isinstance(high, str):
            if score not in self.scale:
                raise ValueError("expected the score of each example to be a label of scale")
        elif isinstance(score, str) or not min(low, high) <= score <= max(low, high):
            raise ValueError("expected the score of each example within scale")

    @property
    def goes_by(self) -> "Rubric":
        """What the judge is asked, as `signals` takes it."""
        from signals.evaluation.judging import Rubric, Shown, Texts  # slow to import, and only needed by those who judge

        shown = (Shown(Texts(e.prompt, e.response, e.context, e.reference_answer), e.score, e.reason) for e in self.examples)
        return Rubric(self.rubric, self.scale, tuple(shown))  # type: ignore[arg-type]

    @property
    def definition(self) -> str:
        """What tells one judge from another; what its scores are compared with is learned anew where it changes."""
        return self.goes_by.definition(self.model)
