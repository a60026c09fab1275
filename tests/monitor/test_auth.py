"""Who may do what: tokens and roles; without tokens this machine alone; over a real server with a real client."""

import socket
from collections.abc import Iterator

import pytest
from fastapi import APIRouter, Depends

from monitor.api.app import create_app
from monitor.api.auth import Guard, foreign, require
from monitor.api.server import HttpServer, serve_http
from monitor.config import ConfigSource, parse
from monitor.metrics import Metrics
from records.errors import ConfigError
from tests.monitor.http_service import NOW, MemoryIntake, Service, service

TOKENS = """
tokens:
  - {name: gateway, token: gateway-gateway-gateway, roles: [ingest]}
  - {name: prometheus, token: reader-reader-reader, roles: [read]}
  - {name: both, token: both-both-both-both, roles: [ingest, read]}
  - {name: oncall, token: oncall-oncall-oncall, roles: [admin]}
"""
LINE = f'{{"id": "a", "timestamp": {NOW / 1e6}, "application": "support"}}'


def admin_router() -> APIRouter:
    router = APIRouter()

    @router.post("/mark", dependencies=[Depends(require("admin"))])
    def mark() -> dict[str, bool]:
        return {"marked": True}

    return router


@pytest.fixture(scope="module")
def guarded() -> Iterator[Service]:
    with service(TOKENS, routers=[admin_router()]) as started:
        yield started


@pytest.fixture(scope="module")
def open_service() -> Iterator[Service]:
    with service() as started:
        yield started


@pytest.mark.parametrize(
    ("token", "ingest", "read", "admin"),
    [
        (None, 401, 401, 401),
        ("Bearer", 401, 401, 401),
        ("Bearer wrong-wrong-wrong-wrong", 401, 401, 401),
        ("Bearer gateway-gateway-gatewa", 401, 401, 401),
        ("Basic gateway-gateway-gateway", 401, 401, 401),
        ("gateway-gateway-gateway", 401, 401, 401),
        ("Bearer gateway-gateway-gateway", 202, 403, 403),
        ("bearer  gateway-gateway-gateway", 202, 403, 403),
        ("Bearer reader-reader-reader", 403, 200, 403),
        ("Bearer both-both-both-both", 202, 200, 403),
        ("Bearer oncall-oncall-oncall", 202, 200, 200),
    ],
)
def test_a_token_may_do_what_its_roles_say(guarded: Service, token: str | None, ingest: int, read: int, admin: int) -> None:
    headers = {} if token is None else {"Authorization": token}
    answers = [
        guarded.client.post("/v1/interactions", content=LINE, headers=headers),
        guarded.client.post("/v1/feedback", content="{}", headers=headers),
        guarded.client.get("/metrics", headers=headers),
        guarded.client.post("/mark", headers=headers),
    ]
    feedback = 400 if ingest == 202 else ingest
    assert [answer.status_code for answer in answers] == [ingest, feedback, read, admin]
    codes = {401: "unauthorized", 403: "forbidden"}
    for answer in answers:
        if answer.status_code in codes:
            assert answer.json()["error"]["code"] == codes[answer.status_code]
            assert ("WWW-Authenticate" in answer.headers) == (answer.status_code == 401)


def test_a_token_that_is_no_ascii_is_wrong_and_nothing_worse(guarded: Service) -> None:
    answer = guarded.client.get("/metrics", headers={b"Authorization": b"Bearer \xff\xfe"})
    assert answer.status_code == 401


def test_health_needs_no_token(guarded: Service) -> None:
    assert [guarded.client.get(path).status_code for path in ("/healthz", "/readyz", "/openapi.json")] == [200] * 3


def test_a_refused_request_leaves_nothing_behind(guarded: Service) -> None:
    guarded.intake.accepted.clear()
    guarded.intake.refused.clear()
    guarded.client.post("/v1/interactions", content=LINE)
    assert not guarded.intake.accepted and not guarded.intake.refused


def test_with_tokens_any_host_name_is_served(guarded: Service) -> None:
    headers = {"Authorization": "Bearer reader-reader-reader", "Host": "plumbline.example.com"}
    assert guarded.client.get("/metrics", headers=headers).status_code == 200


