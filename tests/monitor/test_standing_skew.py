"""Skew as a standing statement, through the real pipeline: production unlike its reference since launch."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from monitor.config import ConfigSource
from monitor.config.loader import parse
from monitor.metrics import Metrics
from monitor.pipeline import Pipeline
from monitor.stages.measuring import measure
from monitor.store import alerts, findings, references
from monitor.store.engine import Store
from records.codec import decode_records
from records.finding import Finding
from records.pane import merge_all
from records.pane_codec import encode_pane
from records.window import DAY, HOUR, WINDOW
from streams.embedded import LogRecord
from streams.panes import fold, group_rows

START = 1_790_000_000_000_000 // DAY * DAY
CONFIG = "applications: {shop: {slices: [], baselines: [{reference: evalset}, {trailing: 7d}]}}"


def line(rng: np.random.Generator, at: int, id_: str, words: float) -> bytes:
    count = max(1, int(rng.normal(words, 8)))
    return json.dumps(
        {"id": id_, "application": "shop", "timestamp": at / 1e6, "prompt": "hello", "response": "word " * count}
    ).encode()


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    store = Store(f"sqlite:///{tmp_path}/plumbline.db")
    store.upgrade()
    source = ConfigSource(parse(CONFIG, "test", {}))
    rng = np.random.default_rng(1)
    first = Pipeline(store, source, Metrics())
    lines = [line(rng, START, f"r{i}", 40) for i in range(3000)]
    frame = decode_records(lines, [START + DAY] * len(lines)).frame
    grouping = group_rows(frame["application"], frame["timestamp"].to_numpy(), {})
    pane = merge_all(fold(measure(first.state, frame), grouping, frame["id"], {}))
    with store.begin() as c:
        references.create(c, "shop", "evalset", START, "file", pane.n, None, None, {("", ""): encode_pane(pane)})
    yield Pipeline(store, source, Metrics())
    store.close()


def drive(pipeline: Pipeline, words: float, hours: int) -> list[Finding]:
    """Hours of production with so many words a response; the standing findings that are open at the end."""
    rng = np.random.default_rng(2)
    records = []
    for w in range(hours * HOUR // WINDOW + 1):
        lines = [line(rng, START + w * WINDOW + 1000 * i, f"{w}-{i}", words) for i in range(40)]
        records.append(LogRecord(w + 1, "interactions", b"\n".join(lines), START + 2 * DAY))
    pipeline.ingest(records, START + 2 * DAY)
    with pipeline.store.read() as c:
        return [finding for finding in findings.query(c, "shop", open_only=True)[0] if finding.horizon == "1d"]


def test_production_unlike_its_reference_is_one_finding_as_long_as_it_holds(pipeline: Pipeline) -> None:
    standing = drive(pipeline, 46, 6)
    assert {f.comparison for f in standing} == {"skew"}
    words = [finding for finding in standing if finding.signal == "response.words"]
    assert len(words) == 1 and words[0].effect["smd"] == pytest.approx(6 / 8, abs=0.15)
    assert words[0].reasons.cells and words[0].reasons.exemplars
    with pipeline.store.read() as c:
        told, _ = alerts.query(c)
    assert len(told) == 1, "one incident seen by many signals is one alert"


def test_production_like_its_reference_is_no_finding(pipeline: Pipeline) -> None:
    assert drive(pipeline, 40, 6) == []


def test_what_stands_survives_a_restart_under_the_same_id(pipeline: Pipeline) -> None:
    before = drive(pipeline, 46, 6)
    again = Pipeline(pipeline.store, ConfigSource(parse(CONFIG, "test", {})), Metrics())
    open_again = again.verdicts.judges["shop"].standing.open
    assert {finding.id for finding in open_again.values()} == {finding.id for finding in before}
