"""References, courses, findings, alerts and the outbox: what judging reads and writes."""

import pytest

from monitor.store import Store, alerts, audit, courses, findings, outbox, references
from monitor.store.courses import Comparison
from monitor.store.references import ReferenceVersion
from records.alert import Transition
from tests.store.make import MINUTE, NOON, alert, finding, notification

PANES = {("", ""): b"all", ("tags.tenant", "acme"): b"acme"}


def test_references_are_versioned_by_application_and_name(store: Store) -> None:
    with store.begin() as c:
        made = [
            references.create(c, app, name, 5, "x.jsonl", 100, None, NOON, PANES if app == "support" else {})
            for app, name in [("support", "evalset"), ("support", "evalset"), ("search", "evalset"), ("support", "other")]
        ]
        assert made == [1, 2, 1, 1]
        listed = [(meta.application, meta.name, meta.version) for meta in references.list_(c)]
        assert listed == [
            ("search", "evalset", 1),
            ("support", "evalset", 2),
            ("support", "evalset", 1),
            ("support", "other", 1),
        ]
        assert len(references.list_(c, "support")) == 3
        newest, first = references.get(c, "support", "evalset"), references.get(c, "support", "evalset", 1)
        assert newest is not None
        assert first is not None
        assert newest.meta == ReferenceVersion("support", "evalset", 2, 5, "x.jsonl", 100, None, NOON)
        assert (first.meta.version, first.panes) == (1, PANES)
        assert references.get(c, "support", "nothing") is None
        assert references.get(c, "support", "evalset", 3) is None


def test_comparisons_keep_their_index(store: Store) -> None:
    rows = [Comparison(0, "", "", "words", "b"), Comparison(1, "model", "m", "words", "b")]
    with store.begin() as c:
        courses.add_comparisons(c, "support", rows)
        courses.add_comparisons(c, "support", [Comparison(9, "", "", "words", "b"), Comparison(2, "", "", "x", "b")])
        assert courses.comparisons(c, "support") == [*rows, Comparison(2, "", "", "x", "b")]
        assert courses.comparisons(c, "search") == []


def test_a_course_is_read_in_order_and_judged_again_from_any_window(store: Store) -> None:
    with store.begin() as c:
        assert courses.last(c, "support") is None
        for start in (3, 1, 2):
            courses.put_row(c, "support", start, 1, b"old")
            courses.put_row(c, "support", start, 2, b"%d" % start)
        courses.put_row(c, "search", 1, 1, b"search")
        assert list(courses.rows(c, "support")) == [(1, b"1"), (2, b"2"), (3, b"3")]
        assert list(courses.rows(c, "support", 2, 3)) == [(2, b"2")]
        assert courses.last(c, "support") == (3, b"3")
        courses.delete_from(c, "support", 2)
        assert list(courses.rows(c, "support")) == [(1, b"1")]
        assert list(courses.rows(c, "search")) == [(1, b"search")]


def test_the_calibration_in_force_is_the_newest_that_has_begun(store: Store) -> None:
    with store.begin() as c:
        courses.put_calibration(c, "support", 10, b"old")
        courses.put_calibration(c, "support", 10, b"ten")
        courses.put_calibration(c, "support", 20, b"twenty")
        courses.put_calibration(c, "search", 12, b"search")
        found = [courses.calibrations(c, "support", at) for at in (9, 10, 19, 20, 99)]
        assert found == [None, b"ten", b"ten", b"twenty", b"twenty"]


@pytest.mark.parametrize(("start", "kept"), [(10, [10, 20]), (19, [10, 20]), (20, [20]), (99, [20])])
def test_retention_keeps_the_calibration_that_is_still_in_force(store: Store, start: int, kept: list[int]) -> None:
    with store.begin() as c:
        for at in (10, 20):
            courses.put_calibration(c, "support", at, b"%d" % at)
            courses.put_row(c, "support", at, 1, b"row")
        courses.put_calibration(c, "search", 5, b"alone")
        courses.put_row(c, "search", 1, 1, b"row")
        courses.delete_before(c, "support", start)
        assert courses.first(c, "search") == 1
        found = {courses.calibrations(c, "support", at) for at in range(30)} - {None}
        assert found == {b"%d" % at for at in kept}
        assert courses.calibrations(c, "search", 99) == b"alone"
        assert [at for at, _ in courses.rows(c, "support")] == [at for at in (10, 20) if at >= start]


