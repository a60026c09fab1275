"""Embeddings through the real pipeline: the same sample however batches are cut, novelty from a reference, failures."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.cli import run
from monitor.metrics import Metrics
from monitor.store import panes
from monitor.store.engine import Store
from records.pane import Pane, merge_all
from records.pane_codec import decode_pane, encode_pane
from records.window import WINDOW
from signals.embedding import SAMPLED
from streams.embedded import LogRecord
from tests.monitor.embedding_service import Service, serving
from tests.monitor.streaming import ACCEPTED, APPLICATION, CONFIG, START, interaction, opened, pipeline, record

SIGNALS = "signals: [prompt.embedding, response.embedding, similarity, response.novelty, response.words]"
STATIC = f"applications: {{support: {{slices: [model], embeddings: static, {SIGNALS}}}, other: {{slices: []}}}}"
TOPICS = ("your refund of order number", "the weather in the mountains is", "please bake the bread for hour")


def rows(window: int, count: int, topic: int = 0, application: str = APPLICATION) -> list[dict[str, Any]]:
    rng = np.random.default_rng([5, window])
    texts = [f"{TOPICS[topic]} {i}" for i in range(count)]
    return [
        interaction(window, i, rng, None, response=text, application=application, timestamp=(START + window * WINDOW + i) / 1e6)
        for i, text in enumerate(texts)
    ]


def stream() -> list[LogRecord]:
    """Two windows of 400 interactions of one application, and of one that embeds nothing, in records of 50."""
    out = []
    for window in range(2):
        mine, other = rows(window, 400), rows(window, 100, application="other")
        out += [record(0, [*mine[i : i + 50], *other[i // 4 : i // 4 + 12]]) for i in range(0, 400, 50)]
    return [r._replace(offset=i + 1) for i, r in enumerate(out)]


def stored(store: Store, application: str = APPLICATION) -> dict[tuple[str, int], Pane]:
    with store.read() as c:
        found = panes.between(c, application, WINDOW, 0, 2**62)
        return {(key.value, key.start): decode_pane(blob) for key, blob in found}


def ingested(path: Path, config: str, records: Sequence[LogRecord], cuts: Sequence[int] = (), restart: bool = False) -> Store:
    with opened(path) as store:
        pipe = pipeline(store, config)
        for a, b in pairwise([0, *cuts, len(records)]):
            pipe.ingest(records[a:b], ACCEPTED)
            pipe = pipeline(store, config) if restart else pipe
        return store


def test_however_batches_are_cut_and_after_every_restart_the_same_are_embedded(tmp_path: Path) -> None:
    whole, cut = tmp_path / "a.db", tmp_path / "b.db"
    ingested(whole, STATIC, stream())
    ingested(cut, STATIC, stream(), [1, 4, 9, 11], restart=True)
    with opened(whole) as a, opened(cut) as b:
        first, second = stored(a), stored(b)
        assert {key: encode_pane(pane) for key, pane in first.items()} == {k: encode_pane(pane) for k, pane in second.items()}
        for (value, _), pane in first.items():
            n = pane.vectors("response.embedding").n
            assert n == 0 if value else SAMPLED < n < 400  # of all traffic alone, and of a sample
            assert value or pane.cells("similarity")[1].sum() == n
        assert not any("embedding" in name for pane in stored(a, "other").values() for name in pane.names)


def test_without_the_key_nothing_is_embedded(tmp_path: Path) -> None:
    ingested(tmp_path / "a.db", CONFIG, stream()[:2])
    with opened(tmp_path / "a.db") as store:
        assert all("embedding" not in name for pane in stored(store).values() for name in pane.names)


def test_novelty_is_measured_from_the_newest_version_of_the_reference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    path = tmp_path / "plumbline.yaml"
    config = STATIC.replace("slices: [model]", "slices: [], baselines: [{reference: evalset}]", 1)
    path.write_text(f"store: sqlite:///{tmp_path}/a.db\n{config}")
    ingested(tmp_path / "a.db", config, [record(1, rows(0, 50))])
    (tmp_path / "evalset.jsonl").write_text("\n".join(json.dumps(row) for row in rows(0, 300)))
    assert run(["reference", "build", "evalset", f"{tmp_path}/evalset.jsonl", "--application", "support", "-c", str(path)]) == 0
    capsys.readouterr()
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store, config)
        for window, topic in ((1, 0), (2, 1)):
            pipe.ingest([record(window + 1, rows(window, 50, topic))], ACCEPTED)
        found = {start: pane for (_, start), pane in stored(store).items()}
    means = []
    for window in range(3):
        pane = found[START + window * WINDOW]
        i = pane.index("response.novelty")
        means.append(pane.moments[i, 0] * pane.resolution[i] / 50 if i >= 0 else None)
    assert means[0] is None  # there was no reference yet
    assert means[1] == pytest.approx(4, abs=1) and means[2] is not None and means[2] > 10


def test_an_endpoint_that_fails_harms_nothing_and_is_counted(tmp_path: Path) -> None:
    with serving() as service, opened(tmp_path / "a.db") as store:
        config = STATIC.replace("static", f"{{endpoint: 'http://127.0.0.1:{service.port}/v1', model: m}}")
        service.answers.append(lambda body: (500, b""))
        pipe = pipeline(store, config)
        pipe.ingest([record(1, rows(0, 10))], ACCEPTED)
        assert missing(pipe.state.metrics) == 20
        (pane,) = (pane for (value, _), pane in stored(store).items() if not value)
        assert pane.n == 10 and pane.vectors("response.embedding").n == 0
        assert pane.cells("response.words")[1].sum() == 10


def test_an_endpoint_takes_the_place_of_static_words(tmp_path: Path) -> None:
    with serving() as service, opened(tmp_path / "a.db") as store:
        config = STATIC.replace("static", f"{{endpoint: 'http://127.0.0.1:{service.port}/v1', model: m}}")
        pipe = pipeline(store, config)
        pipe.ingest([record(1, rows(0, 10))], ACCEPTED)
        assert missing(pipe.state.metrics) == 0
        pane = merge_all(pane for (value, _), pane in stored(store).items() if not value)
        assert pane.vectors("response.embedding").n == 10
        assert sent(service) == {"Where is my order?", *(row["response"] for row in rows(0, 10))}


def missing(metrics: Metrics) -> float:
    return metrics.not_embedded.labels(application=APPLICATION)._value.get()


def sent(service: Service) -> set[str]:
    return {text for request in service.requests for text in request["input"]}
