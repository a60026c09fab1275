"""Partitions taken in by several owners, on both databases: what is left is what one pipeline leaves, whatever happens."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sqlalchemy import Connection

from monitor.config import ConfigSource
from monitor.config.loader import parse
from monitor.judging import Judging
from monitor.metrics import Metrics
from monitor.partitions import Partitions
from monitor.store import Store, alerts, counters, courses, dead_letters, findings, messages, panes, positions
from monitor.store.dead_letters import DeadLetter
from monitor.store.positions import Position
from records.pane import Pane, merge
from records.pane_codec import decode_pane
from records.window import DAY, HOUR, WINDOW
from streams.broker import FEEDBACK, INTERACTIONS
from streams.embedded import LogRecord
from streams.panes import PaneKey
from streams.partitioner import partitions
from streams.places import Moved, Place, Sight
from tests.monitor.streaming import ACCEPTED, APPLICATION, CONFIG, START, Change, feed, interaction, opened, plain, windows
from tests.monitor.streaming import pipeline as embedded
from tests.monitor.streaming import record as log_record
from tests.monitor.test_judging_rewind import GENEROUS
from tests.store import databases

COUNT = 4
IDS = {INTERACTIONS: "one", FEEDBACK: "two"}
PLACES = [Place(topic, number) for topic in (INTERACTIONS, FEEDBACK) for number in range(COUNT)]
NOW = ACCEPTED + HOUR


@pytest.fixture(scope="module")
def server() -> Iterator[databases.Postgres]:
    with databases.postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        with opened(tmp_path / "a.db") as found:
            yield found
        return
    found = Store(request.getfixturevalue("server").empty())
    found.upgrade()
    yield found
    found.close()


class Topics:
    """Rows in the partitions that their ids belong to, one record each."""

    def __init__(self) -> None:
        self.records: dict[Place, list[LogRecord]] = defaultdict(list)

    def add(self, topic: str, rows: Sequence[dict[str, Any]]) -> None:
        name = "id" if topic == INTERACTIONS else "interaction_id"
        places = partitions(pl.Series([row[name] for row in rows], dtype=pl.String), COUNT).tolist()
        for row, number in zip(rows, places, strict=True):
            place = Place(topic, number)
            self.records[place].append(log_record(len(self.records[place]), [row], topic=place.kind))


class Worker:
    """An owner of partitions in this process."""

    def __init__(self, store: Store, config: str = CONFIG, name: str = "a"):
        self.letters: list[DeadLetter] = []
        source = ConfigSource(parse(config, "test", {}))
        self.metrics = Metrics()
        self.partitions = Partitions(store, source, self.metrics, name, self.letters.extend, lambda: False)
        self.judging = Judging(store, source, self.metrics, pytest.fail)
        self.at: dict[Place, int] = {}

    def own(self, places: Sequence[Place]) -> None:
        self.at = self.partitions.assigned(places, IDS, NOW)

    def step(self, topics: Topics, most: int) -> bool:
        """Take in up to `most` records of each partition; whether there were any."""
        fetched = {place: topics.records[place][at : at + most] for place, at in self.at.items()}
        fetched = {place: found for place, found in fetched.items() if found}
        self.partitions.ingest(fetched, NOW)
        for place, found in fetched.items():
            self.at[place] += len(found)
        self.look(topics)
        return bool(fetched)

    def look(self, topics: Topics, at: int = NOW) -> None:
        self.partitions.look({place: Sight(len(topics.records[place]), at) for place in self.at}, at)


def stream(count: int, change: Change | None = None) -> tuple[Topics, list[LogRecord]]:
    """The same rows for several partitions and for the embedded log: duplicates, late rows, feedback, lines nobody can read."""
    topics, log = Topics(), []
    for window, rows in enumerate(windows(count, change, rows=40)):
        rng = np.random.default_rng([7, window])
        batch = [*rows, *rows[3:6], {"id": f"torn-{window}"}]
        if window % 5 == 4:
            batch += [interaction(window - 2, 300 + i, rng, None) for i in range(4)]
        told = {"application": APPLICATION, "timestamp": START / 1e6, "name": "rating", "source": "human"}
        speaks_of = [f"{max(window - 1, 0)}-{i}" for i in range(3)] + [f"{window + 1}-{i}" for i in range(3)]
        feedback = [{**told, "interaction_id": id_, "value": (window + i) % 5} for i, id_ in enumerate(speaks_of)]
        topics.add(INTERACTIONS, batch)
        topics.add(FEEDBACK, feedback)
        log += [log_record(0, batch), log_record(0, feedback, topic="feedback")]
    return topics, [r._replace(offset=i + 1) for i, r in enumerate(log)]


def counted(c: Connection) -> dict[str, Any]:
    """What was counted: panes merged over partitions, counters, refused lines."""
    kept: dict[tuple[int, PaneKey], Pane] = {}
    for step in (WINDOW, HOUR, DAY):
        for key, blob in panes.between(c, APPLICATION, step, 0, 2**62):
            kept[step, key] = merge(kept[step, key], decode_pane(blob)) if (step, key) in kept else decode_pane(blob)
    total = counters.load(c)[APPLICATION]
    lines = sorted((letter.reason, letter.line) for letter in dead_letters.list_(c, 500)[0])
    states = {key: plain(pane) for key, pane in kept.items()}
    for state in states.values():
        state["moments"] = {name: values[:2] for name, values in state["moments"].items()}  # replaced values stay in bounds
    return {"panes": states, "interactions": total.interactions, "duplicates": total.duplicates, "letters": lines}


def by_embedded(path: Path, log: list[LogRecord], config: str = CONFIG) -> dict[str, Any]:
    with opened(path) as store:
        feed(embedded(store, config), log, 6)
        with store.read() as c:
            return counted(c)


def same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Hours and days that one of them has not closed yet are left out."""
    both = found["panes"].keys() & expected["panes"].keys()
    assert {key for key in expected["panes"] if key[0] == WINDOW} <= both
    assert [key for key in both if found["panes"][key] != expected["panes"][key]] == []
    for name in ("interactions", "duplicates", "letters"):
        assert found[name] == expected[name], name


