"""Reference distributions: panes under a name, versioned; a version never changes."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.sql.elements import ColumnElement

from monitor.store.dialect import advance
from monitor.store.tables import reference_panes, reference_versions


class ReferenceVersion(NamedTuple):
    """What a reference was made of: `n` interactions of `source`, event time [since, until) (None: they had no times).

    `created_at` is wall clock, microseconds since 1970 UTC.
    """

    application: str
    name: str
    version: int
    created_at: int
    source: str
    n: int
    since: int | None
    until: int | None


class Reference(NamedTuple):
    """`panes` maps (dimension, value), ("", "") for all traffic, to a pane's blob."""

    meta: ReferenceVersion
    panes: dict[tuple[str, str], bytes]


def create(
    c: Connection,
    application: str,
    name: str,
    created_at: int,
    source: str,
    n: int,
    since: int | None,
    until: int | None,
    panes: Mapping[tuple[str, str], bytes],
) -> int:
    """Store the next version of a reference and return its number; the first is 1."""
    version = advance(c, f"reference/{len(application)}/{application}/{name}", 1)
    meta = ReferenceVersion(application, name, version, created_at, source, n, since, until)
    c.execute(insert(reference_versions), meta._asdict())
    own = {"application": application, "name": name, "version": version}
    rows = [{**own, "dimension": dimension, "value": value, "pane": pane} for (dimension, value), pane in panes.items()]
    if rows:
        c.execute(insert(reference_panes), rows)
    return version


def list_(c: Connection, application: str | None = None) -> list[ReferenceVersion]:
    """All versions by application and name, the newest of each first."""
    t = reference_versions.c
    statement = select(reference_versions).order_by(t.application, t.name, t.version.desc())
    if application is not None:
        statement = statement.where(t.application == application)
    return [ReferenceVersion(*row) for row in c.execute(statement)]


def newest(c: Connection, application: str) -> dict[str, int]:
    """The newest version of each reference of an application, by name."""
    t = reference_versions.c
    statement = select(t.name, func.max(t.version)).where(t.application == application).group_by(t.name)
    return {row.name: int(row[1]) for row in c.execute(statement)}


def get(c: Connection, application: str, name: str, version: int | None = None) -> Reference | None:
    """One version, the newest unless it is named; None where there is none."""
    t = reference_versions.c
    statement = select(reference_versions).where(t.application == application, t.name == name)
    if version is not None:
        statement = statement.where(t.version == version)
    row = c.execute(statement.order_by(t.version.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    meta = ReferenceVersion(*row)
    return Reference(meta, _panes(c, meta))


def _panes(c: Connection, meta: ReferenceVersion) -> dict[tuple[str, str], bytes]:
    p = reference_panes.c
    own: tuple[ColumnElement[bool], ...] = (p.application == meta.application, p.name == meta.name, p.version == meta.version)
    rows = c.execute(select(p.dimension, p.value, p.pane).where(*own).order_by(p.dimension, p.value))
    return {(dimension, value): pane for dimension, value, pane in rows}
