"""Our method beside what the literature offers, on the same simulated streams, at the same realised false-alarm rate.

    python -m bench.methods [--seeds 1,2] [--families iid,low,daynight,ar] [--rates 1,10] [--keep FOLDER]

Every method gives a statistic for each window. Its threshold is what the clean streams of the other seed exceed as often
as the rate says (alarms per 30 days over 60 comparisons; those of one comparison on consecutive days are one). First a
threshold for each family, then one for all families: nobody knows their family. Intervals hold 90 % of RESAMPLES draws of
the comparisons of both seeds. Progress goes to stderr. docs/adr/0001 says what came out.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.methods_offered import HOURLY, METHODS, OURS, SLOW, fewer
from bench.methods_streams import CHANGES, JUDGED, Floats, Material, Singles, material
from bench.streams_simulated import DAY, FAMILIES

PER_RATE = 60 * 30
"""Comparison-days that a rate of 1 has one alarm in."""
RESAMPLES = 50


def step(method: str) -> int:
    """Windows from one value of a method to the next."""
    return 12 if method in HOURLY else 1


@dataclass
class Outcome:
    """Of one method, family and seed. clean: the highest statistic of each day (JUDGED, C); running: by CHANGES the
    highest statistic so far (T, N); comparison: by CHANGES whose series they are (N,)."""

    clean: Singles
    running: dict[str, Singles]
    comparison: dict[str, NDArray[np.int64]]

    def delays(self, change: str, threshold: float, method: str) -> Floats:
        """Windows until the statistic was reached (N,), infinite where it was not."""
        over = self.running[change] >= threshold
        return np.where(over[-1], (over.argmax(axis=0) + 1.0) * step(method), np.inf)


def outcome(method: str, source: Material) -> Outcome:
    course = METHODS[method]
    clean, *changed = (fewer(s) if method == SLOW else s for s in (source.clean, *source.changed.values()))
    statistics = [course(source, series).astype(np.float32) for series in changed]
    highest = course(source, clean).astype(np.float32)
    return Outcome(
        highest.reshape(JUDGED, -1, highest.shape[1]).max(axis=1),
        {name: np.maximum.accumulate(part, axis=0) for name, part in zip(source.changed, statistics, strict=True)},
        {name: series["comparison"] for name, series in zip(source.changed, changed, strict=True)},
    )


def alarms(highest: Singles, threshold: float) -> NDArray[np.int64]:
    """Alarms (C,) of days (D, C): one where the day before had none."""
    over = highest >= threshold
    over[1:] &= ~(highest[:-1] >= threshold)
    return np.asarray(over.sum(axis=0))


def threshold_at(highest: Singles, rate: float) -> float:
    """The lowest statistic that is reached at most `rate` times per 60 comparisons and 30 days."""
    allowed = rate * highest.size / PER_RATE
    most = int(4 * allowed) + 50
    candidates = np.unique(np.partition(highest, -most, axis=None)[-most:] if most < highest.size else highest)
    low, high = 0, len(candidates)
    while low < high:
        middle = (low + high) // 2
        if alarms(highest, np.nextafter(candidates[middle], np.float32(np.inf))).sum() <= allowed:
            high = middle
        else:
            low = middle + 1
    return float(np.nextafter(candidates[min(low, len(candidates) - 1)], np.float32(np.inf)))


def most(change: str) -> int:
    """Windows that a change is watched for."""
    return CHANGES[change][0] * DAY


def log_delays(method: str, found: Outcome, threshold: float, comparisons: int) -> dict[str, Floats]:
    """Mean log delay of each comparison (C,) by change, nan where it was not run; what is not found counts as all the
    time that it was watched."""
    out = {}
    for change, owners in found.comparison.items():
        logs = np.log(np.minimum(found.delays(change, threshold, method), most(change)))
        number = np.bincount(owners, minlength=comparisons)
        out[change] = np.where(number > 0, np.bincount(owners, logs, comparisons) / np.maximum(number, 1), np.nan)
    return out


Compared = dict[str, list[tuple[Outcome, Outcome]]]
"""By method, for each family: the seed that calibrates and the one that is evaluated."""


def resampled(seen: Compared, rate: float) -> dict[str, dict[str, Floats]]:
    """Log delays over those of ours, by method and change (RESAMPLES + 1,): the first is not resampled.

    All families of `seen` share one threshold. Resamples draw comparisons, the same ones for every method.
    """
    rng = np.random.default_rng(0)
    out: dict[str, dict[str, list[float]]] = {name: {change: [] for change in CHANGES} for name in METHODS}
    known: dict[tuple[str, float], list[dict[str, Floats]]] = {}  # many resamples give the same threshold
    widths = [(c.clean.shape[1], int(e.comparison["0.2"].max()) + 1) for c, e in seen[OURS]]
    for resample in range(RESAMPLES + 1):
        drawn = [tuple(rng.integers(n, size=n) if resample else np.arange(n) for n in pair) for pair in widths]
        means: dict[str, dict[str, float]] = {}
        for method, pairs in seen.items():
            highest = [
                c.clean[:, part[: c.clean.shape[1]] % c.clean.shape[1]] for (c, _), (part, _) in zip(pairs, drawn, strict=True)
            ]
            threshold = threshold_at(np.concatenate(highest, axis=1), rate)
            if (method, threshold) not in known:
                both = zip(pairs, widths, strict=True)
                known[method, threshold] = [log_delays(method, e, threshold, n) for (_, e), (_, n) in both]
            logs = known[method, threshold]
            means[method] = {
                change: float(np.mean([np.nanmean(part[change][d]) for part, (_, d) in zip(logs, drawn, strict=True)]))
                for change in CHANGES
            }
        for method, some in out.items():
            for change, values in some.items():
                values.append(means[method][change] - means[OURS][change])
    return {method: {change: np.array(values) for change, values in some.items()} for method, some in out.items()}


def interval(logs: Floats) -> str:
    low, high = np.exp(np.quantile(logs[1:], (0.05, 0.95)))
    return f"{np.exp(logs[0]):.2f} ({low:.2f}-{high:.2f})"


def table(seen: Compared, rate: float) -> None:
    """One threshold for all families of `seen`, whose figures stand side by side."""
    ratios = resampled(seen, rate)
    print(
        "| method | threshold | realised | median windows to find 0.1 / 0.2 / 0.5 / scale / ramp "
        "| found in 24 h (ramp: 3 days) | delay of 0.2 over ours | of all changes |\n|---|---|---|---|---|---|---|"
    )
    for method, pairs in seen.items():
        threshold = threshold_at(np.concatenate([c.clean for c, _ in pairs], axis=1), rate)
        realised = [alarms(e.clean, threshold).sum() / e.clean.size * PER_RATE for _, e in pairs]
        delays = [[e.delays(change, threshold, method) for change in CHANGES] for _, e in pairs]
        medians = [" / ".join(f"{np.median(d):.0f}" for d in every) for every in delays]
        shares = [" / ".join(f"{np.isfinite(d).mean():.2f}" for d in every) for every in delays]
        overall = np.mean([ratios[method][change] for change in CHANGES], axis=0)
        cells = (", ".join(f"{r:.1f}" for r in realised), "; ".join(medians), "; ".join(shares))
        print(f"| {method} | {threshold:.3g} | {' | '.join(cells)} | {interval(ratios[method]['0.2'])} | {interval(overall)} |")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.methods", description="Our method beside the literature's.")
    parser.add_argument("--seeds", default="1,2", help="two of them")
    parser.add_argument("--families", default="iid,low,daynight,ar")
    parser.add_argument("--rates", default="1,10")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "plumbline-methods")
    options = parser.parse_args()
    seeds, families = [int(seed) for seed in options.seeds.split(",")], options.families.split(",")
    outcomes: dict[tuple[str, int], dict[str, Outcome]] = {}
    for name in families:
        for seed in seeds:
            source = material(options.keep, name, seed)
            outcomes[name, seed] = {}
            for method in METHODS:
                print(f"\r{name}, seed {seed}: {method:60}", end="", file=sys.stderr, flush=True)
                outcomes[name, seed][method] = outcome(method, source)
    print(file=sys.stderr)
    some = source.changed["0.2"]["comparison"]
    print(
        f"A family: thresholds from {source.before.shape[1]} comparisons, {JUDGED} days; delays from {some.max() + 1} "
        f"comparisons, {len(some)} beginnings of each change. Ratios are of geometric means, with 90 % of resamples."
    )
    groups = [[name] for name in families] + ([families] if len(families) > 1 else [])
    for rate in (float(part) for part in options.rates.split(",")):
        for group in groups:
            for other, seed in (seeds, seeds[::-1]):
                titles = ", ".join(FAMILIES[name].title for name in group)
                print(f"\n### {titles}: {rate:g} per 30 days, seed {seed}\n")
                pairs = {method: [(outcomes[f, other][method], outcomes[f, seed][method]) for f in group] for method in METHODS}
                table(pairs, rate)


if __name__ == "__main__":
    main()
