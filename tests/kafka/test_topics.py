"""Topics on a real broker: made once, corrected, never harmed; refusals say what to do."""

import re
import time
import uuid
from pathlib import Path

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from monitor.cli import run
from records.errors import StreamError
from streams.broker import ALERTS, DEAD_LETTER, FEEDBACK, FINDINGS, INTERACTIONS, LARGEST_BATCH, Broker
from streams.topics import TOPICS, create, describe
from tests.kafka.broker import Kafka, delete_topics

NOBODY = "127.0.0.1:9"


def settings(broker: Broker, topic: str) -> dict[str, str]:
    """A topic's configuration as the broker tells it."""
    with KafkaAdminClient(**broker.settings()) as admin:
        found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
    return {key: entry["value"] for key, entry in found["topic"][topic].items()}


def counts(broker: Broker) -> dict[str, int]:
    return {name: topic.partitions for name, topic in describe(broker).items()}


def make(broker: Broker, **partitions: int) -> None:
    """Topics made by somebody else, with the broker's defaults."""
    with KafkaAdminClient(**broker.settings()) as admin:
        named = {f"plumbline.{name}": {"num_partitions": n, "replication_factor": 1} for name, n in partitions.items()}
        admin.create_topics(named, wait_for_metadata=True)


def test_five_topics_are_made_and_making_them_again_does_nothing(broker: Broker) -> None:
    assert describe(broker) == {}
    assert create(broker, 3) == [
        "plumbline.interactions: created with 3 partitions",
        "plumbline.feedback: created with 3 partitions",
        "plumbline.findings: created with 1 partition",
        "plumbline.alerts: created with 1 partition",
        "plumbline.dead-letter: created with 1 partition",
    ]
    before = describe(broker)
    assert create(broker, 3) == create(broker) == []
    assert describe(broker) == before
    assert counts(broker) == {INTERACTIONS: 3, FEEDBACK: 3, FINDINGS: 1, ALERTS: 1, DEAD_LETTER: 1}


def test_a_topic_made_anew_has_another_id(broker: Broker) -> None:
    create(broker)
    before = describe(broker)[INTERACTIONS]
    delete_topics(broker, [INTERACTIONS])
    assert create(broker) == ["plumbline.interactions: created with 4 partitions"]
    after = describe(broker)[INTERACTIONS]
    assert after.partitions == before.partitions
    assert uuid.UUID(after.id) != uuid.UUID(before.id)


def test_the_brokers_clock_decides_when_a_record_came_and_large_ones_pass(broker: Broker) -> None:
    create(broker)
    for name in (INTERACTIONS, FEEDBACK):
        found = settings(broker, name)
        assert found["message.timestamp.type"] == "LogAppendTime"
        assert int(found["max.message.bytes"]) == LARGEST_BATCH > 10_000_000
    assert int(settings(broker, DEAD_LETTER)["max.message.bytes"]) > LARGEST_BATCH
    assert settings(broker, FINDINGS)["cleanup.policy"] == "compact,delete"


def test_topics_that_somebody_else_made_are_corrected_and_that_is_said(broker: Broker) -> None:
    make(broker, interactions=2)
    with KafkaAdminClient(**broker.settings()) as admin:
        changed = {"max.message.bytes": "1048588", "retention.ms": "1000000"}
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, INTERACTIONS, changed)])
    done = create(broker)
    assert "plumbline.interactions: message.timestamp.type corrected from CreateTime to LogAppendTime" in done
    assert f"plumbline.interactions: max.message.bytes corrected from 1048588 to {LARGEST_BATCH}" in done
    assert "plumbline.feedback: created with 2 partitions" in done
    until = time.monotonic() + 10
    while create(broker):  # the broker follows its controller a moment later
        assert time.monotonic() < until
    found = settings(broker, INTERACTIONS)
    assert (found["message.timestamp.type"], found["retention.ms"]) == ("LogAppendTime", "1000000")


