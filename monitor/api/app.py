"""The HTTP application, put together from its parts."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import monitor
from monitor import logs
from monitor.api import capture, errors, health
from monitor.api.auth import Guard, LoopbackOnly
from monitor.api.intake import Intake
from monitor.config import ConfigSource
from monitor.metrics import Metrics

_log = logging.getLogger(__name__)


def now_us() -> int:
    """The wall clock, microseconds since 1970."""
    return time.time_ns() // 1000


def create_app(
    intake: Intake | None,
    config_source: ConfigSource,
    reading: Sequence[APIRouter] = (),
    *,
    metrics: Metrics,
    checks: Mapping[str, health.Check] | None = None,
    clock: Callable[[], int] = now_us,
) -> FastAPI:
    """Capture (where there is an intake), health and metrics, and the routers of `reading` (reading endpoints, the page).

    Routers guard themselves with `Depends(require("read"))` of monitor.api.auth. `checks` decide about /readyz.
    """
    app = FastAPI(
        title="Plumbline",
        version=monitor.__version__,
        summary="Streaming production monitoring and drift detection for LLM applications",
        docs_url=None,
        redoc_url=None,
    )
    app.state.guard = Guard(config_source)
    app.state.config_source = config_source
    errors.install(app)
    if intake is not None:
        app.include_router(capture.router(capture.Capture(intake, metrics, clock)))
    app.include_router(health.router(metrics, checks or {}))
    for router in reading:
        app.include_router(router)
    app.add_middleware(LoopbackOnly, guard=app.state.guard)
    app.add_middleware(Counted, metrics=metrics)
    return app


class Counted:
    """ASGI middleware: counts requests by route and status; an exception that nobody handled is logged and answered.

    The connection stays open then, so that the client's next request does not fail for the last one's error.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics):
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on. Raises only where an answer had begun."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            logs.event(_log, logging.ERROR, "request_failed", caught=error, path=_route(scope))
            if status:
                raise
            await errors.internal()(scope, receive, watch)
        finally:
            self._metrics.requests.labels(_route(scope), str(status)).inc()


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "other")
