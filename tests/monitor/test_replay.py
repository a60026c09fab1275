"""`plumbline replay`: order, ids, pace, retries, and the summary, against a real service."""

import gzip
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from monitor.api.intake import Overloaded
from monitor.cli import run
from monitor.replay import Answer, Away, Batch, Recording, Refused, Replayer
from records.errors import InputError
from tests.monitor.check_files import write
from tests.monitor.http_service import Service, service

START = 1_759_000_000.0


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def running() -> Iterator[Service]:
    with service() as started:
        yield started


def recorded(n: int, **more: Any) -> list[dict[str, Any]]:
    return [{"timestamp": START + i, "prompt": f"question {i}", **more} for i in range(n)]


def replay(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(["replay", *arguments]) == code, capsys.readouterr()
    said = capsys.readouterr()
    return said.out if code == 0 else said.err + said.out


def address(running: Service) -> str:
    return str(running.client.base_url)


def test_lines_arrive_in_the_order_of_their_times_with_those_times(
    running: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    items = recorded(250, application="support")
    write(Path("a.jsonl"), items[100:] + items[:100])
    assert replay(capsys, "a.jsonl", "--to", address(running)) == "250 accepted, 0 rejected\n"
    assert len(running.intake.accepted) == 3
    sent = [json.loads(line) for line in running.intake.lines()]
    assert [item["timestamp"] for item in sent] == [item["timestamp"] for item in items]


def test_lines_without_id_or_application_get_them_and_the_same_ones_again(
    running: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    write(Path("a.jsonl"), [*recorded(3), {**recorded(1)[0], "id": "mine", "application": "search"}])
    for _ in range(2):
        replay(capsys, "a.jsonl", "--to", address(running), "--application", "support")
    sent = [json.loads(line) for line in running.intake.lines()]
    first, second = sent[:4], sent[4:]
    assert first == second
    assert len({item["id"] for item in first}) == 4
    assert {item["application"] for item in first if item["id"] != "mine"} == {"support"}
    assert [item["application"] for item in first if item["id"] == "mine"] == ["search"]


def test_packed_and_columnar_files_and_other_names_are_replayed(running: Service, capsys: pytest.CaptureFixture[str]) -> None:
    items = [{"at": START + i, "question": "a", "output_tokens": 5} for i in range(5)]
    Path("a.jsonl.gz").write_bytes(gzip.compress(Path(write(Path("a.jsonl"), items)).read_bytes()))
    pl.DataFrame(items).write_parquet("a.parquet")
    names = ("--map", "timestamp=at", "--map", "prompt=question", "--application", "support")
    for name in ("a.jsonl", "a.jsonl.gz", "a.parquet"):
        assert replay(capsys, name, "--to", address(running), *names) == "5 accepted, 0 rejected\n"
    assert all(json.loads(line)["prompt"] == "a" for line in running.intake.lines())


def test_what_is_rejected_is_told_with_line_and_reason(running: Service, capsys: pytest.CaptureFixture[str]) -> None:
    good, *rest = recorded(3, application="support")
    bad = [{**rest[0], "duration": "slow"}, {"prompt": "when?", "application": "support"}, b"{"]
    write(Path("a.jsonl"), [rest[1], *bad, good])
    said = replay(capsys, "a.jsonl", "--to", address(running))
    lines = said.splitlines()
    assert lines[0] == "2 accepted, 3 rejected"
    assert {line.strip() for line in lines[1:4]} == {"1 wrong_type", "1 invalid_timestamp", "1 invalid_json"}
    assert "  line 2: duration is a string; a number is expected" in lines
    assert "  line 3: there is no timestamp" in lines


def test_a_batch_of_which_all_is_refused_does_not_end_the_replay(running: Service, capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("a.jsonl"), recorded(3))
    said = replay(capsys, "a.jsonl", "--to", address(running), "--batch", "1")
    assert said.startswith("0 accepted, 3 rejected\n  3 missing_field\n")


def test_a_token_is_sent_and_one_that_is_wrong_ends_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(Path("a.jsonl"), recorded(2, application="support"))
    config = "tokens: [{name: t, token: a-token-of-the-service, roles: [ingest]}]"
    with service(config) as running:
        said = replay(capsys, "a.jsonl", "--to", address(running), "--token", "another-token", code=2)
        assert "the service answered 401: expected Authorization" in said and "0 accepted, 0 rejected, 2 not sent" in said
        monkeypatch.setenv("PLUMBLINE_TOKEN", "a-token-of-the-service")
        assert replay(capsys, "a.jsonl", "--to", address(running)) == "2 accepted, 0 rejected\n"


def test_a_service_that_is_away_is_given_up_after_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("a.jsonl"), recorded(2, application="support"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        said = replay(capsys, "a.jsonl", "--to", url, "--patience", "0", code=1)
    assert "cannot be reached (ConnectError); gave up after 0 s" in said
    assert said.endswith("0 accepted, 0 rejected, 2 not sent\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.jsonl", "--to", "kafka://"], "--to: expected kafka://host:9092,host2:9092"),
        (["a.jsonl", "--to", "kafka://me:hidden@host:9092"], "--to: expected kafka://host:9092,host2:9092; a user"),
        (["a.jsonl", "--to", "localhost:4000"], "expected the http:// or https:// address"),
        (["a.csv", "--to", "http://127.0.0.1:1"], "CSV does not say what is a number"),
        (["nowhere.jsonl", "--to", "http://127.0.0.1:1"], "nowhere.jsonl does not exist"),
        (["empty.jsonl", "--to", "http://127.0.0.1:1"], "empty.jsonl has no line that can be replayed: it is empty"),
        (["timeless.jsonl", "--to", "http://127.0.0.1:1"], "no line that can be replayed: there is no timestamp"),
        (["a.jsonl", "--to", "http://127.0.0.1:1", "--speed", "0"], "--speed"),
    ],
)
def test_what_cannot_be_replayed_is_bad_input(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("a.jsonl"), recorded(1))
    write(Path("timeless.jsonl"), [{"prompt": "a"}])
    for name in ("a.csv", "empty.jsonl"):
        Path(name).write_bytes(b"")
    assert said in replay(capsys, *arguments, code=2)


class Wall:
    """A clock that only sleeping moves, and a service whose answers are given beforehand."""

    def __init__(self, *answers: Answer | Exception):
        self.now, self.slept, self.answers = 0.0, list[float](), list(answers)
        self.sent: list[tuple[float, int]] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def send(self, lines: list[bytes]) -> Answer:
        answer = self.answers.pop(0) if self.answers else Answer(202, {"accepted": len(lines), "rejected": []})
        if isinstance(answer, Exception):
            raise answer
        self.sent.append((self.now, len(lines)))
        return answer

    def replay(self, n: int, most: int = 100, speed: float | None = None, **more: float) -> Replayer:
        recording = Recording(write(Path("a.jsonl"), recorded(n, id="x", application="a")), {}, None)
        replayer = Replayer(self.send, self.clock, self.sleep, speed, **more)
        replayer.run(recording, most)
        return replayer


@pytest.mark.parametrize(
    ("speed", "expected"), [(1.0, [0, 1, 2, 3, 4, 5]), (2.0, [0, 0.5, 1, 1.5, 2, 2.5]), (10.0, [0.1, 0.3, 0.5])]
)
def test_a_speed_is_a_multiple_of_recorded_time(speed: float, expected: list[float]) -> None:
    wall = Wall()
    wall.replay(6, speed=speed)
    assert [at for at, _ in wall.sent] == pytest.approx(expected)


def test_without_a_speed_nothing_waits() -> None:
    wall = Wall()
    assert wall.replay(250).summary.accepted == 250
    assert wall.sent == [(0.0, 100), (0.0, 100), (0.0, 50)] and wall.slept == []


def test_retry_after_is_heeded_and_an_absent_service_is_tried_ever_more_rarely() -> None:
    wall = Wall(Answer(429, {}, 7.0), Away("no"), Away("no"), Away("no"), Answer(503, {}))
    assert wall.replay(10).summary.accepted == 10
    assert wall.slept == [7.0, 1.0, 2.0, 4.0, 8.0]
    assert wall.sent[-1][1] == 10


def test_patience_ends_and_begins_anew_with_every_answer() -> None:
    with pytest.raises(Away, match="gave up after 60 s"):
        Wall(*[Away("no")] * 99).replay(1, patience=60.0)
    good = Answer(202, {"accepted": 1, "rejected": []})
    trouble = [Answer(429, {}, 50.0), good] * 5
    assert Wall(*trouble).replay(5, most=1, patience=60.0).summary.accepted == 5


def test_an_answer_that_will_not_change_ends_it() -> None:
    wall = Wall(Answer(202, {"accepted": 1, "rejected": []}), Answer(413, {"error": {"message": "too large"}}))
    with pytest.raises(Refused, match="413: too large"):
        wall.replay(2, most=1)


def test_a_batch_stays_under_what_a_service_takes() -> None:
    write(Path("a.jsonl"), recorded(30, response="x" * 1_000_000, id="i", application="a"))
    batches = list(Recording("a.jsonl", {}, None).batches(100))
    assert [len(batch.lines) for batch in batches] == [8, 8, 8, 6]


def test_line_numbers_stay_those_of_the_file_when_the_order_changes() -> None:
    write(Path("a.jsonl"), [b"[]", {"timestamp": START + 5, "id": "late"}, {"timestamp": START, "id": "early"}])
    recording = Recording("a.jsonl", {}, None)
    (batch,) = recording.batches(10)
    assert isinstance(batch, Batch)
    assert (batch.numbers, list(recording.unusable)) == ([3, 2], [1])
    assert not recording.in_order


def test_a_full_service_is_waited_for(running: Service) -> None:
    """The real answer of a service that cannot take more, as the replay understands it."""
    from monitor.cli.replay import _client, _sender

    running.intake.failure = Overloaded(3.2)
    with _client(address(running), None) as client:
        answer = _sender(client)([b'{"id": "a", "timestamp": 1, "application": "a"}'])
    assert (answer.status, answer.retry_after) == (429, 4.0)


def test_an_interrupt_ends_with_the_summary(
    running: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(Path("a.jsonl"), recorded(3, application="support"))

    def interrupt(seconds: float) -> None:
        if running.intake.accepted:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    said = replay(capsys, "a.jsonl", "--to", address(running), "--speed", "0.001", code=130)
    assert "interrupted" in said and "1 accepted, 0 rejected, 2 not sent" in said


def test_a_file_without_a_single_good_line_says_why() -> None:
    write(Path("a.jsonl"), [b"{"])
    with pytest.raises(InputError, match="not a JSON object"):
        Recording("a.jsonl", {}, None)
