"""What the demonstration says: alerts as they fire and resolve, and at the end which incidents they found."""

from collections.abc import Callable, Iterator

from alerts.numbers import clock
from monitor.demo.story import HOUR, Incident, Story
from monitor.page.routes import signal_path
from monitor.store import Store, alerts, findings
from records.alert import Alert
from records.finding import Finding

Say = Callable[[str], None]


class Teller:
    """Follows the alerts of one application in the store; `say` takes a line."""

    def __init__(self, store: Store, application: str, since: int, url: str, say: Say):
        self._store, self._application, self._since, self._url, self._say = store, application, since, url, say
        self._told: dict[str, str] = {}

    def look(self) -> None:
        """Say what changed since the last look."""
        with self._store.read() as c:
            standing = alerts.since(c, self._application, self._since)
        for alert in standing:
            if alert.fired_at is not None and self._told.get(alert.id) != alert.state:
                self._told[alert.id] = alert.state
                self._say(f"{'ALERT' if alert.state == 'firing' else 'over '}  {alert.sentence}")
                if alert.state == "firing":
                    dimension, value = next(iter(alert.slice.items()), ("", ""))
                    where = f"{dimension}:{value}" if dimension else ""
                    self._say(f"       {self._url}{signal_path(alert.application, alert.signal, slice=where)}")

    def summary(self, story: Story, reached: int) -> list[str]:
        """What became of each incident that was over by `reached`, and the alarms before the first."""
        with self._store.read() as c:
            fired = [a for a in alerts.since(c, self._application, self._since) if a.fired_at is not None]
            known = findings.by_ids(c, [id_ for alert in fired for id_ in alert.findings])
        past = [incident for incident in story.incidents if incident.end <= reached]
        lines, found = [], 0
        for incident in past:
            line, named = _verdict(incident, fired, known)
            lines.append(line)
            found += named
        early = sum((alert.fired_at or 0) <= story.incidents[0].start for alert in fired)
        return [*lines, f"incidents found: {found} of {len(past)}; alarms before the first incident: {early}"]


def _verdict(incident: Incident, fired: list[Alert], known: dict[str, Finding]) -> tuple[str, bool]:
    """A line about one incident, and whether an alert names it rightly: its slice, and one of its signals."""
    during = [a for a in fired if incident.start < (a.fired_at or 0) <= incident.end + HOUR]
    for alert in during:
        if alert.slice == incident.slice and alert.signal in incident.signals:
            return f"{incident.name}: found at {clock(alert.fired_at or 0)}: {alert.sentence}", True
    for alert in during:
        for finding in _parts(alert, known):
            if finding.slice == incident.slice and finding.signal in incident.signals:
                return f"{incident.name}: found at {clock(alert.fired_at or 0)}, within: {alert.sentence}", True
    if during:
        return f"{incident.name}: an alert, but of something else: {during[0].sentence}", False
    return f"{incident.name}: not found", False


def _parts(alert: Alert, known: dict[str, Finding]) -> Iterator[Finding]:
    return (known[id_] for id_ in alert.findings if id_ in known and known[id_].verdict == "finding")
