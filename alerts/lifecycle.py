"""The life of an alert, as a pure function of its findings.

| state | what happens | next | told to receivers |
|---|---|---|---|
| - | a finding matches a rule and joins no open alert | pending, or firing at once if the rule's `for_` is 0 | if firing |
| pending | a finding has lasted `for_` since the alert was first seen | firing | yes |
| pending | all findings are over or withdrawn | resolved | no |
| firing | more findings of the same incident, or a better leader | firing, same words | no |
| firing | all findings are over, and `keep_firing_for` has passed | resolved | yes |
| firing | late data removed all findings | resolved, at once | yes |
| resolved | one of its findings lasts again (late data) | firing if it had fired, else as new | yes |

A finding is over when it has ended or fell under its floor, withdrawn when it is gone or a revision took its verdict.
What an alert says (sentence, description, slice, signal, rule, severity) follows its leader while it is pending and is
kept while it fires, so that receivers see one alert; when it resolves the sentence gains its end. If it fires anew, it
is worded anew. Times are event time, microseconds.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from alerts.grouping import incidents, nearest, telling_order
from alerts.rules import ALERTING, Rule, match_rule, severity_rank
from alerts.sentence import explain, sentence, until
from records.alert import Alert, Transition
from records.finding import Finding
from records.signal import Signal

ENDED = "the change is over"
UNFIRED = "the change was over before the alert fired"
REVISED = "revised: late data removed the evidence"
LATE = "revised: late data showed a change"


def advance(
    open_alerts: Sequence[Alert],
    findings: Sequence[Finding],
    rules: Sequence[Rule],
    now_event: int,
    titles: Mapping[str, Signal],
    late: Collection[str] = (),
) -> tuple[list[Alert], list[Transition]]:
    """The alerts given and those born, as they are at `now_event`, and the transitions that brought them there.

    `findings` holds every finding of the applications concerned that is open, or that ended or was revised since the
    last call: an alert's finding that neither is there nor had ended counts as withdrawn. `late`: ids of those that come
    of judging again, with data that came late. `open_alerts` may hold resolved ones too: they are left alone unless one
    of their findings lasts again. Both lists come back sorted by (started_at, id). Call it once per closed window, in
    order. Ids and texts depend on the arguments alone, so calling it again with its own result (with or without the
    resolved ones) changes nothing.
    """
    known: dict[str, Finding] = {}
    for finding in sorted(findings, key=lambda finding: finding.revision):
        known[finding.id] = finding
    matched = {finding.id: rule for finding in known.values() if (rule := match_rule(finding, rules))}
    given = {alert.id: alert for alert in open_alerts}
    grown = _gather(given, [finding for finding in known.values() if finding.id in matched], matched, now_event, late)
    owner = _owners(grown.values())
    result, transitions = [], []
    for alert in sorted(grown.values(), key=lambda alert: (alert.started_at, alert.id)):
        mine = {id_: known[id_] for id_ in alert.findings if id_ in known and owner[id_] == alert.id}
        after = _step(alert, mine, rules, matched, now_event, titles)
        before = alert.state if alert.id in given else None
        result.append(after)
        if after.state != before:
            reason = after.resolution or _reason(before, after)
            transitions.append(Transition(alert=after, before=before, at=now_event, reason=reason))
    return result, transitions


def _gather(
    given: Mapping[str, Alert], alertable: Sequence[Finding], matched: Mapping[str, Rule], now: int, late: Collection[str]
) -> dict[str, Alert]:
    """The alerts given, grown by the lasting findings that none of them has, and newborn alerts for the rest.

    A newborn whose id is that of an alert given (its first leader was withdrawn and came back) is that alert. A
    resolved alert that one of its findings opens again can be joined as well.
    """
    grown = dict(given)
    owner = _owners(given.values())
    lasting = [finding for finding in alertable if finding.ended is None]
    opened = {owner[finding.id] for finding in lasting if finding.id in owner}
    for incident in incidents([finding for finding in lasting if finding.id not in owner]):
        lead = telling_order(incident)[0]
        joinable = [alert for alert in grown.values() if alert.state != "resolved" or alert.id in opened]
        target = nearest(incident, joinable, now) or _born(lead, matched[lead.id], now, lead.id in late)
        grown[target.id] = _join(grown.get(target.id, target), incident)
        opened.add(target.id)
    return grown


def _owners(alerts: Iterable[Alert]) -> dict[str, str]:
    """Finding id to the id of the alert that has it; an open alert goes before a resolved one."""
    ordered = sorted(alerts, key=lambda alert: (alert.state != "resolved", alert.id))
    return {finding: alert.id for alert in ordered for finding in alert.findings}


def _alert_id(lead: Finding) -> str:
    return hashlib.sha256(f"{lead.application}\0{lead.id}".encode()).hexdigest()[:16]


def _born(lead: Finding, rule: Rule, now: int, late: bool) -> Alert:
    return Alert(
        id=_alert_id(lead),
        application=lead.application,
        rule=rule.name,
        severity=rule.severity,
        state="pending",
        started_at=lead.since,
        since_last=lead.since,
        pending_at=now,
        sentence="",
        slice=lead.slice,
        signal=lead.signal,
        findings=[],
        late=late,
    )


def _join(alert: Alert, incident: Sequence[Finding]) -> Alert:
    return msgspec.structs.replace(
        alert,
        findings=[*alert.findings, *(finding.id for finding in incident if finding.id not in alert.findings)],
        started_at=min(alert.started_at, incident[0].since),
        since_last=max(alert.since_last, incident[-1].since),
    )


def _step(
    alert: Alert,
    mine: Mapping[str, Finding],
    rules: Sequence[Rule],
    matched: Mapping[str, Rule],
    now: int,
    titles: Mapping[str, Signal],
) -> Alert:
    """One alert, moved along the table above; `mine` are its findings as they are now."""
    live = telling_order([finding for finding in mine.values() if _lasts(finding)])
    if not live:
        return alert if alert.state == "resolved" else _over(alert, mine, rules, now)
    ended = _ended(alert, mine)
    alert = msgspec.structs.replace(
        alert,
        findings=[*(finding.id for finding in live), *(id_ for id_ in alert.findings if id_ in ended)],
        ended=ended,
    )
    if alert.state == "firing":
        return alert
    if alert.state == "resolved":
        state = "firing" if alert.fired_at is not None else "pending"
        alert = msgspec.structs.replace(alert, state=state, pending_at=now, ended_at=None, resolution="")
    alert = _word(alert, live, matched, titles)
    waits = [matched[finding.id].for_ for finding in live if finding.id in matched]
    if alert.state == "firing" or (waits and now - alert.pending_at >= min(waits)):
        return msgspec.structs.replace(alert, state="firing", fired_at=now)
    return alert


def _lasts(finding: Finding) -> bool:
    return finding.ended is None and finding.verdict in ALERTING


def _ended(alert: Alert, mine: Mapping[str, Finding]) -> dict[str, int]:
    """Ends of those findings of an alert that are over, sorted by id; what was withdrawn is in neither."""
    ends = {id_: end for id_, end in alert.ended.items() if id_ not in mine}
    for finding in mine.values():
        if finding.verdict in ALERTING and finding.ended is not None:
            ends[finding.id] = finding.ended
        elif finding.verdict not in ALERTING and finding.revision == 0:
            ends[finding.id] = finding.window.end
    return dict(sorted(ends.items()))


def _over(alert: Alert, mine: Mapping[str, Finding], rules: Sequence[Rule], now: int) -> Alert:
    """An open alert none of whose findings lasts: resolved, or firing on for its rule's `keep_firing_for`."""
    ended = _ended(alert, mine)
    if not ended:
        return _resolve(alert, now, REVISED)
    end = max(ended.values())
    alert = msgspec.structs.replace(alert, findings=[id_ for id_ in alert.findings if id_ in ended], ended=ended)
    keep = next((rule.keep_firing_for for rule in rules if rule.name == alert.rule), 0)
    if alert.state == "firing" and now < end + keep:
        return alert
    return _resolve(alert, end, ENDED if alert.state == "firing" else UNFIRED)


