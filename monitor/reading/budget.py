"""How much of the false alarms that are accepted was spent, and the gauges that tell of it."""

from collections import Counter

import msgspec
import numpy as np
from sqlalchemy import Connection

from monitor.config.models import Config
from monitor.metrics import Metrics
from monitor.store import alerts, counters, courses
from records.alert import Alert
from records.window import decode_window


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """`spent` of `at_most` false alarms in `per` (microseconds) up to now, over so many `comparisons` of all applications."""

    at_most: float
    per: int
    spent: int
    left: float
    comparisons: int


def budget(c: Connection, config: Config, now: int) -> Budget:
    """The budget at `now`: every alert that fired in the period counts, unless somebody marked it as real."""
    allowed = config.false_alarms
    names = list(counters.load(c))
    fired = [
        alert for name in names for alert in alerts.since(c, name, now - allowed.per) if alert.started_at >= now - allowed.per
    ]
    spent = sum(alert.fired_at is not None and alert.mark != "real" for alert in fired)
    compared = sum(comparisons(c, name) for name in names)
    left = max(allowed.at_most - spent, 0.0)
    return Budget(at_most=allowed.at_most, per=allowed.per, spent=spent, left=left, comparisons=compared)


def comparisons(c: Connection, application: str) -> int:
    """Comparisons that the newest window could have judged: those with a threshold."""
    newest = courses.last(c, application)
    return int(np.isfinite(decode_window(newest[1]).threshold).sum()) if newest else 0


def show(c: Connection, config: Config, metrics: Metrics, now: int) -> None:
    """Set the gauges of alerts and of the budget at `now`."""
    for name in counters.load(c):
        metrics.alerts.replace(name, _by_state(alerts.open_(c, name)))
    spent = budget(c, config, now)
    metrics.budget_spent.set(spent.spent / spent.at_most)


def _by_state(standing: list[Alert]) -> list[tuple[dict[str, str], float]]:
    counts = Counter((alert.severity, alert.state) for alert in standing)
    return [({"severity": severity, "state": state}, float(n)) for (severity, state), n in counts.items()]
