"""The life of an alert: the state machine as a table, then its laws over any course of findings."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.lifecycle import ENDED, REVISED, UNFIRED, advance
from alerts.rules import DEFAULT_RULES, Rule
from records.alert import Alert, State
from records.finding import Finding
from tests.alerts.make import AT_ONCE, HOUR, MINUTE, NOON, TITLES, finding

FOR = (Rule("patient", for_=10 * MINUTE),)
KEEP = (Rule("sticky", keep_firing_for=20 * MINUTE),)
END = NOON + 2 * MINUTE


@dataclass
class Course:
    """Runs a course of (minutes after noon, findings) through `advance` and keeps the transitions."""

    rules: tuple[Rule, ...] = AT_ONCE
    alerts: list[Alert] = field(default_factory=list)
    told: list[tuple[State | None, State]] = field(default_factory=list)

    def step(self, minutes: int, findings: list[Finding]) -> Alert:
        self.alerts, transitions = advance(self.alerts, findings, self.rules, NOON + minutes * MINUTE, TITLES)
        self.told += [(each.before, each.alert.state) for each in transitions]
        return self.alerts[0]


@pytest.mark.parametrize(
    ("rules", "course", "expected", "resolution"),
    [
        (AT_ONCE, [(0, [finding()])], [(None, "firing")], ""),
        (AT_ONCE, [(0, [finding()]), (5, [finding()])], [(None, "firing")], ""),
        (FOR, [(0, [finding()])], [(None, "pending")], ""),
        (FOR, [(0, [finding()]), (9, [finding()])], [(None, "pending")], ""),
        (FOR, [(0, [finding()]), (10, [finding()])], [(None, "pending"), ("pending", "firing")], ""),
        (FOR, [(0, [finding()]), (5, [finding(ended=END)])], [(None, "pending"), ("pending", "resolved")], UNFIRED),
        (FOR, [(0, [finding()]), (5, [])], [(None, "pending"), ("pending", "resolved")], REVISED),
        (AT_ONCE, [(0, [finding()]), (5, [finding(ended=END)])], [(None, "firing"), ("firing", "resolved")], ENDED),
        (AT_ONCE, [(0, [finding()]), (5, [])], [(None, "firing"), ("firing", "resolved")], REVISED),
        (
            AT_ONCE,
            [(0, [finding()]), (5, [finding(verdict="calm", revision=1)])],
            [(None, "firing"), ("firing", "resolved")],
            REVISED,
        ),
        (
            AT_ONCE,
            [(0, [finding()]), (5, [finding(verdict="small")])],
            [(None, "firing"), ("firing", "resolved")],
            ENDED,
        ),
        (DEFAULT_RULES, [(0, [finding()]), (5, [finding()])], [(None, "pending")], ""),
        (DEFAULT_RULES, [(0, [finding()]), (15, [finding()])], [(None, "pending"), ("pending", "firing")], ""),
        (DEFAULT_RULES, [(0, [finding()]), (5, [finding(ended=END)])], [(None, "pending"), ("pending", "resolved")], UNFIRED),
        (DEFAULT_RULES, [(0, [finding(times_floor=9.0)])], [(None, "pending")], ""),
        (DEFAULT_RULES, [(0, [finding(signal="error")])], [(None, "pending")], ""),
        (DEFAULT_RULES, [(0, [finding(verdict="no_data")])], [(None, "firing")], ""),
        (
            DEFAULT_RULES,
            [(0, [finding()]), (5, [finding(), finding("f2", verdict="no_data")])],
            [(None, "pending"), ("pending", "firing")],
            "",
        ),
        (KEEP, [(0, [finding()]), (5, [finding(ended=END)])], [(None, "firing")], ""),
        (KEEP, [(0, [finding()]), (5, [finding(ended=END)]), (21, [])], [(None, "firing")], ""),
        (
            KEEP,
            [(0, [finding()]), (5, [finding(ended=END)]), (22, [])],
            [(None, "firing"), ("firing", "resolved")],
            ENDED,
        ),
        (KEEP, [(0, [finding()]), (5, [])], [(None, "firing"), ("firing", "resolved")], REVISED),
        (
            AT_ONCE,
            [(0, [finding()]), (5, [finding(ended=END)]), (10, [finding(revision=1)])],
            [(None, "firing"), ("firing", "resolved"), ("resolved", "firing")],
            "",
        ),
        (
            FOR,
            [(0, [finding()]), (5, [finding(ended=END)]), (10, [finding(revision=1)])],
            [(None, "pending"), ("pending", "resolved"), ("resolved", "pending")],
            "",
        ),
    ],
)
def test_an_alert_moves_along_the_table(
    rules: tuple[Rule, ...],
    course: list[tuple[int, list[Finding]]],
    expected: list[tuple[State | None, State]],
    resolution: str,
) -> None:
    run = Course(rules)
    for minutes, findings in course:
        last = run.step(minutes, findings)
    assert run.told == expected
    assert last.resolution == resolution
    assert (last.state == "resolved") == (last.ended_at is not None)


@pytest.mark.parametrize("findings", [[], [finding(ended=END)], [finding(verdict="small")]])
def test_what_is_over_or_small_gives_birth_to_no_alert(findings: list[Finding]) -> None:
    assert advance([], findings, AT_ONCE, NOON, TITLES) == ([], [])


def test_a_finding_that_no_rule_matches_alerts_nobody() -> None:
    assert advance([], [finding()], [Rule("other", signal="x")], NOON, TITLES) == ([], [])


def test_one_incident_seen_by_many_signals_is_one_alert_led_by_the_most_telling() -> None:
    seen = [
        finding("a", signal="duration", times_floor=1.5),
        finding("b", signal="refusal", times_floor=4.0, since=NOON),
        finding("c", signal="refusal", times_floor=3.6, since=NOON + MINUTE, slice={"tags.tenant": "globex"}),
    ]
    alerts, transitions = advance([], seen, AT_ONCE, NOON + HOUR, TITLES)
    assert len(alerts) == len(transitions) == 1
    assert alerts[0].findings == ["c", "b", "a"]
    assert (alerts[0].signal, alerts[0].slice) == ("refusal", {"tags.tenant": "globex"})
    assert alerts[0].severity == "critical"
    assert alerts[0].started_at == seen[0].since
    assert alerts[0].since_last == seen[2].since


def test_changes_that_began_and_came_up_hours_apart_are_two_alerts() -> None:
    run = Course()
    run.step(0, [finding("a")])
    run.step(61, [finding("a"), finding("b", since=NOON + HOUR)])
    assert [each.findings for each in run.alerts] == [["a"], ["b"]]


@pytest.mark.parametrize("onset", [-30 * HOUR, 0])
def test_changes_that_come_up_together_are_one_alert_whatever_their_onsets(onset: int) -> None:
    later = finding("b", since=NOON + onset, times_floor=1.0)
    together, _ = advance([], [finding("a", since=NOON - 5 * HOUR), later], AT_ONCE, NOON, TITLES)
    assert [each.findings for each in together] == [["a", "b"]]
    run = Course()
    run.step(0, [finding("a", since=NOON - 5 * HOUR)])
    run.step(60, [finding("a", since=NOON - 5 * HOUR), later])
    assert [each.findings for each in run.alerts] == [["a", "b"]]
    assert (run.alerts[0].started_at, run.alerts[0].since_last) == (
        min(NOON - 5 * HOUR, later.since),
        max(NOON - 5 * HOUR, later.since),
    )


def test_an_alert_speaks_for_what_tells_most_once_things_have_settled() -> None:
    run = Course(DEFAULT_RULES)
    first = [finding("a")]
    both = [*first, finding("b", signal="refusal", times_floor=9.0)]
    run.step(0, first)
    run.step(5, both)
    fired = run.step(15, both)
    assert run.told == [(None, "pending"), ("pending", "firing")]
    assert (fired.findings, fired.signal, fired.severity) == (["b", "a"], "refusal", "critical")
    assert fired.sentence.startswith("Refusals")


def test_a_later_finding_joins_and_leads_but_the_words_stay() -> None:
    run = Course()
    first = run.step(0, [finding("a")])
    second = run.step(5, [finding("a"), finding("b", signal="refusal", times_floor=9.0)])
    assert run.told == [(None, "firing")]
    assert second.findings == ["b", "a"]
    assert (second.sentence, second.signal, second.severity) == (first.sentence, "response_words", "warning")


def test_a_pending_alert_speaks_for_its_leader_of_now() -> None:
    run = Course(FOR)
    run.step(0, [finding("a")])
    later = run.step(5, [finding("a"), finding("b", signal="refusal", times_floor=9.0)])
    assert (later.state, later.signal) == ("pending", "refusal")


def test_an_alert_is_resolved_only_when_all_of_its_findings_are_over() -> None:
    run = Course()
    run.step(0, [finding("a"), finding("b")])
    half = run.step(5, [finding("a", ended=END), finding("b")])
    assert (half.state, half.findings, half.ended) == ("firing", ["b", "a"], {"a": END})
    whole = run.step(10, [finding("b", ended=END + MINUTE)])
    assert (whole.state, whole.ended_at) == ("resolved", END + MINUTE)


def test_a_resolved_alert_says_until_when_and_a_withdrawn_one_says_so() -> None:
    run = Course()
    said = run.step(0, [finding()]).sentence
    assert run.step(5, [finding(ended=END)]).sentence == said + " until 12:02 UTC"
    run = Course()
    run.step(0, [finding()])
    assert run.step(5, []).sentence == said + " (withdrawn: late data removed the evidence)"


def test_a_finding_whose_onset_was_revised_keeps_its_alert() -> None:
    run = Course()
    first = run.step(0, [finding("a")])
    revised = run.step(5, [finding("b", since=NOON - 35 * MINUTE)])
    assert (revised.id, revised.findings, revised.state) == (first.id, ["b"], "firing")
    assert run.told == [(None, "firing")]


def test_a_withdrawn_finding_that_comes_back_reopens_its_alert_instead_of_a_second_one_of_the_same_id() -> None:
    run = Course()
    run.step(0, [finding("a"), finding("b")])
    run.step(5, [finding("b")])
    run.step(10, [finding("b", ended=END)])
    run.step(15, [finding("a")])
    assert len(run.alerts) == 1
    assert run.told == [(None, "firing"), ("firing", "resolved"), ("resolved", "firing")]


def test_late_data_that_reopens_an_alert_and_shows_more_of_the_incident_makes_one_alert() -> None:
    run = Course()
    run.step(0, [finding("a")])
    run.step(5, [finding("a", ended=END)])
    again = run.step(10, [finding("a", revision=1), finding("b", signal="refusal", times_floor=1.0)])
    assert len(run.alerts) == 1
    assert again.findings == ["a", "b"]


def test_an_alert_that_fires_anew_has_a_new_time_of_firing_and_new_words() -> None:
    run = Course()
    first = run.step(0, [finding()])
    run.step(5, [finding(ended=END)])
    again = run.step(10, [finding(signal="refusal", revision=1)])
    assert (first.fired_at, again.fired_at) == (NOON, NOON + 10 * MINUTE)
    assert again.signal == "refusal"
    assert "until" not in again.sentence


def test_a_finding_in_an_open_alert_does_not_reopen_an_older_one_that_also_had_it() -> None:
    run = Course()
    run.step(0, [finding("a"), finding("b", times_floor=1.0)])
    [old] = run.alerts
    run.step(5, [finding("a", ended=END), finding("b", times_floor=1.0, ended=END)])
    [resolved] = run.alerts
    new, _ = advance([], [finding("b", times_floor=1.0)], AT_ONCE, NOON + HOUR, TITLES)
    assert new[0].id != old.id
    both, transitions = advance([resolved, *new], [finding("b", times_floor=1.0)], AT_ONCE, NOON + HOUR, TITLES)
    assert sorted(each.state for each in both) == ["firing", "resolved"]
    assert transitions == []


def test_the_shortest_patience_among_the_findings_decides() -> None:
    rules = (Rule("urgent", signal="error"), Rule("patient", for_=HOUR))
    run = Course(rules)
    assert run.step(0, [finding("a")]).state == "pending"
    assert run.step(5, [finding("a"), finding("b", signal="error", times_floor=1.0)]).state == "firing"


def test_alerts_of_other_applications_are_left_alone() -> None:
    alerts, _ = advance([], [finding("a"), finding("b", application="sales")], AT_ONCE, NOON, TITLES)
    assert {each.application for each in alerts} == {"support", "sales"}


def test_the_higher_revision_of_a_finding_counts() -> None:
    twice = [finding(ended=END, revision=1), finding()]
    assert advance([], twice, AT_ONCE, NOON, TITLES) == ([], [])


FINDINGS = st.builds(
    lambda number, since, ended, verdict, effect, tenant, signal, revision: finding(
        f"f{number}",
        since=NOON + since * 10 * MINUTE,
        ended=None if ended is None else NOON + ended * 10 * MINUTE,
        verdict=verdict,
        times_floor=effect,
        slice={"tags.tenant": tenant} if tenant else {},
        signal=signal,
        revision=revision,
    ),
    number=st.integers(0, 7),
    since=st.integers(0, 30),
    ended=st.none() | st.integers(0, 40),
    verdict=st.sampled_from(["finding", "finding", "no_data", "small", "calm"]),
    effect=st.sampled_from([0.0, 1.0, 2.5, 3.0, 9.0, float("inf"), float("nan")]),
    tenant=st.sampled_from(["", "acme", "globex"]),
    signal=st.sampled_from(["response_words", "refusal", "error"]),
    revision=st.integers(0, 1),
)
STEPS = st.lists(st.lists(FINDINGS, max_size=6, unique_by=lambda each: each.id), min_size=1, max_size=6)
RULES = st.sampled_from([DEFAULT_RULES, AT_ONCE, FOR, KEEP, (Rule("both", signal="r*", for_=HOUR, keep_firing_for=HOUR),)])


@settings(max_examples=150, deadline=None)
@given(STEPS, RULES, st.randoms(use_true_random=False), st.booleans())
def test_advancing_twice_is_advancing_once_and_order_does_not_matter(
    steps: list[list[Finding]], rules: tuple[Rule, ...], random: object, only_open: bool
) -> None:
    alerts: list[Alert] = []
    for number, findings in enumerate(steps):
        now = NOON + number * 30 * MINUTE
        given_ = [each for each in alerts if not only_open or each.state != "resolved"]
        alerts, transitions = advance(given_, findings, rules, now, TITLES)
        shuffled, backwards = list(findings), given_[::-1]
        random.shuffle(shuffled)  # type: ignore[attr-defined]
        assert repr(advance(backwards, shuffled, rules, now, TITLES)) == repr((alerts, transitions))
        open_now = [each for each in alerts if each.state != "resolved"]
        assert advance(alerts, findings, rules, now, TITLES) == (alerts, [])
        assert advance(open_now, findings, rules, now, TITLES) == (open_now, [])


@settings(max_examples=150, deadline=None)
@given(STEPS, RULES)
def test_every_lasting_match_is_in_exactly_one_open_alert_and_ids_are_unique(
    steps: list[list[Finding]], rules: tuple[Rule, ...]
) -> None:
    alerts: list[Alert] = []
    for number, findings in enumerate(steps):
        alerts, transitions = advance(alerts, findings, rules, NOON + number * 30 * MINUTE, TITLES)
        assert len({each.id for each in alerts}) == len(alerts)
        assert all(each.alert.state != each.before for each in transitions)
        holders = [id_ for each in alerts if each.state != "resolved" for id_ in each.findings]
        assert len(holders) == len(set(holders))
        lasting = {f.id for f in findings if f.ended is None and f.verdict in ("finding", "no_data")}
        if rules[-1].signal == "*":
            assert lasting <= set(holders)
        assert all(each.findings and each.sentence for each in alerts)


@settings(max_examples=150, deadline=None)
@given(STEPS, RULES, st.integers(5, 45))
def test_no_alert_is_born_within_an_hour_of_another_that_is_open(
    steps: list[list[Finding]], rules: tuple[Rule, ...], minutes: int
) -> None:
    alerts: list[Alert] = []
    for number, findings in enumerate(steps):
        now = NOON + number * minutes * MINUTE
        came_up = [each.pending_at for each in alerts if each.state != "resolved"]
        alerts, transitions = advance(alerts, findings, rules, now, TITLES)
        born = sum(each.before is None for each in transitions)
        assert born <= all(now - at > HOUR for at in came_up)