def _resolve(alert: Alert, end: int, resolution: str) -> Alert:
    return msgspec.structs.replace(
        alert,
        state="resolved",
        ended_at=end,
        resolution=resolution,
        sentence=until(alert.sentence, alert.started_at, end, withdrawn=resolution == REVISED),
    )


def _word(alert: Alert, live: Sequence[Finding], matched: Mapping[str, Rule], titles: Mapping[str, Signal]) -> Alert:
    """What the alert says, after its leader; as severe as the most severe of its findings."""
    lead = live[0]
    severities = [matched[finding.id].severity for finding in live if finding.id in matched] or [alert.severity]
    rule = matched.get(lead.id)
    return msgspec.structs.replace(
        alert,
        rule=rule.name if rule else alert.rule,
        severity=min(severities, key=severity_rank),
        runbook_url=rule.runbook_url if rule else alert.runbook_url,
        sentence=sentence(lead, titles),
        description=explain(lead) + (f"\n{LATE}" if alert.late else ""),
        slice=lead.slice,
        signal=lead.signal,
    )


def _reason(before: str | None, after: Alert) -> str:
    if before == "resolved":
        return "late data: the change lasts again"
    if before == "pending":
        return "the change lasted"
    found = LATE if after.late else "a change was found"
    return f"{found}; it has not lasted long enough to fire" if after.state == "pending" else found
