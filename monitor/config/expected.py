"""What an application declares of its answers, as the file says it: their form, and the tools that may be called."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from monitor.config.base import Model
from records.errors import ConfigError

if TYPE_CHECKING:
    from signals.evaluation.format import Format as Form


def _checked(check: Callable[[str], None], text: str) -> None:
    try:
        check(text)
    except ConfigError as error:
        raise ValueError(str(error)) from None


def _schema(schema: dict[str, Any]) -> dict[str, Any]:
    from signals.evaluation.format import check_schema  # slow to import, and only needed where a file declares a form

    _checked(check_schema, msgspec.json.encode(schema).decode())
    return schema


def _regex(regex: str) -> str:
    from signals.evaluation.format import check_regex

    _checked(check_regex, regex)
    return regex


def _length(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("expected a whole number")
    return value


Length = Annotated[int, BeforeValidator(_length), Field(ge=0)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class Format(Model):
    """The form of every answer: all that is given must hold."""

    json_schema: Annotated[dict[str, Any], AfterValidator(_schema)] | None = Field(
        default=None, description="the answer is JSON that satisfies this schema; nothing is fetched for it"
    )
    regex: Annotated[str, AfterValidator(_regex)] | None = Field(default=None, description="matches somewhere in the answer")
    min_characters: Length | None = None
    max_characters: Length | None = None

    @model_validator(mode="after")
    def _something(self) -> "Format":
        if not self.model_dump(exclude_none=True):
            raise ValueError("expected json_schema, regex, min_characters or max_characters")
        if self.min_characters is not None and self.max_characters is not None and self.min_characters > self.max_characters:
            raise ValueError("expected min_characters to be at most max_characters")
        return self

    @property
    def form(self) -> "Form":
        """The same as `signals` takes it."""
        from signals.evaluation.format import Format as Form

        schema = None if self.json_schema is None else msgspec.json.encode(self.json_schema).decode()
        return Form(schema, self.regex, self.min_characters, self.max_characters)


class Tool(Model):
    """A tool that may be called; without `arguments` it takes any."""

    name: Word
    arguments: tuple[Word, ...] | None = None


def tool_by_name(entry: Any) -> Any:
    """`- search` is short for `- {name: search}`."""
    return {"name": entry} if isinstance(entry, str) else entry