@pytest.mark.parametrize(
    ("there", "asked", "said"),
    [
        ({"interactions": 4, "feedback": 4}, 3, "plumbline.interactions has 4 partitions, and Kafka takes none away"),
        ({"interactions": 2, "feedback": 2}, 3, "plumbline.interactions has 2 partitions, not 3: repeat with --add-partitions"),
        ({"interactions": 2, "feedback": 3}, None, "plumbline.interactions has 2 partitions, not 3"),
        ({"feedback": 5}, 4, "plumbline.feedback has 5 partitions, and Kafka takes none away"),
    ],
)
def test_another_number_of_partitions_is_refused_and_nothing_is_changed(
    broker: Broker, there: dict[str, int], asked: int | None, said: str
) -> None:
    make(broker, **there)
    with pytest.raises(StreamError, match=said):
        create(broker, asked)
    assert counts(broker) == {f"plumbline.{name}": n for name, n in there.items()}


def test_partitions_are_added_where_that_is_asked_for(broker: Broker) -> None:
    create(broker, 2)
    ids = {name: topic.id for name, topic in describe(broker).items()}
    assert create(broker, 5, add_partitions=True) == [
        "plumbline.interactions: partitions added, now 5",
        "plumbline.feedback: partitions added, now 5",
    ]
    assert counts(broker) == {INTERACTIONS: 5, FEEDBACK: 5, FINDINGS: 1, ALERTS: 1, DEAD_LETTER: 1}
    assert {name: topic.id for name, topic in describe(broker).items()} == ids
    with pytest.raises(StreamError, match="takes none away"):
        create(broker, 4, add_partitions=True)


def test_more_replicas_than_brokers_are_refused_with_the_brokers_words(broker: Broker) -> None:
    with pytest.raises(StreamError, match=r"refuses: plumbline\.\S+: Unable to replicate the partition 7 time"):
        create(broker, replication=7)


def test_a_broker_that_is_away_is_told_with_the_reason() -> None:
    with pytest.raises(StreamError, match=rf"no answer from kafka://{NOBODY} within 0.3 s \({NOBODY}: 111 ECONNREFUSED\)"):
        describe(Broker((NOBODY,)), within=0.3)


def test_one_reachable_broker_of_several_is_enough(broker: Broker) -> None:
    create(Broker((NOBODY, *broker.servers)))
    assert describe(Broker((*broker.servers, NOBODY))).keys() == TOPICS.keys()


def test_a_broker_that_is_stuck_holds_nobody_up(kafka: Kafka) -> None:
    kafka.freeze()
    with pytest.raises(StreamError, match=r"no answer .* within 0\.5 s .*"):
        describe(kafka.broker, within=0.5)
    kafka.thaw()
    assert describe(kafka.broker) == {}


def test_topics_are_there_after_the_broker_was_killed(kafka: Kafka) -> None:
    create(kafka.broker)
    before, address = describe(kafka.broker), kafka.broker
    kafka.kill()
    kafka.start()
    assert kafka.broker == address
    assert describe(kafka.broker) == before


def test_the_command_makes_them_and_can_be_repeated(broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "plumbline.yaml"
    file.write_text(f"stream: {broker}\n")
    command = ["topics", "create", "-c", str(file)]
    assert run([*command, "--partitions", "2"]) == 0
    assert "plumbline.interactions: created with 2 partitions" in capsys.readouterr().out
    assert run(command) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert run([*command, "--partitions", "3"]) == 2
    assert "repeat with --add-partitions" in capsys.readouterr().err
    assert run([*command, "--partitions", "3", "--add-partitions"]) == 0
    assert counts(broker)[FEEDBACK] == 3


def test_the_command_says_what_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "plumbline.yaml"
    file.write_text("stream: embedded\n")
    assert run(["topics", "create", "-c", str(file)]) == 2
    assert f"{file}: stream: expected kafka://host:9092" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["topics"], ["topics", "create"]])
def test_the_example_of_the_help_works(
    broker: Broker, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plumbline.yaml").write_text(f"stream: {broker}\n")
    assert run([*command, "--help"]) == 0
    (example,) = re.findall(r"^\s+plumbline (.+)$", capsys.readouterr().out.partition("Example")[2], re.MULTILINE)
    assert run(example.split()) == 0
    assert describe(broker).keys() == TOPICS.keys()
