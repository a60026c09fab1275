"""The reading endpoints under /api, and the mark of an alert. docs/api.md shows each with an example that is executed."""

import hmac
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Body, Depends, HTTPException, Query, Request, Response

from alerts.numbers import rfc3339
from monitor import reading
from monitor.api.auth import require
from monitor.config import ConfigSource, format_duration, parse_duration
from monitor.reading.fields import VERDICTS, alert_fields, comparison_fields, finding_fields, quality_fields, time_field
from monitor.store import Store, courses, findings, references
from monitor.store import alerts as stored_alerts
from records.alert import Mark, State
from records.errors import InputError
from records.finding import Verdict
from records.timestamps import OK, parse_timestamps
from records.window import DAY, WINDOW

MOST_WINDOWS = 2016
"""Windows in one answer: a week of them."""
Limit = Annotated[int, Query(ge=1, le=500, description="items a page")]
Cursor = Annotated[str | None, Query(description="`next` of the page before")]
Baseline = Annotated[str | None, Query(description="as `trailing 7d`; all where it is left out")]


def router(store: Store, source: ConfigSource, clock: Callable[[], int]) -> APIRouter:
    """All of them over `store`; `clock` gives microseconds since 1970."""
    routes = APIRouter(prefix="/api", tags=["reading"], dependencies=[Depends(require("read"))])
    _add_totals(routes, store, source, clock)
    _add_verdicts(routes, store, source, clock)
    _add_quality(routes, store, source, clock)
    _add_comparisons(routes, store, source, clock)
    _add_alerts(routes, store, source, clock)
    return routes


def _add_totals(routes: APIRouter, store: Store, source: ConfigSource, clock: Callable[[], int]) -> None:
    """Applications, references and the budget."""

    @routes.get("/applications", summary="Applications with what was counted of each")
    def applications() -> Response:
        with store.read() as c:
            rows = reading.applications(c)
        return items([msgspec.structs.asdict(row) | {"watermark": time_field(row.watermark)} for row in rows])

    @routes.get("/references", summary="Reference distributions, every version")
    def reference_versions(application: str | None = None) -> Response:
        with store.read() as c:
            rows = references.list_(c, application)
        times = ("created_at", "since", "until")
        return items([row._asdict() | {name: time_field(getattr(row, name)) for name in times} for row in rows])

    @routes.get("/budget", summary="False alarms: how many are accepted, and how many may have been")
    def budget() -> Response:
        with store.read() as c:
            now = reading.budget(c, source.current, clock())
        fields = msgspec.to_builtins(now)
        for alert in fields["alerts"]:
            alert["started_at"] = time_field(alert["started_at"])
        return _json(fields | {"per": format_duration(now.per)})


