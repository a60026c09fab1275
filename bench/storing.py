"""What an hour of stream leaves in PostgreSQL: 20 slices, all signals, by the rate of the stream.

    python -m bench.speed --only stored

The project's own code takes the records in and judges them; no broker. Of the highest rate one window is taken in and
counted twelve times: its hour has as many cells. Ids are kept apart: they grow with the interactions, not with the hours.
"""

import re
import time
from collections.abc import Iterator
from typing import Any

from bench.records_simulated import APPLICATION, SLICES, lines
from monitor.config import ConfigSource, parse
from monitor.judging import Judging
from monitor.metrics import Metrics
from monitor.partitions import Partitions
from monitor.store import Store
from records.window import DAY, HOUR, WINDOW
from streams.broker import INTERACTIONS
from streams.embedded import LogRecord
from streams.places import Place, Sight
from tests.store.databases import name, postgres

RATES = ((100, 30), (1_000, 3), (10_000, 1))
"""Interactions a second, and the windows that are taken in; from the 24th on comparisons are judged."""
AT_ONCE = 20_000
_TENANT = re.compile(rb'"tenant":"[a-z]+"')
TENANTS = 13
"""With three models, two versions and two reasons to finish these are 20 slices."""
CONFIG = f"applications: {{{APPLICATION}: {{slices: [{', '.join((*SLICES, 'finish_reason'))}], allowed_lateness: 0s}}}}"
SIZES = """SELECT step, count(DISTINCT (dimension, value)), count(*), sum(pg_column_size(panes.*)) FROM panes GROUP BY step"""
IDS = "SELECT sum(pg_column_size(recent_ids.*)) FROM recent_ids"
VERDICTS = "SELECT max(pg_column_size(courses.*)) FROM courses"


def records(per_second: int, windows: int, start: int) -> Iterator[list[LogRecord]]:
    """Batches of the one partition, a record for each 1,000 interactions, and at last one of the window that follows."""
    total, offset, accepted = per_second * 300 * windows, 0, start + 5 * HOUR
    batch: list[LogRecord] = []
    some: list[bytes] = []
    for number, line in enumerate(lines(total + 1, start, per_second=per_second)):
        some.append(_TENANT.sub(b'"tenant":"t%d"' % (number % TENANTS), line))
        if len(some) == 1_000 or number == total:
            batch.append(LogRecord(offset, "interactions", b"\n".join(some), accepted))
            offset, some = offset + 1, []
        if len(batch) * 1_000 >= AT_ONCE or number == total:
            yield batch
            batch = []


def stored(url: str, per_second: int, windows: int) -> None:
    """Take in, close and judge."""
    source, store = ConfigSource(parse(CONFIG, "bench", {})), Store(url)
    store.upgrade()
    now = time.time_ns() // 1000
    start, place = (now - 6 * HOUR) // HOUR * HOUR, Place(INTERACTIONS, 0)
    taking = Partitions(store, source, Metrics(), "bench", lambda letters: None, lambda: False)
    judging = Judging(store, source, Metrics(), _failed)
    taking.assigned([place], {INTERACTIONS: "one"}, now)
    end = 0
    for batch in records(per_second, windows, start):
        taking.ingest({place: batch}, now)
        end = batch[-1].offset + 1
        taking.look({place: Sight(end, now)}, now)
        judging.step(now)
    store.close()


def _failed(error: BaseException) -> None:
    raise error


def measured(per_second: int, windows: int) -> dict[str, Any]:
    """Bytes of an hour, and of an hour's share of its day; bytes of ids for each interaction."""
    import psycopg

    with postgres() as server:
        url = server.empty()
        stored(url, per_second, windows)
        with psycopg.connect(host=str(server.folder), user=server.user, dbname=name(url)) as c:
            by_step = {step: (slices, rows, int(size)) for step, slices, rows, size in c.execute(SIZES)}
            (ids,) = c.execute(IDS).fetchone() or (0,)
            (verdicts,) = c.execute(VERDICTS).fetchone() or (0,)
    slices, rows, size = by_step[WINDOW]
    of_windows = size / rows * slices * 12
    hours = by_step.get(HOUR)
    of_hours = hours[2] / hours[1] * slices if hours else of_windows / 12
    return {
        "per_second": per_second, "slices": slices - 1, "windows": of_windows, "hour": of_hours,
        "day_share": of_hours * (HOUR / DAY), "verdicts": int(verdicts) * 12,
        "ids_each": int(ids) / (per_second * 300 * windows),
    }  # fmt: skip
