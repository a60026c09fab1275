"""The service from inside: readiness, what is refused, how much may wait, the outbox, and what is forgotten."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from alerts.notify.client import open_client
from monitor import intake, retention
from monitor.config import ConfigSource, parse
from monitor.intake import Backlog
from monitor.metrics import Metrics
from monitor.outbox import Sender
from monitor.running import beside_store
from monitor.service import Service
from monitor.store import Store, courses, dead_letters, feedback, outbox, panes
from monitor.store import counters as stored_counters
from monitor.store.feedback import WaitingFeedback
from records.window import DAY, HOUR, WINDOW
from streams.embedded import Log
from streams.panes import PaneKey
from tests.monitor.receiver import Receiver, receiving
from tests.store.make import notification

NOW = 1_760_000_000_000_000 // DAY * DAY


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    text = f"store: sqlite:///{tmp_path}/plumbline.db\nlisten: 127.0.0.1:0\n"
    with Service(ConfigSource(parse(text, "test.yaml", {}))) as running:
        yield running


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, trust_env=False) as made:
        yield made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path}/plumbline.db")
    made.upgrade()
    yield made
    made.close()


def line(id_: str, **more: object) -> bytes:
    return msgspec.json.encode({"id": id_, "application": "support", "timestamp": int(time.time()), **more})


def test_it_is_not_ready_once_a_part_has_failed(service: Service, client: httpx.Client) -> None:
    assert client.get("/readyz").json() == {"status": "ok", "problems": {}}
    service.fail(RuntimeError("no disk"))
    assert client.get("/readyz").json()["problems"] == {"stream": "stopped by RuntimeError; the log has the place"}
    assert service.run() == 1


def test_clients_are_told_to_wait_while_too_much_is_uncounted(
    service: Service, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MOST_LINES", -1)
    answer = client.post("/v1/interactions", content=line("a"))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
    assert "backlog" in client.get("/readyz").json()["problems"]


def test_refused_lines_are_kept_with_their_bytes_and_counted_for_an_application_that_is_known(
    service: Service, client: httpx.Client
) -> None:
    with service.store.begin() as c:
        stored_counters.add(c, "support", interactions=1)
    lines = [line("good"), line("bad", duration="long"), line("other", application="unknown", cost_usd=[]), b"{"]
    assert client.post("/v1/interactions", content=b"\n".join(lines)).json()["accepted"] == 1
    with service.store.read() as c:
        kept, _ = dead_letters.list_(c, 10)
        assert {name: row.refused for name, row in stored_counters.load(c).items()} == {"support": 1}
    assert {(row.topic, row.partition, row.offset, row.index, row.line) for row in kept} == {
        ("interactions", 0, None, i, lines[i]) for i in (1, 2, 3)
    }


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////data/plumbline.db", "/data/plumbline.log.db"),
        ("sqlite:////data/a.b.sqlite?timeout=5", "/data/a.b.log.db"),
        ("sqlite:///plumbline.db", f"{Path.cwd()}/plumbline.log.db"),
        ("postgresql+psycopg://user@host/name", f"{Path.cwd()}/plumbline.log.db"),
    ],
)
def test_the_log_lies_beside_the_store(url: str, path: str) -> None:
    assert str(beside_store(url, "log.db")) == path


def test_the_backlog_knows_what_an_earlier_process_left_uncounted(tmp_path: Path) -> None:
    log, counted_to = Log(tmp_path / "log.db"), [1]
    log.append([("interactions", 0, b"a\nb\nc"), ("feedback", 0, b"d"), ("interactions", 0, b"e\nf")])
    backlog = Backlog(log, lambda: counted_to[0])
    seen = [backlog.lines()]
    for position in (2, 4):
        counted_to[0] = position
        seen.append(backlog.lines())
    backlog.add(4, 7, 100)
    assert [*seen, backlog.lines()] == [6, 3, 0, 7]
    log.close()


# -- the outbox ------------------------------------------------------------------------------------------------------


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def sender(store: Store, receiver: Receiver) -> Iterator[Sender]:
    text = (
        'allow_private_targets: ["127.0.0.1"]\n'
        f'alerts: {{receivers: [{{name: oncall, webhook: {{url: "http://127.0.0.1:{receiver.port}/hook"}}}}]}}\n'
    )
    with open_client() as client:
        yield Sender(store, ConfigSource(parse(text, "test.yaml", {})), Metrics(), lambda error: None, client)


def test_a_delivery_that_failed_is_made_again_when_it_is_due_and_later_news_wait_for_it(
    store: Store, receiver: Receiver, sender: Sender
) -> None:
    receiver.answers = [500]
    with store.begin() as c:
        outbox.put(c, [notification("n-1"), notification("n-2", state="resolved", created_at=1001.0)])
    (first,) = sender.step(1001.0)
    assert (first.id, first.outcome, first.attempts) == ("n-1", "waiting", 1)
    assert sender.step(1002.0) == []
    assert [(n.id, n.outcome) for n in sender.step(1007.0)] == [("n-1", "delivered")]
    assert [(n.id, n.outcome) for n in sender.step(1008.0)] == [("n-2", "delivered")]
    assert [receiver.next().headers["webhook-id"] for _ in range(3)] == ["n-1", "n-1", "n-2"]
    with store.read() as c:
        assert outbox.counts(c) == {("oncall", "delivered"): 2}


def test_a_receiver_that_is_no_longer_configured_is_given_up(store: Store, sender: Sender) -> None:
    with store.begin() as c:
        outbox.put(c, [notification("n-1", receiver="former")])
    (given_up,) = sender.step(1001.0)
    assert (given_up.outcome, given_up.detail) == ("failed", "the configuration no longer has this receiver")


# -- retention -------------------------------------------------------------------------------------------------------


def test_what_is_too_old_is_forgotten_by_each_applications_own_time(store: Store) -> None:
    past = NOW - 80 * DAY
    with store.begin() as c:
        for name, end in (("live", NOW), ("replayed", past)):
            stored_counters.add(c, name, interactions=1)
            courses.set_judged(c, name, end)
            for step, ages in ((WINDOW, (14, 16)), (HOUR, (89, 91)), (DAY, (89, 91))):
                keys = [PaneKey(name, "", "", end - age * DAY) for age in ages]
                panes.put(c, "embedded", 0, step, dict.fromkeys(keys, b"pane"), dict.fromkeys(keys, 1))
            for age in (89, 91):
                courses.put_row(c, name, end - age * DAY, 1, b"row")
            waits = [WaitingFeedback(age, "rating", "human", 1.0, None, end - age * DAY) for age in (6, 8)]
            feedback.wait(c, name, waits)
    metrics = Metrics()
    retention.forget(store, parse("", "test.yaml", {}), metrics, NOW)
    with store.read() as c:
        for name, end in (("live", NOW), ("replayed", past)):
            kept = {
                step: [(end - key.start) // DAY for key, _ in panes.between(c, name, step, 0, NOW)]
                for step in (WINDOW, HOUR, DAY)
            }
            assert kept == {WINDOW: [14], HOUR: [89], DAY: [89]}
            assert [(end - start) // DAY for start, _ in courses.rows(c, name)] == [89]
            assert [row.id_hash for row in feedback.waiting(c, name)] == [6]
    assert b'plumbline_unmatched_feedback_total{application="live",reason="no such interaction"} 1.0' in metrics.render()
