"""What became of an application's comparisons, window by window: one row of arrays a window, one entry a comparison.

Arrays are blobs whose layout their writer versions; a calibration (cells, wobble, healthy history, threshold) is in force
from its `start` until the next one.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table, case, delete, func, insert, select

from monitor.store.dialect import chunks, insert_new, stream, upsert
from monitor.store.tables import calibrations as calibration_rows
from monitor.store.tables import closings, courses, late_windows
from monitor.store.tables import comparisons as comparison_rows
from monitor.store.tables import judged as judged_rows


@dataclass(frozen=True, slots=True)
class Comparison:
    """What entry `index` of every array is about."""

    index: int
    dimension: str
    value: str
    signal: str
    baseline: str


def comparisons(c: Connection, application: str) -> list[Comparison]:
    """All comparisons by index."""
    t = comparison_rows.c
    columns = (t.index, t.dimension, t.value, t.signal, t.baseline)
    return [Comparison(*row) for row in c.execute(select(*columns).where(t.application == application).order_by(t.index))]


def add_comparisons(c: Connection, application: str, rows: Sequence[Comparison]) -> None:
    """Register comparisons; those that are registered stay as they are."""
    unique = ("application", "dimension", "value", "signal", "baseline")
    stored = [
        {
            "application": application,
            "index": row.index,
            "dimension": row.dimension,
            "value": row.value,
            "signal": row.signal,
            "baseline": row.baseline,
        }
        for row in rows
    ]
    insert_new(c, comparison_rows, stored, unique)


def put_row(c: Connection, application: str, start: int, version: int, blob: bytes) -> None:
    """Insert or replace the arrays of the window that starts at `start`; `version` is their layout's."""
    upsert(c, courses, [{"application": application, "start": start, "version": version, "arrays": blob}])


def rows(c: Connection, application: str, since: int | None = None, until: int | None = None) -> Iterator[tuple[int, bytes]]:
    """The windows that start in [since, until), in order: start and arrays."""
    statement = select(courses.c.start, courses.c.arrays).where(courses.c.application == application)
    if since is not None:
        statement = statement.where(courses.c.start >= since)
    if until is not None:
        statement = statement.where(courses.c.start < until)
    for row in stream(c, statement.order_by(courses.c.start), 200):
        yield row.start, row.arrays


def last(c: Connection, application: str) -> tuple[int, bytes] | None:
    """The newest window, as in `rows`."""
    return _newest(c, courses, application, None)


def first(c: Connection, application: str) -> int | None:
    """Start of the earliest window kept; None where nothing was judged."""
    start = c.execute(select(func.min(courses.c.start)).where(courses.c.application == application)).scalar()
    return None if start is None else int(start)


def calibration_at(c: Connection, application: str, start: int) -> bytes | None:
    """The calibration that was learned just before the window at `start`; None where none was."""
    t = calibration_rows.c
    blob = c.execute(select(t.arrays).where(t.application == application, t.start == start)).scalar()
    return None if blob is None else bytes(blob)


def delete_from(c: Connection, application: str, start: int) -> None:
    """Forget the windows that start at `start` or later: they will be judged again."""
    c.execute(delete(courses).where(courses.c.application == application, courses.c.start >= start))


def delete_before(c: Connection, application: str, start: int) -> None:
    """Forget an application's windows before `start`, and the calibrations that were in force for those alone."""
    c.execute(delete(courses).where(courses.c.application == application, courses.c.start < start))
    t, other = calibration_rows.c, calibration_rows.alias()
    later = select(other).where(other.c.application == t.application, other.c.start > t.start, other.c.start <= start)
    c.execute(delete(calibration_rows).where(t.application == application, later.exists()))


def put_calibration(c: Connection, application: str, start: int, blob: bytes) -> None:
    """Insert or replace the calibration in force from `start`."""
    upsert(c, calibration_rows, [{"application": application, "start": start, "arrays": blob}])


def calibrations(c: Connection, application: str, until: int) -> bytes | None:
    """The calibration in force at `until`: the newest that starts at or before it."""
    newest = _newest(c, calibration_rows, application, until)
    return newest[1] if newest else None


def newest_calibration(c: Connection, application: str) -> int | None:
    """Start of the newest calibration; None before anything was learned."""
    newest = c.execute(select(func.max(calibration_rows.c.start)).where(calibration_rows.c.application == application)).scalar()
    return None if newest is None else int(newest)


def judged_through(c: Connection, application: str) -> int | None:
    """The end of the last judged window, or where judging begins; None before anything was counted."""
    t = judged_rows.c
    through = c.execute(select(t.through).where(t.application == application)).scalar()
    return None if through is None else int(through)


def set_judged(c: Connection, application: str, through: int) -> None:
    """Insert or replace."""
    upsert(c, judged_rows, [{"application": application, "through": through}])


def begin(c: Connection, application: str, start: int) -> int:
    """Where judging of an application begins: at `start`, unless it has begun; returns the end of what is closed."""
    through = judged_through(c, application)
    first = start if through is None else through
    insert_new(c, judged_rows, [{"application": application, "through": first}], ["application"])
    insert_new(c, closings, [{"application": application, "through": first}], ["application"])
    return closed(c, [application])[application]


def closed(c: Connection, applications: Collection[str]) -> dict[str, int]:
    """Windows of an application that end by this take no more panes without being judged again; left out where none closed."""
    found = {}
    for chunk in chunks(sorted(applications)):
        statement = select(closings.c.application, closings.c.through).where(closings.c.application.in_(chunk))
        found.update({row.application: row.through for row in c.execute(statement)})
    return found


def close(c: Connection, application: str, through: int) -> None:
    """Close the windows that end by `through`; what is closed stays closed."""
    further = {"through": lambda held, new: case((held > new, held), else_=new)}
    upsert(c, closings, [{"application": application, "through": through}], further)


def add_late(c: Connection, application: str, start: int) -> None:
    """Note that late data changed the closed window at `start`: it is to be judged again."""
    c.execute(insert(late_windows), {"application": application, "start": start})


def late(c: Connection, application: str) -> list[tuple[int, int]]:
    """Notes of changed windows, as (id, start), in the order in which they were made."""
    t = late_windows.c
    rows = c.execute(select(t.id, t.start).where(t.application == application).order_by(t.id))
    return [(row.id, row.start) for row in rows]


def delete_late(c: Connection, note_ids: Sequence[int]) -> None:
    """Forget notes whose windows were judged again; one that was made meanwhile has another id and stays."""
    for chunk in chunks(note_ids):
        c.execute(delete(late_windows).where(late_windows.c.id.in_(chunk)))


def _newest(c: Connection, table: Table, application: str, until: int | None) -> tuple[int, bytes] | None:
    t = table.c
    statement = select(t.start, t.arrays).where(t.application == application).order_by(t.start.desc()).limit(1)
    if until is not None:
        statement = statement.where(t.start <= until)
    row = c.execute(statement).one_or_none()
    return (row.start, row.arrays) if row else None
