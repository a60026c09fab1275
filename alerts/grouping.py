"""Grouping: findings that began together, or came to light together, are one incident, and one incident is one alert.

Two onsets (`since`) at most an hour apart belong together, and so does what is chained to them by such steps. An onset
is where evidence was last 0, which luck can move back: so a finding also joins an alert that came up at most an hour
ago. What a golden set says of a judge is never part of an application's incident, nor the other way round: which of the
two it is, is what the alert is for. The result does not depend on the order in which findings are handed in.
"""

from collections.abc import Sequence

from records.alert import Alert
from records.finding import Finding
from records.signal import JUDGES

TOGETHER = 3_600_000_000
"""Onsets at most this far apart are one incident (event time, microseconds)."""

AS_TELLING = 0.8
"""Findings with at least this share of the largest effect compete by how narrow their slice is."""


def telling_order(findings: Sequence[Finding]) -> list[Finding]:
    """Findings with the leader first, the others by falling effect, then id.

    The leader: among those whose effect (multiples of its floor) reaches 80 % of the largest, the one with the
    narrowest slice (most dimensions named; all traffic names none); of those the one of the largest effect, then the
    lowest id. NaN counts as no effect.
    Signals of data quality echo what another signal says more plainly: they lead only where there is no other.
    """
    ranked = sorted(findings, key=lambda finding: (_echoes(finding), -_effect(finding), finding.id))
    if not ranked:
        return []
    plain = [finding for finding in ranked if _echoes(finding) == _echoes(ranked[0])]
    near = [finding for finding in plain if _effect(finding) >= AS_TELLING * _effect(plain[0])]
    leader = min(near, key=lambda finding: -len(finding.slice))
    return [leader, *(finding for finding in ranked if finding is not leader)]


def incidents(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Findings of each application, chained by onset into incidents; each incident sorted by onset, then id."""
    groups: list[list[Finding]] = []
    for finding in sorted(findings, key=lambda finding: (*_about(finding), finding.since, finding.id)):
        last = groups[-1][-1] if groups else None
        if last and _about(last) == _about(finding) and finding.since - last.since <= TOGETHER:
            groups[-1].append(finding)
        else:
            groups.append([finding])
    return groups


def nearest(incident: Sequence[Finding], alerts: Sequence[Alert], now: int) -> Alert | None:
    """The open alert that an incident belongs to: of those that came up at most an hour before `now`, or whose range of
    onsets is at most an hour from the incident's, the one of the nearest onsets; ties: the earlier, then by id."""
    first, last = incident[0].since, incident[-1].since
    near = [
        (gap, alert.started_at, alert.id, alert)
        for alert in alerts
        if _about(alert) == _about(incident[0])
        and ((gap := _gap(alert, first, last)) <= TOGETHER or now - alert.pending_at <= TOGETHER)
    ]
    return min(near, key=lambda row: row[:3])[3] if near else None


def _about(one: Finding | Alert) -> tuple[str, bool]:
    """The application, and whether it is one of its judges that this speaks of."""
    return one.application, one.signal.startswith(JUDGES)


def _gap(alert: Alert, first: int, last: int) -> int:
    return max(0, alert.started_at - last, first - max(alert.started_at, alert.since_last))


def _echoes(finding: Finding) -> bool:
    return finding.signal.startswith("quality.")


def _effect(finding: Finding) -> float:
    return max(0.0, finding.times_floor) if finding.times_floor == finding.times_floor else 0.0
