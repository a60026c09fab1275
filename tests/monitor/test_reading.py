"""Reading endpoints over what a short story left behind, and every curl of docs/api.md."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest

from monitor import reading
from monitor.config import ConfigSource, parse
from monitor.reading.courses import _Cache
from monitor.service import Service
from monitor.store import audit, references
from records.window import DAY, WINDOW, Code, Window, encode_window
from tests.monitor.conftest import Told

DOC = Path(__file__).parents[2] / "docs" / "api.md"
CONSOLE = re.findall(r"^```console\n\$ (.*?)\n(.*?)^```", DOC.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def get(told: Told, path: str, **query: str | int) -> dict[str, Any]:
    answer = told.client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


# -- the documentation -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def documented(told: Told) -> Told:
    with told.service.store.begin() as c:
        references.create(c, "support", "evalset", 1_760_000_000_000_000, "evalset.jsonl", 2000, None, None, {})
    return told


VARIED = ("slice", "effect", "slices", "risen", "fallen")


def shape(value: Any) -> Any:
    """Names and nesting of an answer; of a list its first entry. What a finding may have none of is left out."""
    if isinstance(value, dict):
        inner = {name: shape(part) for name, part in value.items()}
        return {name: None if name in VARIED else part for name, part in inner.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return None


def test_all_examples_are_found() -> None:
    assert len(CONSOLE) == 9


@pytest.mark.parametrize(("command", "shown"), CONSOLE, ids=[command[-40:] for command, _ in CONSOLE])
def test_every_curl_answers_in_the_form_that_is_shown(command: str, shown: str, documented: Told) -> None:
    alert = get(documented, "/api/alerts")["items"][0]["id"]
    done = subprocess.run(
        ["bash", "-c", command.replace("http://127.0.0.1:4000", documented.service.url)],
        capture_output=True, text=True, check=True, env=os.environ | {"ALERT": alert, "no_proxy": "*"},
    )  # fmt: skip
    answered, expected = (msgspec.json.decode(text.replace("\n  ", "")) for text in (done.stdout, shown))
    assert shape(answered) == shape(expected)


# -- the endpoints ---------------------------------------------------------------------------------------------------


def test_applications_are_counted_exactly(told: Told) -> None:
    (row,) = get(told, "/api/applications")["items"]
    (said,) = [line for line in told.lines if "the past is over after" in line]
    past = int(re.search(r"after ([\d\u202f]+)", said)[1].replace("\u202f", ""))  # type: ignore[index]
    assert (row["application"], row["duplicates"], row["late"]) == ("support", 0, 0)
    assert past < row["interactions"] < past * 1.5


def test_the_course_of_a_signal_shows_the_incident(told: Told) -> None:
    incident = told.story.incidents[0]
    (course,) = get(
        told, "/api/windows", application="support", signal="response.bold_markers", slice="model:atlas-large",
        since=str(incident.start / 1e6), until=str(incident.end / 1e6),
    )["items"]  # fmt: skip
    assert len(course["start"]) == (incident.end - incident.start) // WINDOW
    assert "finding" in course["verdict"]
    assert max(course["effect"]["times_floor"]) > 1
    assert {len(course[name]) for name in ("n", "value", "evidence", "threshold")} == {len(course["start"])}


def test_a_course_comes_in_pages(told: Told) -> None:
    asked: dict[str, str | int] = {"application": "support", "signal": "error"}
    (whole,) = get(told, "/api/windows", **asked)["items"]
    starts: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = get(told, "/api/windows", **asked, limit=100, **cursor)
        starts += answer["items"][0]["start"]
        if answer["next"] is None:
            break
        cursor = {"cursor": answer["next"]}
    assert starts == whole["start"] == sorted(starts)
    assert len(starts) > 200


def test_longer_windows_come_in_pages_as_well(told: Told) -> None:
    asked: dict[str, str | int] = {"application": "support", "signal": "error", "horizon": "1h"}
    (whole,) = get(told, "/api/windows", **asked)["items"]
    first = get(told, "/api/windows", **asked, limit=20)
    second = get(told, "/api/windows", **asked, cursor=first["next"])
    assert [*first["items"][0]["start"], *second["items"][0]["start"]] == whole["start"]
    assert second["next"] is None
    assert len(whole["start"]) > 20
    assert (whole["horizon"], set(whole["verdict"]), set(whole["evidence"])) == ("1h", {None}, {None})


def test_every_comparison_says_why_its_threshold_is_what_it_is(told: Told) -> None:
    asked: dict[str, str | int] = {"application": "support", "limit": 300}
    first = get(told, "/api/comparisons", **asked)
    second = get(told, "/api/comparisons", **asked, cursor=first["next"])
    many = get(told, "/api/budget")["comparisons"]
    every = first["items"] + second["items"]
    assert second["next"] is not None or len(every) == many
    assert len({(row["signal"], str(row["slice"]), row["baseline"]) for row in every}) == len(every)
    for row in every:
        assert row["why"].startswith(("alarms at ", "has "))
        if row["verdict"] == "calm":
            assert row["past"]["lender"] or row["past"]["windows"] >= row["past"]["needs"]


@pytest.mark.parametrize("name", ["signal", "slice", "baseline"])
def test_what_was_never_compared_has_no_course(name: str, told: Told) -> None:
    asked: dict[str, str | int] = {"application": "support", "signal": "error", name: "never:seen"}
    assert get(told, "/api/windows", **asked) == {"items": [], "next": None}


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/api/windows?application=support", 422, "signal"),
        ("/api/windows?application=support&signal=error&since=yesterday", 422, "since: expected RFC 3339"),
        ("/api/windows?application=support&signal=error&until=2026-11-19T05:50:00", 422, "until: expected RFC 3339"),
        ("/api/windows?application=support&signal=error&cursor=first", 400, "cursor"),
        ("/api/windows?application=support&signal=error&horizon=7m", 422, "horizon: expected a multiple of 5m"),
        ("/api/windows?application=support&signal=error&horizon=long", 422, "horizon: expected a multiple of 5m"),
        ("/api/comparisons?application=support&cursor=first", 400, "cursor"),
        ("/api/findings?cursor=first", 400, "cursor"),
        ("/api/alerts?state=open", 422, "state"),
    ],
)
def test_a_question_that_cannot_be_understood_says_why(path: str, status: int, said: str, told: Told) -> None:
    answer = told.client.get(path)
    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]


def test_findings_can_be_filtered_and_paged(told: Told) -> None:
    everything = get(told, "/api/findings", verdict="finding", limit=500)
    first = get(told, "/api/findings", verdict="finding", limit=1)
    second = get(told, "/api/findings", verdict="finding", limit=1, cursor=first["next"])
    assert [*first["items"], *second["items"]] == everything["items"][:2]
    assert {row["verdict"] for row in everything["items"]} == {"finding"}
    assert all(row["ended"] is None for row in get(told, "/api/findings", open="true")["items"])


def test_an_alert_tells_of_its_notifications(told: Told) -> None:
    told_of = [row["notifications"] for row in get(told, "/api/alerts")["items"]]
    assert {n["receiver"] for notifications in told_of for n in notifications} == {"oncall"}
    assert {n["tells"] for n in told_of[-1]} == {"firing", "resolved"}


def test_an_alert_marked_as_real_spends_nothing_and_is_audited(told: Told) -> None:
    alerts = get(told, "/api/alerts")["items"]
    for row in alerts:
        answer = told.client.post(f"/api/alerts/{row['id']}/mark", json={"as": "false_alarm"})
        assert (answer.status_code, answer.json()["mark"]) == (200, "false_alarm")
    before = get(told, "/api/budget")
    told.client.post(f"/api/alerts/{alerts[0]['id']}/mark", json={"as": "real"})
    assert get(told, "/api/budget")["spent"] == before["spent"] - 1
    with told.service.store.read() as c:
        (entry, *_), _ = audit.query(c, alerts[0]["id"])
    assert (entry.actor, entry.action, entry.detail) == ("local", "mark", "false_alarm -> real")


@pytest.mark.parametrize(("id_", "as_", "status"), [("none", "real", 404), ("none", "maybe", 422)])
def test_a_mark_that_means_nothing_is_refused(id_: str, as_: str, status: int, told: Told) -> None:
    assert told.client.post(f"/api/alerts/{id_}/mark", json={"as": as_}).status_code == status


def test_reading_needs_its_role_and_marking_another(tmp_path: Path) -> None:
    tokens = "".join(
        f"  - {{name: {role}, token: {role}{'x' * 16}, roles: [{role}]}}\n" for role in ("ingest", "read", "admin")
    )
    text = f"store: sqlite:///{tmp_path}/plumbline.db\nlisten: 127.0.0.1:0\ntokens:\n{tokens}"
    with Service(ConfigSource(parse(text, "test.yaml", {}))) as service, httpx.Client(base_url=service.url) as client:
        answers = [
            (
                client.get("/api/budget", headers=bearer).status_code,
                client.post("/api/alerts/none/mark", json={"as": "real"}, headers=bearer).status_code,
            )
            for bearer in ({}, *({"Authorization": f"Bearer {role}{'x' * 16}"} for role in ("ingest", "read", "admin")))
        ]
    assert answers == [(401, 401), (403, 403), (200, 403), (200, 404)]


# -- the functions ---------------------------------------------------------------------------------------------------


def test_windows_are_decoded_once_and_again_when_they_were_judged_anew() -> None:
    cache = _Cache(20_000)
    blobs = [encode_window(Window.blank(0, 0, n, 100)) for n in (1, 2)]
    first = cache("support", 0, blobs[0])
    assert cache("support", 0, blobs[0]) is first
    assert cache("support", 0, blobs[1]).traffic == 2
    for start in range(1, 10):
        cache("support", start, blobs[1])
    assert cache("support", 0, blobs[0]).traffic == 1


def test_a_comparison_that_came_later_has_nothing_in_earlier_windows(told: Told) -> None:
    wanted = reading.Wanted(application="support", signal="error", dimension="tags.tenant", value="stark")
    with told.service.store.read() as c:
        (course,) = reading.courses(c, wanted, told.story.start, told.story.start + DAY)
    assert course.verdict[0] == Code.ABSENT
    assert np.isnan(course.n[0])
    assert (course.verdict != Code.ABSENT).any()
