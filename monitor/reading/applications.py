"""The applications that sent anything."""

import msgspec
from sqlalchemy import Connection

from monitor.store import alerts, counters, positions


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """One application: what was counted of it, exactly and over all time; `watermark` is the event time reached."""

    application: str
    interactions: int
    duplicates: int
    late: int
    refused: int
    watermark: int | None
    open_alerts: int


def applications(c: Connection) -> list[Application]:
    """All of them, by name. `open_alerts` counts those that fire."""
    watermarks: dict[str, int] = {}
    for position in positions.all_(c).values():
        for name, watermark in position.watermarks.items():
            watermarks[name] = max(watermark, watermarks.get(name, watermark))
    rows = []
    for name, counted in sorted(counters.load(c).items()):
        firing = sum(alert.state == "firing" for alert in alerts.open_(c, name))
        reached = watermarks.get(name)
        rows.append(Application(application=name, **counted._asdict(), watermark=reached, open_alerts=firing))
    return rows
