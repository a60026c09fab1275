"""Production's own panes of a stretch of time become the next version of a reference."""

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Connection

from alerts.numbers import clock
from monitor.store import alerts, audit, courses, panes, references
from records.errors import InputError
from records.pane import Accumulator, without_text
from records.pane_codec import decode_pane, encode_pane
from records.window import DAY, HOUR, WINDOW

LONGEST_ALERT = 15 * DAY
"""Alerts that began so long before a stretch are not looked for in it."""


class Promoted(NamedTuple):
    """The version made: `n` interactions in so many `slices` of the final windows in [since, until); the numbers of the
    `alerts` that had fired then and that nobody marked as a false alarm or as accepted."""

    version: int
    n: int
    slices: int
    since: int
    until: int
    alerts: tuple[int, ...]


def promote(c: Connection, application: str, name: str, since: int, until: int, by: str, at: int) -> Promoted:
    """Store the final windows in [since, until) as the next version of `name`, audited under `by`; times in microseconds.

    What only explains stays behind (words, and ids of single interactions): a reference is kept for ever, they are not.
    Where 5-minute panes are gone already, whole hours are taken. Raises InputError where there is nothing to take.
    """
    final = courses.judged_through(c, application)
    if final is None:
        raise InputError(f"nothing was counted of {application} yet")
    start, end = _available(c, application, -(-since // WINDOW) * WINDOW, min(until, final) // WINDOW * WINDOW)
    gathered: dict[tuple[str, str], Accumulator] = {}
    for step, first, last in _pieces(start, end):
        for key, blob in panes.between(c, application, step, first, last):
            gathered.setdefault((key.dimension, key.value), Accumulator(commonest=True)).add(without_text(decode_pane(blob)))
    whole = {where: held.total() for where, held in gathered.items()}
    if ("", "") not in whole:
        asked = f"{clock(since)} and {clock(until)}"
        raise InputError(f"no final window of {application} lies between {asked}; the last one ends at {clock(final)}")
    n, blobs = whole["", ""].n, {where: encode_pane(pane) for where, pane in whole.items()}
    span = f"{clock(start)} to {clock(end)}"
    version = references.create(c, application, name, at, f"production, {span}", n, start, end, blobs)
    audit.record(c, audit.Entry(at, by, "promote", f"{application}/{name}", f"version {version}: {n} of {span}"))
    return Promoted(version, n, len(blobs) - 1, start, end, _fired(c, application, start, end))


def _available(c: Connection, application: str, since: int, until: int) -> tuple[int, int]:
    """The part of a stretch that panes of some width still cover: to whole hours where 5-minute panes are gone."""
    kept, rolled = panes.earliest(c, application, WINDOW, 0), panes.earliest(c, application, HOUR, 0)
    if kept is None or (rolled is not None and rolled < kept // HOUR * HOUR):
        oldest = until if kept is None else kept
        since = -(-since // HOUR) * HOUR if since < oldest else since
        until = until // HOUR * HOUR if until // HOUR * HOUR < oldest else until
    return since, until


def _pieces(since: int, until: int, steps: tuple[int, ...] = (DAY, HOUR, WINDOW)) -> Iterator[tuple[int, int, int]]:
    """A stretch as (width, start, end) of panes: the widest that fit, narrower ones at both ends."""
    if since >= until:
        return
    step, *narrower = steps
    first, last = -(-since // step) * step, until // step * step
    if first >= last:
        yield from _pieces(since, until, tuple(narrower)) if narrower else ()
        return
    yield step, first, last
    if narrower:
        yield from _pieces(since, first, tuple(narrower))
        yield from _pieces(last, until, tuple(narrower))


def _fired(c: Connection, application: str, since: int, until: int) -> tuple[int, ...]:
    """Numbers of the alerts that make a stretch unlike healthy traffic."""
    found = [
        alert.id
        for alert in alerts.since(c, application, since - LONGEST_ALERT)
        if alert.fired_at is not None and alert.mark not in ("false_alarm", "accepted")
        and alert.started_at < until and (alert.ended_at is None or alert.ended_at > since)
    ]  # fmt: skip
    return tuple(sorted(alerts.numbers(c, found).values()))
