"""Findings and alerts for the tests of alerts: one place for the fields that a test does not care about."""

from dataclasses import replace
from typing import Any

import msgspec

from alerts.rules import DEFAULT_RULES
from records.alert import Alert
from records.finding import Finding, Span
from records.signal import Kind, Signal

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NOON = 1_763_726_400_000_000
"""2025-11-21 12:00 UTC, microseconds."""

AT_ONCE = tuple(replace(rule, for_=0) for rule in DEFAULT_RULES)
"""The default rules without their settling: for tests of what comes after it."""

TITLES = {
    "response_words": Signal("response_words", Kind.NUMERIC, "response words", "style", unit="words"),
    "duration": Signal("duration", Kind.NUMERIC, "duration", "performance", unit="s"),
    "refusal": Signal("refusal", Kind.BOOLEAN, "refusals", "quality", worse="up"),
    "model": Signal("model", Kind.CATEGORICAL, "model", "traffic"),
    "digit_share": Signal("digit_share", Kind.NUMERIC, "digits in responses", "style", unit="share"),
}

BASE = Finding(
    id="f1",
    application="support",
    slice={},
    signal="response_words",
    baseline="trailing:7d",
    comparison="drift",
    horizon="5m",
    window=Span(NOON - 5 * MINUTE, NOON),
    since=NOON - 30 * MINUTE,
    n=1200,
    reference_n=50_000,
    effect={"js": 0.18, "smd": 0.42},
    times_floor=2.1,
    p=1e-4,
    evidence=31.0,
    threshold=9.4,
    verdict="finding",
)
ALERT = Alert(
    id="a1",
    application="support",
    rule="change",
    severity="warning",
    state="firing",
    started_at=NOON - 30 * MINUTE,
    fired_at=NOON,
    sentence="Response words rose from 96 to 148 since 11:30 UTC",
    description="more",
    slice={"tags.tenant": "acme"},
    signal="response_words",
    findings=["f1"],
)


def finding(id_: str = "f1", **changes: Any) -> Finding:
    return msgspec.structs.replace(BASE, id=id_, **changes)


def alert(**changes: Any) -> Alert:
    return msgspec.structs.replace(ALERT, **changes)
