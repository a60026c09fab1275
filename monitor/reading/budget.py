"""How much of the false alarms that are accepted was spent, and the gauges that tell of it."""

from collections import Counter

import msgspec
import numpy as np
from sqlalchemy import Connection

from detectors.episodes import TRAFFIC
from monitor.config.models import Config
from monitor.metrics import Metrics
from monitor.store import alerts, counters, courses
from records.alert import Alert, Mark
from records.window import decode_window


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that spent of the budget."""

    id: str
    number: int
    application: str
    started_at: int
    mark: Mark | None
    sentence: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What one application compares and spent; `share` is how many of the false alarms it may raise."""

    application: str
    comparisons: int
    share: float
    spent: int


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """`spent` of `at_most` false alarms in `per` (microseconds) up to now, over so many `comparisons` of all applications.

    `share` is that of one comparison: they are all equal. `alerts` are those that spent, the newest first.
    """

    at_most: float
    per: int
    spent: int
    left: float
    comparisons: int
    share: float
    applications: list[Part]
    alerts: list[Spent]


def budget(c: Connection, config: Config, now: int) -> Budget:
    """The budget at `now`: every alert that fired in the period counts, unless somebody marked it as real.

    Silence is outside the budget: no traffic is no matter of luck.
    """
    allowed = config.false_alarms
    compared = {name: comparisons(c, name) for name in counters.load(c)}
    every = max(sum(compared.values()), 1)
    began = now - allowed.per
    spent = [alert for name in compared for alert in alerts.since(c, name, began) if _spends(alert, began)]
    spent.sort(key=lambda alert: (-alert.started_at, alert.id))
    counts = Counter(alert.application for alert in spent)
    numbers = alerts.numbers(c, [alert.id for alert in spent])
    return Budget(
        at_most=allowed.at_most, per=allowed.per, spent=len(spent), left=max(allowed.at_most - len(spent), 0.0),
        comparisons=sum(compared.values()), share=allowed.at_most / every,
        applications=[
            Part(application=name, comparisons=n, share=allowed.at_most * n / every, spent=counts[name])
            for name, n in compared.items()
        ],
        alerts=[
            Spent(id=alert.id, number=numbers[alert.id], application=alert.application, started_at=alert.started_at,
                  mark=alert.mark, sentence=alert.sentence)
            for alert in spent
        ],
    )  # fmt: skip


def _spends(alert: Alert, since: int) -> bool:
    fired = alert.fired_at is not None and alert.started_at >= since
    return fired and alert.mark != "real" and alert.signal != TRAFFIC


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
