"""What an application is compared with, as the file says it."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StringConstraints, WithJsonSchema, model_validator

from detectors.baselines import Baseline as Compared
from monitor.config.base import Model
from monitor.config.duration import DAY, HOUR, Duration, format_duration
from records.timestamps import parse_timestamps

SLICES = ("model", "prompt_version", "prompt_name", "provider", "operation", "finish_reason")
Comparison = Literal["skew", "drift", "cohort", "decay"]
REST = "rest"


def plain_name(text: str) -> str:
    """Raises ValueError where it holds what cannot be printed."""
    if not text.isprintable() or text != text.strip():
        raise ValueError("expected a name without control characters or spaces around it")
    return text


def slice_name(name: str) -> str:
    """Raises ValueError where no interaction has such a dimension."""
    if name in SLICES or (name.startswith("tags.") and len(name) > 5):
        return name
    raise ValueError(f"expected tags.<name> or one of {', '.join(SLICES)}")


def _moment(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    texts = [str(value), f"{value}T00:00:00Z"]
    times, bad = parse_timestamps(texts)
    for time, wrong in zip(times.tolist(), bad.tolist(), strict=True):
        if not wrong:
            return int(time)
    raise ValueError("expected a date such as 2026-11-01, or a time such as 2026-11-01T06:00:00Z")


def _shown(moment: int) -> str:
    text = datetime.fromtimestamp(moment / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return text.removesuffix("T00:00:00Z")


def _whole_hours(microseconds: int) -> int:
    if microseconds % HOUR:
        raise ValueError("expected a multiple of 1h")
    return microseconds


def _whole_days(microseconds: int) -> int:
    if microseconds % DAY:
        raise ValueError("expected a multiple of 1d: the same hour of earlier days or weeks")
    return microseconds


Name = Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(plain_name)]
Slice = Annotated[str, AfterValidator(slice_name)]
Moment = Annotated[
    int,
    BeforeValidator(_moment),
    AfterValidator(_whole_hours),
    PlainSerializer(_shown, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["2026-11-01", "2026-11-01T06:00:00Z"]}),
]


class Seasonal(Model):
    """The same hour of earlier days or weeks."""

    period: Annotated[Duration, AfterValidator(_whole_days)] = 7 * DAY
    count: Annotated[int, Field(ge=1, le=30, description="how many of them")] = 4


class Cohort(Model):
    """Others at the same time: a group against everybody else (`rest`), or one release against another."""

    slice: Slice
    of: Name | None = Field(default=None, description="this value alone; every value of the slice unless given")
    against: Name = REST


class Period(Model):
    """Production's own past between two times, whole hours."""

    since: Moment
    until: Moment

    @model_validator(mode="after")
    def _in_order(self) -> "Period":
        if self.since >= self.until:
            raise ValueError("expected since before until")
        return self


class Baseline(Model):
    """What production is compared with: one of the keys."""

    reference: Name | None = Field(default=None, description="a reference distribution by name: skew")
    trailing: Duration | None = Field(default=None, description="production's own past of this length: drift")
    seasonal: Seasonal | None = Field(default=None, description="the same hour of earlier days or weeks: drift")
    period: Period | None = Field(default=None, description="a fixed period of production's own past: drift")
    cohort: Cohort | None = Field(default=None, description="others at the same time: bias, or one release against another")

    @model_validator(mode="after")
    def _one(self) -> "Baseline":
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("expected exactly one of reference, trailing, seasonal, period or cohort")
        return self

    @property
    def name(self) -> str:
        """As findings name it: `reference evalset`, `trailing 7d`, `cohort tags.tenant against rest`."""
        if self.trailing:
            return f"trailing {format_duration(self.trailing)}"
        if self.seasonal:
            return f"seasonal {format_duration(self.seasonal.period)} x{self.seasonal.count}"
        if self.period:
            return f"period {_shown(self.period.since)} to {_shown(self.period.until)}"
        if self.cohort:
            who = f"{self.cohort.slice} {self.cohort.of}" if self.cohort.of else self.cohort.slice
            return f"cohort {who} against {self.cohort.against}"
        return f"reference {self.reference}"

    @property
    def comparison(self) -> Comparison:
        """Which comparison this is."""
        return "skew" if self.reference else "cohort" if self.cohort else "drift"

    def compared(self, definition: str = "") -> Compared:
        """The same as `detectors` takes it; `definition`: which version of a reference."""
        if self.trailing:
            return Compared(self.name, "trailing", length=self.trailing)
        if self.seasonal:
            return Compared(self.name, "seasonal", period=self.seasonal.period, repeats=self.seasonal.count)
        if self.cohort:
            against = "" if self.cohort.against == REST else self.cohort.against
            of = self.cohort.of or ""
            return Compared(self.name, "cohort", "cohort", dimension=self.cohort.slice, of=of, against=against)
        return Compared(self.name, "fixed", self.comparison, definition=definition)
