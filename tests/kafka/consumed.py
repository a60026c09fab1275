"""What is in a topic, read by kafka-python's own consumer."""

from typing import Any

from kafka import KafkaConsumer, TopicPartition

from streams.broker import Broker


def consumed(broker: Broker, topic: str) -> list[Any]:
    """All records that are there now; those of one partition in order."""
    with KafkaConsumer(**broker.settings(), enable_auto_commit=False) as consumer:
        partitions = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        records: list[Any] = []
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for batch in consumer.poll(timeout_ms=1_000).values():
                records += batch
        return records


def lines(broker: Broker, topic: str) -> list[bytes]:
    """The lines of all records."""
    return [line for record in consumed(broker, topic) for line in record.value.split(b"\n")]
