"""The page's addresses. All state is in the URL; each answer is a whole page, of which htmx swaps the main part."""

from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from detectors.estimation.statement import NAMES
from monitor.page import charts, figures, quality
from monitor.page.assets import assets, entity_tag, serve_asset
from monitor.page.login import Gate, LoginNeeded, check, login_router
from monitor.page.views import Query, Reading
from records.signal import JUDGES

POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "private, no-cache",
}
FILTERS = (
    figures.clock, figures.date, figures.stamp, figures.iso, figures.since, figures.duration, figures.count,
    figures.short, figures.figure, figures.percent, figures.measure, figures.effect, figures.times, figures.evidence,
    figures.ratio, figures.plain, figures.heat, figures.cell_class,
)  # fmt: skip


def application_path(application: str) -> str:
    """The address of an application's overview."""
    return f"/apps/{quote(application, safe='')}"


def signal_path(application: str, signal: str, **query: str) -> str:
    """The address of a signal's page; empty values are left out. What speaks of all signals at once has none of its own."""
    if signal in NAMES or signal.startswith(JUDGES):
        return application_path(application)
    asked = urlencode({name: value for name, value in query.items() if value}, safe=":")
    return f"{application_path(application)}/signals/{quote(signal, safe='')}" + (f"?{asked}" if asked else "")


def _with(request: Request, **changes: str) -> str:
    """The present address with some of its query replaced."""
    asked = {**request.query_params, **changes}
    return f"{quote(request.url.path, safe='/')}?{urlencode({k: v for k, v in asked.items() if v}, safe=':')}"


def environment() -> jinja2.Environment:
    """Templates with autoescape always on; an unknown name is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update({function.__name__: function for function in FILTERS})
    made.globals.update(
        charts=charts, figures=figures, quality=quality, application_path=application_path, signal_path=signal_path,
        scripts=sorted(name for name in assets() if name.endswith(".js")),
    )  # fmt: skip
    return made


def page_router(reading: Reading, gate: Gate | None = None) -> APIRouter:
    """All pages over `reading`; with a `gate` whose tokens are required, visitors log in first."""
    router = APIRouter(include_in_schema=False)
    templates = environment()

    def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
        def link(**changes: str) -> str:
            return _with(request, **changes)

        body = templates.get_template(template).render(link=link, here=link(), **values).encode("utf-8", "replace")
        tag = entity_tag(body)
        headers = HEADERS | {"etag": tag}
        if status == 200 and request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return HTMLResponse(body, status, headers=headers)

    def guarded(request: Request, template: str, view: Any, **values: Any) -> Response:
        if view is None:
            return page(request, "missing.html", 404, path=request.url.path, **values)
        return page(request, template, view=view, **values)

    def entry(request: Request) -> bool | Response:
        """Whether a session is held, or the way to the login."""
        try:
            return check(request, gate)
        except LoginNeeded:
            target = "/login?" + urlencode({"next": _with(request).rstrip("?")})
            if request.headers.get("hx-request"):
                return Response(status_code=401, headers=HEADERS | {"hx-redirect": target})
            return RedirectResponse(target, 303, headers=HEADERS)

    @router.get("/")
    def applications(request: Request) -> Response:
        if isinstance(session := entry(request), Response):
            return session
        rows = reading.applications()
        if len(rows) == 1:
            return RedirectResponse(application_path(rows[0].application), 303, headers=HEADERS)
        return page(request, "applications.html", rows=rows, session=session, origin=str(request.base_url).rstrip("/"))

    @router.get("/apps/{application:path}/signals/{signal:path}")
    def signal(request: Request, application: str, signal: str) -> Response:
        if isinstance(session := entry(request), Response):
            return session
        view = reading.signal(application, signal, query(request, span="7d"))
        return guarded(request, "signal.html", view, session=session)

    @router.get("/apps/{application:path}")
    def overview(request: Request, application: str) -> Response:
        if isinstance(session := entry(request), Response):
            return session
        return guarded(request, "overview.html", reading.overview(application, query(request, span="24h")), session=session)

    @router.get("/static/{name:path}")
    def static(request: Request, name: str) -> Response:
        return serve_asset(request, name)

    if gate is not None:
        router.include_router(login_router(gate, page))
    return router


def query(request: Request, span: str) -> Query:
    """What the address asks for; `span` is the range where it names none."""
    asked = request.query_params
    at = asked.get("at", "")
    return Query(
        range=asked.get("range", span),
        against=asked.get("against", ""),
        slice=asked.get("slice", ""),
        at=int(at) if at.isdecimal() and len(at) < 17 else None,
    )
