"""The publisher against a real broker."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator

import confluent_kafka
import pytest
from kafka import KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from records.errors import StreamError
from streams import topics
from streams.broker import DEAD_LETTER, FEEDBACK, FINDINGS, INTERACTIONS, Broker
from streams.publisher import MOST_BYTES, Message, Publisher
from tests.kafka.broker import Kafka
from tests.kafka.consumed import consumed, lines

IDS = ["a", "chatcmpl-9f", "日本語", "🙂", *(f"id-{i}" for i in range(60))]


def interaction(id_: str, **more: object) -> bytes:
    return json.dumps({"id": id_, "timestamp": 1, "application": "support", **more}).encode()


@pytest.fixture
def counted() -> Counter[tuple[str, str]]:
    return Counter()


@pytest.fixture
def publisher(broker: Broker, counted: Counter[tuple[str, str]]) -> Iterator[Publisher]:
    topics.create(broker, 4)
    made = Publisher(broker, published=lambda topic, outcome, n: counted.update({(topic, outcome): n}))
    yield made
    made.close()


def test_many_lines_travel_in_one_record_a_partition_and_stay_in_order(
    broker: Broker, publisher: Publisher, counted: Counter[tuple[str, str]]
) -> None:
    sent = [interaction(f"id-{i}", n=i) for i in range(200)]
    values = [b"\n".join(sent[:90]), b"\n".join(sent[90:150]) + b"\n\n", *sent[150:]]
    assert publisher.send(publisher.pack(INTERACTIONS, values)) == []
    records = consumed(broker, INTERACTIONS)
    assert sorted(record.partition for record in records) == [0, 1, 2, 3]
    assert {record.key for record in records} == {None}
    assert sorted(lines(broker, INTERACTIONS)) == sorted(sent)
    for record in records:
        numbers = [json.loads(line)["n"] for line in record.value.split(b"\n")]
        assert numbers == sorted(numbers)
    assert counted == {(INTERACTIONS, "acknowledged"): 4}


def test_an_id_goes_where_every_other_producer_sends_it(broker: Broker, publisher: Publisher) -> None:
    for id_ in IDS:
        publisher.send(publisher.pack(INTERACTIONS, [interaction(id_)]))
    with KafkaProducer(**broker.settings()) as python:
        for id_ in IDS:
            python.send(INTERACTIONS, interaction(id_), id_.encode())
    confluent = confluent_kafka.Producer({"bootstrap.servers": ",".join(broker.servers), "partitioner": "murmur2_random"})
    for id_ in IDS:
        confluent.produce(INTERACTIONS, interaction(id_), id_.encode())
    assert confluent.flush(10) == 0
    records = consumed(broker, INTERACTIONS)
    found = Counter((json.loads(record.value)["id"], record.key.decode(), record.partition) for record in records)
    assert len(records) == 3 * len(IDS) and len(found) == len(IDS) and set(found.values()) == {3}
    assert all(id_ == key for id_, key, _ in found)


def test_feedback_goes_where_its_interaction_went(broker: Broker, publisher: Publisher) -> None:
    feedback = [json.dumps({"interaction_id": id_, "name": "rating", "value": 1}).encode() for id_ in IDS]
    publisher.send([*publisher.pack(INTERACTIONS, [interaction(id_) for id_ in IDS]), *publisher.pack(FEEDBACK, feedback)])
    where = {}
    for topic, field in ((INTERACTIONS, "id"), (FEEDBACK, "interaction_id")):
        where[topic] = {
            json.loads(line)[field]: record.partition
            for record in consumed(broker, topic)
            for line in record.value.split(b"\n")
        }
    assert where[INTERACTIONS] == where[FEEDBACK] and len(where[FEEDBACK]) == len(IDS)


def test_records_stay_under_what_a_topic_takes_and_the_longest_line_fits(broker: Broker, publisher: Publisher) -> None:
    longest = interaction("long", response="x")
    longest = interaction("long", response="x" * ((1 << 20) - len(longest) + 1))
    assert len(longest) == 1 << 20
    sent = [longest, *(interaction(f"id-{i}", response="y" * 100_000) for i in range(60))]
    publisher.send(publisher.pack(INTERACTIONS, [b"\n".join(sent)]))
    records = consumed(broker, INTERACTIONS)
    assert max(len(record.value) for record in records if b"\n" in record.value) <= MOST_BYTES
    assert sorted(lines(broker, INTERACTIONS)) == sorted(sent)
    assert len(records) < 15


def test_a_message_has_its_key_and_headers(broker: Broker, publisher: Publisher) -> None:
    headers = (("reason", b"invalid_json"), ("offset", b""))
    line = bytes(range(256)) * 65_000
    publisher.send([Message(FINDINGS, b"{}", b"f-1"), Message(DEAD_LETTER, line, None, headers)])
    (finding,), (letter,) = consumed(broker, FINDINGS), consumed(broker, DEAD_LETTER)
    assert (finding.key, finding.value) == (b"f-1", b"{}")
    assert (letter.value, tuple(letter.headers)) == (line, headers)


def test_what_a_topic_will_never_take_is_given_back_and_the_rest_is_sent(
    broker: Broker, publisher: Publisher, counted: Counter[tuple[str, str]]
) -> None:
    with KafkaAdminClient(**broker.settings()) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, FINDINGS, {"max.message.bytes": "2000"})])
    noise = random.Random(1).randbytes(20_000)
    large, small = Message(FINDINGS, noise, b"large"), [Message(FINDINGS, b"{}", b"%d" % i) for i in range(20)]
    deadline = time.monotonic() + 30
    while publisher.send([large]) != [large]:  # until the broker heeds its new limit
        assert time.monotonic() < deadline
    before = counted[FINDINGS, "acknowledged"]
    assert publisher.send([*small[:10], large, *small[10:]]) == [large]
    assert [record.key for record in consumed(broker, FINDINGS)][before:] == [message.key for message in small]
    assert counted[FINDINGS, "acknowledged"] == before + 20


def test_partitions_that_are_added_are_used(broker: Broker, publisher: Publisher) -> None:
    assert publisher.partitions(INTERACTIONS) == 4
    topics.create(broker, 6, add_partitions=True)
    waited = threading.Event()
    deadline = time.monotonic() + 30
    while publisher.partitions(INTERACTIONS) != 6:
        assert time.monotonic() < deadline
        waited.wait(0.1)
    publisher.send(publisher.pack(INTERACTIONS, [interaction(id_) for id_ in IDS]))
    assert {record.partition for record in consumed(broker, INTERACTIONS)} == set(range(6))


def test_a_topic_that_is_missing_is_named(broker: Broker) -> None:
    publisher = Publisher(broker)
    with pytest.raises(StreamError, match=r"does not know the topic plumbline\.findings.*topics create"):
        publisher.send([Message(FINDINGS, b"{}", b"f")])
    topics.create(broker)
    assert publisher.send([Message(FINDINGS, b"{}", b"f")]) == []
    publisher.close()


def test_a_broker_that_nobody_answers_for_is_an_error_in_bounded_time() -> None:
    publisher = Publisher(Broker(("127.0.0.1:1",)))
    began = time.monotonic()
    with pytest.raises(StreamError, match=r"kafka://127\.0\.0\.1:1 cannot be reached"):
        publisher.send([Message(FINDINGS, b"{}", b"f")])
    assert time.monotonic() - began < 6
    publisher.close()


@pytest.mark.parametrize("how", ["kill", "freeze"])
def test_a_broker_that_goes_away_is_an_error_in_bounded_time_and_found_again(kafka: Kafka, how: str) -> None:
    topics.create(kafka.broker)
    publisher = Publisher(kafka.broker, within=2.0)
    publisher.send([Message(FINDINGS, b"1", b"f")])
    getattr(kafka, how)()
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(StreamError, match=r"did not acknowledge|cannot be reached"):
            publisher.send([Message(FINDINGS, b"away", b"f")])
        assert time.monotonic() - began < 15
    if how == "kill":
        kafka.start()
    else:
        kafka.thaw()
    deadline = time.monotonic() + 30
    while not taken(publisher, Message(FINDINGS, b"2", b"f")):
        assert time.monotonic() < deadline
    values = [record.value for record in consumed(kafka.broker, FINDINGS)]
    assert (values[0], values[-1]) == (b"1", b"2") and set(values[1:-1]) <= {b"away", b"2"}
    publisher.close()


def taken(publisher: Publisher, message: Message) -> bool:
    """Whether a message was acknowledged; a broker that has just come back may need a second try."""
    try:
        return publisher.send([message]) == []
    except StreamError:
        return False


def test_closing_ends_what_waits(kafka: Kafka) -> None:
    topics.create(kafka.broker)
    publisher = Publisher(kafka.broker, within=60.0)
    publisher.send([Message(FINDINGS, b"1", b"f")])
    kafka.freeze()
    raised: list[BaseException] = []

    def send() -> None:
        try:
            publisher.send([Message(FINDINGS, b"2", b"f")])
        except StreamError as error:
            raised.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    began = time.monotonic()
    publisher.close()
    thread.join(5)
    kafka.thaw()
    assert len(raised) == 1 and time.monotonic() - began < 3
    with pytest.raises(StreamError, match="closed"):
        publisher.send([Message(FINDINGS, b"3", b"f")])
