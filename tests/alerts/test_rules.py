"""Which rule a finding meets."""

import math

import pytest

from alerts.rules import DEFAULT_RULES, Rule, match_rule
from records.finding import Finding
from tests.alerts.make import finding

TENANT = {"tags.tenant": "acme"}


@pytest.mark.parametrize(
    ("subject", "rule", "severity"),
    [
        (finding(times_floor=1.0), "change", "warning"),
        (finding(times_floor=2.99), "change", "warning"),
        (finding(times_floor=3.0), "large_change", "critical"),
        (finding(times_floor=math.inf), "large_change", "critical"),
        (finding(times_floor=math.nan), "change", "warning"),
        (finding(comparison="decay", times_floor=1.0), "performance_decay", "critical"),
        (finding(signal="error", times_floor=1.1), "error", "critical"),
        (finding(verdict="no_data", times_floor=0.0), "no_data", "critical"),
        (finding(signal="no_data", verdict="no_data", times_floor=0.0), "no_data", "critical"),
    ],
)
def test_the_default_rules_give_a_finding_its_severity(subject: Finding, rule: str, severity: str) -> None:
    matched = match_rule(subject, DEFAULT_RULES)
    assert matched is not None
    assert (matched.name, matched.severity) == (rule, severity)


@pytest.mark.parametrize("verdict", ["small", "calm", "calibrating", "too_few"])
def test_other_verdicts_meet_no_rule(verdict: str) -> None:
    assert match_rule(finding(verdict=verdict, times_floor=9.0), DEFAULT_RULES) is None


@pytest.mark.parametrize(
    ("rule", "subject", "matches"),
    [
        (Rule("r", application="sup*"), finding(), True),
        (Rule("r", application="sales"), finding(), False),
        (Rule("r", signal="response_*"), finding(), True),
        (Rule("r", signal="Response_*"), finding(), False),
        (Rule("r", comparison="skew"), finding(), False),
        (Rule("r", slice=""), finding(), True),
        (Rule("r", slice=""), finding(slice=TENANT), False),
        (Rule("r", slice="?*"), finding(), False),
        (Rule("r", slice="tags.tenant=a*"), finding(slice=TENANT), True),
        (Rule("r", slice="model=m,tags.tenant=acme"), finding(slice={**TENANT, "model": "m"}), True),
        (Rule("r", effect_at_least=2.2), finding(times_floor=2.1), False),
        (Rule("r", effect_at_least=2.2), finding(verdict="no_data", times_floor=0.0), True),
        (Rule("r", effect_at_least=2.2), finding(times_floor=math.nan), False),
    ],
)
def test_a_rule_matches_when_all_of_its_globs_do(rule: Rule, subject: Finding, matches: bool) -> None:
    assert (match_rule(subject, [rule]) is rule) is matches


def test_the_first_rule_that_matches_decides() -> None:
    first, second = Rule("first", signal="x"), Rule("second")
    assert match_rule(finding(), [first, second, Rule("third")]) is second
    assert match_rule(finding(), []) is None
