"""plumbline topics positions and seek, on a real broker and PostgreSQL, beside workers that run."""

import io
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.numbers import rfc3339
from monitor.api.app import now_us
from monitor.cli import run
from monitor.store import audit, positions
from monitor.store.positions import Position
from streams.broker import FEEDBACK, INTERACTIONS, Broker
from streams.places import Place
from streams.publisher import Publisher
from streams.topics import Extent, extents, offsets_since
from tests.kafka.broker import delete_topics
from tests.kafka.deployment import Deployment, calls, deployed, until

PARTITIONS = 2


@pytest.fixture
def made(broker: Broker, database: str, tmp_path: Path) -> Iterator[Deployment]:
    with deployed(tmp_path, broker, database, partitions=PARTITIONS) as found:
        yield found


def send(made: Deployment, ids: range, at_once: int = 5) -> None:
    """Interactions, some in each record."""
    publisher = Publisher(made.broker)
    lines = calls(ids)
    for i in range(0, len(lines), at_once):
        publisher.send(publisher.pack(INTERACTIONS, [b"\n".join(lines[i : i + at_once])]))
    publisher.close()


def seek(made: Deployment, to: str, *more: str, topic: str = "interactions") -> int:
    return run(["topics", "seek", "-c", str(made.config), "--topic", topic, "--to", to, "--yes", *more])


