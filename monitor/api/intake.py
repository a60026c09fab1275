"""Where captured records go: the port between HTTP and the stream."""

from collections.abc import Sequence
from typing import Literal, Protocol

from records.errors import PlumblineError
from records.refusal import Refusal

Topic = Literal["interactions", "feedback"]


class Overloaded(PlumblineError):  # noqa: N818
    """The stream cannot take more now; the client should come again after `retry_after` seconds."""

    def __init__(self, retry_after: float):
        self.retry_after = retry_after
        super().__init__(f"too much is waiting to be counted; try again in {retry_after:g} s")


class Intake(Protocol):
    """A durable stream. Both methods return when what they were given survives a crash of the process."""

    async def accept(self, topic: Topic, records: list[bytes], accepted_at: int) -> None:
        """Takes records, each one or more lines of NDJSON; `accepted_at` is microseconds. Raises Overloaded."""

    async def dead_letter(self, topic: Topic, refused: Sequence[Refusal], accepted_at: int) -> None:
        """Keeps refused lines with their original bytes and reasons."""