def test_how_far_was_judged_is_replaced_and_may_go_back(store: Store) -> None:
    with store.begin() as c:
        assert courses.judged_through(c, "support") is None
        courses.set_judged(c, "support", NOON)
        courses.set_judged(c, "support", 0)
        assert courses.judged_through(c, "support") == 0


def test_a_finding_comes_back_whole_and_is_replaced_by_id(store: Store) -> None:
    first, second = finding("f-1"), finding("f-2", slice={}, effect={"js": float("nan")}, p=0.0)
    with store.begin() as c:
        findings.put(c, [first])
        findings.put(c, [first, second])
        findings.put(c, [revised := finding("f-1", revision=1, ended=NOON)])
        found = findings.by_ids(c, ["f-1", "f-2", "f-3"])
        assert found["f-1"] == revised
        assert repr(found["f-2"]) == repr(second)
        assert repr(findings.query(c, "support", open_only=True)[0]) == repr([second])


def test_findings_since_a_time_are_those_that_still_lasted_then(store: Store) -> None:
    rows = [
        finding("over", since=NOON - 9, ended=NOON - 1),
        finding("ending", since=NOON - 8, ended=NOON),
        finding("open", since=NOON - 7),
        finding("later", since=NOON + 1),
        finding("elsewhere", since=NOON + 1, application="search"),
    ]
    with store.begin() as c:
        findings.put(c, rows)
        assert [f.id for f in findings.since(c, "support", NOON)] == ["ending", "open", "later"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["d", "c", "b", "a"]),
        ({"application": "search"}, ["d"]),
        ({"signal": "cost"}, ["b"]),
        ({"verdict": "no_data"}, ["c"]),
        ({"open_only": True}, ["d", "c", "b"]),
        ({"application": "support", "open_only": True, "verdict": "finding"}, ["b"]),
    ],
)
def test_findings_are_filtered_and_paged_newest_first(store: Store, filters: dict[str, object], expected: list[str]) -> None:
    rows = [
        finding("a", ended=NOON),
        finding("b", signal="cost"),
        finding("c", verdict="no_data"),
        finding("d", application="search", since=NOON),
    ]
    with store.begin() as c:
        findings.put(c, rows)
        seen: list[str] = []
        cursor = None
        while True:
            page, cursor = findings.query(c, **filters, limit=1, cursor=cursor)  # type: ignore[arg-type]
            seen += [f.id for f in page]
            if cursor is None:
                break
    assert seen == expected


def test_an_alert_keeps_the_number_that_it_got_at_first_sight(store: Store) -> None:
    with store.begin() as c:
        assert alerts.put(c, [alert("x"), alert("y")]) == {"x": 1, "y": 2}
        assert alerts.put(c, [alert("z"), alert("x", state="resolved"), alert("z")]) == {"x": 1, "z": 3}
        assert alerts.put(c, []) == {}
        assert alerts.numbers(c, ["x", "y", "z", "none"]) == {"x": 1, "y": 2, "z": 3}
        assert alerts.by_number(c, 3) == alert("z") == alerts.get(c, "z")
        assert alerts.get(c, "x") == alert("x", state="resolved")
        assert [a.id for a in alerts.open_(c, "support")] == ["y", "z"]
        assert alerts.get(c, "none") is alerts.by_number(c, 9) is None


