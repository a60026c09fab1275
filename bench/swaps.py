"""Detection of real model swaps against the number of responses seen, in one window, with 15 signals of a response's style.

    python -m bench.swaps [--data ../shared/data] [--splits 20000] [--draws 300] [--swap FILE BEFORE AFTER ...]

A reference of 600 responses (or all that there are) before a swap against n after it. G alone and the pair of G and
rank-sum are the functions that `plumbline check` uses, on the product's own panes and cells; Kolmogorov-Smirnov runs on the
raw values, with the tail of its limit. Each is Bonferroni-corrected over the signals that vary. The false-alarm rate comes
from clean splits: reference and window are disjoint random rows of one model and task. `--swap` adds swaps between two
models of a file of the same form.
"""

import argparse
import gzip
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import special

from detectors.arrays import Floats
from detectors.cells import Cells, make_cells
from detectors.scores import g_statistic
from detectors.tails import chi_square_decades
from detectors.two_files import compare
from monitor.check.comparing import share_decades
from records.interaction import INTERACTION_SCHEMA
from records.pane import NO_MOMENTS, Pane
from records.signal import Kind
from records.summary.buckets import BAD, bucket_keys
from records.summary.counts import Counts
from signals import compute
from signals.catalogue import BY_NAME

Ints = NDArray[np.int64]
Where = dict[str, Any]

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
STYLE = tuple(sorted(f"response.{name}" for name in (
    "characters", "words", "sentences", "mean_word_length", "words_per_sentence", "lines", "list_markers", "bold_markers",
    "code_fences", "type_token_ratio", "punctuation_share", "digit_share", "upper_share", "question_marks",
    "exclamation_marks",
)))  # fmt: skip
REFERENCE = 600
SIZES = (30, 50, 100, 200, 300, 500)
METHODS = ("G", "G and rank-sum", "K-S, raw values")
LEVELS = (0.05, 0.01, 1e-3, 1e-4)
FAMILY_WISE, CALIBRATED = 1e-4, 1e-3
"""Nominal level of the first table of swaps, realised level of the second: 1e-4 would need ten times as many splits."""
BATCH = 500
TINIEST = 1e-300

GPT, GSM, HALU = "llmdrift_gpt35_gpt4", "gsm8k_models", "halueval_qa"
PRIMES = ["prime", "composite"]
TASKS: dict[str, Where] = {
    "all tasks": {},
    "is it prime?": {"task": PRIMES},
    "happy numbers": {"task": ["counthappynumber"]},
    "opinions": {"task": ["opinionqa"]},
    "sensitive questions": {"task": ["sensitiveq"]},
    "code": {"task": ["leetcode_easy"]},
}


@dataclass(frozen=True)
class Rows:
    """Which rows of a file: of a model, with tags that have one of the given values."""

    file: str
    model: str
    tags: Where = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Swap:
    title: str
    before: Rows
    after: Rows


SWAPS = (
    *(
        Swap(f"gpt-3.5 0301 -> 0613, {task}", Rows(GPT, "gpt-3.5-turbo-0301", tags), Rows(GPT, "gpt-3.5-turbo-0613", tags))
        for task, tags in TASKS.items()
    ),
    Swap("GPT-3 6B, verified -> plain", Rows(GSM, "gpt3-6b_verification", {}), Rows(GSM, "gpt3-6b_finetuning", {})),
    Swap("people -> GPT-3 6B, verified", Rows("gsm8k_human", "human", {}), Rows(GSM, "gpt3-6b_verification", {})),
    Swap(
        "gpt-3.5, one instruction -> several turns",
        Rows(HALU, "gpt-3.5-turbo", {"variant": ["hallucinated_one_turn"]}),
        Rows(HALU, "gpt-3.5-turbo", {"variant": ["hallucinated_multi_turn"]}),
    ),
)
CLEAN = (
    *dict.fromkeys(rows for swap in SWAPS for rows in (swap.before, swap.after)),
    Rows("halueval_general", "gpt-3.5-turbo"),
)
"""What clean splits are drawn from, where it has rows enough."""


