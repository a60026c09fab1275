"""/healthz, /readyz and /metrics."""

from collections.abc import Callable, Mapping

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from monitor.api.auth import require
from monitor.metrics import Metrics

Check = Callable[[], str | None]
"""What is wrong, None where all is well."""


def router(metrics: Metrics, checks: Mapping[str, Check]) -> APIRouter:
    """Alive as long as it answers; ready when every check is content."""
    routes = APIRouter(tags=["service"])

    @routes.get("/healthz", summary="Whether the process is alive")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @routes.get("/readyz", summary="Whether it can do its work")
    def readyz() -> JSONResponse:
        problems = {name: problem for name, check in checks.items() if (problem := check())}
        status = "not ready" if problems else "ok"
        return JSONResponse({"status": status, "problems": problems}, 503 if problems else 200)

    @routes.get("/metrics", dependencies=[Depends(require("read"))], summary="Metrics for Prometheus")
    def exposition() -> Response:
        return Response(metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return routes