def test_tokens_are_exchanged_by_a_reload() -> None:
    with service(TOKENS) as http:
        old = {"Authorization": "Bearer reader-reader-reader"}
        assert http.client.get("/metrics", headers=old).status_code == 200
        http.source.current = parse(TOKENS.replace("reader-reader-reader", "newer-newer-newer"), "test.yaml", {})
        assert http.client.get("/metrics", headers=old).status_code == 401
        new = {"Authorization": "Bearer newer-newer-newer"}
        assert http.client.get("/metrics", headers=new).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 202),
        ({"Host": "localhost:4000"}, 202),
        ({"Host": "localhost"}, 202),
        ({"Host": "127.0.0.1:9"}, 202),
        ({"Host": "[::1]:4000"}, 202),
        ({"Origin": "http://localhost:4000"}, 202),
        ({"Origin": "http://127.0.0.1:4000"}, 202),
        ({"Host": "plumbline.example.com"}, 403),
        ({"Host": "localhost.example.com:4000"}, 403),
        ({"Host": "10.0.0.1:4000"}, 403),
        ({"Host": "["}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "https://example.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"X-Forwarded-For": "127.0.0.1"}, 403),
        ({"Forwarded": "for=127.0.0.1"}, 403),
    ],
)
def test_without_tokens_requests_from_elsewhere_are_refused(
    open_service: Service, headers: dict[str, str], status: int
) -> None:
    answer = open_service.client.post("/v1/interactions", content=LINE, headers=headers)
    assert answer.status_code == status
    assert status == 202 or answer.json()["error"]["code"] == "forbidden"


@pytest.mark.parametrize(
    ("client", "local"),
    [
        (("127.0.0.1", 1), True),
        (("::1", 1), True),
        (("::ffff:127.0.0.1", 1), True),
        (("10.0.0.1", 1), False),
        (("::ffff:10.0.0.1", 1), False),
        (("fe80::1%eth0", 1), False),
        (None, False),
    ],
)
def test_without_tokens_a_peer_of_another_machine_is_refused(client: tuple[str, int] | None, local: bool) -> None:
    scope = {"type": "http", "client": client, "headers": [(b"host", b"localhost")]}
    assert (foreign(scope) == "") is local


def test_an_address_that_others_reach_is_not_served_without_tokens() -> None:
    source = ConfigSource(parse("", "test.yaml", {}))
    app = create_app(MemoryIntake(), source, metrics=Metrics())
    with pytest.raises(ConfigError, match=r"listen: 0\.0\.0\.0 can be reached from other machines: give tokens"):
        HttpServer(app, "0.0.0.0", 0)


def test_a_port_that_is_taken_is_said() -> None:
    app = create_app(MemoryIntake(), ConfigSource(parse("", "test.yaml", {})), metrics=Metrics())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"cannot listen on 127\.0\.0\.1:{port}: .*choose another port"):
            HttpServer(app, "127.0.0.1", port)


def test_a_port_is_free_again_when_the_server_has_stopped() -> None:
    app = create_app(MemoryIntake(), ConfigSource(parse("", "test.yaml", {})), metrics=Metrics())
    with serve_http(app, "127.0.0.1", 0) as first:
        port = first.address.port
    first.stop()
    with serve_http(app, "127.0.0.1", port) as second:
        assert second.address.port == port


def test_answers_are_sent_without_waiting_for_more() -> None:
    """asyncio turns Nagle's algorithm off only on sockets that name TCP; else each answer takes 40 ms."""
    app = create_app(MemoryIntake(), ConfigSource(parse("", "test.yaml", {})), metrics=Metrics())
    with serve_http(app, "127.0.0.1", 0) as server:
        assert server._socket.proto == socket.IPPROTO_TCP


def test_the_guard_knows_roles_by_token() -> None:
    guard = Guard(ConfigSource(parse(TOKENS, "test.yaml", {})))
    assert guard.required()
    assert guard.roles("both-both-both-both") == frozenset(("ingest", "read"))
    assert guard.roles("nobody") is None
    assert [guard.may_read(t) for t in ("gateway-gateway-gateway", "oncall-oncall-oncall", "", "\udcff")] == [
        False,
        True,
        False,
        False,
    ]