def table(made: Deployment, capsys: pytest.CaptureFixture[str], *more: str) -> list[list[str]]:
    """The rows that the command shows, without the header."""
    assert run(["topics", "positions", "-c", str(made.config), *more]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    names = re.split(r"  +", header)
    assert names == ["topic", "partition", "next", "end", "behind", "event time", "owner", "seen"]
    return [re.split(r"  +", row) for row in rows]


def test_what_partitions_hold_is_told_also_by_the_time_it_came(broker: Broker, made: Deployment) -> None:
    assert set(extents(broker).values()) == {Extent(0, 0)}
    before = now_us()
    send(made, range(100))
    held = {place: extent for place, extent in extents(broker).items() if place.topic == INTERACTIONS}
    assert len(held) == PARTITIONS
    assert all(extent.first == 0 and extent.end > 10 for extent in held.values())
    assert set(offsets_since(broker, held, before).values()) == {0}
    assert set(offsets_since(broker, held, now_us() + 10_000_000).values()) == {-1}


def test_the_table_shows_how_far_partitions_are_counted_and_what_waits(
    made: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [row[2:] for row in table(made, capsys)] == [["0", "0", "0", "-", "-", "never"]] * 4
    (worker,) = made.start("worker")
    send(made, range(200))
    made.counts(200)
    rows = table(made, capsys)
    assert [row[:2] for row in rows] == [[topic, str(n)] for topic in (FEEDBACK, INTERACTIONS) for n in range(PARTITIONS)]
    for _, _, following, end, behind, event_time, owner, seen in rows[PARTITIONS:]:
        assert following == end != "0"
        assert behind == "0"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event_time) and re.fullmatch(r"\d{4}-.*Z", seen)
        assert owner.endswith(f":{worker.popen.pid}")
    assert [row[5] for row in table(made, capsys, "--application", "other")] == ["-"] * 4


def test_without_a_broker_the_table_shows_what_is_stored(
    made: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with made.store.begin() as c:
        positions.put(c, INTERACTIONS, 0, Position(7, {"support": 1_790_000_000_000_000}))
    away = tmp_path / "away.yaml"
    away.write_text(made.config.read_text().replace(str(made.broker), "kafka://127.0.0.1:9"))
    assert run(["topics", "positions", "-c", str(away)]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[1].split() == [INTERACTIONS, "0", "7", "-", "0", "2026-09-21T14:13:20Z", "-", "never"]
    assert "no answer from kafka://127.0.0.1:9" in said.err


@pytest.mark.faults
def test_workers_that_run_go_back_also_where_nothing_new_comes_and_count_nothing_twice(
    made: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    made.start("worker", "worker")
    send(made, range(300))
    made.counts(300)
    ends = {number: made.positions()[INTERACTIONS, number].next_offset for number in range(PARTITIONS)}
    assert seek(made, "earliest") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{INTERACTIONS} partition {n}: {end} -> 0 ({end} are read again)" for n, end in ends.items()
    ]
    until(lambda: made.counters()["support"].duplicates == 300 and not made.behind(), made.counters)
    made.counts(300)
    with made.store.read() as c:
        entries = audit.query(c)[0]
    assert {(entry.action, entry.subject, entry.detail) for entry in entries} == {
        ("seek", f"interactions-{n}", f"{end} -> 0") for n, end in ends.items()
    }


@pytest.mark.faults
def test_back_and_forth_under_traffic_nothing_is_stuck_lost_or_counted_twice(made: Deployment) -> None:
    made.start("worker", "worker")
    chance = random.Random(4)
    for turn in range(6):
        send(made, range(turn * 200, turn * 200 + 200))
        number = chance.randrange(PARTITIONS)
        counted = made.positions()[INTERACTIONS, number].next_offset
        back = str(chance.randrange(counted + 1))
        assert seek(made, back, "--partition", str(number)) == 0
        send(made, range(5_000 + turn * 20, 5_000 + turn * 20 + 20))
        assert seek(made, str(counted), "--partition", str(number)) == 0  # no further than what was counted once
    made.counts(6 * 220)


def test_going_on_leaves_out_what_lies_between(made: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    (worker,) = made.start("worker")
    send(made, range(100))
    made.counts(100)
    worker.stop()
    send(made, range(100, 160))
    assert seek(made, "latest") == 0
    assert "are left out)" in capsys.readouterr().out
    made.start("worker")
    send(made, range(160, 200))
    made.counts(140)


def test_a_time_means_the_first_record_that_kafka_accepted_then(made: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    send(made, range(50))
    place = Place(INTERACTIONS, 1)
    halfway = extents(made.broker)[place].end
    at = now_us() // 1_000 * 1_000 + 1_000
    until(lambda: now_us() > at)
    send(made, range(50, 100))
    assert seek(made, rfc3339(at)) == 0
    assert made.positions()[INTERACTIONS, 1].next_offset == halfway
    assert seek(made, "2100-01-01T00:00:00Z") == 0
    assert made.positions()[INTERACTIONS, 1].next_offset == extents(made.broker)[place].end


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "3"], "say which with --partition"),
        (
            ["--to", "3", "--partition", "0"],
            "interactions partition 0 can be counted from 0 to 0: that is what Kafka has",
        ),
        (["--to", "0", "--partition", "2"], "plumbline.interactions has the partitions 0 to 1"),
        (["--to", "yesterday"], "yesterday: expected an offset, earliest, latest, or RFC 3339"),
        (["--to", "2026-11-19T05:50:00"], "with its offset from UTC"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_set(
    made: Deployment, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["topics", "seek", "-c", str(made.config), "--topic", "interactions", "--yes", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert made.positions() == {}


def test_without_topics_there_is_nothing_to_set(made: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    delete_topics(made.broker)
    assert seek(made, "latest") == 2
    assert f"has no topic {INTERACTIONS}; plumbline topics create makes it" in capsys.readouterr().err


def test_whoever_does_not_say_yes_is_asked_and_told_what_it_means(
    made: Deployment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    send(made, range(40))
    assert seek(made, "latest") == 0
    before = made.positions()
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert run(["topics", "seek", "-c", str(made.config), "--topic", "interactions", "--to", "earliest"]) == 130
    said = capsys.readouterr().err
    assert re.search(r"plumbline\.interactions partition 1: \d+ -> 0 \(\d+ are read again\)", said)
    assert "accepted more than 1h before the newest that was counted count twice" in said
    assert made.positions() == before


@pytest.mark.parametrize("command", ["positions", "seek"])
def test_the_example_of_the_help_works(
    made: Deployment, command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made.config.parent)
    assert run(["topics", command, "--help"]) == 0
    (example,) = re.findall(r"^\s+plumbline (.+)$", capsys.readouterr().out.partition("Example")[2], re.MULTILINE)
    assert run(example.split()) == 0
