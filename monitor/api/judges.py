"""GET /api/judges: how far judges came with their samples, and what that cost."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from monitor.api.auth import require
from monitor.api.reading import items, parse
from monitor.config import ConfigSource
from monitor.reading.judges import judging
from monitor.store import Store
from records.window import DAY


def router(store: Store, source: ConfigSource, clock: Callable[[], int]) -> APIRouter:
    """Over `store`; `clock` gives microseconds since 1970."""
    routes = APIRouter(prefix="/api", tags=["reading"], dependencies=[Depends(require("read"))])

    @routes.get("/judges", summary="Models that judge: coverage, spending, pauses and golden sets")
    def judges(
        application: str | None = None,
        since: Annotated[str, Query(description="RFC 3339 or epoch seconds; a day before `until`")] = "",
        until: Annotated[str, Query(description="RFC 3339 or epoch seconds; now")] = "",
    ) -> Response:
        now = clock()
        end = parse(until, "until") if until else now
        start = parse(since, "since") if since else end - DAY
        with store.read() as c:
            return items(judging(c, source.current, application, start, end, now))

    return routes
