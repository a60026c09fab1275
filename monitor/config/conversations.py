"""Whether the interactions of one conversation are counted together, as a run, and when a run is over."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from monitor.config.base import Model
from monitor.config.duration import DAY, MINUTE, Duration

SHORTEST, LONGEST = 5 * MINUTE, DAY


def _idle(microseconds: int) -> int:
    if not SHORTEST <= microseconds <= LONGEST:
        raise ValueError("expected at least 5m, the length of a window, and at most 1d")
    return microseconds


class Conversations(Model):
    """What has the same `conversation_id` is one run, until nothing came of it for `idle`."""

    idle: Annotated[Duration, AfterValidator(_idle)] = Field(
        default=30 * MINUTE, description="a run is over when it had no interaction for this long"
    )


def conversations_or_none(section: Any) -> Any:
    """`off` (which YAML reads as false) is none, `on` (true) the section with its defaults."""
    return {} if section in ("on", True) else None if section in ("off", False) else section
