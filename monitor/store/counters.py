"""What was counted of each application over all time, exactly: added to in the transaction of the batch."""

from operator import add as plus
from typing import NamedTuple

from sqlalchemy import Connection, select

from monitor.store.dialect import upsert
from monitor.store.tables import counters


class Counters(NamedTuple):
    """Interactions counted, and those dropped as duplicates, that came late, and that were refused."""

    interactions: int = 0
    duplicates: int = 0
    late: int = 0
    refused: int = 0


def add(c: Connection, application: str, interactions: int = 0, duplicates: int = 0, late: int = 0, refused: int = 0) -> None:
    """Add to the counters of an application."""
    more = Counters(interactions, duplicates, late, refused)
    upsert(c, counters, [{"application": application, **more._asdict()}], dict.fromkeys(Counters._fields, plus))


def load(c: Connection) -> dict[str, Counters]:
    """The counters of all applications."""
    return {name: Counters(*counts) for name, *counts in c.execute(select(counters))}
