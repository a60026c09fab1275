"""What a signal's page says of its thresholds, of skew beside drift, and of an alert's findings."""

from collections.abc import Sequence

from alerts.baselines import label, phrase
from monitor import reading
from monitor.page import figures
from monitor.page.reading.incidents import Incident, finding_effect
from monitor.page.reading.names import shown, slice_key, slice_label
from monitor.page.views import Choice, Evidence, Moved, Part, Sentence, Why
from monitor.reading.saying import CHANGES, why

NARROW = "\u202f"
"""Between thousands in what the API says; the page has its own space."""


def reasons(found: Sequence[reading.Explained], shared: reading.Budget) -> tuple[Why, ...]:
    """Why each comparison of a signal alarms where it does."""
    return tuple(Why(one.comparison, label(one.baseline), why(one, shared).replace(NARROW, figures.SPACE)) for one in found)


def beside(found: Sequence[reading.Explained]) -> Sentence:
    """Skew and drift beside each other over the last 24 hours; empty where there are not both."""
    told = [one for one in found if one.comparison in ("skew", "drift") and one.day.times_floor == one.day.times_floor]
    if {one.comparison for one in told} != {"skew", "drift"}:
        return ()
    told.sort(key=lambda one: one.comparison == "drift")
    changes = {one.change for one in told if one.change is not None}
    parts = [Part(f"{words[:1].upper()}{words[1:]}: ", "strong") for words in (CHANGES[change] for change in changes)]
    effects = ", ".join(
        f"{figures.times(one.day.times_floor)} floor from {phrase(one.baseline)} ({one.comparison})" for one in told
    )
    return (*parts, Part(f"{'o' if parts else 'O'}ver the last 24 h {effects}."))


def moved(incident: Incident) -> tuple[Moved, ...]:
    """The findings of an alert, the leader first, the others in the order in which they began."""
    leader = incident.leader
    ordered = sorted(incident.findings, key=lambda f: (f is not leader, f.since, f.signal, f.id))
    rows = []
    for finding in ordered:
        dimension, value = next(iter(finding.slice.items()), ("", ""))
        silent = finding.verdict == "no_data"
        rows.append(
            Moved(
                finding.signal, shown(finding.signal).title, Choice(slice_key(dimension, value), slice_label(dimension, value)),
                "silence" if silent else f"{finding.comparison}, {label(finding.baseline)}", finding.since,
                finding.ended, None if silent else finding_effect(finding),
                None if silent else Evidence(finding.evidence, finding.threshold), finding is leader,
            )
        )  # fmt: skip
    return tuple(rows)
