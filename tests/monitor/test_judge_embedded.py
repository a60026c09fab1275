"""A judge in the embedded service: what it says of the sample becomes a signal, whatever else the judge does."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
from sqlalchemy import select

from monitor.config import ConfigSource, parse
from monitor.service import Service
from monitor.store import judgements
from monitor.store.tables import judgements as table
from records.pane import TOTAL
from records.window import WINDOW
from tests.judge_server import Judge, hanging, judging
from tests.monitor.streaming import left
from tests.monitor.waiting import until

CONFIG = """
store: sqlite:///{directory}/plumbline.db
listen: 127.0.0.1:0
applications:
  support:
    slices: [model]
    allowed_lateness: 0s
    evaluations: [{{judge: {{name: helpful, rubric: "Is it of help?", endpoint: "{endpoint}", model: large, {more}}}}}]
content: {content}
"""
DOCS = Path(__file__).parents[2] / "docs"
SECRET = "sk-hunter2hunter2hunter2"


def rows(n: int, at: float) -> bytes:
    made = [{"id": f"i-{i}", "application": "support", "timestamp": at, "prompt": f"Where is {i}?", "response": f"There: {i}."}
            for i in range(n)]  # fmt: skip
    return b"\n".join(msgspec.json.encode(row) for row in made)


@contextmanager
def serving(directory: Path, judge: Judge, more: str, content: str = "digest") -> Iterator[tuple[Service, httpx.Client]]:
    text = CONFIG.format(directory=directory, endpoint=judge.endpoint, more=more, content=content)
    with (
        Service(ConfigSource(parse(text, "judge.yaml", {}))) as service,
        httpx.Client(base_url=service.url, trust_env=False) as client,
    ):
        yield service, client


def outcomes(service: Service) -> dict[str, int]:
    """How many of the sample had each outcome."""
    with service.store.read() as c:
        found = judgements.counts(c, "support", "helpful", 0, 2**62)
    return dict(sum((Counter(one) for one in found.values()), Counter[str]()))


def score(service: Service) -> tuple[int, float]:
    """Number and mean of the scores that joined their interactions' panes."""
    signal, n, total = "scores.helpful", 0, 0.0
    for (step, key), pane in left(service.store).panes.items():
        if step == WINDOW and not key.dimension and signal in pane["moments"]:
            n += sum(count for name, _, count in pane["counts"] if name == signal)
            total += pane["moments"][signal][TOTAL] * 1e-6
    return n, total / max(n, 1)


def test_what_a_judge_says_of_the_sample_is_a_signal_of_its_windows(tmp_path: Path) -> None:
    with judging(scored=lambda judged: 4.0 if judged["response"].endswith("7.") else 2.0) as judge:
        more = f"sample: 1.0, concurrency: 8, api_key: {SECRET}"
        with serving(tmp_path, judge, more) as (service, client):
            assert client.post("/v1/interactions", content=rows(40, time.time() - 900)).status_code == 202
            until(lambda: score(service)[0] == 40)
            assert score(service)[1] == pytest.approx(0.25 + 0.5 * 4 / 40)
            assert outcomes(service) == {"sampled": 40, "judged": 40}
            answer = client.get("/api/windows", params={"application": "support", "signal": "scores.helpful"})
            assert answer.status_code == 200
        assert judge.most_at_once <= 8
        assert all(request.headers["authorization"] == f"Bearer {SECRET}" for request in judge.requests)
        assert set(judge.asked().values()) == {1}


def test_a_judge_that_hangs_holds_nobody_up_and_coverage_says_so(tmp_path: Path) -> None:
    with judging(always=hanging) as judge, serving(tmp_path, judge, "sample: 1.0, timeout: 100ms") as (service, client):
        assert client.post("/v1/interactions", content=rows(2, time.time())).status_code == 202
        until(lambda: client.get("/api/applications").json()["items"][0:1])
        assert client.get("/readyz").status_code == 200
        until(lambda: outcomes(service).get("timeout") == 2)
        (item,) = client.get("/api/judges", params={"application": "support"}).json()["items"]
        assert item["coverage"] == {"sampled": 2, "judged": 0, "missing": {"timeout": 2}, "pending": 0, "ratio": 0.0}
        assert item["paused"]["why"] == "timeout"
        assert (item["today"]["calls"], item["today"]["reserved_usd"]) == (len(judge.requests), 0.0)
        assert item["today"]["cost_usd"] > 0
        assert score(service)[0] == 0
        (shown,) = re.findall(r"^```json\n(.*?)^```", (DOCS / "api.md").read_text(), re.MULTILINE | re.DOTALL)
        documented = msgspec.json.decode(shown.replace("\n", ""))["items"][0]
        assert documented.keys() == item.keys()
        for part in ("coverage", "today"):
            assert documented[part].keys() == item[part].keys()
        assert documented["windows"][0].keys() == item["windows"][0].keys()


def test_texts_are_gone_with_the_outcome_and_personal_data_never_leaves(tmp_path: Path) -> None:
    with judging() as judge, serving(tmp_path, judge, "sample: 1.0", "redacted") as (service, client):
        row = {"id": "a", "application": "support", "timestamp": time.time(), "prompt": "I am jo@example.org",
               "response": "Hello jo@example.org", "context": ["jo@example.org bought a kettle"]}  # fmt: skip
        client.post("/v1/interactions", json=row)
        until(lambda: outcomes(service).get("judged") == 1)
        judged = {"prompt": "I am [email]", "response": "Hello [email]", "context 1": "[email] bought a kettle"}
        assert judge.requests[0].judged() == judged
        with service.store.read() as c:
            (kept,) = c.execute(select(table.c.texts, table.c.interaction_id))
        assert tuple(kept) == (None, "")
