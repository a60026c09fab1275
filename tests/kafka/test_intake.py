"""From accepted to in Kafka, against a real broker that dies, freezes and comes back."""

import asyncio
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from monitor.api.app import create_app
from monitor.api.intake import Overloaded
from monitor.api.server import serve_http
from monitor.config import ConfigSource, parse
from monitor.intake import LetterWriter
from monitor.intake_kafka import KafkaIntake
from monitor.metrics import Metrics
from monitor.store import Store, dead_letters
from records.refusal import Refusal
from streams import topics
from streams.broker import DEAD_LETTER, FEEDBACK, INTERACTIONS, Broker
from streams.publisher import Publisher
from tests.kafka.accepting import line
from tests.kafka.broker import Kafka
from tests.kafka.consumed import consumed, lines
from tests.kafka.loop import run

ROOT = Path(__file__).parents[2]
NOWHERE = Broker(("127.0.0.1:1",))
REFUSED = Refusal(0, 3, "duration", "wrong_type", "duration is a string", b'{"duration":"\xff"}')


@contextmanager
def intake(
    broker: Broker, folder: Path, *, limit: int = 64 << 20, letters: LetterWriter | None = None, within: float = 2.0
) -> Iterator[KafkaIntake]:
    made = KafkaIntake(Publisher(broker, within), folder / "spool.db", limit, letters)
    made.start()
    try:
        yield made
    finally:
        made.close()


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline, never = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        never.wait(0.02)


def accept(made: KafkaIntake, *records: bytes, at: int = 1) -> None:
    run(made.accept("interactions", list(records), at))


def numbers(found: list[bytes]) -> dict[str, list[int]]:
    """The numbers of each id in order, the first of each kept: what was sent twice counts once."""
    by_id: dict[str, dict[int, None]] = {}
    for item in map(json.loads, found):
        by_id.setdefault(item["id"], {})[item["input_tokens"]] = None
    return {id_: list(mine) for id_, mine in by_id.items()}


def expected(n: int) -> dict[str, list[int]]:
    return {f"id-{k}": list(range(k, n, 7)) for k in range(min(n, 7))}


def test_what_is_accepted_is_in_kafka_and_concurrent_requests_share_records(broker: Broker, tmp_path: Path) -> None:
    topics.create(broker)

    async def requests(made: KafkaIntake) -> None:
        await asyncio.gather(*(made.accept("interactions", [line(n)], n) for n in range(300)))
        await made.accept("feedback", [b'{"interaction_id":"id-1","name":"rating","value":1}'], 1)

    with intake(broker, tmp_path) as made:
        run(requests(made))
        assert numbers(lines(broker, INTERACTIONS)) == expected(300)
        assert len(consumed(broker, INTERACTIONS)) < 60
        assert len(consumed(broker, FEEDBACK)) == 1
        assert made.spooled() == (0, 0) and made.problem() is None


@pytest.mark.faults
def test_nothing_is_lost_and_order_is_kept_when_the_broker_dies_for_a_while(kafka: Kafka, tmp_path: Path) -> None:
    topics.create(kafka.broker)
    stop, accepted = threading.Event(), 0

    def feed(made: KafkaIntake) -> None:
        nonlocal accepted
        while not stop.is_set():
            accept(made, *(line(n) for n in range(accepted, accepted + 20)))
            accepted += 20

    with intake(kafka.broker, tmp_path) as made:
        thread = threading.Thread(target=feed, args=(made,))
        thread.start()
        try:
            until(lambda: accepted > 200)
            kafka.kill()
            until(lambda: made.spooled()[0] > 50)
            kafka.start()
            until(lambda: made.spooled()[0] == 0, 90)
            after = accepted
            until(lambda: accepted > after + 100)
        finally:
            stop.set()
            thread.join()
        until(lambda: made.spooled()[0] == 0)
    assert numbers(lines(kafka.broker, INTERACTIONS)) == expected(accepted)


