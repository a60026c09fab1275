"""Runs of conversations that are not over: what batches counted of them since windows closed last, and what is open.

Batches only add rows, and an application's judge alone takes them, so that nobody waits. Bodies are frames as Arrow's IPC
streams, whose columns are signals.runs.SCHEMA and the slices.
"""

from io import BytesIO

import polars as pl
from sqlalchemy import Connection, delete, insert, select

from monitor.store.dialect import chunks, upsert
from monitor.store.tables import open_runs, run_parts


def append(c: Connection, application: str, start: int, accepted_at: int, pieces: pl.DataFrame) -> None:
    """Add what a batch counted of the window at `start`; `accepted_at` is wall clock, microseconds."""
    row = {"application": application, "start": start, "accepted_at": accepted_at, "body": _encoded(pieces)}
    c.execute(insert(run_parts), row)


def take(c: Connection, application: str, end: int) -> tuple[list[pl.DataFrame], int]:
    """What is open, and what was added of windows before `end`, which nobody gets again; and when the newest was accepted.

    What is not over is to be handed back by `put`.
    """
    t = run_parts.c
    added = c.execute(select(t.id, t.accepted_at, t.body).where(t.application == application, t.start < end)).all()
    for ids in chunks([row.id for row in added]):
        c.execute(delete(run_parts).where(t.id.in_(ids)))
    held = c.execute(select(open_runs.c.accepted_at, open_runs.c.body).where(open_runs.c.application == application)).all()
    rows = [(row.accepted_at, row.body) for row in (*held, *added)]
    return [_decoded(body) for _, body in rows], max((at for at, _ in rows), default=0)


def put(c: Connection, application: str, accepted_at: int, runs: pl.DataFrame) -> None:
    """Keep the runs that are open, in place of those that were."""
    oldest = runs["last"].min() if len(runs) else None
    if oldest is None:
        c.execute(delete(open_runs).where(open_runs.c.application == application))
    else:
        row = {"application": application, "oldest": oldest, "accepted_at": accepted_at, "body": _encoded(runs)}
        upsert(c, open_runs, [row])


def oldest(c: Connection, application: str) -> int | None:
    """Event time of the last interaction of the run that had none for longest; None where no run is open."""
    found = c.execute(select(open_runs.c.oldest).where(open_runs.c.application == application)).scalar()
    return None if found is None else int(found)


def delete_before(c: Connection, accepted_at: int) -> None:
    """Forget runs of applications that sent nothing since then."""
    for table in (run_parts, open_runs):
        c.execute(delete(table).where(table.c.accepted_at < accepted_at))


def _encoded(runs: pl.DataFrame) -> bytes:
    body = BytesIO()
    runs.write_ipc_stream(body, compression="zstd")
    return body.getvalue()


def _decoded(body: bytes) -> pl.DataFrame:
    return pl.read_ipc_stream(body)
