"""Which findings are one incident, and which of them leads."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.grouping import incidents, nearest, telling_order
from records.alert import Alert
from records.finding import Finding
from tests.alerts.make import DAY, HOUR, MINUTE, NOON, alert, finding

ACME = {"tags.tenant": "acme"}


@pytest.mark.parametrize(
    ("findings", "leader"),
    [
        ([finding("a", times_floor=2.0), finding("b", times_floor=3.0)], "b"),
        ([finding("a", times_floor=2.5, slice=ACME), finding("b", times_floor=3.0)], "a"),
        ([finding("a", times_floor=2.3, slice=ACME), finding("b", times_floor=3.0)], "b"),
        ([finding("b", slice=ACME), finding("a", slice={**ACME, "model": "m"}), finding("c", slice=ACME)], "a"),
        ([finding("b"), finding("a")], "a"),
        ([finding("a", times_floor=2.8, slice=ACME), finding("b", times_floor=3.0, slice=ACME)], "b"),
        ([finding("a", signal="quality.never_seen", times_floor=9.0), finding("b", times_floor=1.0)], "b"),
        ([finding("a", signal="quality.never_seen"), finding("b", signal="quality.never_seen", times_floor=9.0)], "b"),
        ([finding("a", times_floor=math.nan), finding("b", times_floor=1.0)], "b"),
        ([finding("a", times_floor=math.inf), finding("b", times_floor=9.0, slice=ACME)], "a"),
        ([finding("a", times_floor=0.0), finding("b", times_floor=0.0, slice=ACME)], "b"),
    ],
)
def test_the_most_telling_finding_leads_in_any_order(findings: list[Finding], leader: str) -> None:
    assert telling_order(findings)[0].id == leader
    assert telling_order(findings[::-1]) == telling_order(findings)


def test_no_findings_have_no_leader() -> None:
    assert telling_order([]) == []


@pytest.mark.parametrize(
    ("onsets", "sizes"),
    [
        ([], []),
        ([0], [1]),
        ([0, 60], [2]),
        ([0, 61], [1, 1]),
        ([120, 0, 60], [3]),
        ([0, 200, 30, 230], [2, 2]),
    ],
)
def test_onsets_within_an_hour_are_chained_into_one_incident(onsets: list[int], sizes: list[int]) -> None:
    findings = [finding(f"f{i}", since=NOON + minutes * MINUTE) for i, minutes in enumerate(onsets)]
    assert [len(incident) for incident in incidents(findings)] == sizes


def test_incidents_never_mix_applications() -> None:
    groups = incidents([finding("a"), finding("b", application="sales")])
    assert [[each.id for each in group] for group in groups] == [["b"], ["a"]]


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(-61, None), (-60, "early"), (30, "early"), (90, "early"), (150, "early"), (151, "late"), (360, "late"), (361, None)],
)
def test_an_incident_joins_the_nearest_alert_within_an_hour_of_its_range(minutes: int, expected: str | None) -> None:
    early = alert(id="early", started_at=NOON, since_last=NOON + 90 * MINUTE)
    late = alert(id="late", started_at=NOON + 210 * MINUTE, since_last=NOON + 5 * HOUR)
    joined = nearest([finding(since=NOON + minutes * MINUTE)], [late, early], NOON + 30 * DAY)
    assert (joined.id if joined else None) == expected


def test_an_incident_joins_no_alert_of_another_application() -> None:
    assert nearest([finding()], [alert(application="sales")], NOON) is None


@pytest.mark.parametrize(
    ("minutes", "came_up", "expected"),
    [
        (0, {"a": 0}, "a"),
        (60, {"a": 0}, "a"),
        (61, {"a": 0}, None),
        (60, {"a": 0, "b": 60}, "b"),
        (60, {"a": 60, "b": 60}, "b"),
        (61, {"a": 0, "b": 1}, "b"),
    ],
)
def test_an_incident_also_joins_what_came_up_at_most_an_hour_ago_the_nearest_onset_first(
    minutes: int, came_up: dict[str, int], expected: str | None
) -> None:
    onsets = {"a": NOON - 20 * HOUR, "b": NOON - 10 * HOUR}
    alerts = [
        alert(id=id_, started_at=onsets[id_], since_last=onsets[id_], pending_at=NOON + at * MINUTE)
        for id_, at in came_up.items()
    ]
    for given_ in (alerts, alerts[::-1]):
        joined = nearest([finding(since=NOON)], given_, NOON + minutes * MINUTE)
        assert (joined.id if joined else None) == expected


def test_what_came_up_lately_in_another_application_is_not_joined() -> None:
    assert nearest([finding(since=NOON - 9 * HOUR)], [alert(application="sales", pending_at=NOON)], NOON) is None


ALERTS = st.lists(
    st.builds(
        lambda number, started, length, came_up: alert(
            id=f"a{number}",
            started_at=NOON + started * 20 * MINUTE,
            since_last=NOON + (started + length) * 20 * MINUTE,
            pending_at=NOON + came_up * 20 * MINUTE,
        ),
        st.integers(0, 20),
        st.integers(-20, 20),
        st.integers(0, 9),
        st.integers(-6, 0),
    ),
    max_size=6,
    unique_by=lambda each: each.id,
)


@given(ALERTS, st.integers(-30, 30), st.randoms(use_true_random=False))
def test_which_alert_is_joined_depends_on_no_order(alerts: list[Alert], onset: int, random: Random) -> None:
    incident = [finding(since=NOON + onset * 20 * MINUTE)]
    joined = nearest(incident, alerts, NOON)
    shuffled = list(alerts)
    random.shuffle(shuffled)
    assert nearest(incident, shuffled, NOON) == joined
    recent = [each for each in alerts if NOON - each.pending_at <= HOUR]
    assert joined is not None or not recent
    assert joined is None or nearest(incident, [joined], NOON) == joined


def test_a_judge_that_moved_is_no_part_of_an_incident_of_its_application() -> None:
    moved, other = finding("j", signal="judges.helpful"), finding("k", signal="judges.correct")
    change = finding("c")
    assert [[one.id for one in group] for group in incidents([moved, change, other])] == [["c"], ["j", "k"]]
    of_change, of_judge = alert(id="a", signal=change.signal), alert(id="b", signal="judges.helpful")
    assert nearest([moved], [of_change], change.since) is None
    assert nearest([moved], [of_change, of_judge], change.since) == of_judge
    assert nearest([change], [of_judge], change.since) is None
