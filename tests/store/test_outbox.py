"""The outbox, drained by any process: claims of notifications, and senders that share them over real receivers."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import msgspec

from alerts.notify import open_client
from monitor.config import ConfigSource, parse
from monitor.metrics import Metrics
from monitor.outbox import Sender
from monitor.store import Store, outbox
from records.notification import Notification
from tests.monitor.receiver import receiving
from tests.store.databases import Postgres
from tests.store.make import notification

NOW = 2000.0
UNTIL = NOW + 60


def put(store: Store, *notifications: Notification) -> None:
    with store.begin() as c:
        outbox.put(c, notifications)


def claim(store: Store, now: float = NOW, limit: int = 9, receiver: str | None = None) -> list[str]:
    with store.begin() as c:
        return [n.id for n in outbox.claim(c, now, now + 60, limit, receiver)]


# -- claims ----------------------------------------------------------------------------------------------------------


def test_what_is_due_is_claimed_once_until_the_claim_runs_out(store: Store) -> None:
    put(store, notification("n-1"), notification("n-2", alert="a-2"), notification("n-3", alert="a-3", next_attempt_at=NOW + 1))
    assert claim(store, limit=1) == ["n-1"]
    assert claim(store) == ["n-2"]
    assert claim(store, UNTIL) == ["n-3"]
    assert claim(store, UNTIL + 1) == ["n-1", "n-2"]


def test_what_somebody_has_claimed_holds_back_what_is_later_about_its_alert(store: Store) -> None:
    later = notification("n-2", state="resolved", created_at=1001.0)
    put(store, notification("n-1"), later, notification("n-3", receiver="chat"))
    assert claim(store, receiver="oncall") == ["n-1"]
    assert claim(store) == ["n-3"]
    with store.begin() as c:
        outbox.update(c, notification("n-1", outcome="delivered"), UNTIL)
    assert claim(store) == ["n-2"]


def test_an_attempt_gives_up_its_claim_and_says_when_the_next_is_due(store: Store) -> None:
    put(store, notification("n-1"))
    assert claim(store) == ["n-1"]
    with store.begin() as c:
        outbox.update(c, notification("n-1", attempts=1, next_attempt_at=NOW + 5))
    assert claim(store, NOW + 4) == []
    assert claim(store, NOW + 5) == ["n-1"]


def test_the_outcome_of_a_claim_that_ran_out_does_not_replace_that_of_its_successor(store: Store) -> None:
    put(store, notification("n-1"))
    claim(store)
    claim(store, UNTIL + 1)
    with store.begin() as c:
        outbox.update(c, notification("n-1", outcome="failed"), UNTIL)
        outbox.update(c, notification("n-1", outcome="delivered"), UNTIL + 61)
        outbox.update(c, notification("n-1", outcome="failed"), UNTIL)
        assert outbox.counts(c) == {("oncall", "delivered"): 1}


def test_what_another_transaction_is_claiming_is_skipped_not_waited_for(postgresql_server: Postgres) -> None:
    with closing(Store(postgresql_server.ready())) as store:
        put(store, notification("n-1"), notification("n-2", alert="a-2"))
        with store.begin() as c:
            assert [n.id for n in outbox.claim(c, NOW, UNTIL, 1)] == ["n-1"]
            assert claim(store) == ["n-2"]


# -- senders ---------------------------------------------------------------------------------------------------------


def config(**ports: int) -> str:
    receivers = [{"name": name, "webhook": {"url": f"http://127.0.0.1:{port}/"}} for name, port in ports.items()]
    return msgspec.json.encode({"allow_private_targets": ["127.0.0.1"], "alerts": {"receivers": receivers}}).decode()


@contextmanager
def sending(store: Store, text: str) -> Iterator[Sender]:
    failures: list[BaseException] = []
    with open_client() as client:
        yield Sender(store, ConfigSource(parse(text, "test.yaml", {})), Metrics(), failures.append, client)
    assert failures == []


@contextmanager
def silent() -> Iterator[socket.socket]:
    """A receiver that takes connections and does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        yield listener


PROCESS = """
import sys
from monitor.config import ConfigSource, parse
from monitor.metrics import Metrics
from monitor.outbox import Sender
from monitor.store import Store
store = Store(sys.argv[1])
sender = Sender(store, ConfigSource(parse(sys.argv[2], "test.yaml", {})), Metrics(), lambda error: sys.exit(repr(error)))
print("ready", flush=True)
sys.stdin.readline()
sender.start()
sys.stdin.read()
sender.stop(60)
store.close()
"""


