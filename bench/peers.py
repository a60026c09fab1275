"""Clean windows that other tools flag by their default rules, each by its own package, and what Plumbline does beside them.

    make bench-peers  (python -m bench.peers [--seed N] [--sizes 100,200,500,1000] [--families iid,dirichlet,low])

Nothing happens in these streams: 20 numeric signals and 20 categories of 20 levels, whose mix stands still or wobbles from
window to window. Every tool gets the same raw values through a file: a reference of 50 windows, then 40 windows to judge.
The packages run in environments of their own (.venv/peers, .venv/peers/alibi) that never become part of the product.
Progress goes to stderr.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import special

from bench.rates_judging import BASELINE, HISTORY, Judge, Rule
from bench.streams_simulated import CELLS, DAY, FAMILIES, Fleet, Floats
from monitor.check.comparing import compare
from monitor.check.reading import File
from records.columns import Columns, Labels
from records.pane import Pane
from records.signal import Kind, tag_signal
from signals.catalogue import SIGNALS
from streams.panes import fold, group_rows

Ints = NDArray[np.int64]
Flagged = dict[str, dict[str, tuple[int, int]]]
"""By rule and kind of signal: windows flagged, of how many."""

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "bench" / "peers_rules.py"
PEERS, ALIBI = (ROOT / ".venv" / name / "bin" / "python" for name in ("peers", "peers/alibi"))
TOOLS = (("evidently", PEERS), ("nannyml", PEERS), ("river", PEERS), ("alibi", ALIBI))
STREAMS, LEVELS = 20, 20
PAST, WINDOWS = 50, 40
REFERENCE = 5_000
"""Rows of the reference for tools that take one: so many from the past windows."""
JUDGED = 10
"""Days that Plumbline judges live, after those that it learns from."""
MEAN, SD = 10_000.0, 2_500.0
CHECK_RATE = 1e-3
"""Default of `plumbline check --false-alarm-rate`: over all signals together."""
KINDS = ("numeric", "category")


@dataclass(frozen=True)
class Drawn:
    """Counts of all windows (T, 2 STREAMS, CELLS) as Plumbline bins them; raw values of the last of them, `past`
    (STREAMS, PAST, n) and `windows` (STREAMS, WINDOWS, n) by kind."""

    counts: Floats
    past: Mapping[str, Floats | Ints]
    windows: Mapping[str, Floats | Ints]


def draw(rng: np.random.Generator, family: str, n: int) -> tuple[Fleet, Drawn]:
    """Streams of a family with n events a window: half numeric, normal; half categories, each cell split in two levels."""
    days = BASELINE + HISTORY + JUDGED
    fleet = Fleet(rng, FAMILIES[family], 2 * STREAMS, days)
    split = rng.uniform(0.2, 0.8, (STREAMS, CELLS))
    parts, levels = [], []
    for day in range(days):
        counts = rng.multinomial(n, fleet.day(day)[1])
        first = rng.binomial(counts[:, STREAMS:], split)
        levels.append(np.stack([first, counts[:, STREAMS:] - first], axis=-1).reshape(DAY, STREAMS, LEVELS))
        parts.append(counts[:, :STREAMS])
    numeric, category = np.concatenate(parts), np.concatenate(levels)
    latest = {"numeric": numeric[-PAST - WINDOWS :], "category": category[-PAST - WINDOWS :]}
    raw = {kind: spread(rng, latest[kind], n) for kind in KINDS}
    raw["numeric"] = MEAN + SD * special.ndtri((raw["numeric"] + rng.uniform(size=raw["numeric"].shape)) / CELLS)
    binned = commonest(category, category[: BASELINE * DAY].sum(axis=0))
    return fleet, Drawn(
        np.concatenate([numeric, binned], axis=1).astype(np.float64),
        {kind: values[:, :PAST] for kind, values in raw.items()},
        {kind: values[:, PAST:] for kind, values in raw.items()},
    )


def spread(rng: np.random.Generator, counts: Ints, n: int) -> Ints:
    """The cell of each event (STREAMS, T, n) in random order, from counts (T, STREAMS, K)."""
    cells = np.tile(np.arange(counts.shape[2]), counts.shape[0] * counts.shape[1])
    values = np.repeat(cells, counts.ravel()).reshape(*counts.shape[:2], n)
    return np.ascontiguousarray(rng.permuted(values, axis=2).swapaxes(0, 1))


def commonest(counts: Ints, past: Ints) -> Ints:
    """Counts (T, S, LEVELS) in the product's cells (T, S, CELLS): the commonest levels of the past, then all others."""
    order = np.argsort(-past, axis=1)[None]
    ranked = np.take_along_axis(counts, np.broadcast_to(order, counts.shape), axis=2)
    return np.concatenate([ranked[..., : CELLS - 1], ranked[..., CELLS - 1 :].sum(axis=2, keepdims=True)], axis=2)


# -- ours --------------------------------------------------------------------------------------------------------------


def live(fleet: Fleet, counts: Floats) -> Flagged:
    """Windows with evidence over the threshold, of the judged days; the effect floor is off."""
    judge = Judge(fleet.base, np.full(2 * STREAMS, CELLS), [Rule()])
    judge.ordered = np.arange(2 * STREAMS) < STREAMS
    over = np.zeros(2 * STREAMS, np.int64)
    judged = 0
    for day in counts.reshape(-1, DAY, 2 * STREAMS, CELLS):
        judge.midnight()
        for seen in judge.day(day).values():
            over += seen.over[0].sum(axis=0)
            judged += DAY
    found = over.reshape(2, STREAMS).sum(axis=1).tolist()
    return {"Plumbline live, budget 1 in 30 days": {k: (hits, judged * STREAMS) for k, hits in zip(KINDS, found, strict=True)}}