def test_two_owners_that_take_turns_leave_what_one_pipeline_leaves(store: Store, tmp_path: Path) -> None:
    topics, log = stream(16)
    chance = random.Random(1)
    workers = [Worker(store, name=name) for name in "ab"]
    while sum(worker.at.get(place, 0) for worker in workers for place in PLACES) < sum(map(len, topics.records.values())):
        cut = chance.randrange(len(PLACES) + 1)
        shuffled = chance.sample(PLACES, len(PLACES))
        workers[0].own(shuffled[:cut])
        workers[1].own(shuffled[cut:])
        for _ in range(chance.randrange(1, 4)):
            worker = chance.choice(workers)
            worker.step(topics, chance.randrange(1, 60))
            worker.judging.step(NOW)
    with store.read() as c:
        same(counted(c), by_embedded(tmp_path / "one.db", log))
    assert len(workers[0].letters) + len(workers[1].letters) >= 16


def test_an_owner_that_was_held_up_counts_nothing_twice_and_its_successor_goes_on(store: Store, tmp_path: Path) -> None:
    topics, log = stream(8)
    first, second = Worker(store, name="a"), Worker(store, name="b")
    first.own(PLACES)
    first.step(topics, 40)
    second.own(PLACES)
    first.step(topics, 25)  # it does not know yet
    while second.step(topics, 30):
        first.step(topics, 7)
    with store.read() as c:
        same(counted(c), by_embedded(tmp_path / "one.db", log))


