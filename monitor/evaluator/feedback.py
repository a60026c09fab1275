"""Judges' scores into the embedded log, where Kafka has its topic of feedback."""

from collections.abc import Sequence

from monitor.api.app import now_us
from monitor.api.intake import Overloaded
from monitor.intake import LogIntake
from records.errors import StreamError
from streams.broker import FEEDBACK
from streams.publisher import Message


class LogPublisher:
    """What monitor.messages.Announcer sends to."""

    def __init__(self, intake: LogIntake):
        self._intake = intake

    def send(self, messages: Sequence[Message]) -> None:
        """Returns when the scores are on disk. Raises StreamError where the log takes none now."""
        values = [message.value for message in messages if message.topic == FEEDBACK]
        if values:
            try:
                self._intake.offer("feedback", [b"\n".join(values)], now_us()).result()
            except (Overloaded, OSError) as error:
                raise StreamError(f"the log takes no feedback now ({type(error).__name__})") from None
