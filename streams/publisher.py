"""Records into Kafka: many interactions in one record, in the partition that their ids belong to.

Every call waits for the broker's acknowledgement, in bounded time. A producer whose acknowledgement did not come is thrown
away with all that it holds: its batches would pile up while the broker is away, and come late when it is back. The next
call makes a new one, so it also finds out whether the broker is back.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
import numpy as np
import polars as pl
from kafka import KafkaProducer, errors
from kafka.future import Future
from kafka.net.compat import KafkaNetClient

from records.decoding_lines import split_lines
from records.errors import StreamError
from streams.broker import FEEDBACK, INTERACTIONS, Broker
from streams.partitioner import partitions

WITHIN, CONNECT_WITHIN = 10.0, 3.0
"""Seconds for the acknowledgement, and for reaching the broker."""
MOST_BYTES = 900_000
"""Of a record that holds several lines: a topic with Kafka's own limits takes that."""
_LARGEST = 20 << 20
"""Bytes of one request: a dead letter may have 16 MiB."""
_REFRESH = 5.0
"""Seconds after which added partitions are seen."""
_LOOK = 0.2
_TOO_LARGE = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)


class Message(NamedTuple):
    """A record to send. Without `partition`, Kafka's default partitioner decides by `key`."""

    topic: str
    value: bytes
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None


class _Interaction(msgspec.Struct):
    id: str


class _Feedback(msgspec.Struct):
    id: str = msgspec.field(name="interaction_id")


_DECODERS: dict[str, "msgspec.json.Decoder[_Interaction] | msgspec.json.Decoder[_Feedback]"] = {
    INTERACTIONS: msgspec.json.Decoder(_Interaction),
    FEEDBACK: msgspec.json.Decoder(_Feedback),
}


