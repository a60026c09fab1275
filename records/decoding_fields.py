"""The fields of interactions and feedback as the wire has them: one table each, and the decoders made of it."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from records.decoding_lines import Decoders

Name = Annotated[str, Meta(min_length=1, max_length=128)]
Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Scalar = str | Integer | float | bool
When = str | Integer | float


class Part(msgspec.Struct, gc=False):
    """A part of a message's content; only text is read."""

    text: str | None = None
    type: str = "text"


class Message(msgspec.Struct, gc=False):
    """A message of a conversation, as OpenAI's and Anthropic's clients send it."""

    role: str
    content: str | list[Part] | None = None


class ToolCall(msgspec.Struct, gc=False):
    """One call of a tool: `duration` in seconds, `arguments` an object or a string."""

    name: str
    arguments: dict[str, msgspec.Raw] | str | None = None
    error: str | None = None
    duration: float | None = None


REQUIRED: dict[str, Any] = {"id": Name, "timestamp": When, "application": Name}
SHORT_TEXTS = (
    "prompt_name", "prompt_version", "provider", "model", "operation", "finish_reason", "error", "conversation_id", "user",
)  # fmt: skip
"""Texts that become categories, keys or labels: a NUL in one refuses the line, since not every database stores it."""

LONG_TEXTS = ("prompt", "response", "system", "reference_answer")
"""Content: a NUL in it is kept."""

OTHERS: dict[str, Any] = {
    "schema": str | None,
    "messages": list[Message] | None,
    "context": list[str] | None,
    "tool_calls": list[ToolCall] | None,
    "input_tokens": Integer | None,
    "output_tokens": Integer | None,
    "duration": float | None,
    "time_to_first_token": float | None,
    "cost_usd": float | None,
    "tags": dict[str, str | None] | None,
    "scores": dict[str, float | None] | None,
}
LOOSE: dict[str, Any] = {
    **dict.fromkeys((*REQUIRED, *SHORT_TEXTS, *LONG_TEXTS, "schema"), Scalar | None),
    "tags": dict[str, Any] | None,
}
"""What a file that is read without being strict may hold instead: any scalar where a text is expected, any tag."""

FEEDBACK_REQUIRED: dict[str, Any] = {
    "interaction_id": Name,
    "application": Name,
    "timestamp": When,
    "name": Name,
    "value": Scalar,
}
FEEDBACK_OTHERS: dict[str, Any] = {
    "source": Literal["human", "judge", "application"] | None,
    "schema": str | None,
}


def _decoders(name: str, required: dict[str, Any], optional: dict[str, Any], *, strict: bool = True) -> Decoders:
    fields: list[Any] = [*required.items(), *((key, kind, None) for key, kind in optional.items())]
    known = msgspec.defstruct(name, fields, gc=False, forbid_unknown_fields=True)
    tolerant = msgspec.defstruct(name, fields, gc=False)
    return Decoders(msgspec.json.Decoder(known, strict=strict), msgspec.json.Decoder(tolerant, strict=strict))


_TEXTS: dict[str, Any] = dict.fromkeys((*SHORT_TEXTS, *LONG_TEXTS), str | None)
_OPTIONAL = {**_TEXTS, **OTHERS}

INTERACTION = _decoders("Interaction", REQUIRED, _OPTIONAL)
INTERACTION_LOOSE = _decoders("Interaction", {}, {**dict.fromkeys(REQUIRED), **_OPTIONAL, **LOOSE}, strict=False)
FEEDBACK = _decoders("Feedback", FEEDBACK_REQUIRED, FEEDBACK_OTHERS)
INTERACTION_FIELDS = (*REQUIRED, *_OPTIONAL)
FEEDBACK_FIELDS = (*FEEDBACK_REQUIRED, *FEEDBACK_OTHERS)
