"""Every error of the HTTP side as {"error": {"code": …, "message": …}}."""

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from monitor.api.intake import Overloaded
from records.errors import ConfigError, InputError, StoreError

CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    415: "unsupported_encoding",
    422: "invalid",
    429: "overloaded",
    500: "internal",
    503: "unavailable",
}
Handler = Callable[[Request, Exception], Awaitable[Response]]


def answer(status: int, message: str, headers: Mapping[str, str] | None = None, **more: Any) -> JSONResponse:
    """An error as a response."""
    error = {"code": CODES.get(status, "error"), "message": message}
    return JSONResponse({**more, "error": error}, status, dict(headers or {}))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return answer(error.status_code, str(error.detail), error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    wrong = (f"{'.'.join(str(part) for part in e['loc'][1:])}: {e['msg']}" for e in error.errors())
    return answer(422, "; ".join(wrong))


async def _overloaded(request: Request, error: Exception) -> Response:
    assert isinstance(error, Overloaded)
    return answer(429, str(error), {"Retry-After": str(max(1, math.ceil(error.retry_after)))})


def _plain(status: int) -> Handler:
    async def handle(request: Request, error: Exception) -> Response:
        return answer(status, str(error))

    return handle


def internal() -> JSONResponse:
    """The answer where an exception is of no kind that this table knows."""
    return answer(500, "an error of Plumbline's own; its log has the place")


HANDLERS: dict[type[Exception], Handler] = {
    HTTPException: _http,
    RequestValidationError: _invalid,
    Overloaded: _overloaded,
    InputError: _plain(400),
    ConfigError: _plain(400),
    StoreError: _plain(503),
}


def install(app: FastAPI) -> None:
    """Every exception of the table becomes its answer."""
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)
