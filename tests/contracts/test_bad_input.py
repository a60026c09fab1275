"""Whatever is sent: what cannot be read is refused with its reason and kept; what is odd is counted and blinds nothing."""

import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest

from monitor.api.body import MAX_BODY
from monitor.cli import run
from records.refusal import REASONS
from records.window import HOUR, WINDOW
from tests.contracts.bad_input import START, healthy, left, post, service
from tests.records.codec_examples import POISON

NOW = int(time.time())
GOOD: dict[str, Any] = {"id": "good", "timestamp": NOW - 60, "application": "support", "prompt": "Where?"}
FUTURE = {
    "an hour ahead": (json.dumps(GOOD | {"timestamp": NOW + 3600}).encode(), "timestamp", "future_timestamp"),
    "a century ahead": (
        json.dumps(GOOD | {"timestamp": "2126-01-01T00:00:00+02:00"}).encode(),
        "timestamp",
        "future_timestamp",
    ),
}
BAD = {name: case[:3] for name, case in POISON.items() if case[2] != "future_timestamp"} | FUTURE
"""name: (line, field, reason); what the future is depends on the clock, so those are this file's own."""
FEEDBACK: dict[str, tuple[dict[str, Any], str, str]] = {
    "no value": ({"value": None}, "value", "missing_field"),
    "a list as value": ({"value": [1]}, "value", "wrong_type"),
    "NaN": ({"value": float("nan")}, "value", "not_finite"),
    "a NUL": ({"value": "a\0b"}, "value", "invalid_unicode"),
    "nobody's judgement": ({"source": "nobody"}, "source", "out_of_range"),
    "tomorrow": ({"timestamp": NOW + 86_400}, "timestamp", "future_timestamp"),
    "schema 2": ({"schema": "2"}, "schema", "unknown_schema"),
}


def good(number: int) -> bytes:
    return json.dumps(GOOD | {"id": f"good-{number}"}).encode()


def test_every_bad_line_is_refused_with_its_reason_and_the_rest_of_the_batch_is_counted(tmp_path: Path) -> None:
    lines = [line for i, (bad, _, _) in enumerate(BAD.values()) for line in (good(i), bad)]
    with service(tmp_path) as client:
        answer = client.post("/v1/interactions", content=b"\n".join(lines))
    assert answer.status_code == 202
    said = answer.json()
    expected = [(2 * i + 1, field, reason) for i, (_, field, reason) in enumerate(BAD.values())]
    assert said["accepted"] == len(BAD) >= 70
    assert [(r["index"], r["field"], r["reason"]) for r in said["rejected"]] == expected
    assert all(r["message"] for r in said["rejected"])
    assert {reason for _, _, reason in expected} == set(REASONS) - {"too_old"}
    after = left(tmp_path)
    assert after.counted["support"].interactions == len(BAD)
    assert sorted((x.line, x.field, x.reason) for x in after.letters) == sorted(BAD.values())
    assert {x.topic for x in after.letters} == {"interactions"}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_alone_is_a_bad_request(name: str, alone: dict[str, tuple[int, Any]]) -> None:
    _, field, reason = BAD[name]
    status, said = alone[name]
    assert (status, said["accepted"], said["error"]["code"]) == (400, 0, "bad_request")
    if name != "a list":  # a body that is an array holds as many records as it has elements
        assert [(r["index"], r["field"], r["reason"]) for r in said["rejected"]] == [(0, field, reason)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, Any]]:
    """Status and body of the answer to each line sent by itself."""
    with service(tmp_path_factory.mktemp("alone")) as client:
        answers = {name: client.post("/v1/interactions", content=line) for name, (line, _, _) in BAD.items()}
    return {name: (answer.status_code, answer.json()) for name, answer in answers.items()}


def test_a_bad_element_of_an_array_is_refused_alone(tmp_path: Path) -> None:
    body = b"[" + good(0) + b', {"id": 7}, ' + good(1) + b', {"id": "x", "timestamp": NaN, "application": "a"}]'
    with service(tmp_path) as client:
        answer = client.post("/v1/interactions", content=body)
    said = answer.json()
    assert (answer.status_code, said["accepted"]) == (202, 2)
    assert [(r["index"], r["field"]) for r in said["rejected"]] == [(1, "id"), (3, "timestamp")]
    assert left(tmp_path).counted["support"].interactions == 2


