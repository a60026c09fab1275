"""Replaying into Kafka: lines are judged as a service would judge them, and published."""

from collections.abc import Callable

from monitor.replay import Answer, Away
from records.codec import decode_records
from records.decoding_lines import split_lines
from records.errors import StreamError
from streams.broker import INTERACTIONS
from streams.publisher import Publisher


class IntoKafka:
    """Sends batches (monitor.replay.Send). `clock` gives microseconds since 1970: what "in the future" is judged by."""

    def __init__(self, publisher: Publisher, clock: Callable[[], int]):
        self._publisher, self._clock = publisher, clock

    def __call__(self, lines: list[bytes]) -> Answer:
        """Answers once Kafka has acknowledged. Raises Away where it does not."""
        decoded = decode_records(lines, [self._clock()] * len(lines))
        rejected = [{"index": r.record, "reason": r.reason, "message": r.text} for r in decoded.refused]
        try:
            too_large = self._publisher.send(self._publisher.pack(INTERACTIONS, decoded.lines)) if decoded.lines else []
        except StreamError as error:
            raise Away(str(error)) from None
        for line in split_lines([message.value for message in too_large]).data:
            words = f"the topic {INTERACTIONS} takes no record as large"
            rejected.append({"index": lines.index(line), "reason": "too_large", "message": words})
        return Answer(202, {"accepted": len(lines) - len(rejected), "rejected": rejected})
