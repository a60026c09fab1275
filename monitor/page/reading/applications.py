"""The list of applications."""

from monitor import reading
from monitor.config.models import Config
from monitor.page.reading.kept import Connection
from monitor.page.views import ApplicationRow, Severity
from monitor.store import alerts, counters, courses


def known_applications(c: Connection, config: Config) -> tuple[str, ...]:
    """Those that the configuration names and those that sent something, by name."""
    return tuple(sorted({*config.applications, *counters.load(c)}))


def read_applications(c: Connection, config: Config) -> tuple[ApplicationRow, ...]:
    """All applications with their state in words."""
    counted = {row.application: row for row in reading.applications(c)}
    rows = []
    for name in known_applications(c, config):
        found = counted.get(name)
        rows.append(_row(c, name, found.interactions if found else 0, found.watermark if found else None))
    return tuple(rows)


def _row(c: Connection, name: str, interactions: int, watermark: int | None) -> ApplicationRow:
    lasting = alerts.open_(c, name)
    severity: Severity | None = None
    if lasting:
        severity = "critical" if any(alert.severity == "critical" for alert in lasting) else "warning"
        state = f"{len(lasting)} {'alert' if len(lasting) == 1 else 'alerts'}"
    elif not interactions:
        state = "waiting for the first interaction"
    else:
        judged = courses.judged_through(c, name)
        learned = judged is not None and courses.calibrations(c, name, judged) is not None
        state = "nothing unusual" if learned else "learning what is usual"
    return ApplicationRow(name, interactions, len(lasting), severity, state, watermark)
