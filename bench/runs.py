"""Runs of an agent: whether failed ones show in what is measured of whole runs, and what it costs to follow conversations.

    python -m bench.runs [--seeds 5]

Two simulated days of tau-bench's successful runs (../shared/data), turn by turn, then half a day of its failed ones: 12 runs
begin in each 5-minute window, drawn with replacement, a turn every 20 s. Null runs go on with the successful ones. Prints a
table of what was found by which signals and after how many runs, with the signals of runs alone and with all; then CPU time.
"""

import argparse
import heapq
import json
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from bench.scenarios import AFTER, BEFORE, START, interaction, scenarios, select
from monitor.config import ConfigSource
from monitor.config.loader import parse
from monitor.metrics import Metrics
from monitor.pipeline import Pipeline
from monitor.store import alerts, findings
from monitor.store.engine import Store
from records.codec import decode_records
from records.window import DAY, MINUTE, WINDOW
from signals import runs
from signals.catalogue import CATALOGUE
from streams.embedded import LogRecord

STARTED, TURN = 12, 20_000_000
"""Runs that begin in a window, and microseconds from one turn to the next."""
OF_RUNS = [declared.signal.name for declared in CATALOGUE if declared.source == "run"]
CONFIG = "applications: {{agent: {{slices: [], conversations: {{idle: 5m}}, signals: {signals}}}}}"
CONFIGS = {"of runs": CONFIG.format(signals=f"[{', '.join(OF_RUNS)}]"), "all": CONFIG.format(signals="default")}
Turns = list[dict[str, Any]]


class Outcome(NamedTuple):
    """Signals by which anything was found after the change, biggest first; runs until the first alert (None: no alert), what
    it said, and all alerts."""

    signals: list[str]
    runs: int | None
    said: str
    alerts: list[str]


def episodes() -> tuple[list[Turns], list[Turns]]:
    """The turns of the successful runs and of the failed ones."""
    turns = defaultdict(list)
    for row in select({"file": "tau_bench_turns", "where": {}}):
        turns[row["tags"]["conversation_id"]].append(interaction(row))
    spec = scenarios()["agent_failure"]
    good, bad = (select(spec[key]) for key in ("reference", "production_after"))
    return [turns[row["tags"]["conversation_id"]] for row in good], [turns[row["tags"]["conversation_id"]] for row in bad]


def stream(before: list[Turns], after: list[Turns], seed: int) -> Iterator[LogRecord]:
    """One log record a window of event time."""
    rng, waiting, sent = np.random.default_rng(seed), list[tuple[int, int, dict[str, Any]]](), 0
    for w in range(BEFORE + AFTER):
        pool = before if w < BEFORE else after
        for j, i in enumerate(rng.integers(0, len(pool), STARTED).tolist()):
            began = START + w * WINDOW + int(rng.integers(0, WINDOW))
            for k, turn in enumerate(pool[i]):
                at = began + k * TURN
                named = {"id": f"{w}-{j}-{k}", "conversation_id": f"{w}-{j}", "application": "agent", "timestamp": at / 1e6}
                sent += 1
                heapq.heappush(waiting, (at, sent, {**turn, **named}))
        lines = []
        while waiting and waiting[0][0] < START + (w + 1) * WINDOW:
            lines.append(json.dumps(heapq.heappop(waiting)[2]))
        yield LogRecord(w + 1, "interactions", "\n".join(lines).encode(), START + 3 * DAY)


def run(seed: int, null: bool, config: str) -> Outcome:
    """One stream through the pipeline, in a store of its own."""
    good, bad = episodes()
    folder = Path(tempfile.mkdtemp(prefix="plumbline-"))
    store = Store(f"sqlite:///{folder}/runs.db")
    try:
        store.upgrade()
        pipeline = Pipeline(store, ConfigSource(parse(config, "runs", {})), Metrics())
        records = list(stream(good, good if null else bad, seed))
        for i in range(0, len(records), 48):
            pipeline.ingest(records[i : i + 48], START + 3 * DAY)
        pipeline.tick(START + 3 * DAY)
        return _outcome(store)
    finally:
        store.close()
        shutil.rmtree(folder)


def _outcome(store: Store) -> Outcome:
    change = START + BEFORE * WINDOW
    with store.read() as c:
        fired = [alert for alert in alerts.query(c, limit=500)[0] if alert.fired_at is not None]
        found = [f for f in findings.since(c, "agent", 0) if f.verdict == "finding" and f.window.end > change]
    real = [alert for alert in fired if (alert.fired_at or 0) > change]
    first = min(real, key=lambda alert: alert.fired_at or 0, default=None)
    ranked = sorted((f for f in found if any(f.id in alert.findings for alert in real)), key=lambda f: -f.times_floor)
    took = ((first.fired_at or 0) - change) // WINDOW * STARTED if first else None
    signals = list(dict.fromkeys(f.signal for f in ranked))
    return Outcome(signals, took, first.sentence if first else "", [alert.sentence for alert in fired])


def cost(size: int = 1000, batches: int = 20) -> tuple[float, float]:
    """CPU microseconds an interaction: to cut runs out of a batch, and to join the runs of a window of `batches`."""
    records = [record.value for record in stream(*episodes(), 1)]
    frame = decode_records(records, [START + 3 * DAY] * len(records)).frame[: size * batches]
    hashes, start = frame["id"].hash().to_numpy(), frame["timestamp"].to_numpy() // WINDOW * WINDOW
    parts: list[pl.DataFrame] = []
    began = time.process_time()
    for i in range(0, len(frame), size):
        mine = slice(i, i + size)
        parts.append(runs.pieces(frame[mine], hashes[mine], {"model": frame["model"][mine]}, {"start": start[mine]}, ()))
    cut = time.process_time()
    runs.joined([part.drop("start") for part in parts], 30 * MINUTE)
    return (cut - began) / len(frame) * 1e6, (time.process_time() - cut) / len(frame) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    print("| signals | runs | found | by | runs until the alert | what the first alert says |\n|---|---|---|---|---|---|")
    for watched, config in CONFIGS.items():
        for null in (False, True):
            outcomes = [run(seed, null, config) for seed in range(options.seeds)]
            found = [outcome for outcome in outcomes if outcome.runs is not None]
            took = ", ".join(str(outcome.runs) for outcome in found)
            by, said = (", ".join(found[0].signals[:6]), found[0].said) if found else ("", "")
            kind = "successful" if null else "failed"
            print(f"| {watched} | {kind} | {len(found)} of {len(outcomes)} | {by} | {took} | {said} |", flush=True)
    cut, join = cost()
    print(f"\n{cut:.1f} us an interaction to cut runs out of batches of 1,000, {join:.1f} us to join a window's")


if __name__ == "__main__":
    main()
