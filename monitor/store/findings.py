"""Findings: one row an episode, the whole record as a blob beside the columns that are searched."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, or_, select

from monitor.store.dialect import chunks, upsert
from monitor.store.paging import page
from monitor.store.tables import findings as table
from records.finding import Finding, Verdict

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Finding)


def put(c: Connection, findings: Sequence[Finding]) -> None:
    """Insert or replace by id."""
    upsert(c, table, [_row(finding) for finding in findings])


def since(c: Connection, application: str, since: int) -> list[Finding]:
    """Those that last or lasted at `since` or later: open, or ended at or after it. The oldest change first."""
    lasting = or_(table.c.ended.is_(None), table.c.ended >= since)
    rows = c.execute(
        select(table.c.body).where(table.c.application == application, lasting).order_by(table.c.since, table.c.id)
    )
    return [_decoder.decode(row.body) for row in rows]


def query(
    c: Connection,
    application: str | None = None,
    signal: str | None = None,
    verdict: Verdict | None = None,
    open_only: bool = False,
    limit: int = 50,
    cursor: str | None = None,
) -> tuple[list[Finding], str | None]:
    """The newest change first, and the cursor of the next page."""
    statement = select(table)
    for column, wanted in ((table.c.application, application), (table.c.signal, signal), (table.c.verdict, verdict)):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if open_only:
        statement = statement.where(table.c.ended.is_(None))
    rows, following = page(c, statement, [table.c.since, table.c.id], limit, cursor)
    return [_decoder.decode(row.body) for row in rows], following


def by_ids(c: Connection, ids: Sequence[str]) -> dict[str, Finding]:
    """Those of the ids that exist."""
    found = {}
    for chunk in chunks(ids):
        for row in c.execute(select(table.c.id, table.c.body).where(table.c.id.in_(chunk))):
            found[row.id] = _decoder.decode(row.body)
    return found


def _row(finding: Finding) -> dict[str, Any]:
    dimension, value = next(iter(finding.slice.items()), ("", ""))
    return {
        "id": finding.id,
        "application": finding.application,
        "dimension": dimension,
        "value": value,
        "signal": finding.signal,
        "baseline": finding.baseline,
        "since": finding.since,
        "ended": finding.ended,
        "verdict": finding.verdict,
        "body": _encoder.encode(finding),
    }
