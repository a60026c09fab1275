"""The applications that sent anything."""

import msgspec
from sqlalchemy import Connection

from monitor.store import alerts, counters, feedback, positions


class Unmatched(msgspec.Struct, frozen=True, kw_only=True):
    """Feedback that was not counted: why, how much, and how long after its interaction it came on average, seconds."""

    reason: str
    n: int
    age: float


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """One application: what was counted of it, exactly and over all time; `watermark` is the event time reached."""

    application: str
    interactions: int
    duplicates: int
    late: int
    refused: int
    watermark: int | None
    open_alerts: int
    unmatched: list[Unmatched]


def applications(c: Connection) -> list[Application]:
    """All of them, by name. `open_alerts` counts those that fire."""
    watermarks: dict[str, int] = {}
    for position in positions.all_(c).values():
        for name, watermark in position.watermarks.items():
            watermarks[name] = max(watermark, watermarks.get(name, watermark))
    rows = []
    for name, counted in sorted(counters.load(c).items()):
        firing = sum(alert.state == "firing" for alert in alerts.open_(c, name))
        lost = [Unmatched(**row._asdict()) for row in feedback.unmatched(c, name)]
        own = counted._asdict()
        rows.append(
            Application(application=name, **own, watermark=watermarks.get(name), open_alerts=firing, unmatched=lost)
        )  # fmt: skip
    return rows