def test_bad_feedback_is_refused_with_its_reason_and_the_rest_is_joined(tmp_path: Path) -> None:
    plain = {"interaction_id": "good-0", "application": "support", "timestamp": NOW, "name": "rating", "value": 1}
    lines = [json.dumps(plain | more).encode() for more, _, _ in FEEDBACK.values()] + [json.dumps(plain).encode()]
    with service(tmp_path) as client:
        client.post("/v1/interactions", content=good(0))
        answer = client.post("/v1/feedback", content=b"\n".join(lines))
    said = answer.json()
    assert (answer.status_code, said["accepted"]) == (202, 1)
    expected = [(i, field, reason) for i, (_, field, reason) in enumerate(FEEDBACK.values())]
    assert [(r["index"], r["field"], r["reason"]) for r in said["rejected"]] == expected
    assert sorted(x.line for x in left(tmp_path).letters) == sorted(lines[:-1])


def test_what_is_older_than_the_panes_that_are_kept_is_refused_by_the_stream(tmp_path: Path) -> None:
    old = json.dumps(GOOD | {"id": "old", "timestamp": NOW - 91 * 86_400}).encode()
    with service(tmp_path) as client:
        answer = client.post("/v1/interactions", content=good(0) + b"\n" + old)
    assert answer.json()["accepted"] == 2, "only the stream knows what is kept"
    after = left(tmp_path)
    assert after.counted["support"].interactions == 1
    assert [(x.index, x.field, x.reason, x.line) for x in after.letters] == [(1, "timestamp", "too_old", old)]


GZIP = {"Content-Encoding": "gzip"}
BODIES = {
    "a gzip bomb": (gzip.compress(b"\0" * (MAX_BODY * 8)), GZIP, 413),
    "a bomb of good lines": (gzip.compress(b"\n".join([good(0)] * 200_000)), GZIP, 413),
    "gzip cut short": (gzip.compress(good(0))[:-5], GZIP, 400),
    "gzip whose sum is wrong": (gzip.compress(good(0))[:-8] + bytes(8), GZIP, 400),
    "no gzip at all": (good(0), GZIP, 400),
    "nothing": (b"", {}, 400),
    "17 MiB": (b"x" * (17 << 20), {}, 413),
}


def test_a_body_that_cannot_be_unpacked_is_refused_as_a_whole_and_leaves_nothing(tmp_path: Path) -> None:
    with service(tmp_path) as client:
        for name, (body, headers, status) in BODIES.items():
            answer = client.post("/v1/interactions", content=body, headers=headers)
            assert (name, answer.status_code) == (name, status)
            assert answer.json()["error"]["message"]
        assert client.get("/readyz").status_code == 200
        assert client.post("/v1/interactions", content=gzip.compress(good(0)), headers=GZIP).status_code == 202
    after = left(tmp_path)
    assert {name: row.interactions for name, row in after.counted.items()} == {"support": 1}
    assert after.letters == []


