"""Asking a browser for a token once: a form, a cookie that only this server reads, and no request forged from elsewhere.

The session cookie is HttpOnly and SameSite=Strict, so another site can neither read nor send it. The form carries a
random value that must equal a second such cookie (double submit), so another site cannot log somebody in; logging out
needs the session cookie itself. Pages only read, so nothing else needs a form value.
"""

import hmac
import secrets
from collections.abc import Callable
from typing import Protocol
from urllib.parse import parse_qs

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

SESSION = "plumbline_session"
FORM = "plumbline_form"
LARGEST_FORM = 8192


class Gate(Protocol):
    """Who may read pages; the tokens themselves belong to the API."""

    def required(self) -> bool:
        """Whether tokens are configured at all; without them only loopback is served and nobody is asked."""

    def may_read(self, token: str) -> bool:
        """Whether this token carries the role read or admin (compared in constant time)."""


class LoginNeeded(Exception):  # noqa: N818
    """The page asked for needs a token first."""


def check(request: Request, gate: Gate | None) -> bool:
    """Whether the visitor holds a session (False where none is needed).

    Raises LoginNeeded where a token is required and the cookie holds none that may read.
    """
    if gate is None or not gate.required():
        return False
    if not gate.may_read(request.cookies.get(SESSION, "")):
        raise LoginNeeded
    return True


def local_path(path: str) -> str:
    """`path` if it stays on this server, else "/"."""
    safe = path.startswith("/") and not path.startswith(("//", "/\\")) and not any(ord(c) < 32 for c in path)
    return path if safe else "/"


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            raise HTTPException(413, "form too large")
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def _set(response: Response, request: Request, name: str, value: str) -> None:
    response.set_cookie(name, value, httponly=True, samesite="strict", secure=request.url.scheme == "https", path="/")


def login_router(gate: Gate, page: Callable[..., Response]) -> APIRouter:
    """GET and POST /login, POST /logout. `page(request, template, status, **values)` renders a template."""
    router = APIRouter(include_in_schema=False)

    def ask(request: Request, target: str, failed: bool) -> Response:
        value = request.cookies.get(FORM) or secrets.token_urlsafe(24)
        response = page(request, "login.html", 401 if failed else 200, form=value, target=target, failed=failed)
        _set(response, request, FORM, value)
        return response

    @router.get("/login")
    def login_form(request: Request, next: str = "/") -> Response:
        return ask(request, local_path(next), failed=False)

    @router.post("/login")
    async def login(request: Request) -> Response:
        form = await _form(request)
        cookie = request.cookies.get(FORM, "")
        if not cookie or not hmac.compare_digest(cookie.encode(), form.get("form", "").encode()):
            raise HTTPException(403, "this form was not opened here; open /login and try again")
        target, token = local_path(form.get("next", "/")), form.get("token", "").strip()
        if not gate.may_read(token):
            return ask(request, target, failed=True)
        response = RedirectResponse(target, 303)
        _set(response, request, SESSION, token)
        return response

    @router.post("/logout")
    def logout(request: Request) -> Response:
        response = RedirectResponse("/login", 303)
        if SESSION in request.cookies:
            response.delete_cookie(SESSION, httponly=True, samesite="strict", path="/")
        return response

    return router
