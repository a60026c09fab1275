"""Producers that are none of ours, each with its own way to batch, compress and partition."""

import asyncio
import json
import subprocess
from collections.abc import Callable, Sequence

import aiokafka
import confluent_kafka
import kafka

from streams.broker import Broker
from tests.kafka.broker import SCRIPT
from tests.kafka.loop import run

COMPRESSIONS = ("lz4", "zstd", "snappy", "gzip", "none")
OF_KAFKA_PYTHON = ("zstd", "gzip", "none")
"""It has the others where packages are installed that Plumbline does not need."""
Client = Callable[[Broker, str, Sequence[bytes], str], None]
"""Writes values into a topic with a compression; a value with a single interaction has its id as key."""


def key(value: bytes) -> bytes | None:
    lines = value.split(b"\n")
    return json.loads(lines[0])["id"].encode() if len(lines) == 1 else None


def kafka_python(broker: Broker, topic: str, values: Sequence[bytes], compression: str) -> None:
    producer = kafka.KafkaProducer(**broker.settings(), compression_type=None if compression == "none" else compression)
    for value in values:
        producer.send(topic, value, key(value))
    producer.close()


def aio(broker: Broker, topic: str, values: Sequence[bytes], compression: str) -> None:
    async def send() -> None:
        kind = None if compression == "none" else compression
        async with aiokafka.AIOKafkaProducer(bootstrap_servers=list(broker.servers), compression_type=kind) as producer:
            await asyncio.gather(*[await producer.send(topic, value, key(value)) for value in values])

    run(send())


def confluent(broker: Broker, topic: str, values: Sequence[bytes], compression: str) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": ",".join(broker.servers), "compression.type": compression})
    for value in values:
        producer.produce(topic, value, key(value))
    assert producer.flush(30) == 0


def java(broker: Broker, topic: str, values: Sequence[bytes], compression: str) -> None:
    """Kafka's console producer: every line is a record of its own."""
    classpath = subprocess.run([str(SCRIPT), "classpath"], capture_output=True, text=True, check=True).stdout.strip()
    command = ["java", "-Xmx128m", "-cp", classpath, "org.apache.kafka.tools.ConsoleProducer", "--topic", topic]
    options = ["--bootstrap-server", broker.servers[0], "--compression-codec", compression]
    done = subprocess.run([*command, *options], input=b"\n".join(values), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def transactions(broker: Broker, topic: str, committed: Sequence[Sequence[bytes]], aborted: Sequence[bytes]) -> None:
    """Transactions of the first, with one that is taken back between each two of them and at the end."""
    producer = confluent_kafka.Producer({"bootstrap.servers": ",".join(broker.servers), "transactional.id": "tests"})
    producer.init_transactions(30)
    for values in committed:
        for part, end in ((values, producer.commit_transaction), (aborted, producer.abort_transaction)):
            producer.begin_transaction()
            for value in part:
                producer.produce(topic, value, key(value))
            producer.flush(30)
            end(30)
