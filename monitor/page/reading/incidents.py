"""Alerts as the page shows them: rows, the stretches they cover, the signals that moved with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log

from alerts.sentence import moved_words, without
from detectors.budget import DEFAULT_FLOOR
from monitor.page import figures
from monitor.page.reading.kept import Connection
from monitor.page.reading.names import slice_key, slice_label
from monitor.page.views import AlertMark, AlertRow, AlertState, Effect, Evidence, Part, Period, Sentence, Severity, TimeAxis
from monitor.store import alerts as stored
from records.alert import Alert
from records.finding import Finding
from records.window import DAY

LOOK_BACK = 15 * DAY
"""Alerts that began earlier and are over are not looked for."""
SHOWN_FOR = DAY
"""How long a resolved alert stays on the overview."""
_STATES = ("firing", "pending", "resolved")


@dataclass(frozen=True, slots=True)
class Incident:
    """An alert with its number and its findings, the leading one first (None where it is not known)."""

    alert: Alert
    number: int
    findings: tuple[Finding, ...]

    @property
    def state(self) -> AlertState:
        """Pending, firing or resolved."""
        return self.alert.state

    @property
    def severity(self) -> Severity:
        """One of the two that the page has shapes for."""
        return "critical" if self.alert.severity == "critical" else "warning"

    @property
    def leader(self) -> Finding | None:
        """The finding that the alert's sentence speaks of."""
        alert = self.alert
        told = (f for f in self.findings if f.signal == alert.signal and f.slice == alert.slice)
        return next(told, None)

    def about(self, signal: str, dimension: str, value: str) -> list[Finding]:
        """Its findings of one signal in one slice."""
        where = {dimension: value} if dimension else {}
        return [f for f in self.findings if f.signal == signal and f.slice == where]


def read_incidents(c: Connection, application: str, now: int, since: int, known: Sequence[Finding]) -> list[Incident]:
    """Alerts that are open or ended at `since` or later, with those of their findings that are `known`.

    Firing, pending, resolved; of each the newest first.
    """
    found = [a for a in stored.since(c, application, since - LOOK_BACK) if a.ended_at is None or a.ended_at >= since]
    numbers = stored.numbers(c, [alert.id for alert in found])
    findings = {finding.id: finding for finding in known}
    out = [
        Incident(alert, numbers[alert.id], tuple(findings[id_] for id_ in alert.findings if id_ in findings))
        for alert in found
        if alert.started_at < now
    ]
    return sorted(out, key=lambda one: (_STATES.index(one.state), one.severity != "critical", -one.alert.started_at))


def candidates(js: float | None, smd: float | None, ratio: float | None, detectable: float | None = None) -> list[Effect]:
    """The effects that are known, each with its own multiple of its floor."""
    found = []
    if js is not None and js == js:
        found.append(Effect("js", js, DEFAULT_FLOOR.js, js / DEFAULT_FLOOR.js, detectable))
    if smd is not None and smd == smd:
        found.append(Effect("smd", smd, DEFAULT_FLOOR.smd, abs(smd) / DEFAULT_FLOOR.smd))
    if ratio is not None and ratio > 0:
        found.append(Effect("ratio", ratio, DEFAULT_FLOOR.ratio, abs(log(ratio)) / log(DEFAULT_FLOOR.ratio)))
    return found


def finding_effect(finding: Finding) -> Effect | None:
    """The effect that a finding reports: the measure that its multiple of the floor comes from."""
    known = finding.effect
    if (distance := known.get("mahalanobis")) is not None:
        return Effect("mahalanobis", distance, DEFAULT_FLOOR.mahalanobis, finding.times_floor, finding.detectable)
    found = candidates(known.get("js"), known.get("smd"), known.get("ratio"), finding.detectable)
    return min(found, key=lambda effect: abs(effect.times_floor - finding.times_floor), default=None)


