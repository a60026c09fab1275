"""Panes as blobs (records.pane_codec). A row belongs to one partition, so it has one writer; readers merge the partials.

`step` is a pane's width in microseconds: minutes, and what they are rolled up to.
"""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, delete, func, select, tuple_
from sqlalchemy.sql.elements import ColumnElement

from monitor.store.dialect import chunks, stream, upsert
from monitor.store.tables import panes as table
from streams.panes import PaneKey

_KEY = (table.c.application, table.c.dimension, table.c.value, table.c.start)


def put(
    c: Connection,
    topic: str,
    partition: int,
    step: int,
    panes: Mapping[PaneKey, bytes],
    sizes: Mapping[PaneKey, int],
) -> None:
    """Insert or replace panes; `sizes` holds how many interactions each is of."""
    own = {"topic": topic, "partition": partition, "step": step}
    upsert(c, table, [{**own, **key._asdict(), "n": sizes[key], "pane": pane} for key, pane in panes.items()])


def get(c: Connection, topic: str, partition: int, step: int, keys: Sequence[PaneKey]) -> dict[PaneKey, bytes]:
    """Those of the keys that one partition has."""
    found = {}
    for chunk in chunks(keys):
        statement = select(*_KEY, table.c.pane).where(*_own(topic, partition, step), tuple_(*_KEY).in_(chunk))
        for application, dimension, value, start, pane in c.execute(statement):
            found[PaneKey(application, dimension, value, start)] = pane
    return found


def between(
    c: Connection,
    application: str,
    step: int,
    since: int,
    until: int,
    dimension: str | None = None,
    value: str | None = None,
) -> Iterator[tuple[PaneKey, bytes]]:
    """The partials of all partitions that start in [since, until), ordered by start; a key may come more than once.

    Without `dimension` all slices, with it only its own (`""`: all traffic), with `value` that one alone.
    """
    statement = select(*_KEY, table.c.pane).where(*_span(application, step, since, until))
    if dimension is not None:
        statement = statement.where(table.c.dimension == dimension)
    if value is not None:
        statement = statement.where(table.c.value == value)
    order = (table.c.start, table.c.dimension, table.c.value, table.c.topic, table.c.partition)
    for row in stream(c, statement.order_by(*order), 200):
        yield PaneKey._make(row[:4]), row.pane


def sizes(c: Connection, application: str, step: int, since: int, until: int) -> Iterator[tuple[PaneKey, int]]:
    """How many interactions the panes hold, as `between`, without reading them."""
    statement = select(*_KEY, table.c.n).where(*_span(application, step, since, until)).order_by(table.c.start)
    for row in stream(c, statement, 1000):
        yield PaneKey._make(row[:4]), row.n


def earliest(c: Connection, application: str, step: int, since: int) -> int | None:
    """The first start at or after `since`; None where there is none."""
    mine = (table.c.application == application, table.c.step == step, table.c.start >= since)
    start = c.execute(select(func.min(table.c.start)).where(*mine)).scalar()
    return None if start is None else int(start)


def delete_partials(c: Connection, application: str, step: int, start: int, kept: str) -> None:
    """Forget what the partitions of other topics than `kept` hold of one stretch: it was merged into that one."""
    mine = (table.c.application == application, table.c.step == step, table.c.start == start)
    c.execute(delete(table).where(*mine, table.c.topic != kept))


def delete_before(c: Connection, application: str, step: int, start: int) -> None:
    """Forget an application's panes of one step that start before `start`."""
    mine = (table.c.application == application, table.c.step == step)
    c.execute(delete(table).where(*mine, table.c.start < start))


def _own(topic: str, partition: int, step: int) -> tuple[ColumnElement[bool], ...]:
    return table.c.topic == topic, table.c.partition == partition, table.c.step == step


def _span(application: str, step: int, since: int, until: int) -> tuple[ColumnElement[bool], ...]:
    return (
        table.c.application == application,
        table.c.step == step,
        table.c.start >= since,
        table.c.start < until,
    )