EDGES: list[dict[str, Any]] = [
    {"duration": -1.0},
    {"duration": -0.0},
    {"duration": 1e308, "cost_usd": 1e308, "scores": {"quality": 1e308}},
    {"duration": -1e308, "cost_usd": -1e308, "scores": {"quality": -1e308}},
    {"duration": 1e-320, "cost_usd": 5e-324, "time_to_first_token": 1e-320},
    {"input_tokens": 0, "output_tokens": 0, "duration": 0.0},
    {"input_tokens": 2**63 - 1, "output_tokens": 2**63 - 1},
    {"input_tokens": -(2**63), "output_tokens": -(2**63)},
    {"prompt": "", "response": ""},
    {"prompt": " \n\t ", "response": "\0" * 1000},
    {"prompt": "\U0001f600" * 1000, "response": "ا" * 1000},
    {"response": "x" * 900_000},
    {"response": "a " * 400_000},
    {"model": "", "error": "", "finish_reason": "", "provider": "", "operation": "", "prompt_name": "", "user": ""},
    {"prompt_version": "", "conversation_id": "", "system": "", "reference_answer": "", "tags": {"": ""}, "scores": {"": 0}},
    {"model": "m" * 100_000, "error": "e" * 100_000, "tags": {"t" * 10_000: "v" * 10_000}},
    {"context": [], "tool_calls": []},
    {"context": [""] * 10_000, "tool_calls": [{"name": ""}] * 1_000},
    {"tags": {f"tag-{i}": f"value {i}" for i in range(10_000)}},
    {"scores": {f"score-{i}": i for i in range(2_000)}},
    {"messages": [], "prompt": None},
    {"error": None, "model": None, "duration": None, "response": None},
]
CHANGED = {
    "duration", "time_to_first_token", "input_tokens", "output_tokens", "cost_usd", "scores.quality", "model", "error",
    "prompt.characters", "response.characters", "response.words",
}  # fmt: skip
"""Signals that the traffic of `healthy(changed=True)` moves, each by a lot."""
ROWS, BEFORE, AFTER = 60, 100, 20
ODD = (10, 30, 31, 50, 98)
"""Windows with values at the edges in between: while the baseline grows, and when it is there."""
CROWDED = 40
"""The window with a hundred thousand categories."""


def test_values_at_the_edges_are_counted_and_blind_no_signal(tmp_path: Path) -> None:
    sent = 0
    with service(tmp_path) as client:
        for window in range(BEFORE + AFTER):
            rows = healthy(window, ROWS, changed=window >= BEFORE)
            if window in ODD:
                edges = [rows[0] | edge | {"id": f"edge-{window}-{i}"} for i, edge in enumerate(EDGES)]
                rows = [*rows, *edges]
            post(client, rows)
            sent += len(rows)
            if window == CROWDED:
                sent += crowd(client)
        assert client.get("/readyz").status_code == 200
    after = left(tmp_path)
    assert after.counted["support"].interactions == sent
    assert after.letters == []
    change = START + BEFORE * WINDOW
    found = {f.signal: f.since for f in after.findings if f.verdict == "finding" and f.window.end > change}
    assert found.keys() >= CHANGED
    assert all(change - HOUR <= found[signal] <= change + HOUR for signal in CHANGED)


def crowd(client: Any) -> int:
    """A hundred thousand interactions of one window, each with a category that no other has; how many they were."""
    at = START // 1_000_000 + CROWDED * 300 + 299
    rows = [{"id": f"c{i}", "timestamp": at, "application": "support", "finish_reason": f"r{i}"} for i in range(100_000)]
    post(client, rows)
    return len(rows)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty interactions, in the middle of which, at line 21, there is one of 10 MB."""
    path = tmp_path_factory.mktemp("file") / "march.jsonl"
    rows = [json.dumps(row) for row in healthy(0, 40)]
    rows.insert(20, json.dumps(GOOD | {"prompt": "x" * 10_000_000}))
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def test_check_refuses_a_line_of_10_mb_by_its_number_and_uses_the_rest(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(file), "--reference", str(file), "--format", "json"]) == 0
    out, _ = capsys.readouterr()
    said = json.loads(out)
    assert said["verdict"] == "clean"
    for side in ("current", "reference"):
        assert (said[side]["rows"], said[side]["reasons"]) == (40, {"too_large": 1})
        assert said[side]["examples"][0].startswith("line 21: ")


def test_reference_build_refuses_a_line_of_10_mb_by_its_number_and_uses_the_rest(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["reference", "build", "march", "--application", "support", str(file)]) == 0
    said = "".join(capsys.readouterr())
    assert "line 21" in said
    assert "40" in said


def test_replay_refuses_a_line_of_10_mb_by_its_number_and_sends_the_rest(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with service(tmp_path) as client:
        code = run(["replay", str(file), "--to", str(client.base_url)])
    said = "".join(capsys.readouterr())
    assert "line 21" in said
    assert "40 accepted, 1 rejected" in said
    assert code in (0, 1)
    assert left(tmp_path).counted["support"].interactions == 40