def _add_verdicts(routes: APIRouter, store: Store, source: ConfigSource, clock: Callable[[], int]) -> None:
    """The course of a signal, and findings."""

    @routes.get("/windows", summary="The course of a signal, as arrays")
    def windows(
        application: str,
        signal: str,
        slice: Annotated[str, Query(description="as tags.tenant:acme; all traffic where it is left out")] = "",
        baseline: Baseline = None,
        horizon: Annotated[str, Query(description="length of the windows, as 5m, 1h or 1d")] = "5m",
        since: Annotated[str, Query(description="RFC 3339 or epoch seconds; a day, or 30 horizons, before `until`")] = "",
        until: Annotated[str, Query(description="RFC 3339 or epoch seconds; the newest window")] = "",
        limit: Annotated[int, Query(ge=1, le=MOST_WINDOWS, description="windows a page")] = 288,
        cursor: Cursor = None,
    ) -> Response:
        dimension, _, value = slice.partition(":")
        wanted = reading.Wanted(application=application, signal=signal, dimension=dimension, value=value, baseline=baseline)
        step = _parse_horizon(horizon)
        with store.read() as c:
            end = parse(until, "until") if until else courses.judged_through(c, application) or clock()
            start = parse(since, "since") if since else end - (DAY if step == WINDOW else 30 * step)
            start = max(_from_cursor(cursor) if cursor else start, (courses.first(c, application) or 0) // step * step)
            start = -(-start // step) * step
            through = min(end, start + limit * step)
            if step == WINDOW:
                found = reading.courses(c, wanted, start, through)
            else:
                found = reading.stretches(c, source.current, wanted, step, start, through)
        following = str(through) if found and through < end // step * step else None
        return items([_course(course, step) for course in found], following)

    @routes.get("/findings", summary="Findings, the newest change first")
    def found(
        application: str | None = None,
        signal: str | None = None,
        verdict: Verdict | None = None,
        open: Annotated[bool, Query(description="only those that last")] = False,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        with store.read() as c:
            rows, following = findings.query(c, application, signal, verdict, open, limit, cursor)
        return items([finding_fields(row) for row in rows], following)


def _add_quality(routes: APIRouter, store: Store, source: ConfigSource, clock: Callable[[], int]) -> None:
    """How good the answers are, and how sure that is."""

    @routes.get("/quality", summary="Scores: their true mean with its interval, and what it rests on")
    def quality(
        application: str,
        evaluation: Annotated[str | None, Query(description="as `rouge_l`; every score where it is left out")] = None,
        slice: Annotated[str, Query(description="as tags.tenant:acme; all traffic where it is left out")] = "",
        horizon: Annotated[str, Query(description="length of the stretches, as 5m, 1h or 1d")] = "1h",
        since: Annotated[str, Query(description="RFC 3339 or epoch seconds; a day, or 30 horizons, before `until`")] = "",
        until: Annotated[str, Query(description="RFC 3339 or epoch seconds; the newest window")] = "",
    ) -> Response:
        dimension, _, value = slice.partition(":")
        asked = reading.Scored(application=application, slice=(dimension, value), evaluation=evaluation)
        step = _parse_horizon(horizon)
        with store.read() as c:
            end = parse(until, "until") if until else courses.judged_through(c, application) or clock()
            start = parse(since, "since") if since else end - (DAY if step == WINDOW else 30 * step)
            if (end - start) // step > MOST_WINDOWS:
                raise HTTPException(422, f"since: at most {MOST_WINDOWS} horizons before until")
            found = reading.quality(c, source.current, asked, step, start, end)
        return items([quality_fields(one) for one in found])


def _add_comparisons(routes: APIRouter, store: Store, source: ConfigSource, clock: Callable[[], int]) -> None:
    """Every comparison, and why its threshold is what it is."""

    @routes.get("/comparisons", summary="Comparisons with why their thresholds are what they are")
    def comparisons(
        application: str,
        signal: str | None = None,
        slice: Annotated[str | None, Query(description="as tags.tenant:acme; empty: all traffic; all where left out")] = None,
        baseline: Baseline = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        dimension, _, value = (slice or "").partition(":")
        where = None if slice is None else (dimension, value)
        asked = reading.Asked(application=application, signal=signal, slice=where, baseline=baseline)
        skip = _from_cursor(cursor) if cursor else 0
        with store.read() as c:
            found = reading.comparisons(c, source.current, asked, clock(), skip, limit + 1)
            shared = reading.budget(c, source.current, clock())
        following = str(found[limit].index) if len(found) > limit else None
        return items([comparison_fields(one, shared) for one in found[:limit]], following)


def _add_alerts(routes: APIRouter, store: Store, source: ConfigSource, clock: Callable[[], int]) -> None:
    """Alerts, and their mark."""

    @routes.get("/alerts", summary="Alerts with their notifications, the newest first")
    def alerts(
        application: str | None = None,
        signal: str | None = None,
        state: State | None = None,
        severity: str | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        with store.read() as c:
            rows, following = stored_alerts.query(c, application, signal, state, severity, limit, cursor)
            told = reading.with_notifications(c, rows)
        return items([alert_fields(row) for row in told], following)

    @routes.post("/alerts/{id}/mark", summary="Say what an alert was", dependencies=[Depends(require("admin"))])
    def mark(request: Request, id: str, as_: Annotated[Mark, Body(alias="as", embed=True)]) -> Response:
        with store.begin() as c:
            marked = stored_alerts.mark(c, id, as_, _actor(request, source), clock())
            if marked is None:
                raise HTTPException(404, f"there is no alert {id}")
            (row,) = reading.with_notifications(c, [marked])
        return _json(alert_fields(row))


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def items(found: list[Any], following: str | None = None) -> Response:
    """A page of a list, and where the next one begins."""
    return _json({"items": found, "next": following})


def parse(text: str, name: str) -> int:
    """Microseconds of RFC 3339 or epoch seconds, which the query calls `name`. Raises HTTPException 422."""
    try:
        value: str | float = float(text)
    except ValueError:
        value = text
    (at,), (became,) = parse_timestamps([value])
    if became != OK:
        raise HTTPException(422, f"{name}: expected RFC 3339 as 2026-11-19T05:50:00Z (with its offset) or epoch seconds")
    return int(at)


def _parse_horizon(text: str) -> int:
    """Microseconds of a duration. Raises HTTPException 422."""
    try:
        step = parse_duration(text)
    except ValueError:
        step = 0
    if step <= 0 or step % WINDOW:
        raise HTTPException(422, "horizon: expected a multiple of 5m, such as 1h or 1d")
    return step


def _from_cursor(cursor: str) -> int:
    if not cursor.isascii() or not cursor.isdecimal() or len(cursor) > 16:
        raise InputError("this cursor is not one of this list")
    return int(cursor)


def _actor(request: Request, source: ConfigSource) -> str:
    """Whose token it is; `local` where none is needed."""
    _, _, given = request.headers.get("authorization", "").partition(" ")
    for token in source.current.tokens:
        if hmac.compare_digest(token.token.get_secret_value().encode(), given.strip().encode("utf-8", "surrogateescape")):
            return f"token {token.name}"
    return "local"


def _course(course: reading.Course, step: int) -> dict[str, Any]:
    def column(name: Literal["n", "value", "js", "smd", "times_floor", "evidence", "threshold"]) -> list[float]:
        values: list[float] = getattr(course, name).tolist()
        return values

    return {
        "signal": course.signal,
        "slice": {course.dimension: course.value_of} if course.dimension else {},
        "baseline": course.baseline,
        "horizon": format_duration(step),
        "start": [rfc3339(at) for at in course.start.tolist()],
        "n": column("n"),
        "value": column("value"),
        "effect": {"js": column("js"), "smd": column("smd"), "times_floor": column("times_floor")},
        "evidence": column("evidence"),
        "threshold": column("threshold"),
        "verdict": [VERDICTS[code] for code in course.verdict.tolist()],
    }
