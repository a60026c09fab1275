"""Scores and p-values that all methods of `bench.methods` are run on: simulated streams, kept on disk by family and seed.

The project's own functions: 7 days of trailing baseline and wobble, refreshed daily; scores are ranked among those of the
14 days before, refreshed every BLOCK days. Days 29 to 88 are judged, twenty blocks of three. In every second one half the
comparisons are also seen with each change of CHANGES beginning at the block's first midnight; their baseline stays clean.
"""

import sys
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bench.streams_simulated import CELLS, DAY, FAMILIES, Family, moved, stream
from detectors import ranks
from detectors.scores import window_scores
from detectors.wobble import Wobble, WobbleSums, learn_wobble

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

BASELINE, HISTORY, LEARNING = 7, 14, 28  # days
BLOCK, BLOCKS = 3, 20  # days, number
DAYS = LEARNING + BLOCK * BLOCKS
JUDGED = BLOCK * BLOCKS
BATCH = 60
"""Comparisons that are drawn and scored at a time."""
BATCHES, EVALUATED = 4, 2
"""How many batches there are, and in how many of them changes happen too, in every second block."""
HOUR, HOURS = 12, 24
"""Windows an hour, hours a day."""


def widened(shares: Floats, factor: float) -> Floats:
    """The same shares (..., CELLS) after the signal, normal with these cells as deciles, has spread by `factor`."""
    edges = special.ndtri(np.arange(1, CELLS) / CELLS)
    out = shares * np.diff(np.r_[0.0, special.ndtr(edges / factor), 1.0]) * CELLS
    return np.asarray(out / out.sum(axis=-1, keepdims=True))


def ramped(shares: Floats, sd: float) -> Floats:
    """Shares (T, C, CELLS) that move up to `sd` in equal steps over all T windows."""
    return np.stack([moved(now, sd * (t + 1) / len(shares)) for t, now in enumerate(shares)])


CHANGES: dict[str, tuple[int, Callable[[Floats], Floats]]] = {
    "0.1": (1, lambda shares: moved(shares, 0.1)),
    "0.2": (1, lambda shares: moved(shares, 0.2)),
    "0.5": (1, lambda shares: moved(shares, 0.5)),
    "scale": (1, lambda shares: widened(shares, 1.3)),
    "ramp": (BLOCK, lambda shares: ramped(shares, 0.5)),
}
"""By name: how many days it is watched, and what it does to shares (T, C, CELLS)."""


def scores_of(base: Floats, now: Floats, wobble: Wobble) -> tuple[Floats, Floats]:
    """Scores and signed rank-sum t, both (T, C), of windows `now` against `base` (T, C, CELLS); one wobble for all."""
    windows, comparisons = now.shape[:2]
    flat = windows * comparisons
    repeated = [getattr(wobble, name) for name in Wobble.__slots__]
    many = Wobble(*(np.broadcast_to(x, (windows, *x.shape)).reshape(flat, *x.shape[1:]) for x in repeated))
    base, now = base.reshape(flat, CELLS), now.reshape(flat, CELLS)
    yes, no, absent = np.ones(flat, bool), np.zeros(flat, bool), np.full(flat, np.nan)
    scores = window_scores(
        base, now, np.full(flat, CELLS), yes, no, np.zeros(flat, np.int8), many,
        absent, absent, absent, absent, absent, absent, no,
    )  # fmt: skip
    return scores.decades.reshape(windows, comparisons), scores.lean.reshape(windows, comparisons)


def summed(counts: Floats) -> Floats:
    """Hourly counts (T / 12, C, CELLS)."""
    return np.asarray(counts.reshape(-1, HOUR, *counts.shape[1:]).sum(axis=1))


