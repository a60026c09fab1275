"""Real data through the real pipeline: the scenarios of ../shared/data, one seeded stream each.

    python -m bench.scenarios [--seeds 10] [--scenario NAME ...] [--jobs 2]

Two simulated days of the reference rows, then half a day of the rows after the change: 5-minute windows of 60 rows drawn
with replacement. Null runs go on with the reference rows. Prints a table: scenario, found or not, by which signal, after
how many interactions; and the alerts that null runs raised.
"""

import argparse
import gzip
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from monitor.config import ConfigSource
from monitor.config.loader import parse
from monitor.metrics import Metrics
from monitor.pipeline import Pipeline
from monitor.store import alerts, findings
from monitor.store.engine import Store
from records.window import DAY, WINDOW
from streams.embedded import LogRecord

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SEEN = (
    "llmdrift_gpt35_prime", "llmdrift_gpt35_happy", "llmdrift_gpt35_leetcode_format", "agent_domain_shift",
    "topic_out_of_scope_wave", "pii_leak_wave", "gsm8k_decay_6b", "rag_groundedness_loss",
)  # fmt: skip
"""Drift that surface signals and labels can see."""
ROWS, BEFORE, AFTER = 60, 2 * DAY // WINDOW, DAY // 2 // WINDOW
START = 1_790_000_000_000_000 // DAY * DAY


class Outcome(NamedTuple):
    """What a run raised: whether anything was found after the change, by what, after how many interactions, and what the
    first alert said; alerts in all."""

    scenario: str
    seed: int
    null: bool
    found: bool
    signals: list[str]
    interactions: int
    said: str
    alerts: list[str]


def scenarios() -> dict[str, dict[str, Any]]:
    """The scenarios by name."""
    with (DATA / "scenarios.jsonl").open() as lines:
        return {row["name"]: row for row in map(json.loads, lines)}


def select(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a file that a filter takes; a list means any of."""
    with gzip.open(DATA / f"{spec['file']}.jsonl.gz", "rt") as lines:
        return [row for row in map(json.loads, lines) if all(_matches(row, k, v) for k, v in spec["where"].items())]


def _matches(row: dict[str, Any], path: str, wanted: Any) -> bool:
    value: Any = row
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value in wanted if isinstance(wanted, list) else value == wanted


def interaction(row: dict[str, Any]) -> dict[str, Any]:
    """What a service would have captured of a row; nothing that names its model, task or topic."""
    tags = row.get("tags") or {}
    calls = [
        {"name": call["name"], "arguments": call.get("arguments"), "error": call.get("error")}
        for call in row.get("tool_calls") or []
    ]
    measured = {
        "duration": tags.get("latency_s"),
        "cost_usd": tags.get("cost_usd"),
        "output_tokens": tags.get("completion_tokens"),
    }
    kept = {name: row[name] for name in ("prompt", "response", "context", "reference_answer") if row.get(name) is not None}
    return {**kept, **{k: v for k, v in measured.items() if v is not None}, "tool_calls": calls, "model": "assistant"}


def stream(before: list[dict[str, Any]], after: list[dict[str, Any]], seed: int) -> Iterator[LogRecord]:
    """One log record a window of event time."""
    rng = np.random.default_rng(seed)
    for w in range(BEFORE + AFTER):
        pool = before if w < BEFORE else after
        times = np.sort(rng.integers(0, WINDOW, ROWS)) + START + w * WINDOW
        rows = rng.integers(0, len(pool), ROWS)
        lines = [
            json.dumps({**pool[i], "id": f"{seed}-{w}-{j}", "application": "scenario", "timestamp": at / 1e6})
            for j, (i, at) in enumerate(zip(rows.tolist(), times.tolist(), strict=True))
        ]
        yield LogRecord(w + 1, "interactions", "\n".join(lines).encode(), START + 3 * DAY)


def run(name: str, seed: int, null: bool, config: str = "") -> Outcome:
    """One stream through the pipeline, in a store of its own; `config` as in plumbline.yaml."""
    spec = scenarios()[name]
    before, after = ([interaction(row) for row in select(spec[key])] for key in ("reference", "production_after"))
    if spec["expect"] == "no_drift":
        before = after = before + after
    return play(name, before, before if null else after, seed, null, config)


def play(
    name: str, before: list[dict[str, Any]], after: list[dict[str, Any]], seed: int, null: bool = False, config: str = ""
) -> Outcome:
    """The same of rows that are handed in."""
    folder = Path(tempfile.mkdtemp(prefix="plumbline-"))
    store = Store(f"sqlite:///{folder}/scenario.db")
    try:
        store.upgrade()
        pipeline = Pipeline(store, ConfigSource(parse(config, "scenario", {})), Metrics())
        records = list(stream(before, after, seed))
        for i in range(0, len(records), 48):
            pipeline.ingest(records[i : i + 48], START + 3 * DAY)
        pipeline.tick(START + 3 * DAY)
        return _outcome(store, name, seed, null)
    finally:
        store.close()
        shutil.rmtree(folder)


def _outcome(store: Store, name: str, seed: int, null: bool) -> Outcome:
    change = START + BEFORE * WINDOW
    with store.read() as c:
        fired = [alert for alert in alerts.query(c, limit=500)[0] if alert.fired_at is not None]
        found = [f for f in findings.since(c, "scenario", 0) if f.verdict == "finding" and f.window.end > change]
    real = [alert for alert in fired if (alert.fired_at or 0) > change]
    first = min(real, key=lambda alert: alert.fired_at or 0, default=None)
    delay = (first.fired_at or 0) - change if first else 0
    words = [word for f in found if first and f.id in first.findings for word in f.reasons.risen[:3]]
    more = f" More often: {', '.join(dict.fromkeys(w.word for w in words))}." if words else ""
    said = first.sentence + more if first else ""
    ranked = sorted((f for f in found if any(f.id in alert.findings for alert in real)), key=lambda f: -f.times_floor)
    signals = list(dict.fromkeys(f.signal for f in ranked))
    return Outcome(name, seed, null, bool(real), signals, delay // WINDOW * ROWS, said, [alert.sentence for alert in fired])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--scenario", action="append")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    names = options.scenario or list(scenarios())
    seeds = range(options.seeds)
    drifts = [(name, seed, False) for name in names if name in SEEN for seed in seeds]
    nulls = [(name, seed, True) for name in names for seed in seeds]
    outcomes = []
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        for outcome in pool.map(run, *zip(*drifts, *nulls, strict=True)):
            outcomes.append(outcome)
            print(f"{len(outcomes)} of {len(drifts) + len(nulls)} runs", end="\r", file=sys.stderr)
    print("| scenario | found | signals that say so most | interactions until the alert, median | what the first alert says |")
    print("|---|---|---|---|---|")
    for name in dict.fromkeys(name for name, *_ in drifts):
        mine = [o for o in outcomes if o.scenario == name and not o.null]
        delays = [o.interactions for o in mine if o.found]
        delay = f"{np.median(delays):.0f}" if delays else "-"
        print(f"| {name} | {len(delays)} of {len(mine)} | {', '.join(mine[0].signals[:4])} | {delay} | {mine[0].said} |")
    silent = [o for o in outcomes if o.null]
    raised = [(o.scenario, o.seed, sentence) for o in silent for sentence in o.alerts]
    print(f"\n{len(silent)} null runs: {len(raised)} alerts")
    for scenario, seed, sentence in raised:
        print(f"- {scenario}, seed {seed}: {sentence}")


if __name__ == "__main__":
    main()
