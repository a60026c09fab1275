"""Producers of several makes and compressions, and the one log of an embedded run: both get the same records."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import confluent_kafka
import numpy as np
from kafka import KafkaProducer

from monitor.config import ConfigSource
from monitor.config.loader import parse
from monitor.metrics import Metrics
from monitor.pipeline import Pipeline
from monitor.store import Store
from streams.broker import FEEDBACK, INTERACTIONS, Broker
from streams.embedded import LogRecord
from streams.publisher import Publisher
from tests.parity.traffic import Part, Record

TOPICS = {"interactions": INTERACTIONS, "feedback": FEEDBACK}


class Producers:
    """Sends the records of a part by producers that are drawn from a seed; what is whole also by the project's own."""

    def __init__(self, broker: Broker) -> None:
        servers = ",".join(broker.servers)
        self._publisher = Publisher(broker)
        self._python = KafkaProducer(**broker.settings(), compression_type="gzip", acks="all")
        self._confluent = [
            confluent_kafka.Producer(
                {"bootstrap.servers": servers, "partitioner": "murmur2_random", "compression.type": kind, "linger.ms": 1}
            )
            for kind in ("none", "lz4", "snappy")
        ]
        self._rng = np.random.default_rng(1)

    def send(self, part: Part) -> None:
        """Returns when all is acknowledged."""
        own: list[Record] = []
        sent: list[Any] = []
        for record in part.records:
            which = int(self._rng.integers(0 if record.whole else 1, 5))
            topic, key = TOPICS[record.topic], record.key.encode() if record.key else None
            where: dict[str, Any] = {} if key else {"partition": record.partition}
            if which == 0:
                own.append(record)
            elif which == 1:
                sent.append(self._python.send(topic, record.value, key, **where))
            else:
                self._confluent[which - 2].produce(topic, record.value, key, **where)
        for kind, topic in TOPICS.items():
            assert self._publisher.send(self._publisher.pack(topic, [r.value for r in own if r.topic == kind])) == []
        for producer in self._confluent:
            assert producer.flush(30) == 0
        for future in sent:
            future.get(timeout=30)

    def close(self) -> None:
        self._publisher.close()
        self._python.close()


@contextmanager
def producers(broker: Broker) -> Iterator[Producers]:
    """Producers for as long as the block lasts."""
    made = Producers(broker)
    try:
        yield made
    finally:
        made.close()


def take_in(store: Store, config: str, parts: list[Part], accepted_at: int) -> None:
    """All of it through the embedded runner's pipeline: a part is a batch."""
    pipeline = Pipeline(store, ConfigSource(parse(config, "parity", {})), Metrics())
    offset = 1
    for part in parts:
        pipeline.ingest(list(_logged(part.records, offset, accepted_at)), accepted_at)
        offset += len(part.records)


def _logged(records: Sequence[Record], offset: int, accepted_at: int) -> Iterator[LogRecord]:
    for i, record in enumerate(records):
        yield LogRecord(offset + i, record.topic, record.value, accepted_at)