class Streams:
    """One batch of comparisons of a family: counts, shares and trailing sums, day by day."""

    def __init__(self, rng: np.random.Generator, family: Family, comparisons: int = BATCH, days: int = DAYS):
        drawn = [stream(rng, family, days) for _ in range(comparisons)]
        self.rng = rng
        self.totals = np.stack([totals for totals, _ in drawn], axis=1)
        self.shares = np.stack([shares for _, shares in drawn], axis=1)
        self.counts = rng.multinomial(self.totals, self.shares).astype(np.float64)
        self.hours = summed(self.counts)
        self.daily = self.hours.reshape(days, HOURS, comparisons, CELLS).sum(axis=1)
        self.sums = [self._sums(self.counts[day * DAY : (day + 1) * DAY]) for day in range(days)]
        self.hour_sums = [self._sums(self.hours[day * HOURS : (day + 1) * HOURS]) for day in range(days)]
        self.day_sums = [self._sums(self.daily[day : day + 1]) for day in range(days)]

    @staticmethod
    def _sums(windows: Floats) -> WobbleSums:
        sums = WobbleSums.empty(windows.shape[1], CELLS)
        n, by_comparison = windows.sum(axis=2, keepdims=True), windows.transpose(1, 0, 2)
        sums.windows += len(windows)
        sums.total += n.sum(axis=(0, 2))
        sums.cells += windows.sum(axis=0)
        sums.outer += (windows / n).transpose(1, 2, 0) @ by_comparison
        return sums

    @staticmethod
    def learned(sums: list[WobbleSums]) -> Wobble:
        total = WobbleSums.empty(*sums[0].cells.shape)
        for part in sums:
            total += part
        return learn_wobble(total, np.full(len(total.windows), CELLS))

    def changed(self, day: int, days: int, change: Callable[[Floats], Floats]) -> Floats:
        """Counts (days * DAY, C, CELLS) from the midnight before `day` on, had the change happened then."""
        span = slice(day * DAY, (day + days) * DAY)
        return self.rng.multinomial(self.totals[span], change(self.shares[span])).astype(np.float64)

    def scored(self, day: int, counts: Floats) -> tuple[Floats, Floats]:
        """`scores_of` one day's 5-minute windows against the clean counts before each of them."""
        now, leaving = (self.counts[d * DAY : (d + 1) * DAY] for d in (day, day - BASELINE))
        start = self.daily[day - BASELINE : day].sum(axis=0)
        moves = np.concatenate([np.zeros((1, *start.shape)), (now - leaving)[:-1]])
        return scores_of(start + np.cumsum(moves, axis=0), counts, self.learned(self.sums[day - BASELINE : day]))

    def horizons(self, day: int, hours: Floats) -> tuple[Floats, Floats]:
        """Scores (hours, C) of each hour from midnight on, and of the 24 hours up to its end.

        An hour against the 7 days before, its wobble from their hours. A day against the 7 days before it, its wobble
        from the 28 days before: the project asks for 24 windows.
        """
        base = np.broadcast_to(self.daily[day - BASELINE : day].sum(axis=0), hours.shape)
        by_hour, _ = scores_of(base, hours, self.learned(self.hour_sums[day - BASELINE : day]))
        before = self.hours[(day - 1) * HOURS : day * HOURS]
        running = np.cumsum(np.concatenate([np.zeros((1, *hours.shape[1:])), before, hours]), axis=0)
        days = running[HOURS + 1 :] - running[1 : len(hours) + 1]
        earlier = np.broadcast_to(self.daily[day - 1 - BASELINE : day - 1].sum(axis=0), days.shape)
        by_day, _ = scores_of(earlier, days, self.learned(self.day_sums[day - LEARNING : day]))
        return by_hour, by_day


@dataclass(frozen=True)
class Ranking:
    """How scores are ranked in one block (statistics.md, section 5), and how much their bets resemble each other."""

    history: Singles
    by_day: NDArray[np.bool_]
    minimum: Floats
    vif: Floats

    @classmethod
    def learn(cls, history: Singles) -> "Ranking":
        slots = np.arange(len(history)) % DAY
        by_day, v, vif = ranks.learn(history, slots)
        among = np.where(by_day, (2 * ranks.WIDTH + 1) * HISTORY, len(history))
        return cls(history, by_day, ranks.smallest_p(among, v), vif)

    def p(self, live: Singles) -> Singles:
        """p (T, C) of scores (T, C) that begin at a midnight."""
        out = np.empty(live.shape)
        slots, past = np.arange(len(live)) % DAY, np.arange(len(self.history)) % DAY
        for c in np.flatnonzero(~self.by_day):
            below = np.searchsorted(np.sort(self.history[:, c]), live[:, c], side="left")
            out[:, c] = (1 + len(past) - below) / (len(past) + 1)
        for slot in range(DAY if self.by_day.any() else 0):
            near, rows = self.history[ranks.near(past, slot)][:, self.by_day], np.flatnonzero(slots == slot)
            above = (near[None] >= live[rows][:, None, self.by_day]).sum(axis=1)
            out[np.ix_(rows, np.flatnonzero(self.by_day))] = (1 + above) / (len(near) + 1)
        return np.maximum(out, self.minimum).astype(np.float32)


KINDS = ("score", "up", "down")
"""What is ranked: the window's score, and the signed rank-sum t for moves up and moves down."""
Seen = dict[str, NDArray[Any]]
"""Series side by side, T windows each from a midnight on. `p.KIND` (T, N) by KINDS and `vif.KIND` (T / DAY, N): how they
rank, and how much their bets resemble each other; `score` (T, N); `hour`, `day` (T / 12, N): `Streams.horizons`;
`comparison`, `block` (N,): whose they are, and the block that they begin with."""
ALONG = ("comparison", "block")


def joined(parts: list[Seen], axis: int) -> Seen:
    """More windows of the same series (0), or more series (1)."""
    out = {name: np.concatenate([part[name] for part in parts], axis=-1 if axis else 0) for name in parts[0]}
    return out if axis else out | {name: parts[0][name] for name in ALONG}


