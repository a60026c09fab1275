"""Who may do what: bearer tokens with roles; without tokens, this machine alone."""

import hmac
import json
from collections.abc import Awaitable, Callable
from hashlib import sha256
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from monitor.config import Config, ConfigSource, Role, is_loopback

Roles = frozenset[Role]
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


class Guard:
    """Knows the tokens in force; a reload of the configuration takes effect with the next request."""

    def __init__(self, source: ConfigSource):
        self._source = source
        self._known: tuple[Config | None, list[tuple[bytes, Roles]]] = (None, [])

    def required(self) -> bool:
        """Whether tokens are configured at all."""
        return bool(self._source.current.tokens)

    def roles(self, token: str) -> Roles | None:
        """The roles of a token, None for one that nobody has; compared in constant time with every token."""
        presented = sha256(token.encode("utf-8", "surrogateescape")).digest()
        found: Roles | None = None
        for digest, roles in self._digests():
            if hmac.compare_digest(digest, presented):
                found = roles
        return found

    def may_read(self, token: str) -> bool:
        """Whether this token carries the role read or admin."""
        return "read" in (self.roles(token) or ())

    def check(self, request: Request, role: Role) -> None:
        """Raises HTTPException 401 without a valid token, 403 where it lacks the role."""
        if not self.required():
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        roles = self.roles(token.strip()) if scheme.lower() == "bearer" else None
        if roles is None:
            raise HTTPException(
                401, "expected Authorization: Bearer and a token of the configuration", {"WWW-Authenticate": "Bearer"}
            )
        if role not in roles:
            raise HTTPException(403, f"this token lacks the role {role}")

    def _digests(self) -> list[tuple[bytes, Roles]]:
        config = self._source.current
        if self._known[0] is not config:
            everything: Roles = frozenset(("ingest", "read", "admin"))
            self._known = (
                config,
                [
                    (
                        sha256(token.token.get_secret_value().encode()).digest(),
                        everything if "admin" in token.roles else frozenset(token.roles),
                    )
                    for token in config.tokens
                ],
            )
        return self._known[1]


def require(role: Role) -> Callable[[Request], Awaitable[None]]:
    """A FastAPI dependency: `dependencies=[Depends(require("read"))]`."""

    async def check(request: Request) -> None:
        guard: Guard = request.app.state.guard
        guard.check(request, role)

    return check


class LoopbackOnly:
    """ASGI middleware: while no tokens are configured, refuses whoever is not on this machine.

    The peer's address alone is not enough: a page of a foreign site in a local browser reaches loopback too, by
    rebinding its name (then the Host is foreign) or by a plain cross-site request (then the Origin is), and so does
    everybody behind a reverse proxy on this machine (then there is a Forwarded header).
    """

    def __init__(self, app: ASGIApp, guard: Guard):
        self._app, self._guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on or answers 403."""
        if scope["type"] == "http" and not self._guard.required():
            reason = foreign(scope)
            if reason:
                await _refuse(send, reason)
                return
        await self._app(scope, receive, send)


def foreign(scope: Scope) -> str:
    """Why a request is not from this machine, empty if it is."""
    client = scope.get("client")
    if client is None or not is_loopback(client[0]):
        return "without tokens in the configuration only this machine is served"
    headers = Headers(scope=scope)
    if not _local_host(headers.get("host", "")):
        return "without tokens in the configuration the Host must be localhost or a loopback address"
    origin = headers.get("origin")
    if origin is not None and not _local_host(origin.partition("://")[2]):
        return "without tokens in the configuration requests from other sites are refused"
    if any(name in headers for name in _FORWARDED):
        return "without tokens in the configuration requests through a proxy are refused"
    return ""


def _local_host(authority: str) -> bool:
    try:
        host = urlsplit(f"//{authority}").hostname
    except ValueError:
        return False
    return host is not None and is_loopback(host)


async def _refuse(send: Send, reason: str) -> None:
    body = json.dumps({"error": {"code": "forbidden", "message": reason}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
