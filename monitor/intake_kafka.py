"""From HTTP into Kafka, by way of a spool on disk while Kafka is away."""

import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

import msgspec

from monitor import logs
from monitor.api.intake import Overloaded, Topic
from monitor.intake import LetterWriter, durable, letters_of
from records.decoding_lines import split_lines
from records.errors import StreamError
from records.refusal import Refusal
from streams.broker import DEAD_LETTER, FEEDBACK, INTERACTIONS
from streams.embedded import LogRecord, Record
from streams.gathering import Gatherer
from streams.publisher import Message, Publisher
from streams.spool import Spool

MOST_WAITING = 64 << 20
"""Bytes that were handed in and neither sent nor spooled."""
AT_ONCE, AT_ONCE_RECORDS = 8 << 20, 10_000
"""Bytes and records that are sent, acknowledged and, out of the spool, deleted together."""
FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0
"""Seconds between attempts while Kafka is away: doubled from the first to the longest."""
RETRY_AFTER = 30.0
"""Seconds that clients are told to wait where the spool is full."""
_TOPICS: dict[str, str] = {"interactions": INTERACTIONS, "feedback": FEEDBACK}
_LETTER = "dead-letter"
_log = logging.getLogger(__name__)
_letter = msgspec.msgpack.Decoder(tuple[tuple[tuple[str, bytes], ...], bytes])