@pytest.mark.parametrize("after", [False, True], ids=["before the commit", "after it, unheard"])
def test_a_transaction_that_is_lost_is_run_again_and_counts_once(
    store: Store, tmp_path: Path, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics, log = stream(6)
    worker = Worker(store)
    worker.own(PLACES)
    chance = random.Random(3)
    retry = store.retry

    def shaky(work: Callable[[Connection], Any], stop: Callable[[], bool] = lambda: False) -> Any:
        """As a connection that is lost now and then: nobody knows whether the commit was done."""
        if chance.random() < 0.5:
            return retry(work, stop)
        if after:
            retry(work, stop)
        else:
            with pytest.raises(ConnectionError), store.begin() as c:
                work(c)
                raise ConnectionError
        return retry(work, stop)

    monkeypatch.setattr(store, "retry", shaky)
    while worker.step(topics, 50):
        pass
    monkeypatch.undo()
    with store.read() as c:
        same(counted(c), by_embedded(tmp_path / "one.db", log))


def test_verdicts_findings_and_alerts_are_those_of_one_pipeline(store: Store, tmp_path: Path) -> None:
    topics, log = stream(72, Change(60, 72))
    workers = [Worker(store, GENEROUS, name) for name in "ab"]
    workers[0].own(PLACES[::2])
    workers[1].own(PLACES[1::2])
    while sum(worker.step(topics, 40) for worker in workers):
        for worker in workers:
            worker.judging.step(NOW)
    for worker in workers:
        worker.look(topics, NOW + HOUR)
    for worker in workers:
        worker.judging.step(NOW + HOUR)
    with opened(tmp_path / "one.db") as alone:
        feed(embedded(alone, GENEROUS), log, 20)
        with alone.read() as c:
            expected = told(c)
            same_counts = counted(c)
    with store.begin() as c:
        assert told(c) == expected
        same(counted(c), same_counts)
        assert any(alert[-1] == "firing" for alert in expected[1])
        announced = {row.topic for row in messages.take(c, 500)}
        assert {"plumbline.findings", "plumbline.alerts"} <= announced


def told(c: Connection) -> tuple[Any, ...]:
    """Findings and alerts, and how far was judged."""
    found = {(*f.slice.items(), f.signal, f.since, f.verdict, f.ended) for f in findings.since(c, APPLICATION, 0)}
    raised = {(*a.slice.items(), a.signal, a.started_at, a.sentence, a.state) for a in alerts.query(c, limit=500)[0]}
    return found, raised, courses.judged_through(c, APPLICATION)


def test_a_topic_that_was_created_anew_is_taken_in_from_its_beginning_and_told(store: Store) -> None:
    topics, _ = stream(2)
    worker = Worker(store)
    worker.own(PLACES)
    worker.step(topics, 10)
    again = Worker(store).partitions.assigned(PLACES, {**IDS, INTERACTIONS: "other"}, NOW)
    assert {place: at for place, at in again.items() if place.topic == INTERACTIONS} == dict.fromkeys(PLACES[:COUNT], 0)
    assert all(again[place] == worker.at[place] for place in PLACES[COUNT:])
    with store.read() as c:
        raised = alerts.query(c)[0]
    assert [alert.signal for alert in raised] == ["topic_created_anew"]
    with pytest.raises(Moved):
        worker.step(topics, 10)


def test_records_that_kafka_deleted_are_counted_told_and_gone_on_from(store: Store) -> None:
    topics, _ = stream(2)
    worker, place = Worker(store), PLACES[0]
    worker.own([place])
    worker.step(topics, 5)
    worker.partitions.lost(place, 12, NOW)
    assert b'plumbline_lost_records_total{partition="interactions-0"} 7.0' in worker.metrics.render()
    worker.at[place] = 12
    worker.step(topics, 5)
    with store.read() as c:
        (alert,) = alerts.query(c)[0]
        position = positions.get(c, *place)
    assert (alert.application, alert.signal, alert.state) == ("plumbline", "records_lost", "firing")
    assert alert.sentence.startswith("7 records of plumbline.interactions partition 0 were deleted")
    assert position is not None
    assert position.next_offset == 17
    worker.judging.step(NOW + 2 * HOUR)
    with store.read() as c:
        assert [alert.state for alert in alerts.query(c)[0] if alert.signal == "records_lost"] == ["resolved"]


def test_a_partition_that_nobody_takes_in_is_an_alert_until_somebody_does(store: Store) -> None:
    topics, _ = stream(1)
    worker = Worker(store)
    worker.own(PLACES[:1])
    worker.step(topics, 100)
    later = NOW + 5 * 60_000_000
    worker.judging.step(later)
    with store.read() as c:
        (alert,) = alerts.query(c)[0]
    assert (alert.signal, alert.severity, alert.state) == ("partition_stalled", "critical", "firing")
    assert "plumbline.interactions partition 0 is not being counted: no worker has looked at it since" in alert.sentence
    worker.judging.step(later)
    worker.look(topics, later)
    worker.judging.step(later)
    with store.read() as c:
        assert [alert.state for alert in alerts.query(c)[0]] == ["resolved"]


def test_a_position_set_back_by_somebody_is_not_counted_on(store: Store) -> None:
    topics, _ = stream(1)
    worker = Worker(store)
    worker.own(PLACES[:1])
    worker.step(topics, 4)
    with store.begin() as c:
        positions.put(c, *PLACES[0], Position(1, {}, "one"))
    with pytest.raises(Moved):
        worker.step(topics, 4)


def test_what_was_fetched_with_a_partition_that_was_set_back_is_counted_once_all_the_same(store: Store) -> None:
    topics, _ = stream(2)
    worker = Worker(store)
    worker.own(PLACES[:COUNT])
    worker.step(topics, 4)
    with store.begin() as c:
        positions.put(c, *PLACES[1], Position(1, {}, "one"))
    with pytest.raises(Moved):
        worker.step(topics, 4)
    worker.own(PLACES[:COUNT])
    while worker.step(topics, 50):
        pass
    with store.read() as c:
        assert counters.load(c)[APPLICATION].interactions == 80


def test_a_position_set_back_is_noticed_where_nothing_new_comes(store: Store) -> None:
    topics, _ = stream(1)
    worker = Worker(store)
    worker.own(PLACES[:1])
    worker.step(topics, 100)
    with store.begin() as c:
        positions.put(c, *PLACES[0], Position(1, {}, "one"))
    with pytest.raises(Moved):
        worker.look(topics)
    worker.own(PLACES[:1])
    assert worker.at[PLACES[0]] == 1
