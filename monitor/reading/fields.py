"""Findings and alerts as people and programs outside read them: over HTTP and in the topics."""

from typing import Any

import msgspec

from alerts.numbers import rfc3339
from monitor.config.duration import format_duration
from monitor.reading.budget import Budget
from monitor.reading.comparisons import Explained
from monitor.reading.quality import METHODS, Quality
from monitor.reading.saying import why
from monitor.reading.told import Told
from records.finding import Finding
from records.window import Code

VERDICTS = {int(code): None if code is Code.ABSENT else code.name.lower() for code in Code}
"""Verdicts of windows as the API names them; null where nothing was compared."""

_FINDING = (
    "id", "application", "slice", "signal", "baseline", "comparison", "horizon", "window", "n", "reference_n", "since", "ended",
    "effect", "times_floor", "p", "evidence", "threshold", "verdict", "detectable", "revision", "reasons",
)  # fmt: skip


def time_field(at: int | None) -> str | None:
    """Microseconds as RFC 3339."""
    return None if at is None else rfc3339(at)


def finding_fields(finding: Finding) -> dict[str, Any]:
    """A finding as the API and the topics show it."""
    times = {
        "window": {"start": rfc3339(finding.window.start), "end": rfc3339(finding.window.end)},
        "since": rfc3339(finding.since),
        "ended": time_field(finding.ended),
    }
    return {name: getattr(finding, name) for name in _FINDING} | times


def comparison_fields(one: Explained, shared: Budget) -> dict[str, Any]:
    """A comparison as the API shows it."""
    fields: dict[str, Any] = msgspec.to_builtins(one)
    del fields["index"]
    dimension, value = fields.pop("dimension"), fields.pop("value")
    fields["past"]["since"], fields["base"]["learned"] = time_field(one.past.since), time_field(one.base.learned)
    told = {"slice": {dimension: value} if dimension else {}, "verdict": VERDICTS[one.verdict], "since": time_field(one.since)}
    return fields | told | {"why": why(one, shared)}


def quality_fields(one: Quality) -> dict[str, Any]:
    """A score as the API shows it: arrays by stretch, and the same of all of them together."""
    columns: dict[str, list[Any]] = {
        "estimate": one.value.tolist(),
        "low": one.low.tolist(),
        "high": one.high.tolist(),
        "method": [METHODS[method] for method in one.method.tolist()],
        "n_labels": one.n_labels.tolist(),
        "n_judged": one.n_judged.tolist(),
        "coverage": one.coverage.tolist(),
    }
    return {
        "evaluation": one.evaluation,
        "slice": {one.dimension: one.value_of} if one.dimension else {},
        "horizon": format_duration(one.step),
        "agreement": one.agreement and {"day": time_field(one.agreed_on), **msgspec.structs.asdict(one.agreement)},
        "total": {name: values[-1] for name, values in columns.items()},
        "start": [rfc3339(at) for at in one.start.tolist()],
        **{name: values[:-1] for name, values in columns.items()},
    }


def alert_fields(row: Told) -> dict[str, Any]:
    """An alert as the API and the topics show it."""
    alert = row.alert
    return {
        "id": alert.id,
        "number": row.number,
        "application": alert.application,
        "severity": alert.severity,
        "state": alert.state,
        "started_at": rfc3339(alert.started_at),
        "fired_at": time_field(alert.fired_at),
        "ended_at": time_field(alert.ended_at),
        "sentence": alert.sentence,
        "description": alert.description,
        "runbook_url": alert.runbook_url,
        "rule": alert.rule,
        "slice": alert.slice,
        "signal": alert.signal,
        "findings": alert.findings,
        "mark": alert.mark,
        "resolution": alert.resolution,
        "late": alert.late,
        "notifications": [
            {
                "receiver": n.receiver,
                "tells": n.state,
                "outcome": n.outcome,
                "attempts": n.attempts,
                "at": rfc3339(round(n.at * 1e6)) if n.at else None,
                "detail": n.detail,
            }
            for n in row.notifications
        ],
    }