class Publisher:
    """Safe between threads; connects when it is first used. `published(topic, outcome, n)` is told what became of n records:
    acknowledged, too_large or failed. `within` is in seconds. Raises ConfigError for files of TLS that cannot be used.
    """

    def __init__(
        self,
        broker: Broker,
        within: float = WITHIN,
        published: Callable[[str, str, int], None] = lambda topic, outcome, n: None,
    ):
        self._broker, self._within, self._published = broker, within, published
        self._settings = broker.settings()
        self._lock = threading.Lock()
        self._producer: KafkaProducer | None = None
        self._closed = False

    def pack(self, topic: str, values: Sequence[bytes]) -> list[Message]:
        """The valid NDJSON lines of `values` as records, one or more for each partition of INTERACTIONS or FEEDBACK.

        Lines of one partition stay in order. Raises StreamError where the partitions cannot be asked for.
        """
        lines = split_lines(values).data
        decode = _DECODERS[topic].decode
        ids = [decode(line).id for line in lines]
        where = partitions(pl.Series(ids, dtype=pl.String), self.partitions(topic))
        messages: list[Message] = []
        for partition in np.unique(where).tolist():
            for group in _groups(np.flatnonzero(where == partition).tolist(), lines):
                key = ids[group[0]].encode() if len(group) == 1 else None
                messages.append(Message(topic, b"\n".join([lines[i] for i in group]), key, (), partition))
        return messages

    def send(self, messages: Sequence[Message]) -> list[Message]:
        """Returns when all are acknowledged, except for those returned, which are larger than their topic takes.

        Raises StreamError where one of them was not acknowledged within `within`: it may be in Kafka or not.
        """
        # one record that is too large ends its producer, and all that travelled with it gets the same error
        return [message for message in self._attempt(messages) if self._attempt([message])]

    def _attempt(self, messages: Sequence[Message]) -> list[Message]:
        deadline = time.monotonic() + self._within
        for topic in dict.fromkeys(message.topic for message in messages):
            self.partitions(topic)  # a topic that is missing is found before anything was sent
        producer = self._connected()
        futures = [_send(producer, message) for message in messages]
        became = [self._wait(future, deadline) for future in futures]
        for message, error in zip(messages, became, strict=True):
            self._published(message.topic, _outcome(error), 1)
        failed = [error for error in became if _outcome(error) == "failed"]
        if any(became):
            self._discard(producer)
        if failed:
            raise StreamError(f"{self._broker} did not acknowledge ({type(failed[0]).__name__})")
        return [message for message, error in zip(messages, became, strict=True) if error]

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has now. Raises StreamError where there is no such topic."""
        producer = self._connected()
        try:
            return len(producer.partitions_for(topic))
        except errors.KafkaError as error:
            words = f"{self._broker} does not know the topic {topic} ({type(error).__name__})"
            raise StreamError(f"{words}; is the broker up, and did `plumbline topics create` run?") from None

    def close(self) -> None:
        """What other threads still wait for fails; nothing can be sent any more."""
        with self._lock:
            self._closed, producer = True, self._producer
        if producer is not None:
            self._discard(producer)

    def _connected(self) -> KafkaProducer:
        with self._lock:
            if self._closed:
                raise StreamError("the publisher is closed")
            if self._producer is None:
                try:
                    self._producer = _connect({**self._settings, **_options(self._within)})
                except errors.KafkaError:
                    words = f"{self._broker} cannot be reached within {CONNECT_WITHIN:g} s"
                    raise StreamError(f"{words}; `plumbline topics create` says why") from None
            return self._producer

    def _discard(self, producer: KafkaProducer) -> None:
        with self._lock:
            if self._producer is producer:
                self._producer = None
        # KafkaProducer.close waits for what it holds, and gives up without closing where that does not come
        producer._sender.force_close()
        with suppress(errors.KafkaError):
            producer.close(timeout=1.0)

    def _wait(self, future: Future, deadline: float) -> Exception | None:
        """Why a record is not acknowledged; None once it is."""
        late: Exception = errors.KafkaTimeoutError()
        while not future.is_done:
            left = min(deadline - time.monotonic(), _LOOK)
            if left <= 0 or self._closed:
                return late
            with suppress(errors.KafkaError):
                future.get(timeout=left)
        error: Exception | None = future.exception
        return error


def _connect(settings: dict[str, Any]) -> KafkaProducer:
    clients: list[KafkaNetClient] = []

    def client(**more: Any) -> KafkaNetClient:
        clients.append(KafkaNetClient(**more))
        return clients[-1]

    try:
        return KafkaProducer(**settings, kafka_client=client)
    except errors.KafkaError:
        for each in clients:  # a constructor that fails leaves its sockets open
            each.close()
        raise


def _options(within: float) -> dict[str, object]:
    return {
        "acks": "all",
        "enable_idempotence": True,
        "compression_type": "zstd",
        "linger_ms": 0,  # a call hands over all that waits
        "batch_size": 512 << 10,
        "max_request_size": _LARGEST,
        "allow_auto_create_topics": False,
        "metadata_max_age_ms": int(_REFRESH * 1000),
        "delivery_timeout_ms": int(within * 1000),
        "request_timeout_ms": int(within * 500),
        "max_block_ms": int(CONNECT_WITHIN * 1000),
        "bootstrap_timeout_ms": int(CONNECT_WITHIN * 1000),
        "reconnect_backoff_max_ms": 1_000,
        "metrics_enabled": False,
    }


def _send(producer: KafkaProducer, message: Message) -> Future:
    try:
        return producer.send(message.topic, message.value, message.key, list(message.headers), partition=message.partition)
    except (errors.KafkaError, ValueError) as error:  # ValueError: the topic was made again, with fewer partitions
        return Future().failure(error)


def _outcome(error: Exception | None) -> str:
    if error is None:
        return "acknowledged"
    return "too_large" if isinstance(error, _TOO_LARGE) else "failed"


def _groups(places: list[int], lines: Sequence[bytes]) -> Iterator[list[int]]:
    """Places of lines that go in one record."""
    group: list[int] = []
    size = 0
    for place in places:
        size += len(lines[place]) + 1
        if group and size > MOST_BYTES:
            yield group
            group, size = [], len(lines[place]) + 1
        group.append(place)
    yield group