def test_a_mark_is_audited_and_outlives_the_next_judgement(store: Store) -> None:
    with store.begin() as c:
        alerts.put(c, [alert("x")])
        assert alerts.mark(c, "none", "real", "kim", NOON) is None
        assert alerts.mark(c, "x", "false_alarm", "kim", NOON) == alert("x", mark="false_alarm")
        alerts.put(c, [alert("x", state="resolved")])
        assert alerts.get(c, "x") == alert("x", state="resolved", mark="false_alarm")
        alerts.mark(c, "x", "real", "lee", NOON + 1)
        assert audit.query(c, "x", limit=1)[0] == [audit.Entry(NOON + 1, "lee", "mark", "x", "false_alarm -> real")]
        assert [entry.actor for entry in audit.query(c)[0]] == ["lee", "kim"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["c", "b", "a"]),
        ({"state": "firing"}, ["b", "a"]),
        ({"severity": "page"}, ["b"]),
        ({"application": "search"}, ["c"]),
        ({"signal": "cost", "state": "resolved"}, ["c"]),
    ],
)
def test_alerts_are_filtered_and_paged_newest_first(store: Store, filters: dict[str, object], expected: list[str]) -> None:
    with store.begin() as c:
        alerts.put(c, [alert("a"), alert("b", severity="page")])
        alerts.put(c, [alert("c", application="search", signal="cost", state="resolved", started_at=NOON + MINUTE)])
        first, cursor = alerts.query(c, **filters, limit=1)  # type: ignore[arg-type]
        rest, end = alerts.query(c, **filters, limit=9, cursor=cursor) if cursor else ([], None)  # type: ignore[arg-type]
    assert [a.id for a in [*first, *rest]] == expected
    assert end is None


def test_the_same_transition_is_logged_once(store: Store) -> None:
    course = [
        Transition(alert=alert("x", state="pending"), before=None, at=NOON, reason="new"),
        Transition(alert=alert("x"), before="pending", at=NOON, reason="enough"),
        Transition(alert=alert("x", state="resolved"), before="firing", at=NOON + 1, reason="over"),
    ]
    with store.begin() as c:
        alerts.record(c, course[:2])
        alerts.record(c, course)
        alerts.record(c, [Transition(alert=alert("y"), before=None, at=NOON, reason="new")])
        assert alerts.history(c, "x") == course


def test_a_notification_is_put_once_and_waits_until_it_is_delivered(store: Store) -> None:
    first, second = notification("n-1"), notification("n-2", next_attempt_at=50.0, alert="a-2")
    with store.begin() as c:
        outbox.put(c, [first, second])
        assert outbox.due(c, 99.0) == [first, second]
        delivered = notification("n-1", outcome="delivered", attempts=1, at=51.0)
        outbox.update(c, delivered)
        outbox.put(c, [first])
        assert outbox.due(c, 99.0) == [second]
        later = notification("n-2", alert="a-2", attempts=1, next_attempt_at=99.0)
        outbox.update(c, later)
        assert outbox.due(c, 99.0) == [later]
        assert outbox.of_alert(c, "a-1") == [delivered]
        assert outbox.counts(c) == {("oncall", "delivered"): 1, ("oncall", "waiting"): 1}


def test_what_is_closed_stays_closed(store: Store) -> None:
    with store.begin() as c:
        assert courses.closed(c, ["support"]) == {}
        for through in (NOON, NOON + MINUTE, NOON - MINUTE):
            courses.close(c, "support", through)
        courses.close(c, "search", 0)
        assert courses.closed(c, ["support", "search", "other"]) == {"support": NOON + MINUTE, "search": 0}
        assert courses.closed(c, []) == {}


def test_notes_of_late_data_are_forgotten_one_by_one(store: Store) -> None:
    with store.begin() as c:
        for application, start in (("support", 9), ("search", 1), ("support", 4), ("support", 9)):
            courses.add_late(c, application, start)
        notes = courses.late(c, "support")
        assert [start for _, start in notes] == [9, 4, 9]
        courses.delete_late(c, [id_ for id_, _ in notes[:2]])
        courses.add_late(c, "support", 4)
        left = courses.late(c, "support")
        assert (left[0], left[1][1], len(left)) == (notes[2], 4, 2)
        assert left[1][0] > notes[2][0]
        assert len(courses.late(c, "search")) == 1
