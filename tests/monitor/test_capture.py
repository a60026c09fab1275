"""Capture over HTTP: a real server, a real client, every form of body, and what is refused."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from monitor.api.body import MAX_BODY
from monitor.api.capture import INLINE
from monitor.api.intake import Overloaded
from records.errors import StoreError
from tests.monitor.http_service import NOW, Service, service

AT = NOW / 1e6


def interaction(i: int = 0, **more: Any) -> dict[str, Any]:
    return {"id": f"i{i}", "timestamp": AT, "application": "support", "prompt": "how?", "response": "so.", **more}


def line(i: int = 0, **more: Any) -> bytes:
    return json.dumps(interaction(i, **more)).encode()


GOOD = line()
PRETTY = json.dumps(interaction(), indent=2).encode()
FEEDBACK = json.dumps({"interaction_id": "i0", "application": "support", "timestamp": AT, "name": "rating", "value": 4})


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with service() as started:
        yield started


@pytest.fixture
def http(running: Service) -> Service:
    running.intake.accepted.clear()
    running.intake.refused.clear()
    running.intake.failure = None
    return running


BODIES = {
    "an object": (GOOD, 1),
    "an object over several lines": (PRETTY, 1),
    "an array": (b"[" + GOOD + b", " + line(1) + b"]", 2),
    "an array over several lines": (b"[\n" + PRETTY + b",\n" + PRETTY + b"\n]", 2),
    "NDJSON": (GOOD + b"\n" + line(1), 2),
    "NDJSON with an end": (GOOD + b"\n" + line(1) + b"\n", 2),
    "NDJSON of Windows": (GOOD + b"\r\n" + line(1) + b"\r\n", 2),
    "NDJSON with blank lines": (b"\n" + GOOD + b"\n  \n\n" + line(1) + b"\n\n", 2),
    "an empty array": (b"[]", 0),
    "a large body": (b"\n".join(line(i, response="x" * 1000) for i in range(400)), 400),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("body", "count"), BODIES.values(), ids=list(BODIES))
def test_every_form_of_body_is_taken(http: Service, body: bytes, count: int, packed: bool) -> None:
    headers = {"Content-Encoding": "gzip"} if packed else {}
    answer = http.client.post("/v1/interactions", content=gzip.compress(body) if packed else body, headers=headers)
    assert (answer.status_code, answer.json()) == (202, {"accepted": count, "rejected": []})
    assert len(http.intake.lines()) == count
    assert all(json.loads(kept)["application"] == "support" for kept in http.intake.lines())
    assert {at for _, _, at in http.intake.accepted} <= {NOW}


def test_a_large_body_is_decoded_beside_the_event_loop() -> None:
    assert len(BODIES["a large body"][0]) > INLINE


def test_gzip_may_come_in_several_members(http: Service) -> None:
    body = gzip.compress(GOOD + b"\n") + gzip.compress(line(1))
    answer = http.client.post("/v1/interactions", content=body, headers={"Content-Encoding": "gzip"})
    assert answer.json() == {"accepted": 2, "rejected": []}


def test_a_body_may_come_in_chunks_of_unknown_length(http: Service) -> None:
    answer = http.client.post("/v1/interactions", content=iter([GOOD[:20], GOOD[20:], b"\n", line(1)]))
    assert answer.json() == {"accepted": 2, "rejected": []}


def test_feedback_has_its_own_topic(http: Service) -> None:
    answer = http.client.post("/v1/feedback", content=FEEDBACK)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert http.intake.lines("feedback") == [FEEDBACK.encode()] and not http.intake.lines()


BAD = {
    "invalid JSON": (b'{"id": ', "", "invalid_json"),
    "no object": (b"42", "", "wrong_type"),
    "wrong type": (line(id=7), "id", "wrong_type"),
    "missing field": (b'{"id": "a", "timestamp": 1}', "application", "missing_field"),
    "in the future": (line(timestamp=AT + 301), "timestamp", "future_timestamp"),
    "no time": (line(timestamp="yesterday"), "timestamp", "invalid_timestamp"),
    "NaN": (line(duration=float("nan")), "duration", "not_finite"),
    "half a surrogate pair": (GOOD.replace(b"how", b"\\ud800"), "prompt", "invalid_unicode"),
    "no UTF-8": (GOOD.replace(b"how", b"\xff"), "", "invalid_unicode"),
    "a NUL": (line(id="a\x00b"), "id", "invalid_unicode"),
    "2 MiB": (line(response="x" * (2 << 20)), "", "too_large"),
    "100,000 levels": (b"[" * 50_000 + b"{" * 50_000, "", "too_deep"),
    "100,000 levels in a field": (GOOD[:-1] + b', "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "", "too_deep"),
    "unknown schema": (line(schema="2.0"), "schema", "unknown_schema"),
}


@pytest.mark.parametrize(("bad", "field", "reason"), BAD.values(), ids=list(BAD))
def test_a_refused_line_says_why_and_the_rest_is_taken(http: Service, bad: bytes, field: str, reason: str) -> None:
    answer = http.client.post("/v1/interactions", content=b"\n".join([line(1), bad, line(2)]))
    assert answer.status_code == 202
    said = answer.json()
    assert said["accepted"] == 2
    assert [(r["index"], r["field"], r["reason"]) for r in said["rejected"]] == [(1, field, reason)]
    assert http.intake.lines() == [line(1), line(2)]
    assert [(topic, refusal.line, refusal.reason) for topic, refusal in http.intake.refused] == [("interactions", bad, reason)]


@pytest.mark.parametrize(("bad", "field", "reason"), BAD.values(), ids=list(BAD))
def test_a_body_of_which_nothing_is_good_is_a_bad_request(http: Service, bad: bytes, field: str, reason: str) -> None:
    answer = http.client.post("/v1/interactions", content=bad)
    assert answer.status_code == 400
    said = answer.json()
    assert (said["accepted"], said["error"]["code"]) == (0, "bad_request")
    assert said["rejected"] and not http.intake.accepted
    assert b"".join(refusal.line for _, refusal in http.intake.refused) == bad.strip()


def test_refused_lines_are_counted_by_reason(http: Service) -> None:
    before = http.metrics.registry.get_sample_value("plumbline_dead_letters_total", {"reason": "wrong_type"}) or 0
    http.client.post("/v1/interactions", content=b"1\n2\n" + GOOD)
    text = http.client.get("/metrics").text
    assert f'plumbline_dead_letters_total{{reason="wrong_type"}} {before + 2}' in text
    assert 'plumbline_http_requests_total{path="/v1/interactions",status="202"}' in text


BOMB = gzip.compress(b"\0" * (MAX_BODY + 1))
GZIP = {"Content-Encoding": "gzip"}
REFUSED = {
    "empty": (b"", {}, 400, "bad_request"),
    "blank": (b" \n ", {}, 400, "bad_request"),
    "too large": (b"x" * (MAX_BODY + 1), {}, 413, "too_large"),
    "too many lines": (b"1\n" * 100_001, {}, 413, "too_large"),
    "a gzip bomb": (BOMB, GZIP, 413, "too_large"),
    "a bomb of many members": (gzip.compress(b" " * (MAX_BODY // 2)) * 3, GZIP, 413, "too_large"),
    "no gzip": (GOOD, GZIP, 400, "bad_request"),
    "half a gzip": (gzip.compress(GOOD)[:-9], GZIP, 400, "bad_request"),
    "gzip and rubbish": (gzip.compress(GOOD) + b"rubbish", GZIP, 400, "bad_request"),
    "another encoding": (GOOD, {"Content-Encoding": "br"}, 415, "unsupported_encoding"),
}


@pytest.mark.parametrize(("body", "headers", "status", "code"), REFUSED.values(), ids=list(REFUSED))
def test_a_body_that_cannot_be_read_is_refused_as_a_whole(
    http: Service, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = http.client.post("/v1/interactions", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert not http.intake.accepted


def test_a_body_that_grows_beyond_the_limit_without_saying_so_is_refused(http: Service) -> None:
    answer = http.client.post("/v1/interactions", content=iter([b"x" * (1 << 20)] * 17))
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("failure", "status", "code", "retry"),
    [
        (Overloaded(2.5), 429, "overloaded", "3"),
        (Overloaded(0.1), 429, "overloaded", "1"),
        (StoreError("the disk is full"), 503, "unavailable", None),
        (ZeroDivisionError(), 500, "internal", None),
    ],
)
def test_an_intake_that_cannot_take_more_is_said_and_nothing_is_lost_in_silence(
    http: Service, failure: Exception, status: int, code: str, retry: str | None
) -> None:
    http.intake.failure = failure
    answer = http.client.post("/v1/interactions", content=GOOD + b"\nbad")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers.get("Retry-After") == retry
    assert not http.intake.refused, "the client sends the whole batch again"


def test_paths_and_methods_that_are_not_there_answer_in_the_same_form(http: Service) -> None:
    assert http.client.get("/nowhere").json() == {"error": {"code": "not_found", "message": "Not Found"}}
    assert http.client.get("/v1/interactions").json()["error"]["code"] == "method_not_allowed"


def test_the_api_describes_itself(http: Service) -> None:
    described = http.client.get("/openapi.json").json()
    assert {"/v1/interactions", "/v1/feedback", "/healthz", "/readyz", "/metrics"} <= set(described["paths"])
    assert "application/x-ndjson" in described["paths"]["/v1/interactions"]["post"]["requestBody"]["content"]


def test_a_service_is_ready_when_every_check_is_content() -> None:
    problems: dict[str, str | None] = {"store": "the database is away"}
    with service(checks={"store": lambda: problems["store"]}) as http:
        assert http.client.get("/healthz").json() == {"status": "ok"}
        answer = http.client.get("/readyz")
        assert (answer.status_code, answer.json()["problems"]) == (503, {"store": "the database is away"})
        problems["store"] = None
        assert http.client.get("/readyz").status_code == 200