class Responses:
    """The style of some responses: of each signal, the bucket and the rank of each row's raw value.

    bucket (S, rows) indexes `signal` and `key`, raw (S, rows) all distinct raw values signal by signal, which start at
    `starts` (S,); the last index of each is that of missing values.
    """

    def __init__(self, texts: Sequence[str]):
        frame = pl.DataFrame({"response": texts}, schema_overrides={"response": pl.String})
        columns = compute(pl.concat([INTERACTION_SCHEMA.to_frame(), frame], how="diagonal"), STYLE)
        values = np.stack([columns.numeric[name] for name in STYLE])
        keys = np.stack([self._keys(name, row) for name, row in zip(STYLE, values, strict=True)])
        of = np.broadcast_to(np.arange(len(STYLE))[:, None], keys.shape)
        good = keys > BAD
        pairs, code = np.unique(np.stack([of[good], keys[good]]), axis=1, return_inverse=True)
        self.bucket = np.full(keys.shape, pairs.shape[1])
        self.bucket[good] = code
        self.signal, self.key = pairs[0].astype(np.int32), pairs[1]
        pairs, code = np.unique(np.stack([of[good], values[good]]), axis=1, return_inverse=True)
        self.raw = np.full(keys.shape, pairs.shape[1])
        self.raw[good] = code
        self.starts = np.searchsorted(pairs[0], np.arange(len(STYLE)))
        self.of_raw = pairs[0].astype(np.int64)

    @staticmethod
    def _keys(name: str, values: Floats) -> Ints:
        signal = BY_NAME[name]
        return bucket_keys(values, signal.low, signal.high, signal.resolution)

    def pane(self, rows: Ints) -> Pane:
        counts = np.bincount(self.bucket[:, rows].ravel(), minlength=len(self.key) + 1)[:-1]
        seen = np.flatnonzero(counts)
        held = Counts(self.signal[seen], self.key[seen], counts[seen])
        size = len(STYLE)
        kinds, steps = np.full(size, Kind.NUMERIC, np.uint8), np.array([BY_NAME[name].resolution for name in STYLE])
        return Pane(len(rows), STYLE, kinds, steps, np.tile(NO_MOMENTS, (size, 1)), held)

    def apart(self, base: Ints, now: Ints) -> tuple[Floats, Floats]:
        """Kolmogorov-Smirnov's D of each signal's raw values (S,), 0 where a side is empty, and n m / (n + m)."""
        size = len(self.of_raw)
        both = [np.bincount(self.raw[:, rows].ravel(), minlength=size + 1)[:-1] for rows in (base, now)]
        n, m = (np.add.reduceat(counts, self.starts).astype(np.float64) for counts in both)
        usable = (n > 0) & (m > 0)
        n, m = np.where(usable, n, 1.0), np.where(usable, m, 1.0)
        gaps = np.abs(np.cumsum(both[0] / n[self.of_raw] - both[1] / m[self.of_raw]))
        return np.where(usable, np.maximum.reduceat(gaps, self.starts), 0.0), np.maximum(n * m / (n + m), 1.0)


def highest(responses: Responses, draws: Sequence[tuple[Ints, Ints]]) -> Floats:
    """For each draw of reference and window, by METHODS: -log10 of the smallest p times the signals tested (D, 3)."""
    tables: list[tuple[Cells, Floats, Floats]] = []
    for base, now in draws:
        before = responses.pane(base)
        cells = make_cells(before)
        tables.append((cells, cells.tally(before).cells[:-2], cells.tally(responses.pane(now)).cells[:-2]))
    k = np.concatenate([cells.k[:-2] for cells, _, _ in tables])
    base_cells, now_cells = (np.concatenate([table[side] for table in tables]) for side in (1, 2))
    exact = np.where(k == 2, share_decades(base_cells, now_cells), np.inf)
    g = chi_square_decades(g_statistic(base_cells, now_cells, k), np.maximum(k - 1, 1))
    pair = compare(base_cells, now_cells, k, np.ones(len(k), bool)).decades
    varies = (((base_cells + now_cells) > 0).sum(axis=1) >= 2) & ~np.isnan(pair)
    starts = np.cumsum([0, *(len(table[1]) for table in tables[:-1])])
    tested = np.log10(np.maximum(np.add.reduceat(varies, starts), 1))
    d, worth = (np.stack(side) for side in zip(*(responses.apart(*draw) for draw in draws), strict=True))
    ks = -np.log10(np.maximum(special.kolmogorov(d * np.sqrt(worth)).min(axis=1), TINIEST))
    ours = [np.fmax.reduceat(np.where(varies, np.fmin(decades, exact), 0.0), starts) for decades in (g, pair)]
    return np.stack([*ours, ks], axis=1) - tested[:, None]


def texts(data: Path, rows: Rows) -> list[str]:
    """The responses that a description takes."""
    with gzip.open(data / f"{rows.file}.jsonl.gz", "rt") as lines:
        every = [json.loads(line) for line in lines]
    return [
        row["response"]
        for row in every
        if row["model"] == rows.model and all((row.get("tags") or {}).get(tag) in of for tag, of in rows.tags.items())
    ]


