"""From transitions to the outbox, and from one attempt to the next; attempts go to a real server."""

from collections.abc import Iterator

import httpx
import pytest

from alerts.delivery import SCHEDULE, Receiver, attempt, due, plan
from alerts.lifecycle import advance
from alerts.notify import Webhook, open_client
from alerts.rules import Rule
from records.alert import Alert, State, Transition
from records.notification import Notification, Outcome
from tests.alerts.make import AT_ONCE, HOUR, NOON, TITLES, alert, finding
from tests.alerts.site import Site

NOW = 1_763_726_400.0
LOOPBACK = ("127.0.0.1",)
NOWHERE = Webhook("https://hooks.invalid/")
ONCALL, TEAM = Receiver("oncall", NOWHERE), Receiver("team", NOWHERE)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with open_client(connect_seconds=1.0, answer_seconds=0.2) as client:
        yield client


def moved(after: Alert, before: State | None = None) -> Transition:
    return Transition(alert=after, before=before, at=NOON, reason="")


def row(id_: str = "msg_1", **changes: object) -> Notification:
    fields: dict[str, object] = {"alert": "a1", "receiver": "oncall", "state": "firing", "created_at": NOW, "body": b"{}"}
    return Notification(id=id_, **{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("transition", "told"),
    [
        (moved(alert()), ["firing"]),
        (moved(alert(), "pending"), ["firing"]),
        (moved(alert(state="resolved", ended_at=NOON), "firing"), ["resolved"]),
        (moved(alert(state="pending", fired_at=None)), []),
        (moved(alert(state="resolved", ended_at=NOON, fired_at=None), "pending"), []),
    ],
)
def test_firing_and_resolved_are_told_to_every_receiver_and_pending_to_none(transition: Transition, told: list[str]) -> None:
    rows = plan([transition], [ONCALL, TEAM], NOW)
    assert [(each.state, each.receiver) for each in rows] == [(s, r) for s in told for r in ("oncall", "team")]
    assert all((each.outcome, each.next_attempt_at, each.attempts) == ("waiting", NOW, 0) for each in rows)


def test_planning_twice_gives_the_same_rows_and_every_message_its_own_id() -> None:
    transitions = [
        moved(alert()),
        moved(alert(state="resolved", ended_at=NOON), "firing"),
        moved(alert(fired_at=NOON + HOUR), "resolved"),
        moved(alert(id="a2")),
    ]
    rows = plan(transitions, [ONCALL, TEAM], NOW, external_url="https://plumbline.example/")
    assert rows == plan(transitions, [ONCALL, TEAM], NOW, external_url="https://plumbline.example")
    assert len({each.id for each in rows}) == len(rows) == 8
    assert [each.id for each in plan(transitions, [ONCALL, TEAM], NOW + 60)] == [each.id for each in rows]


def test_a_receiver_that_was_gone_gets_rows_that_say_so() -> None:
    rows = plan([moved(alert())], [ONCALL, TEAM], NOW, disabled={"team"})
    assert [(each.receiver, each.outcome) for each in rows] == [("oncall", "waiting"), ("team", "disabled")]
    assert rows[1].detail == "the receiver answered 410 before"


def test_a_finding_becomes_one_message_when_it_fires_and_one_when_it_is_over() -> None:
    alerts, fired = advance([], [finding()], AT_ONCE, NOON, TITLES)
    _, resolved = advance(alerts, [finding(ended=NOON)], AT_ONCE, NOON + HOUR, TITLES)
    assert [each.state for each in plan([*fired, *resolved], [ONCALL], NOW)] == ["firing", "resolved"]
    _, pending = advance([], [finding()], [Rule("patient", for_=HOUR)], NOON, TITLES)
    assert plan(pending, [ONCALL], NOW) == []


@pytest.mark.parametrize(
    ("outbox", "expected"),
    [
        ([], []),
        ([row(next_attempt_at=NOW)], ["msg_1"]),
        ([row(next_attempt_at=NOW + 1)], []),
        ([row(outcome="delivered"), row("b", outcome="failed"), row("c", outcome="disabled")], []),
        ([row("late", state="resolved", created_at=NOW + 9), row("early", next_attempt_at=NOW + 99)], []),
        ([row("a", state="resolved"), row("b")], ["b"]),
        ([row("late", state="resolved", created_at=NOW + 9), row("early", outcome="failed")], ["late"]),
        ([row("b", created_at=NOW + 1, alert="a2"), row("a")], ["a", "b"]),
        ([row("b", receiver="team"), row("a", next_attempt_at=NOW + 99)], ["b"]),
    ],
)
def test_what_is_due_comes_oldest_first_and_never_overtakes_an_older_message_on_the_same_alert(
    outbox: list[Notification], expected: list[str]
) -> None:
    assert [each.id for each in due(outbox, NOW)] == expected


@pytest.mark.parametrize(
    ("answer", "outcome", "least", "most"),
    [
        ((200, {}), "delivered", 0.0, 0.0),
        ((500, {}), "waiting", 5.0, 5.5),
        ((302, {"Location": "/x"}), "waiting", 5.0, 5.5),
        ((410, {}), "disabled", 0.0, 0.0),
        ((429, {"Retry-After": "600"}), "waiting", 600.0, 660.0),
        ((429, {"Retry-After": "1"}), "waiting", 5.0, 5.5),
        ((429, {"Retry-After": "99999999"}), "waiting", 86_400.0, 95_040.0),
        ((429, {}), "waiting", 300.0, 330.0),
        ((502, {}), "waiting", 300.0, 330.0),
        ((504, {}), "waiting", 300.0, 330.0),
        ((503, {"Retry-After": "60"}), "waiting", 60.0, 66.0),
        (None, "waiting", 5.0, 5.5),
    ],
)
def test_an_attempt_leaves_the_row_with_its_outcome_and_the_time_of_the_next(
    site: Site, client: httpx.Client, answer: tuple[int, dict[str, str]] | None, outcome: Outcome, least: float, most: float
) -> None:
    site.answer = answer
    after = attempt(row(next_attempt_at=NOW), Webhook(site.url(), allow_private=LOOPBACK), client, NOW)
    assert (after.outcome, after.attempts, after.at, after.body) == (outcome, 1, NOW, b"{}")
    assert least <= after.next_attempt_at - NOW <= most
    assert bool(after.detail) == (outcome != "delivered")
    assert len(site.received) == 1


def test_ten_attempts_keep_to_the_schedule_and_then_it_is_given_up(client: httpx.Client) -> None:
    current, now, delays = row(next_attempt_at=NOW), NOW, []
    refused = Webhook("http://10.0.0.1/")
    while current.outcome == "waiting":
        delays.append(current.next_attempt_at - now)
        now = current.next_attempt_at
        current = attempt(current, refused, client, now)
    assert (current.outcome, current.attempts) == ("failed", 10)
    assert current.detail.startswith("given up after 10 attempts: 10.0.0.1: not a public address")
    assert all(plain <= delay <= plain * 1.1 + 1e-6 for plain, delay in zip(SCHEDULE, delays, strict=True))


def test_the_jitter_depends_on_the_message_alone(client: httpx.Client) -> None:
    refused = Webhook("http://10.0.0.1/")
    times = [attempt(row(id_), refused, client, NOW).next_attempt_at for id_ in ("a", "a", "b")]
    assert times[0] == times[1] != times[2]


def test_an_attempt_after_failures_clears_what_was_wrong(site: Site, client: httpx.Client) -> None:
    before = row(attempts=3, detail="answered 500", next_attempt_at=NOW)
    after = attempt(before, Webhook(site.url(), allow_private=LOOPBACK), client, NOW)
    assert (after.outcome, after.attempts, after.detail) == ("delivered", 4, "")
