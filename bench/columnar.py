"""The columnar stage on one core: from log records to panes of four slices, and the obvious alternative on the same rows.

    POLARS_MAX_THREADS=1 python -m bench.columnar

`bench.speed` runs this as a process of its own, because the number of threads is decided at import. Times are CPU time of
the process, which pins itself to one core: the wall clock would measure the neighbours. The best of PASSES counts.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl

from bench.records_simulated import ONE_KB, ONE_KB_OF_TEXT, SLICES, Size, bodies
from monitor.config import ConfigSource
from monitor.config.loader import parse
from monitor.metrics import Metrics
from monitor.pipeline import STAGES, Pipeline
from monitor.stages import reading
from monitor.stages.measuring import slice_
from monitor.store.engine import Store
from records.codec import decode_records
from records.columns import Columns
from records.window import HOUR, WINDOW
from signals import agent, compute, dynamic, quality, retrieval, safety, text, usage
from signals.scan import scan
from streams.embedded import LogRecord
from streams.panes import fold, group_rows
from streams.recent import RecentIds

PASSES = 7
BODIES, PER_BATCH, EACH = 360, 90, 100
"""Bodies of EACH interactions; the runner takes up to 24 MiB of them at once, we PER_BATCH."""
BY_HAND = 2_000
"""Rows for the alternative."""
CONFIG = f"applications: {{support: {{slices: [{', '.join(SLICES)}]}}}}"
_FIELDS = tuple(e for part in (usage, quality, agent, retrieval, dynamic) for e in part.PREPARED)
T = TypeVar("T")


class Stopwatch:
    """CPU seconds by name, in the order of first use."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def time(self, name: str, work: Callable[..., T], *arguments: Any) -> T:
        began = time.process_time()
        done = work(*arguments)
        self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - began
        return done


def pipeline(directory: str) -> Pipeline:
    """A pipeline on a fresh store; only its state is used."""
    store = Store(f"sqlite:///{directory}/speed.db")
    store.upgrade()
    return Pipeline(store, ConfigSource(parse(CONFIG, "speed.yaml", {})), Metrics())


def run_stages(made: Pipeline, batches: list[list[LogRecord]]) -> dict[str, float]:
    """The runner's own stages over all batches; CPU seconds of each."""
    watch = Stopwatch()
    made.partition.recent = RecentIds(HOUR)
    for records in batches:
        batch = reading.new_batch(made.partition, records)
        for stage in STAGES:
            watch.time(stage.__name__, stage, made.state, batch)
        if len(batch.frame) != len(records) * EACH:
            raise AssertionError("every row is new and well formed")
    return watch.seconds


def run_parts(made: Pipeline, batches: list[list[LogRecord]]) -> dict[str, float]:
    """The same work taken apart."""
    watch = Stopwatch()
    for records in batches:
        values, accepted = [r.value for r in records], [r.accepted_at for r in records]
        decoded = watch.time("decode: bytes to structs", decode_records, values, accepted)
        frame = watch.time("columns: structs to a frame", getattr, decoded, "frame")
        columns = _signals(watch, frame)
        batch = reading.new_batch(made.partition, records)
        batch.frame, batch.start = frame, frame["timestamp"].to_numpy() // WINDOW * WINDOW
        watch.time("slices and grouping", slice_, made.state, batch)
        grouping = watch.time("slices and grouping", group_rows, frame["application"], batch.start, batch.slices)
        watch.time("fold into panes", fold, columns, grouping, frame["id"], batch.slices)
    return watch.seconds


def _signals(watch: Stopwatch, frame: pl.DataFrame) -> Columns:
    """As `signals.compute`, group by group; what it gives is computed again, unmeasured."""
    out = Columns(len(frame))
    texts = pl.concat([frame[side].alias("text") for side in text.SIDES])
    null = texts.is_null().to_numpy()
    counts, words = watch.time("signals: counts and words, one pass", scan, texts)
    watch.time("signals: ratios", text.measure, null, counts, words, out)
    watch.time("signals: patterns", safety.measure, texts, null, counts, _always, out)

    def fields() -> None:
        prepared = frame.select(_FIELDS)
        for part in (usage, quality, agent, retrieval):
            part.measure(frame, prepared, out)
        dynamic.measure_scores(frame, prepared, _always, out)
        dynamic.measure_tags(frame, prepared, _always, out)

    watch.time("signals: fields, tools, scores, tags", fields)
    return compute(frame)


def _always(name: str) -> bool:
    return True


def best(work: Callable[[], dict[str, float]], rows: int, passes: int) -> dict[str, float]:
    """Microseconds a row of the pass that took least in all."""
    found: dict[str, float] = {}
    for index in range(passes):
        print(f"\rpass {index + 1} of {passes}   ", end="", file=sys.stderr, flush=True)
        took = work()
        found = took if not found or sum(took.values()) < sum(found.values()) else found
    return {name: seconds / rows * 1e6 for name, seconds in found.items()}


def made_batches(size: Size) -> tuple[list[list[LogRecord]], float]:
    """Batches of log records, and the mean size of an interaction in bytes."""
    now = time.time_ns() // 1000
    values = list(bodies(BODIES, EACH, (now - 30 * 24 * HOUR) // WINDOW * WINDOW, size=size))
    records = [LogRecord(offset, "interactions", value, now) for offset, value in enumerate(values)]
    batches = [records[low : low + PER_BATCH] for low in range(0, len(records), PER_BATCH)]
    return batches, float(np.sum([len(value) for value in values])) / (len(values) * EACH)


def by_hand(batches: list[list[LogRecord]]) -> float:
    """Microseconds a row of the alternative."""
    from bench.alternative import Alternative

    rows = [line for record in batches[0][: BY_HAND // EACH] for line in record.value.split(b"\n")]
    return min(_timed(lambda: Alternative().take(rows)) for _ in range(3)) / len(rows) * 1e6


def _timed(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    """Prints the result as one JSON object."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    result: dict[str, Any] = {"load": os.getloadavg()[0], "batch": PER_BATCH * EACH}
    with tempfile.TemporaryDirectory() as directory:
        made = pipeline(str(Path(directory)))
        batches, result["bytes"] = made_batches(ONE_KB)
        rows = BODIES * EACH
        result["stages"] = best(lambda: run_stages(made, batches), rows, PASSES)
        result["parts"] = best(lambda: run_parts(made, batches), rows, PASSES)
        print("\ralternative      ", end="", file=sys.stderr, flush=True)
        result["alternative"] = by_hand(batches)
        batches, result["long_bytes"] = made_batches(ONE_KB_OF_TEXT)
        result["long_stages"] = best(lambda: run_stages(made, batches), rows, PASSES)
        made.store.close()
    print(file=sys.stderr)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