def live(streams: Streams, first: int, counts: Floats) -> dict[str, Singles]:
    """What is ranked, by KINDS, of `counts` (days * DAY, C, CELLS) from day `first` on."""
    days = [streams.scored(first + i, day) for i, day in enumerate(np.split(counts, len(counts) // DAY))]
    score, t = (np.concatenate(parts).astype(np.float32) for parts in zip(*days, strict=True))
    return {"score": score, "up": t, "down": -t}


def seen(streams: Streams, block: int, counts: Floats, now: dict[str, Singles], rules: dict[str, Ranking]) -> Seen:
    hour, day = streams.horizons(LEARNING + block * BLOCK, summed(counts))
    comparisons = counts.shape[1]
    out: Seen = {"score": now["score"], "hour": hour.astype(np.float32), "day": day.astype(np.float32)}
    out |= {f"p.{kind}": rules[kind].p(now[kind]) for kind in KINDS}
    out |= {f"vif.{kind}": np.tile(rules[kind].vif.astype(np.float32), (len(counts) // DAY, 1)) for kind in KINDS}
    return out | {"comparison": np.arange(comparisons), "block": np.full(comparisons, block)}


def batch(rng: np.random.Generator, family: Family, evaluated: bool) -> tuple[Singles, dict[str, Seen]]:
    """Scores (HISTORY * DAY, BATCH) of the days before the judged ones, and what is seen on those: "clean", one series a
    comparison; where evaluated, by CHANGES, one series a comparison and block."""
    streams = Streams(rng, family)
    learning = [live(streams, day, streams.counts[day * DAY : (day + 1) * DAY]) for day in range(LEARNING - HISTORY, LEARNING)]
    past = {kind: np.concatenate([day[kind] for day in learning]) for kind in KINDS}
    before = past["score"]
    parts: dict[str, list[Seen]] = {name: [] for name in ("clean", *(CHANGES if evaluated else ()))}
    for block in range(BLOCKS):
        rules = {kind: Ranking.learn(past[kind]) for kind in KINDS}
        first = LEARNING + block * BLOCK
        counts = streams.counts[first * DAY : (first + BLOCK) * DAY]
        now = live(streams, first, counts)
        parts["clean"].append(seen(streams, block, counts, now, rules))
        for name, (days, change) in CHANGES.items() if evaluated and block % 2 else ():
            counts = streams.changed(first, days, change)
            parts[name].append(seen(streams, block, counts, live(streams, first, counts), rules))
        past = {kind: np.concatenate([past[kind], now[kind]])[-HISTORY * DAY :] for kind in KINDS}
    return before, {name: joined(every, 0 if name == "clean" else 1) for name, every in parts.items()}


@dataclass(frozen=True)
class Material:
    """What all methods are run on. before (HISTORY * DAY, C): clean scores of the days before the judged ones; clean: one
    series a comparison; changed: by CHANGES, for the first EVALUATED * BATCH comparisons, one series a block."""

    before: Singles
    clean: Seen
    changed: dict[str, Seen]

    def past(self, series: Seen) -> Singles:
        """The clean scores (HISTORY * DAY, N) before each series."""
        whole = np.concatenate([self.before, self.clean["score"]])
        return self._rows(whole, series, 0, HISTORY * DAY)

    def lead(self, series: Seen, kind: str) -> Singles:
        """The clean p (DAY, N) of the day before each series, so that a change meets evidence as it is when live; none
        (0, N) before the clean series themselves."""
        return self._rows(self.clean[f"p.{kind}"], series, -DAY, 0 if series is self.clean else DAY)

    @staticmethod
    def _rows(whole: Singles, series: Seen, first: int, number: int) -> Singles:
        rows = series["block"] * BLOCK * DAY + first + np.arange(number)[:, None]
        return np.asarray(whole[rows, series["comparison"]])


def simulate(name: str, seed: int) -> Material:
    befores, parts = [], []
    for number in range(BATCHES):
        print(f"\r{name}: streams {number + 1} of {BATCHES}", end="", file=sys.stderr, flush=True)
        rng = np.random.default_rng([seed, zlib.crc32(name.encode()), number])
        before, some = batch(rng, FAMILIES[name], number < EVALUATED)
        for series in some.values():
            series["comparison"] += number * BATCH
        befores.append(before)
        parts.append(some)
    print(file=sys.stderr)
    whole = {part: joined([some[part] for some in parts if part in some], 1) for part in parts[0]}
    clean = whole.pop("clean")
    return Material(np.concatenate(befores, axis=1), clean, whole)


def material(folder: Path, name: str, seed: int) -> Material:
    """Of one family and seed, from `folder` where it was kept."""
    path = folder / f"{name}-{seed}.npz"
    if not path.exists():
        made = simulate(name, seed)
        folder.mkdir(parents=True, exist_ok=True)
        everything = {"clean": made.clean, **made.changed}
        arrays = {f"{part} {key}": array for part, some in everything.items() for key, array in some.items()}
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".npz", delete=False) as file:
            np.savez(file, allow_pickle=False, before=made.before, **arrays)
        Path(file.name).replace(path)
        return made
    with np.load(path) as kept:
        parts: dict[str, Seen] = {}
        for entry in kept.files:
            if entry != "before":
                part, key = entry.split(" ")
                parts.setdefault(part, {})[key] = kept[entry]
        return Material(kept["before"], parts.pop("clean"), parts)
