"""How answers are scored, as the file says it."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from monitor.config.base import Model
from monitor.config.expected import Format
from monitor.config.judges import Judge
from records.errors import ConfigError


def score_names() -> tuple[str, ...]:
    """Scores that go by their name alone."""
    from signals.evaluation.catalogue import BY_NAME  # slow to import, and only needed where a file lists evaluations

    return tuple(BY_NAME)


def _known(name: str) -> str:
    from signals.evaluation.catalogue import known

    try:
        known(name)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return name


def by_name(entry: Any) -> Any:
    """`- rouge_l` is short for `- {score: rouge_l}`."""
    if isinstance(entry, str):
        return {"score": _known(entry)}  # here already, so that a wrong name is said of the entry itself
    if isinstance(entry, dict | Model):
        return entry
    raise ValueError("expected the name of a score, or a section with one key")


def _rising() -> tuple[str, ...]:
    from signals.evaluation.reference_free import REFERENCE_FREE

    return tuple(free.name for free in REFERENCE_FREE if free.worse == "up")


class Evaluation(Model):
    """One way of scoring: one of the keys."""

    score: Annotated[str, AfterValidator(_known)] | None = Field(
        default=None, description="a score by its name: against the reference answer, or without one"
    )
    judge: Judge | None = Field(default=None, description="a model scores a sample; its texts are sent to the model's endpoint")
    format: Format | None = Field(default=None, description="whether answers have this form")

    @model_validator(mode="after")
    def _one(self) -> "Evaluation":
        keys = type(self).annotations()
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError(f"expected {'exactly one of ' if len(keys) > 1 else ''}{', '.join(keys)}")
        if self.judge is not None and self.judge.name in _rising():
            raise ValueError(
                f"{self.judge.name} is a score of which more is worse, a judge's is worst at 0; name the judge otherwise"
            )
        return self

    @property
    def name(self) -> str:
        """What it is called: the signal is `scores.<name>`."""
        return self.judge.name if self.judge else "format" if self.format else str(self.score)


ALWAYS = tuple(Evaluation.model_construct(score=name) for name in ("exact_match", "numeric_match", "token_f1", "groundedness"))
"""What needs no package and little time; not validated, which would be slow."""