class KafkaIntake:
    """The intake of a deployment on Kafka (monitor.api.intake.Intake). `letters` keeps refused lines for people to read.

    What is accepted is acknowledged by Kafka or durable in the spool, which is sent in order once Kafka is back; until it
    is empty, what comes goes behind it. What was sent as the connection broke may be in Kafka twice: the same id within
    `deduplicate_within` counts once, so after an outage that was longer than that a few may count twice.

    Kafka stamps a record when it arrives (LogAppendTime), so a worker judges an interaction that was spooled by a later
    clock than the one it was accepted by: nothing that was accepted is refused as being in the future, and a watermark
    is never ahead of what Kafka has seen.
    """

    def __init__(self, publisher: Publisher, spool: Path, limit: int, letters: LetterWriter | None = None):
        """`limit` is in bytes. Raises StoreError where the spool cannot be used."""
        self._publisher, self._letters = publisher, letters
        self._spool = Spool(spool, limit)
        self._stop, self._more = threading.Event(), threading.Event()
        self._gatherer: Gatherer[Record, None] = Gatherer("kafka", self._write, _size, MOST_WAITING)
        self._sender = threading.Thread(target=self._empty, name="spool", daemon=True)

    def start(self) -> None:
        """Begin to send what an earlier process left in the spool."""
        self._sender.start()

    async def accept(self, topic: Topic, records: list[bytes], accepted_at: int) -> None:
        """Returns when Kafka or the disk has the records. Raises Overloaded, and StoreError where neither takes them."""
        await durable(self.offer([(topic, accepted_at, record) for record in records]))

    async def dead_letter(self, topic: Topic, refused: Sequence[Refusal], accepted_at: int) -> None:
        """As `accept`, with one record of DEAD_LETTER for each line; the store has them too, unless it is away."""
        self._keep_letters(topic, refused, accepted_at)
        await durable(self.offer([(_LETTER, accepted_at, _encode(topic, refusal)) for refusal in refused]))

    def offer(self, records: list[Record]) -> "Future[None]":
        """Hands records over; the future is done when they are durable. Raises Overloaded."""
        future = self._gatherer.submit(records)
        if future is None:
            raise Overloaded(1.0)
        return future

    def spooled(self) -> tuple[int, int]:
        """Records that wait in the spool, and their bytes."""
        return self._spool.waiting

    def problem(self) -> str | None:
        """Why records will soon not be taken, None while they are."""
        return self._spool.problem()

    def close(self, within: float = 2.0) -> None:
        """Sends what was handed in, for `within` seconds, then spools it. Closes the publisher."""
        self._stop.set()
        self._more.set()
        limit = threading.Timer(within, self._publisher.close)
        limit.start()
        self._gatherer.close()
        limit.cancel()
        self._publisher.close()
        if self._sender.ident is not None:
            self._sender.join()
        self._spool.close()

    # -- in the gatherer's thread ------------------------------------------------------------------------------------

    def _write(self, records: list[Record]) -> None:
        rest = records if self._spool.waiting[0] else self._send_directly(records)
        if rest:
            if not self._spool.add(rest):
                raise Overloaded(RETRY_AFTER)
            self._more.set()

    def _send_directly(self, records: list[Record]) -> list[Record]:
        """What was not acknowledged."""
        for start, part in _parts(records):
            try:
                self._send([LogRecord(0, topic, value, accepted_at) for topic, accepted_at, value in part])
            except StreamError as error:
                logs.event(_log, logging.ERROR, "kafka_away", caught=error)
                return records[start:]
        return []

    # -- in the thread that empties the spool ------------------------------------------------------------------------

    def _empty(self) -> None:
        wait = FIRST_WAIT
        while True:
            self._more.clear()
            if self._stop.is_set():
                return
            try:
                records = self._spool.head(AT_ONCE_RECORDS, AT_ONCE)
                if not records:
                    self._more.wait()
                    continue
                self._send(records)
                self._spool.forget(records)
            except Exception as error:
                if not isinstance(error, StreamError):  # that Kafka is away was said when the first record was spooled
                    logs.event(_log, logging.ERROR, "spool_not_sent", caught=error)
                self._stop.wait(wait)
                wait = min(2 * wait, LONGEST_WAIT)
                continue
            wait = FIRST_WAIT
            if not self._spool.waiting[0]:
                logs.event(_log, logging.INFO, "spool_sent")

    # -- in both -----------------------------------------------------------------------------------------------------

    def _send(self, records: Sequence[LogRecord]) -> None:
        """Returns when Kafka has acknowledged them. Raises StreamError."""
        messages = [_decode(record.value) for record in records if record.topic == _LETTER]
        for topic, name in _TOPICS.items():
            if values := [record.value for record in records if record.topic == topic]:
                messages += self._publisher.pack(name, values)
        too_large = self._publisher.send(messages)
        if too_large:
            self._refuse(too_large, records[0].accepted_at)

    def _refuse(self, messages: Sequence[Message], accepted_at: int) -> None:
        """Lines that their topic will never take must not hold up what is behind them."""
        letters: list[Message] = []
        for topic, name in _TOPICS.items():
            lines = split_lines([message.value for message in messages if message.topic == name]).data
            text = f"the topic {name} takes no record as large"
            refused = [Refusal(0, i, "", "too_large", text, line) for i, line in enumerate(lines)]
            self._keep_letters(topic, refused, accepted_at)
            letters += [_decode(_encode(topic, refusal)) for refusal in refused]
        lost = [message for message in messages if message.topic == DEAD_LETTER] + self._publisher.send(letters)
        if lost:
            logs.event(_log, logging.ERROR, "dead_letters_too_large", lines=len(lost), topic=DEAD_LETTER)

    def _keep_letters(self, topic: str, refused: Sequence[Refusal], accepted_at: int) -> None:
        """Best effort: a store that is away must refuse nobody."""
        if self._letters is not None and refused:
            with suppress(Overloaded):
                self._letters.submit(letters_of(topic, refused, accepted_at))


def _size(records: Sequence[Record]) -> int:
    return sum(len(value) for _, _, value in records)


def _parts(records: list[Record]) -> Iterator[tuple[int, list[Record]]]:
    """Records that are sent together, and the place of the first."""
    start = size = 0
    for place, (_, _, value) in enumerate(records):
        size += len(value)
        if size >= AT_ONCE:
            yield start, records[start : place + 1]
            start, size = place + 1, 0
    if start < len(records):
        yield start, records[start:]


def _encode(topic: str, refusal: Refusal) -> bytes:
    """A refused line as it is gathered and spooled."""
    headers = {"reason": refusal.reason, "field": refusal.field, "topic": _TOPICS[topic], "partition": "", "offset": "",
               "index": str(refusal.index)}  # fmt: skip
    return msgspec.msgpack.encode(([(name, text.encode(errors="replace")) for name, text in headers.items()], refusal.line))


def _decode(value: bytes) -> Message:
    headers, line = _letter.decode(value)
    return Message(DEAD_LETTER, line, None, headers)
