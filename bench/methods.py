"""Our method beside what the literature offers, on the same simulated streams, at the same realised false-alarm rate.

    python -m bench.methods [--seeds 1,2] [--families iid,low,daynight,ar] [--rates 1,10] [--bound] [--keep FOLDER]

Every method gives a statistic for each window. Its threshold is what the clean streams of the other seed exceed as often
as the rate says (alarms per 30 days over 60 comparisons; those of one comparison on consecutive days are one). First a
threshold for each family, then one for all families: nobody knows their family. Intervals hold 90 % of RESAMPLES draws of
the comparisons of both seeds. With --bound the score alone and signed ranks beside it, each at the threshold that the
product gives it without a common factor. Progress goes to stderr. docs/adr/0001 says what came out.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.methods_offered import BESIDE, DAILY, HOURLY, METHODS, OURS, SIGNED, SLOW, fewer
from bench.methods_streams import CHANGES, JUDGED, Floats, Material, Singles, material
from bench.streams_simulated import DAY, FAMILIES
from detectors.budget import thresholds as thresholds_of_the_bound

PER_RATE = 60 * 30
"""Comparison-days that a rate of 1 has one alarm in."""
RESAMPLES = 50
ROWS: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in METHODS},
    "ours, or one day": (OURS, DAILY),
    "signed ranks beside ours, mixture, or one day": (SIGNED, DAILY),
}
"""What is compared: one method, or two that have half the rate each."""


@dataclass
class Outcome:
    """Of one method, family and seed. clean: the highest statistic of each day (JUDGED, C); running: by CHANGES the
    highest statistic so far (T, N), one each `step` windows; comparison: by CHANGES whose series they are (N,)."""

    clean: Singles
    running: dict[str, Singles]
    comparison: dict[str, NDArray[np.int64]]
    step: int

    def delays(self, change: str, threshold: float) -> Floats:
        """Windows until the statistic was reached (N,), infinite where it was not."""
        over = self.running[change] >= threshold
        return np.where(over[-1], (over.argmax(axis=0) + 1.0) * self.step, np.inf)


def outcome(method: str, source: Material) -> Outcome:
    course = METHODS[method]
    clean, *changed = (fewer(s) if method == SLOW else s for s in (source.clean, *source.changed.values()))
    statistics = [course(source, series).astype(np.float32) for series in changed]
    highest = course(source, clean).astype(np.float32)
    return Outcome(
        highest.reshape(JUDGED, -1, highest.shape[1]).max(axis=1),
        {name: np.maximum.accumulate(part, axis=0) for name, part in zip(source.changed, statistics, strict=True)},
        {name: series["comparison"] for name, series in zip(source.changed, changed, strict=True)},
        12 if method in HOURLY else 1,
    )


def alarms(over: NDArray[np.bool_]) -> int:
    """Alarms of days (D, C) on which a threshold was exceeded: one where the day before had none."""
    return int(over[0].sum() + (over[1:] & ~over[:-1]).sum())


def threshold_at(highest: Singles, rate: float) -> float:
    """The lowest statistic (D, C) that is reached at most `rate` times per 60 comparisons and 30 days."""
    allowed = rate * highest.size / PER_RATE
    most = int(4 * allowed) + 50
    candidates = np.unique(np.partition(highest, -most, axis=None)[-most:] if most < highest.size else highest)
    above = np.nextafter(candidates, np.float32(np.inf))
    low, high = 0, len(candidates) - 1
    while low < high:
        middle = (low + high) // 2
        if alarms(highest >= above[middle]) <= allowed:
            high = middle
        else:
            low = middle + 1
    return float(above[low])


Members = list[Outcome]
"""The methods of one row of ROWS, of one family and seed."""
Compared = dict[str, list[tuple[Members, Members]]]
"""By row, for each family: the seed that calibrates and the one that is evaluated."""


def thresholds(calibrating: list[Members], drawn: list[NDArray[np.int64]], rate: float) -> tuple[float, ...]:
    """Of each method of a row, over all families; drawn: the comparisons of each family."""
    out = []
    for of_method in zip(*calibrating, strict=True):
        widths = [some.clean.shape[1] for some in of_method]  # fewer where a method is slow
        highest = [some.clean[:, d[:n] % n] for some, d, n in zip(of_method, drawn, widths, strict=True)]
        out.append(threshold_at(np.concatenate(highest, axis=1), rate / len(calibrating[0])))
    return tuple(out)


def first(members: Members, change: str, limits: tuple[float, ...]) -> Floats:
    """Windows until one of the methods spoke (N,)."""
    every = [some.delays(change, limit) for some, limit in zip(members, limits, strict=True)]
    return np.asarray(np.min(every, axis=0))


def log_delays(members: Members, limits: tuple[float, ...], comparisons: int) -> dict[str, Floats]:
    """Mean log delay of each comparison (C,) by change, nan where it was not run; what is not found counts as all the
    time that it was watched."""
    out = {}
    for change, owners in members[0].comparison.items():
        logs = np.log(np.minimum(first(members, change, limits), CHANGES[change][0] * DAY))
        number = np.bincount(owners, minlength=comparisons)
        out[change] = np.where(number > 0, np.bincount(owners, logs, comparisons) / np.maximum(number, 1), np.nan)
    return out


def resampled(compared: Compared, rate: float) -> dict[str, dict[str, Floats]]:
    """Log delays over those of ours, by row and change (RESAMPLES + 1,): the first is not resampled.

    All families of `compared` share their thresholds. Resamples draw comparisons, the same ones for every row.
    """
    rng = np.random.default_rng(0)
    out: dict[str, dict[str, list[float]]] = {name: {change: [] for change in CHANGES} for name in compared}
    known: dict[tuple[str, tuple[float, ...]], list[dict[str, Floats]]] = {}  # many resamples give the same thresholds
    widths = [(c[0].clean.shape[1], int(e[0].comparison["0.2"].max()) + 1) for c, e in compared[OURS]]
    for resample in range(RESAMPLES + 1):
        drawn = [[rng.integers(n, size=n) if resample else np.arange(n) for n in pair] for pair in widths]
        means: dict[str, dict[str, float]] = {}
        for row, pairs in compared.items():
            limits = thresholds([c for c, _ in pairs], [d for d, _ in drawn], rate)
            if (row, limits) not in known:
                known[row, limits] = [log_delays(e, limits, n) for (_, e), (_, n) in zip(pairs, widths, strict=True)]
            means[row] = {
                change: float(np.mean([np.nanmean(f[change][d]) for f, (_, d) in zip(known[row, limits], drawn, strict=True)]))
                for change in CHANGES
            }
        for row, some in out.items():
            for change, values in some.items():
                values.append(means[row][change] - means[OURS][change])
    return {row: {change: np.array(values) for change, values in some.items()} for row, some in out.items()}


def interval(logs: Floats) -> str:
    low, high = np.exp(np.quantile(logs[1:], (0.05, 0.95)))
    return f"{np.exp(logs[0]):.2f} ({low:.2f}-{high:.2f})"


def realised(members: Members, limits: tuple[float, ...]) -> float:
    """Alarms per 30 days over 60 comparisons on clean streams."""
    over = np.asarray(np.any([some.clean >= limit for some, limit in zip(members, limits, strict=True)], axis=0))
    return float(alarms(over) / over.size * PER_RATE)


def table(compared: Compared, rate: float) -> None:
    """One threshold for all families of `compared`, whose figures stand side by side."""
    ratios = resampled(compared, rate)
    print(
        "| method | threshold | realised | median windows to find 0.1 / 0.2 / 0.5 / scale / ramp "
        "| found in 24 h (ramp: 3 days) | delay over ours of 0.1 | 0.2 | all changes |\n|---|---|---|---|---|---|---|---|"
    )
    for row, pairs in compared.items():
        whole = [np.arange(c[0].clean.shape[1]) for c, _ in pairs]
        limits = thresholds([c for c, _ in pairs], whole, rate)
        rates = ", ".join(f"{realised(e, limits):.1f}" for _, e in pairs)
        delays = [[first(e, change, limits) for change in CHANGES] for _, e in pairs]
        medians = "; ".join(" / ".join(f"{np.median(d):.0f}" for d in every) for every in delays)
        shares = "; ".join(" / ".join(f"{np.isfinite(d).mean():.2f}" for d in every) for every in delays)
        of_all = np.mean([ratios[row][change] for change in CHANGES], axis=0)
        over_ours = " | ".join(interval(logs) for logs in (ratios[row]["0.1"], ratios[row]["0.2"], of_all))
        print(f"| {row} | {', '.join(f'{x:.3g}' for x in limits)} | {rates} | {medians} | {shares} | {over_ours} |")
    sys.stdout.flush()


Outcomes = dict[tuple[str, int, str], Outcome]
"""By family, seed and method."""


def run(methods: Iterable[str], families: Sequence[str], seeds: Sequence[int], keep: Path) -> Outcomes:
    outcomes: Outcomes = {}
    for name in families:
        for seed in seeds:
            source = material(keep, name, seed)
            for method in methods:
                print(f"\r{name}, seed {seed}: {method:60}", end="", file=sys.stderr, flush=True)
                outcomes[name, seed, method] = outcome(method, source)
    print(file=sys.stderr)
    return outcomes


def bound_table(outcomes: Outcomes, families: Sequence[str], seeds: Sequence[int], rate: float) -> None:
    """At the thresholds that the bound gives 60 comparisons in 30 days, where each way has an equal part of the share."""
    print(f"\n### At the bound: {rate:g} per 30 days\n")
    print(
        "| family, seed | method | decades | realised | median windows to find 0.1 / 0.2 / 0.5 / scale / ramp "
        "| found in 24 h (ramp: 3 days) | delay over the score's alone, all changes |\n|---|---|---|---|---|---|---|"
    )
    for name, seed in product(families, seeds):
        alone = None
        for method, ways in ((OURS, 1), (BESIDE, 3)):
            found = [outcomes[name, seed, method]]
            limits = (float(thresholds_of_the_bound(np.ones(1), 60, 30 * DAY, rate, ways)[0]),)
            delays = [first(found, change, limits) for change in CHANGES]
            capped = [np.minimum(d, days * DAY) for d, (days, _) in zip(delays, CHANGES.values(), strict=True)]
            logs = float(np.mean([np.log(d).mean() for d in capped]))
            alone = logs if alone is None else alone
            print(
                f"| {FAMILIES[name].title}, {seed} | {method} | {limits[0]:.2f} | {realised(found, limits):.1f} "
                f"| {' / '.join(f'{np.median(d):.0f}' for d in delays)} "
                f"| {' / '.join(f'{np.isfinite(d).mean():.2f}' for d in delays)} | {np.exp(logs - alone):.2f} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.methods", description="Our method beside the literature's.")
    parser.add_argument("--seeds", default="1,2", help="two of them")
    parser.add_argument("--families", default="iid,low,daynight,ar")
    parser.add_argument("--rates", default="1,10")
    parser.add_argument("--bound", action="store_true")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "plumbline-methods")
    options = parser.parse_args()
    seeds, families = [int(seed) for seed in options.seeds.split(",")], options.families.split(",")
    rates = [float(part) for part in options.rates.split(",")]
    outcomes = run((OURS, BESIDE) if options.bound else METHODS, families, seeds, options.keep)
    for rate in rates if options.bound else ():
        bound_table(outcomes, families, seeds, rate)
    if options.bound:
        return
    some = outcomes[families[0], seeds[0], OURS]
    owners = some.comparison["0.2"]
    print(
        f"A family: thresholds from {some.clean.shape[1]} comparisons, {JUDGED} days; delays from {owners.max() + 1} "
        f"comparisons, {len(owners)} beginnings of each change. Ratios are of geometric means, with 90 % of resamples."
    )
    groups = [[name] for name in families] + ([families] if len(families) > 1 else [])
    for rate in rates:
        for group in groups:
            for other, seed in (seeds, seeds[::-1]):
                print(f"\n### {', '.join(FAMILIES[name].title for name in group)}: {rate:g} per 30 days, seed {seed}\n")
                compared = {
                    row: [([outcomes[f, other, m] for m in some], [outcomes[f, seed, m] for m in some]) for f in group]
                    for row, some in ROWS.items()
                }
                table(compared, rate)


if __name__ == "__main__":
    main()
