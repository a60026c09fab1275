"""What having a sample judged costs beside the calls themselves: writing the sample with its batch, claiming and settling.

    python -m bench.judging [--n 5000] [--store sqlite:///…]

The calls take no time here: each task comes back at once with a score. Times are wall clock, commits included; the store is
a SQLite file in a temporary folder unless one is given (a database of its own: rows are left in it).
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from monitor.config import Config, parse
from monitor.evaluator import sampling
from monitor.evaluator.client import Asked
from monitor.evaluator.desk import Desk
from monitor.store import judgements
from monitor.store.engine import Store
from records.interaction import INTERACTION_SCHEMA
from records.window import DAY, WINDOW
from signals.evaluation.judging import Verdict

APPLICATION, JUDGE = "support", "helpful"
CONFIG = """
applications:
  support:
    evaluations:
      - judge: {{name: helpful, rubric: "Does it help?", endpoint: "http://127.0.0.1:9/v1", model: m, sample: {share},
                 concurrency: {concurrency}, daily_cost_usd: 1000000, daily_calls: 1000000000}}
"""
NOW = 1_790_000_000_000_000 // DAY * DAY
BATCH = 4_000
TEXT = "Your order left our house on Monday and should reach you within three working days. " * 12


def interactions(first: int, n: int) -> pl.DataFrame:
    """n interactions of 1 KB, every text another."""
    rows = pl.DataFrame(
        {
            "id": [f"call-{first + i}" for i in range(n)],
            "application": [APPLICATION] * n,
            "timestamp": [NOW + i * 1_000 for i in range(n)],
            "prompt": [f"Where is order {first + i}?" for i in range(n)],
            "response": [f"{first + i}: {TEXT}" for i in range(n)],
        }
    )
    missing = [pl.lit(None, kind).alias(name) for name, kind in INTERACTION_SCHEMA.items() if name not in rows.columns]
    return rows.with_columns(missing)


def config(share: float, concurrency: int) -> Config:
    return parse(CONFIG.format(share=share, concurrency=concurrency), "bench", {})


def sample(store: Store, share: float, first: int) -> tuple[float, int]:
    """Seconds that a batch's sample takes within its transaction, and how many there are."""
    frame = interactions(first, BATCH)
    hashes = np.random.default_rng(first).integers(0, 2**63, BATCH, np.uint64)
    start = frame["timestamp"].to_numpy() // WINDOW * WINDOW
    with store.begin() as c:
        began = time.perf_counter()
        found = sampling.sample(c, config(share, 8), frame, hashes, start, NOW)
        return time.perf_counter() - began, sum(found.values())


def schedule(store: Store, concurrency: int, most: int) -> tuple[float, int]:
    """Seconds that claiming and settling take, transactions included, and for how many judgements."""
    found = config(1.0, concurrency)
    desk = Desk(APPLICATION, found.applications[APPLICATION].judges[0], found)
    done, began = 0, time.perf_counter()
    while done < most:
        with store.begin() as c:
            turn = desk.turn(c, NOW, alone=False)
        desk.committed(turn)
        for task in turn.calls:
            verdict = Verdict("judged", 0.5, "3", "As the rubric says.", 300, 40)
            desk.heard(task, Asked("judged", 7_500, 0.0, None, verdict), NOW / 1e6)
        done += len(turn.calls)
    return time.perf_counter() - began, done


def main() -> None:
    """Prints a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--n", type=int, default=5_000, help="judgements for each concurrency")
    options.add_argument("--store", default="")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(given.store or f"sqlite:///{Path(folder) / 'bench.db'}")
        store.upgrade()
        sample(store, 0.05, 0)
        times = [sample(store, 0.05, (i + 1) * BATCH) for i in range(5)]
        total, n = sum(t for t, _ in times), sum(n for _, n in times)
        print(f"sampling 5 %: {1e6 * total / (5 * BATCH):.1f} us an interaction, {1e3 * total / n:.3f} ms a sampled one ({n})")
        for concurrency in (1, 4, 16, 64):
            waiting, first = 0, 1_000_000 * concurrency
            while waiting < given.n:
                first += BATCH
                waiting += sample(store, 1.0, first)[1]
            seconds, done = schedule(store, concurrency, given.n)
            print(f"scheduling, {concurrency:2d} at a time: {1e3 * seconds / done:.3f} ms a judgement ({done})")
            with store.begin() as c:
                judgements.delete_before(c, NOW + 1)
        store.close()


if __name__ == "__main__":
    main()
