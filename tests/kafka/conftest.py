"""One real broker for the session; each test that asks for `broker` finds it without topics of ours."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient

from streams.broker import Broker
from tests.kafka.broker import TOPICS, CannotRunError, Kafka, delete_topics
from tests.kafka.deployment import Running, deployed
from tests.store.databases import Postgres, postgres


def started(kafka: Kafka) -> Iterator[Kafka]:
    """The broker, stopped at the end; skips where none can run."""
    try:
        kafka.start()
    except CannotRunError as error:
        pytest.skip(f"no Kafka broker: {error}; or give one with KAFKA_BOOTSTRAP_SERVERS")
    try:
        yield kafka
    finally:
        kafka.stop()


@pytest.fixture(scope="session")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The one of KAFKA_BOOTSTRAP_SERVERS, or our own, with the topics that the tests before have left."""
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if not given:
        for kafka in started(Kafka(tmp_path_factory.mktemp("kafka"))):
            yield kafka.broker
        return
    broker = Broker(tuple(given.split(",")))
    with KafkaAdminClient(**broker.settings()) as admin:
        theirs = sorted(set(TOPICS) & set(admin.list_topics()))
    if theirs:
        pytest.fail(f"{given} has {', '.join(theirs)}: the tests would delete them; give a broker without")
    yield broker
    delete_topics(broker)


@pytest.fixture
def broker(shared_broker: Broker) -> Broker:
    """The session's broker without topics of ours."""
    delete_topics(shared_broker)
    return shared_broker


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[Kafka]:
    """A broker of the test's own, to stop, kill and start again."""
    yield from started(Kafka(tmp_path / "kafka"))


@pytest.fixture(scope="session")
def secure_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker with listeners for TLS and SASL."""
    yield from started(Kafka(tmp_path_factory.mktemp("secure-kafka"), secure=True))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgres]:
    """A PostgreSQL server for the session."""
    with postgres() as server:
        yield server


@pytest.fixture
def database(postgresql: Postgres) -> str:
    """The URL of a database with all tables and no rows."""
    return postgresql.ready()


@pytest.fixture(scope="module")
def running(shared_broker: Broker, postgresql: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One worker for the tests of a file."""
    delete_topics(shared_broker)
    with deployed(tmp_path_factory.mktemp("running"), shared_broker, postgresql.ready()) as made:
        yield Running(made)
