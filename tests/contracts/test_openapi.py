"""The outside over HTTP: a valid description of what exists, who may do what, and secrets that never reach a log."""

import json
import re
import sqlite3
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.openapi.models import OpenAPI

from monitor.config import ConfigSource, parse
from monitor.service import Service
from tests.monitor.process import serving, start
from tests.monitor.receiver import receiving

CONTRACT = {
    "/v1/interactions": {"post"},
    "/v1/feedback": {"post"},
    "/api/applications": {"get"},
    "/api/windows": {"get"},
    "/api/quality": {"get"},
    "/api/judges": {"get"},
    "/api/findings": {"get"},
    "/api/alerts": {"get"},
    "/api/alerts/{id}/mark": {"post"},
    "/api/references": {"get"},
    "/api/budget": {"get"},
    "/metrics": {"get"},
    "/healthz": {"get"},
    "/readyz": {"get"},
}
"""Paths that the contract names and that exist."""
LATER = {"/v1/traces", "/v1/logs", "/api/silences"}
"""Paths that the contract names for a later release: not there, and not described."""
OPEN = {"/healthz", "/readyz"}
TOKENS = {"ingest": "gateway-gateway-gateway", "read": "reader-reader-reader", "admin": "oncall-oncall-oncall"}
CONFIG = """
store: sqlite:///{directory}/plumbline.db
listen: 127.0.0.1:0
tokens:
""" + "".join(f"  - {{{{name: {role}, token: {token}, roles: [{role}]}}}}\n" for role, token in TOKENS.items())


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A real service with a token for each role."""
    directory = tmp_path_factory.mktemp("guarded")
    source = ConfigSource(parse(CONFIG.format(directory=directory), "test.yaml", {}))
    with Service(source) as service, httpx.Client(base_url=service.url, trust_env=False) as made:
        yield made


@pytest.fixture(scope="module")
def described(client: httpx.Client) -> dict[str, Any]:
    described: dict[str, Any] = client.get("/openapi.json").json()
    return described


def test_the_description_is_valid_and_has_every_path_of_the_contract_that_exists(described: dict[str, Any]) -> None:
    OpenAPI.model_validate(described)
    assert described["openapi"].startswith("3.1")
    names = [operation["operationId"] for methods in described["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names)
    for reference in re.findall(r'"#/([^"]*)"', json.dumps(described)):
        reduce(lambda part, name: part[name], reference.split("/"), described)
    paths = {path: set(methods) for path, methods in described["paths"].items()}
    assert {path: paths.get(path) for path in CONTRACT} == CONTRACT
    assert not LATER & paths.keys(), "a path that is there now belongs into CONTRACT"


def test_everything_that_is_described_is_named_and_has_an_answer(described: dict[str, Any]) -> None:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], f"{method} {path}"
            assert any(status.startswith("2") for status in operation["responses"]), f"{method} {path}"
    assert described["info"]["version"]


@pytest.mark.parametrize("path", ["/nowhere", "/v1/nothing", "/api/nothing", "/api/alerts/a/b/c", *sorted(LATER)])
def test_a_path_that_is_not_there_is_told_in_json(client: httpx.Client, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = client.request(method, path, headers=_bearer("admin"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", CONTRACT)
def test_a_method_that_is_not_there_is_told_in_json(client: httpx.Client, path: str) -> None:
    answer = client.request("DELETE", path, headers=_bearer("admin"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")


def _bearer(role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[role]}"}


def _needed(path: str) -> str:
    if path.startswith("/v1/"):
        return "ingest"
    return "admin" if path.endswith("/mark") else "read"


def test_every_endpoint_asks_for_a_token_and_for_its_role(client: httpx.Client, described: dict[str, Any]) -> None:
    asked = 0
    for path, methods in described["paths"].items():
        for method in methods:
            answers = {role: _try(client, method, path, _bearer(role)) for role in TOKENS}
            answers["nobody"] = _try(client, method, path, {})
            answers["somebody"] = _try(client, method, path, {"Authorization": "Bearer wrong-wrong-wrong-wrong"})
            if path in OPEN:
                assert set(answers.values()) == {200}
                continue
            asked += 1
            allowed = {_needed(path), "admin"}
            assert (answers["nobody"], answers["somebody"]) == (401, 401), f"{method} {path}"
            for role in TOKENS:
                assert (answers[role] == 403) == (role not in allowed), f"{method} {path} as {role}: {answers[role]}"
                assert answers[role] != 401
    assert asked >= len(CONTRACT) - len(OPEN)


def _try(client: httpx.Client, method: str, path: str, headers: dict[str, str]) -> int:
    status = client.request(method, path.replace("{id}", "none"), headers=headers).status_code
    assert status < 500
    return status


SECRET = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0"
PASSWORD = "hunter2hunter2"
GUARDED = """
store: sqlite:///{directory}/plumbline.db
listen: 127.0.0.1:0
tokens: [{{name: gateway, token: gateway-gateway-gateway, roles: [admin]}}]
allow_private_targets: ["127.0.0.1"]
alerts:
  receivers: [{{name: oncall, webhook: {{url: "http://user:{password}@127.0.0.1:{port}/hook/{password}", secret: {secret}}}}}]
"""
AWAY = "store: postgresql+psycopg://plumbline:{password}@127.0.0.1:1/plumbline\nlisten: 127.0.0.1:0\n"


def test_secrets_never_reach_the_log_though_everything_goes_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that is asked wrongly, whose tables break, whose configuration breaks; then stores that are away."""
    monkeypatch.chdir(tmp_path)  # where the log of a service on PostgreSQL lies
    config = tmp_path / "plumbline.yaml"
    with receiving() as site:
        text = GUARDED.format(directory=tmp_path, port=site.port, secret=SECRET, password=PASSWORD)
        config.write_text(text, encoding="utf-8")
        with serving(config) as process:
            assert process.popen.stderr is not None
            headers = {"Authorization": "Bearer gateway-gateway-gateway"}
            line = b'{"id": "a", "timestamp": 1, "application": "a", "prompt": "gateway-gateway-gateway"}\n{"id": 1}'
            for sent in (headers, {"Authorization": f"Bearer {SECRET}"}, {}):
                process.client.post("/v1/interactions", content=line, headers=sent)
                process.client.get(f"/api/findings?cursor={PASSWORD}", headers=sent)
                process.client.get(f"/{PASSWORD}?token=gateway-gateway-gateway", headers=sent)
            config.write_text(text.replace("whsec_", "wrong_") + "false_alarms: {at_most: none}\n", encoding="utf-8")
            process.popen.send_signal(1)
            process.event("configuration_refused")
            _break(tmp_path)
            process.client.get("/api/alerts", headers=headers)
            process.client.post("/v1/interactions", content=line, headers=headers)
            said = process.popen.stderr.read()
            assert process.ends() == 1
    assert "failed" in said
    config.write_text(AWAY.format(password=PASSWORD), encoding="utf-8")
    said += start("-c", str(config)).communicate(timeout=60)[1]
    config.write_text(text.replace(SECRET, f"{SECRET[:-4]}!") + "unknown: key\n", encoding="utf-8")
    said += start("-c", str(config)).communicate(timeout=60)[1]
    for secret in ("gateway-gateway-gateway", SECRET, SECRET[6:-4], PASSWORD):
        assert secret not in said


def _break(directory: Path) -> None:
    with sqlite3.connect(directory / "plumbline.db") as c:
        for table in ("positions", "alerts"):
            c.execute(f"DROP TABLE {table}")
    c.close()