def in_batches(responses: Responses, draws: Iterable[tuple[Ints, Ints]]) -> Floats:
    """As `highest`, of any number of draws."""
    every = iter(draws)
    parts = []
    while batch := list(islice(every, BATCH)):
        parts.append(highest(responses, batch))
    return np.concatenate(parts)


def splits(rng: np.random.Generator, rows: int, n: int, count: int) -> Iterator[tuple[Ints, Ints]]:
    """Disjoint references and windows of the same rows."""
    for _ in range(count):
        order = rng.permutation(rows)[: REFERENCE + n]
        yield order[:REFERENCE], order[REFERENCE:]


def swapped(rng: np.random.Generator, before: int, after: int, n: int, count: int) -> Iterator[tuple[Ints, Ints]]:
    """References from the first `before` rows, windows from the `after` rows behind them."""
    for _ in range(count):
        yield rng.permutation(before)[:REFERENCE], before + rng.permutation(after)[:n]


def clean(rng: np.random.Generator, pools: Sequence[Responses], n: int, count: int) -> Floats:
    """About `count` clean splits (D, 3), as many of every pool that is large enough."""
    large = [responses for responses in pools if responses.bucket.shape[1] >= REFERENCE + n]
    each = -(-count // len(large))
    parts = []
    for i, pool in enumerate(large):
        print(f"\rclean splits, n = {n}: {i} of {len(large)} pools", end="", file=sys.stderr, flush=True)
        parts.append(in_batches(pool, splits(rng, pool.bucket.shape[1], n, each)))
    return np.concatenate(parts)


# -- the tables --------------------------------------------------------------------------------------------------------


def line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def head(*cells: str) -> None:
    print(line(*cells), "|---" * len(cells) + "|", sep="\n")


def show_clean(null: Mapping[int, Floats]) -> None:
    print("\nClean splits: share in which anything is found, by nominal family-wise level\n")
    head("method", "n", "splits", *(f"at {level:g}" for level in LEVELS))
    for i, method in enumerate(METHODS):
        for n, found in [*null.items(), ("all", np.concatenate(list(null.values())))]:
            rates = [f"{np.mean(found[:, i] >= -np.log10(level)):.2g}" for level in LEVELS]
            print(line(method, str(n), f"{len(found):,}", *rates))


def show_swaps(found: Mapping[str, Mapping[int, Floats]], thresholds: Mapping[int, Floats]) -> None:
    head("swap", "method", *(f"n = {n}" for n in thresholds))
    for title, by_size in found.items():
        for i, method in enumerate(METHODS):
            cells = [
                f"{np.mean(by_size[n][:, i] >= threshold[i]):.0%}" if n in by_size else "-"
                for n, threshold in thresholds.items()
            ]
            print(line(title if i == 0 else "", method, *cells))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.swaps", description="Swaps found against responses seen.")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--splits", type=int, default=20_000)
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--swap", nargs=3, action="append", default=[], metavar=("FILE", "BEFORE", "AFTER"))
    options = parser.parse_args()
    added = [
        Swap(f"{before} -> {after}", Rows(file, before, {}), Rows(file, after, {})) for file, before, after in options.swap
    ]
    swaps = [*SWAPS, *added]
    rng = np.random.default_rng(options.seed)
    wanted = dict.fromkeys([*CLEAN, *(rows for swap in added for rows in (swap.before, swap.after))])
    read = {rows: texts(options.data, rows) for rows in wanted}
    pools = [Responses(of) for of in read.values()]
    null = {n: clean(rng, pools, n, options.splits) for n in SIZES}
    found: dict[str, dict[int, Floats]] = {}
    for swap in swaps:
        before, after = read[swap.before], read[swap.after]
        both = Responses(before + after)
        title = f"{swap.title} ({len(before):,}, {len(after):,})"
        found[title] = {
            n: in_batches(both, swapped(rng, len(before), len(after), n, options.draws)) for n in SIZES if n <= len(after)
        }
    print(f"seed {options.seed}, {len(STYLE)} signals, reference of {REFERENCE}, {options.draws} draws of each swap and n")
    show_clean(null)
    print(f"\nSwaps found at the nominal family-wise level of {FAMILY_WISE:g}\n")
    show_swaps(found, {n: np.full(len(METHODS), -np.log10(FAMILY_WISE)) for n in SIZES})
    print(f"\nSwaps found where each method finds {CALIBRATED:g} of the clean splits\n")
    show_swaps(found, {n: np.quantile(of, 1 - CALIBRATED, axis=0, method="higher") for n, of in null.items()})
    print(file=sys.stderr)


if __name__ == "__main__":
    main()
