"""The reading endpoints under /api, and the mark of an alert. docs/api.md shows each with an example that is executed."""

import hmac
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Body, Depends, HTTPException, Query, Request, Response

from alerts.numbers import rfc3339
from monitor import reading
from monitor.api.auth import require
from monitor.config import ConfigSource, format_duration
from monitor.reading.fields import alert_fields, finding_fields, time_field
from monitor.store import Store, courses, findings, references
from monitor.store import alerts as stored_alerts
from records.alert import Mark, State
from records.errors import InputError
from records.finding import Verdict
from records.timestamps import OK, parse_timestamps
from records.window import DAY, WINDOW, Code

MOST_WINDOWS = 2016
"""Windows in one answer: a week of them."""
Limit = Annotated[int, Query(ge=1, le=500, description="items a page")]
Cursor = Annotated[str | None, Query(description="`next` of the page before")]
_VERDICTS = {int(code): None if code is Code.ABSENT else code.name.lower() for code in Code}


def router(store: Store, source: ConfigSource, clock: Callable[[], int]) -> APIRouter:
    """All of them over `store`; `clock` gives microseconds since 1970."""
    routes = APIRouter(prefix="/api", tags=["reading"], dependencies=[Depends(require("read"))])
    _add_totals(routes, store, source, clock)
    _add_verdicts(routes, store, clock)
    _add_alerts(routes, store, source, clock)
    return routes


def _add_totals(routes: APIRouter, store: Store, source: ConfigSource, clock: Callable[[], int]) -> None:
    """Applications, references and the budget."""

    @routes.get("/applications", summary="Applications with what was counted of each")
    def applications() -> Response:
        with store.read() as c:
            rows = reading.applications(c)
        return _items([msgspec.structs.asdict(row) | {"watermark": time_field(row.watermark)} for row in rows])

    @routes.get("/references", summary="Reference distributions, every version")
    def reference_versions(application: str | None = None) -> Response:
        with store.read() as c:
            rows = references.list_(c, application)
        times = ("created_at", "since", "until")
        return _items([row._asdict() | {name: time_field(getattr(row, name)) for name in times} for row in rows])

    @routes.get("/budget", summary="False alarms: how many are accepted, and how many may have been")
    def budget() -> Response:
        with store.read() as c:
            now = reading.budget(c, source.current, clock())
        fields = msgspec.to_builtins(now)
        for alert in fields["alerts"]:
            alert["started_at"] = time_field(alert["started_at"])
        return _json(fields | {"per": format_duration(now.per)})


def _add_verdicts(routes: APIRouter, store: Store, clock: Callable[[], int]) -> None:
    """The course of a signal, and findings."""

    @routes.get("/windows", summary="The course of a signal, as arrays")
    def windows(
        application: str,
        signal: str,
        slice: Annotated[str, Query(description="as tags.tenant:acme; all traffic where it is left out")] = "",
        baseline: Annotated[str | None, Query(description="as `trailing 7d`; all where it is left out")] = None,
        since: Annotated[str, Query(description="RFC 3339 or epoch seconds; a day before `until`")] = "",
        until: Annotated[str, Query(description="RFC 3339 or epoch seconds; the newest window")] = "",
        limit: Annotated[int, Query(ge=1, le=MOST_WINDOWS, description="windows a page")] = 288,
        cursor: Cursor = None,
    ) -> Response:
        dimension, _, value = slice.partition(":")
        wanted = reading.Wanted(application=application, signal=signal, dimension=dimension, value=value, baseline=baseline)
        with store.read() as c:
            end = _parse(until, "until") if until else courses.judged_through(c, application) or clock()
            start = _parse(since, "since") if since else end - DAY
            start = max(_from_cursor(cursor) if cursor else start, courses.first(c, application) or 0)
            start = -(-start // WINDOW) * WINDOW
            through = min(end, start + limit * WINDOW)
            found = reading.courses(c, wanted, start, through)
        return _items([_course(course) for course in found], str(through) if found and through < end else None)

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
        return _items([finding_fields(row) for row in rows], following)


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
        return _items([alert_fields(row) for row in told], following)

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


def _items(items: list[Any], following: str | None = None) -> Response:
    return _json({"items": items, "next": following})


def _parse(text: str, name: str) -> int:
    """Microseconds of RFC 3339 or epoch seconds. Raises HTTPException 422."""
    try:
        value: str | float = float(text)
    except ValueError:
        value = text
    (at,), (became,) = parse_timestamps([value])
    if became != OK:
        raise HTTPException(422, f"{name}: expected RFC 3339 as 2026-11-19T05:50:00Z (with its offset) or epoch seconds")
    return int(at)


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


def _course(course: reading.Course) -> dict[str, Any]:
    def column(name: Literal["n", "value", "js", "smd", "times_floor", "evidence", "threshold"]) -> list[float]:
        values: list[float] = getattr(course, name).tolist()
        return values

    return {
        "signal": course.signal,
        "slice": {course.dimension: course.value_of} if course.dimension else {},
        "baseline": course.baseline,
        "start": [rfc3339(at) for at in course.start.tolist()],
        "n": column("n"),
        "value": column("value"),
        "effect": {"js": column("js"), "smd": column("smd"), "times_floor": column("times_floor")},
        "evidence": column("evidence"),
        "threshold": column("threshold"),
        "verdict": [_VERDICTS[code] for code in course.verdict.tolist()],
    }
