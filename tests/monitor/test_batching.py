"""Where the runner cuts the stream into batches leaves no trace in what is stored."""

import json
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import text

from monitor.config import Config, ConfigSource
from monitor.metrics import Metrics
from monitor.pipeline import Pipeline
from monitor.store import Store
from monitor.store.tables import metadata
from streams.embedded import LogRecord

START, SECOND = 1_767_225_600_000_000, 1_000_000
BY_BATCH = {"recent_ids", "sequences", "words"}
"""Tables with a row for each batch: what they hold in all is tested with streams.recent. Words are read off a part of a batch,
so when one has been seen often enough to have a name depends on batches too; nothing is judged by them."""


def interaction(random: Random, number: int, at: int) -> dict[str, Any]:
    """One of a few tenants, up to four minutes late; every tenth comes again."""
    return {
        "id": f"i{number - 1 if number % 10 == 0 else number}",
        "application": random.choice(["support", "search"]) if number % 10 else "support",
        "timestamp": (at - random.randrange(240 * SECOND)) / 1e6,
        "model": random.choice(["m1", "m2", None]),
        "response": random.choice(["", "yes", "I cannot help with that. " * number]),
        "duration": random.choice([None, 0.25, 1e300, number / 8]),
    }


def stream(seed: int) -> list[LogRecord]:
    random, records, at = Random(seed), [], START
    for offset in range(1, 61):
        at += random.randrange(60 * SECOND)
        if offset % 9 == 0:
            of = {"interaction_id": f"i{offset}", "application": "support", "timestamp": at / 1e6}
            records.append(LogRecord(offset, "feedback", json.dumps({**of, "name": "rating", "value": 4}).encode(), at))
            continue
        rows = [json.dumps(interaction(random, 3 * offset + i, at)).encode() for i in range(random.randrange(1, 4))]
        records.append(LogRecord(offset, "interactions", b"\n".join([*rows, *([b"{"] if offset % 7 == 0 else [])]), at))
    return records


def stored(folder: Path, records: list[LogRecord], cuts: list[int], restart: bool) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables after the stream was taken in in these pieces, by one process or by one for each piece."""
    folder.mkdir()
    store = Store(f"sqlite:///{folder / 'plumbline.db'}")
    store.upgrade()
    pipeline = Pipeline(store, ConfigSource(Config()), Metrics())
    for a, b in pairwise(sorted({0, *cuts, len(records)})):
        if restart:
            pipeline = Pipeline(store, ConfigSource(Config()), Metrics())
        pipeline.ingest(records[a:b], records[-1].accepted_at)
    with store.read() as c:
        tables = {name: c.execute(text(f"SELECT * FROM {name}")) for name in metadata.tables if name not in BY_BATCH}
        found = {name: sorted((tuple(row) for row in rows), key=repr) for name, rows in tables.items()}
    store.close()
    return found


COUNTED = ("panes", "counters", "slices", "dead_letters", "joined_feedback", "waiting_feedback", "positions")
"""What was counted, as against how it was judged."""


@pytest.mark.parametrize("seed", [1, 2])
def test_any_way_of_batching_stores_the_same(tmp_path: Path, seed: int) -> None:
    records = stream(seed)
    whole = stored(tmp_path / "whole", records, [], restart=False)
    assert whole["panes"] and whole["courses"] and whole["dead_letters"] and whole["joined_feedback"]
    for name, cuts in (("each", list(range(60))), ("some", [1, 2, 17, 40])):
        parts = stored(tmp_path / name, records, cuts, restart=False)
        assert [table for table in whole if parts[table] != whole[table]] == [], name


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_process_that_takes_over_counts_as_if_it_had_been_there_all_along(tmp_path: Path, seed: int) -> None:
    records = stream(seed)
    whole = stored(tmp_path / "whole", records, [], restart=False)
    parts = stored(tmp_path / "anew", records, [1, 8, 30, 45, 46], restart=True)
    assert [table for table in COUNTED if parts[table] != whole[table]] == []