def check(past: Mapping[str, Floats | Ints], windows: Mapping[str, Floats | Ints]) -> Flagged:
    """Windows in which `plumbline check` names the signal: rows without times against REFERENCE rows, and rows with times,
    where the reference's own windows tell how its traffic wobbles."""
    n = windows["numeric"].shape[2]
    every = {kind: values.reshape(STREAMS, -1) for kind, values in past.items()}
    whole = File("reference", panes=pane(every, PAST * n))
    timed = [pane({kind: values[:, i] for kind, values in past.items()}, n) for i in range(PAST)]
    told = File("reference", panes=whole.panes, windows=dict(enumerate(timed)), width=1, timed=True, since=0, until=PAST)
    untimed = File("reference", panes=pane({k: v.reshape(STREAMS, -1) for k, v in reference(past).items()}, REFERENCE))
    titles = {"Plumbline check, rows without times": untimed, "Plumbline check, reference with times": told}
    out: Flagged = {}
    for title, base in titles.items():
        hits = np.zeros(2, np.int64)
        for i in range(WINDOWS):
            panes = pane({kind: values[:, i] for kind, values in windows.items()}, n)
            current = File("current", panes=panes, timed=base is told, since=PAST, until=PAST + 1)
            found = compare(base, current, CHECK_RATE)
            numeric = np.concatenate([part.cells.kinds for part in found.calibration.parts]) == Kind.NUMERIC
            hits += [int(found.significant()[numeric].sum()), int(found.significant()[~numeric].sum())]
        out[title] = {kind: (hit, WINDOWS * STREAMS) for kind, hit in zip(KINDS, hits.tolist(), strict=True)}
    return out


def pane(raw: Mapping[str, Floats | Ints], n: int) -> dict[tuple[str, str], Pane]:
    """Raw values (STREAMS, n) as the product's own pane of all traffic."""
    columns = Columns(n)
    counts = [signal for signal in SIGNALS if signal.kind is Kind.NUMERIC and signal.high > MEAN + 5 * SD][:STREAMS]
    for signal, values in zip(counts, raw["numeric"], strict=True):
        columns.numeric[signal.name], columns.declared[signal.name] = values, signal
    for i, codes in enumerate(raw["category"]):
        signal = tag_signal(f"c{i:02d}")
        columns.categorical[signal.name] = Labels(codes.astype(np.int32), [f"level {j}" for j in range(LEVELS)])
        columns.declared[signal.name] = signal
    grouping = group_rows(pl.Series([""]).new_from_index(0, n), np.zeros(n, np.int64), {})
    (whole,) = fold(columns, grouping, pl.Series(np.arange(n)).cast(pl.String), {})
    return {("", ""): whole}


# -- the others --------------------------------------------------------------------------------------------------------


def reference(past: Mapping[str, Floats | Ints]) -> dict[str, Floats | Ints]:
    """As many rows of each past window as make REFERENCE (STREAMS, PAST, REFERENCE / PAST)."""
    return {kind: values[:, :, : REFERENCE // PAST] for kind, values in past.items()}


def others(drawn: Drawn, folder: Path) -> Flagged:
    """What the packages say of the same windows."""
    file = folder / "windows.npz"
    parts = {"past": drawn.past, "reference": reference(drawn.past), "windows": drawn.windows}
    np.savez(file, **{f"{name}_{kind}": raw for name, part in parts.items() for kind, raw in part.items()})
    out: Flagged = {}
    for tool, python in TOOLS:
        done = subprocess.run([python, RULES, tool, file], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{tool} ended with {done.returncode}: {done.stderr[-2000:]}")
        out |= {rule: {kind: tuple(pair) for kind, pair in by.items()} for rule, by in json.loads(done.stdout).items()}
    return out


# -- the tables --------------------------------------------------------------------------------------------------------


def share(flagged: tuple[int, int] | None) -> str:
    if flagged is None:
        return "-"
    percent = 100 * flagged[0] / flagged[1]
    return "0" if not flagged[0] else f"{percent:.1f} %" if percent >= 0.05 else f"{percent:.1g} %"


def table(results: Mapping[int, Flagged], kind: str) -> Iterable[str]:
    yield f"| rule | {' | '.join(f'n = {n:,}' for n in results)} |"
    yield "|---" * (len(results) + 1) + "|"
    for rule in next(iter(results.values())):
        cells = [share(flagged[rule].get(kind)) for flagged in results.values()]
        if cells != ["-"] * len(cells):
            yield f"| {rule} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description="Clean windows flagged by default rules.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sizes", default="100,200,500,1000")
    parser.add_argument("--families", default="iid,dirichlet,low")
    options = parser.parse_args()
    sizes = [int(n) for n in options.sizes.split(",")]
    print(f"seed {options.seed}: {STREAMS} signals of each kind, {WINDOWS} windows each; the live row {JUDGED * DAY:,}")
    for number, family in enumerate(FAMILIES):
        if family not in options.families.split(","):
            continue
        results: dict[int, Flagged] = {}
        for n in sizes:
            print(f"\r{FAMILIES[family].title}: n = {n}", end="", file=sys.stderr, flush=True)
            fleet, drawn = draw(np.random.default_rng([options.seed, number, n]), family, n)
            with tempfile.TemporaryDirectory(prefix="plumbline-") as folder:
                results[n] = others(drawn, Path(folder)) | check(drawn.past, drawn.windows) | live(fleet, drawn.counts)
        for kind in KINDS:
            print(f"\n{FAMILIES[family].title}, {kind}\n")
            print("\n".join(table(results, kind)), flush=True)
    print(file=sys.stderr)


if __name__ == "__main__":
    main()