def window_effect(js: float, smd: float, floors: float, grew: bool, detectable: float | None) -> Effect | None:
    """The effect of one window, which keeps no ratio of shares: where that alone explains `floors` it is derived from it."""
    if js != js and smd == smd:  # vectors have no cells
        floor = DEFAULT_FLOOR.mahalanobis
        return Effect("mahalanobis", smd, floor, floors if floors == floors else smd / floor, detectable)
    found = candidates(js, smd, None, detectable)
    best = max(found, key=lambda effect: effect.times_floor, default=None)
    if best is None or floors != floors or floors <= best.times_floor * 1.001:
        return best
    ratio = exp(floors * log(DEFAULT_FLOOR.ratio))
    return Effect("ratio", ratio if grew else 1 / ratio, DEFAULT_FLOOR.ratio, floors)


def sentence_of(alert: Alert) -> Sentence:
    """What an alert says without its time, which stands beside it, slices set apart."""
    said, since, rest = alert.sentence.rpartition(" since ")
    note = rest[rest.index(" (") :] if "withdrawn" in rest and " (" in rest else ""
    codes = [f"{name.removeprefix('tags.')}={value}" for name, value in alert.slice.items()]
    return figures.parts(f"{said}{note}" if since else alert.sentence, codes)


def alert_row(incident: Incident) -> AlertRow:
    """An alert as a row of the overview."""
    alert, leader = incident.alert, incident.leader
    dimension, value = next(iter(alert.slice.items()), ("", ""))
    silent = leader is not None and leader.verdict == "no_data"
    judged = leader is not None and not silent
    return AlertRow(
        id=str(incident.number),
        state=incident.state,
        severity=incident.severity,
        sentence=sentence_of(alert),
        cause=_cause(incident),
        signal=alert.signal,
        slice=slice_key(dimension, value),
        since=alert.started_at,
        ended=alert.ended_at,
        n=leader.n if leader else 0,
        effect=finding_effect(leader) if leader and judged else None,
        evidence=Evidence(leader.evidence, leader.threshold) if leader and judged else None,
    )


def _cause(incident: Incident) -> Sentence:
    """Who moved as well, what it comes from, and the words that came with it."""
    leader, parts = incident.leader, []
    if incident.state == "resolved" or leader is None:
        return ()
    others = {f.signal for f in incident.findings if f.ended is None} - {leader.signal}
    slices = {slice_label(*next(iter(f.slice.items()))) for f in incident.findings if f.slice and f.signal == leader.signal}
    also = sorted(slices - {slice_label(*next(iter(leader.slice.items()), ("", "")))})[:2]
    if also:
        parts.append(Part("Also in "))
        for i, label in enumerate(also):
            parts += [Part(", ")] * bool(i) + [Part(label, "code")]
        parts.append(Part(". "))
    if others:
        many = "signal" if len(others) == 1 else "signals"
        parts.append(Part(f"{len(others)} other {many} moved with it, marked ↳ {incident.number} below."))
    said = [without(one) for one in leader.reasons.slices[:1]] + moved_words(leader.reasons)
    if said:
        text = "; ".join(said)
        parts.append(Part(f"{' ' if others else ''}{text[:1].upper()}{text[1:]}."))
    return tuple(parts)


def period(incident: Incident, axis: TimeAxis, since: int, ended: int | None, label: str) -> Period | None:
    """The steps of the axis that a stretch covers; None where it lies outside."""
    first = max((since - axis.start) // axis.step, 0)
    last = axis.count - 1 if ended is None else min((ended - 1 - axis.start) // axis.step, axis.count - 1)
    if last < first or first >= axis.count:
        return None
    return Period(first, last, incident.state, incident.severity, str(incident.number), label)


def resolved_label(incident: Incident) -> str:
    """What stands beside the stretch of an alert that is over."""
    ended = incident.alert.ended_at
    return f"#{incident.number} resolved {figures.clock(ended)}" if ended is not None else ""


def marks(incidents: Sequence[Incident]) -> Mapping[str, AlertMark]:
    """How signals take part in open alerts: the one they lead, else the first that they moved with."""
    out: dict[str, AlertMark] = {}
    for incident in incidents:
        if incident.state == "resolved":
            continue
        number, leads = str(incident.number), incident.alert.signal
        for signal in [leads, *(f.signal for f in incident.findings if f.ended is None)]:
            if signal not in out or (signal == leads and not out[signal].leads):
                out[signal] = AlertMark(number, incident.state, signal == leads)
    return out