@contextmanager
def process(url: str, text: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process with a sender that begins with a line of input and stops at its end."""
    command = [sys.executable, "-c", PROCESS, url, text]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        try:
            assert started.stdout
            assert started.stdout.readline() == b"ready\n"
            yield started
        finally:
            started.kill()


def begin(started: subprocess.Popen[bytes]) -> None:
    assert started.stdin
    started.stdin.write(b"\n")
    started.stdin.flush()


def test_two_processes_deliver_each_notification_once_and_in_order(postgresql_server: Postgres) -> None:
    url = postgresql_server.ready()
    news = [
        notification(f"n-{alert}-{receiver}-{state}", alert=f"a-{alert}", receiver=receiver, state=state, created_at=at)
        for at, state in ((1000.0, "firing"), (1001.0, "resolved"))
        for alert in range(15)
        for receiver in ("oncall", "chat")
    ]
    with receiving() as oncall, receiving() as chat, ExitStack() as stack, closing(Store(url)) as store:
        text = config(oncall=oncall.port, chat=chat.port)
        senders = [stack.enter_context(process(url, text)) for _ in range(2)]
        put(store, *news)
        for sender in senders:
            begin(sender)
        came = {name: [r.next().headers["webhook-id"] for _ in range(30)] for name, r in (("oncall", oncall), ("chat", chat))}
        for sender in senders:
            sender.communicate(timeout=60)
            assert sender.returncode == 0
        assert oncall.requests.empty()
        assert chat.requests.empty()
        with store.read() as c:
            assert outbox.counts(c) == {("oncall", "delivered"): 30, ("chat", "delivered"): 30}
    for name, ids in came.items():
        assert sorted(ids) == sorted(n.id for n in news if n.receiver == name)
        for alert in range(15):
            assert ids.index(f"n-{alert}-{name}-firing") < ids.index(f"n-{alert}-{name}-resolved")


def test_a_process_killed_in_an_attempt_leaves_a_notification_that_is_sent_again_after_its_claim(
    postgresql_server: Postgres,
) -> None:
    url = postgresql_server.ready()
    with silent() as listener, closing(Store(url)) as store:
        put(store, notification("n-1"), notification("n-2", state="resolved", created_at=1001.0))
        began = time.time()
        with process(url, config(oncall=listener.getsockname()[1])) as killed:
            begin(killed)
            connection, _ = listener.accept()
            with connection:
                assert b"webhook-id: n-1" in connection.recv(1 << 16)
                killed.kill()
                killed.wait()
        ended = time.time()
        with receiving() as receiver, sending(store, config(oncall=receiver.port)) as sender:
            assert sender.step(began + 59) == []
            (after,) = sender.step(ended + 61)
            assert (after.id, after.outcome, after.attempts) == ("n-1", "delivered", 1)
            assert receiver.next().headers["webhook-id"] == "n-1"


def test_a_slow_receiver_delays_nobody_else_and_gets_no_second_attempt_meanwhile(store: Store) -> None:
    put(store, *(notification(f"{to}-{i}", alert=f"a-{i}", receiver=to) for to in ("quick", "slow") for i in (1, 2)))
    with ExitStack() as stack:
        listener, quick = stack.enter_context(silent()), stack.enter_context(receiving())
        sender = stack.enter_context(sending(store, config(slow=listener.getsockname()[1], quick=quick.port)))
        first, slow = sender.look(NOW)
        assert first.result(60)
        (second,) = sender.look(NOW)
        assert second.result(60)
        assert [quick.next().headers["webhook-id"] for _ in range(2)] == ["quick-1", "quick-2"]
        assert not slow.done()
        connection, _ = listener.accept()
        connection.close()
        after = slow.result(60)
        assert after is not None
        assert (after.id, after.outcome, after.attempts) == ("slow-1", "waiting", 1)


def test_a_sender_that_runs_delivers_what_is_put_and_stops(store: Store) -> None:
    with receiving() as receiver, sending(store, config(oncall=receiver.port)) as sender:
        put(store, *(notification(f"n-{i}", alert=f"a-{i}") for i in range(5)))
        sender.start()
        assert [receiver.next().headers["webhook-id"] for _ in range(5)] == [f"n-{i}" for i in range(5)]
        sender.stop(60)
        with store.read() as c:
            assert outbox.counts(c) == {("oncall", "delivered"): 5}
