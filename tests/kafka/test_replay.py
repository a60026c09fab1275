"""`plumbline replay FILE --to kafka://…` into a real broker."""

import json
from pathlib import Path
from typing import Any

import pytest

from monitor.cli import run
from streams import topics
from streams.broker import INTERACTIONS, Broker
from tests.kafka.broker import Kafka, delete_topics
from tests.kafka.consumed import consumed, lines
from tests.monitor.check_files import write

START = 1_759_000_000.0


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def recorded(n: int, **more: Any) -> list[dict[str, Any]]:
    return [{"timestamp": START + i, "prompt": f"question {i}", **more} for i in range(n)]


def replay(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(["replay", *arguments]) == code, capsys.readouterr()
    said = capsys.readouterr()
    return said.out if code == 0 else said.err + said.out


def test_lines_arrive_with_their_times_and_ids_many_in_one_record(broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
    topics.create(broker)
    items = recorded(2_500, application="support")
    write(Path("a.jsonl"), items[1_000:] + items[:1_000])
    for _ in range(2):
        assert replay(capsys, "a.jsonl", "--to", str(broker)) == "2500 accepted, 0 rejected\n"
    sent = [json.loads(line) for line in lines(broker, INTERACTIONS)]
    assert len(sent) == 5_000 and len({item["id"] for item in sent}) == 2_500
    assert {item["timestamp"] for item in sent} == {item["timestamp"] for item in items}
    records = consumed(broker, INTERACTIONS)
    assert len(records) == 2 * 3 * 4  # twice, three batches, four partitions
    for record in records:
        times = [json.loads(line)["timestamp"] for line in record.value.split(b"\n")]
        assert times == sorted(times)


def test_what_a_worker_would_refuse_is_told_and_not_sent(broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
    topics.create(broker)
    good, *rest = recorded(3, application="support")
    bad: list[Any] = [{**rest[0], "duration": "slow"}, {**rest[0], "timestamp": 4e9}, b"{", {"timestamp": START}]
    write(Path("a.jsonl"), [rest[1], *bad, good])
    said = replay(capsys, "a.jsonl", "--to", str(broker)).splitlines()
    assert said[0] == "2 accepted, 4 rejected"
    assert {line.strip() for line in said[1:5]} == {
        "1 wrong_type", "1 future_timestamp", "1 invalid_json", "1 missing_field",
    }  # fmt: skip
    assert "  line 2: duration is a string; a number is expected" in said
    assert len(lines(broker, INTERACTIONS)) == 2


def test_a_broker_that_is_away_is_given_up_after_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("a.jsonl"), recorded(2, application="support"))
    said = replay(capsys, "a.jsonl", "--to", "kafka://127.0.0.1:1", "--patience", "0", code=1)
    assert "kafka://127.0.0.1:1 cannot be reached within 3 s; `plumbline topics create` says why; gave up after 0 s" in said
    assert said.endswith("0 accepted, 0 rejected, 2 not sent\n")


def test_tls_and_sasl_come_from_a_configuration(secure_kafka: Kafka, capsys: pytest.CaptureFixture[str]) -> None:
    broker = secure_kafka.with_sasl("SCRAM-SHA-512")
    delete_topics(broker)
    topics.create(broker)
    write(Path("a.jsonl"), recorded(5, application="support"))
    config = f"stream: kafka://elsewhere:9092\ntls: {{ca: {secure_kafka.certificates / 'ca.pem'}}}\n"
    config += "sasl: {mechanism: SCRAM-SHA-512, username: plumbline, password: PASSWORD}\n"
    for password, code, words in (
        ("not-the-password", 1, "cannot be reached within 3 s; `plumbline topics create` says why"),
        ("plumbline-secret", 0, "5 accepted, 0 rejected\n"),
    ):
        Path("plumbline.yaml").write_text(config.replace("PASSWORD", password), encoding="utf-8")
        said = replay(capsys, "a.jsonl", "--to", str(broker), "-c", "plumbline.yaml", "--patience", "0", code=code)
        assert words in said and password not in said
    assert len(lines(broker, INTERACTIONS)) == 5