def test_what_was_accepted_while_kafka_was_away_survives_kill_9(broker: Broker, tmp_path: Path) -> None:
    topics.create(broker)
    command = [sys.executable, "-W", "ignore", "-m", "tests.kafka.accepting", str(tmp_path / "spool.db")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for said in process.stdout:
            if int(said) >= 150:
                process.kill()
        last = int(said)
    with intake(broker, tmp_path) as made:
        until(lambda: made.spooled()[0] == 0)
    found = lines(broker, INTERACTIONS)
    assert found[0] and len(found) in (last + 1, last + 2)  # one may be durable without having been said
    assert numbers(found) == expected(len(found))


def test_a_full_spool_answers_429_and_takes_records_again_once_kafka_is_back(broker: Broker, tmp_path: Path) -> None:
    topics.create(broker)
    body = json.dumps({"id": "a", "timestamp": 1_760_000_000, "application": "support", "response": "x" * 300_000})
    source = ConfigSource(parse("", "test.yaml", {}))
    with intake(NOWHERE, tmp_path, limit=1_000_000) as made:
        app = create_app(made, source, (), metrics=Metrics(), checks={"spool": made.problem})
        with serve_http(app, "127.0.0.1", 0) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
            answers = [client.post("/v1/interactions", content=body) for _ in range(4)]
            assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
            assert answers[-1].headers["Retry-After"] == "30"
            ready = client.get("/readyz")
            assert ready.status_code == 503 and "of the spool are used" in ready.text
        assert made.spooled()[0] == 3
    with intake(broker, tmp_path, limit=1_000_000) as made:
        until(lambda: made.spooled()[0] == 0)
        accept(made, body.encode())
    assert lines(broker, INTERACTIONS) == [body.encode()] * 4


def test_more_than_memory_holds_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.intake_kafka.MOST_WAITING", 1_000)
    with intake(NOWHERE, tmp_path) as made, pytest.raises(Overloaded):
        accept(made, bytes(1_001))


def test_refused_lines_are_dead_letters_with_their_bytes_and_reasons(broker: Broker, tmp_path: Path) -> None:
    topics.create(broker)
    store = Store(f"sqlite:///{tmp_path}/store.db")
    store.upgrade()
    letters = LetterWriter(store)
    with intake(broker, tmp_path, letters=letters) as made:
        run(made.dead_letter("interactions", [REFUSED], 17))
    letters.close()
    (record,) = consumed(broker, DEAD_LETTER)
    assert (record.key, record.value) == (None, REFUSED.line)
    assert dict(record.headers) == {
        "reason": b"wrong_type", "field": b"duration", "topic": b"plumbline.interactions", "partition": b"", "offset": b"",
        "index": b"3",
    }  # fmt: skip
    with store.read() as c:
        ((kept,), _) = dead_letters.list_(c, 10)
    assert (kept.line, kept.reason, kept.index, kept.at, kept.offset) == (REFUSED.line, "wrong_type", 3, 17, None)
    store.close()


def test_dead_letters_wait_in_the_spool_and_a_store_that_is_away_refuses_nobody(broker: Broker, tmp_path: Path) -> None:
    topics.create(broker)
    away = Store(f"sqlite:///{tmp_path}/store.db")  # without tables
    letters = LetterWriter(away)
    with intake(NOWHERE, tmp_path, letters=letters) as made:
        run(made.dead_letter("feedback", [REFUSED], 17))
        accept(made, line(0))
        assert made.spooled()[0] == 2
    letters.close()
    away.close()
    with intake(broker, tmp_path) as made:
        until(lambda: made.spooled()[0] == 0)
    (record,) = consumed(broker, DEAD_LETTER)
    assert record.value == REFUSED.line and dict(record.headers)["topic"] == b"plumbline.feedback"
    assert lines(broker, INTERACTIONS) == [line(0)]


def test_a_line_that_its_topic_never_takes_becomes_a_dead_letter_and_holds_up_nothing(broker: Broker, tmp_path: Path) -> None:
    topics.create(broker)
    with KafkaAdminClient(**broker.settings()) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, INTERACTIONS, {"max.message.bytes": "2000"})])
    large = json.dumps({"id": "large", "response": random.Random(1).randbytes(8_000).hex()}).encode()
    with intake(broker, tmp_path) as made:
        accept(made, large, line(0))
        accept(made, line(1))
        assert made.spooled() == (0, 0)
    assert lines(broker, INTERACTIONS) == [line(0), line(1)]
    (letter,) = consumed(broker, DEAD_LETTER)
    assert letter.value == large and dict(letter.headers)["reason"] == b"too_large"


def test_closing_spools_in_time_what_kafka_does_not_acknowledge(kafka: Kafka, tmp_path: Path) -> None:
    topics.create(kafka.broker)
    made = KafkaIntake(Publisher(kafka.broker, within=60.0), tmp_path / "spool.db", 1 << 20)
    made.start()
    accept(made, line(0))
    kafka.freeze()
    waiting = made.offer([("interactions", 1, line(1))])
    began = time.monotonic()
    made.close(within=0.5)
    assert waiting.exception(0) is None and time.monotonic() - began < 3
    kafka.thaw()
    with intake(kafka.broker, tmp_path) as again:
        assert again.spooled()[0] in (0, 1)
        until(lambda: again.spooled()[0] == 0)
    assert numbers(lines(kafka.broker, INTERACTIONS)) == expected(2)
