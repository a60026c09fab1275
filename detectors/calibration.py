"""What an application's comparisons have learned of healthy traffic (cells, baselines, wobble), in force from one window on."""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.baselines import Baseline
from detectors.cells import CELLS, Cells, Tally, add_tallies, make_cells
from detectors.common_factor import NOTHING, Pool
from detectors.effects import shares
from detectors.scores import MINIMUM_WINDOWS, VECTOR, Scores, window_scores
from detectors.vectors import NO_BASE, VectorBase, VectorSums, concatenate_vectors, learn_vectors, vector_scores
from detectors.wobble import Wobble, WobbleSums, learn_wobble
from records.pane import EMPTY, Accumulator, Pane, subtract, without_text
from records.signal import Kind, Signal
from records.summary.vectors import DIMENSIONS
from records.window import DAY, HOUR, WINDOW

Slice = tuple[str, str]
"""Dimension and value; both empty for all traffic."""
ALL: Slice = ("", "")
Panes = Mapping[Slice, Pane]
Declared = Callable[[str], Signal]
"""Gives the declaration of a signal by name."""
Healthy = Callable[[int, NDArray[np.int64], int], NDArray[np.bool_]]
"""Which comparisons (rows of the registry) were healthy in all of the stretch at a start, of a length."""
WEEK = 7 * DAY
Season = Callable[[Baseline, int], Iterable[tuple[int, Panes]]]
"""Gives the earlier hours (start, panes by slice) that a seasonal baseline has for the window at a start."""


class Subject(NamedTuple):
    """What is compared with what: one comparison of an application."""

    dimension: str
    value: str
    signal: str
    baseline: str


@dataclass(frozen=True, slots=True)
class Part:
    """One slice against one baseline: `base` is the baseline's pane, `index` (C,) the registry rows of its comparisons."""

    dimension: str
    value: str
    against: Baseline
    base: Pane
    cells: Cells
    index: NDArray[np.int64]

    @property
    def baseline(self) -> str:
        return self.against.name

    @property
    def slice(self) -> Slice:
        return (self.dimension, self.value)


class Traits(NamedTuple):
    """What the declarations say of C comparisons, as `scores.window_scores` takes it."""

    k: NDArray[np.int64]
    ordered: NDArray[np.bool_]
    numeric: NDArray[np.bool_]
    evaluation: NDArray[np.bool_]
    worse: NDArray[np.int8]

    def select(self, rows: NDArray[np.int64]) -> "Traits":
        return Traits(self.k[rows], self.ordered[rows], self.numeric[rows], self.evaluation[rows], self.worse[rows])


class Base(NamedTuple):
    """The baselines of C comparisons: counts (C, CELLS), and mean, variance and number of values (C,); those of vectors."""

    cells: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    n: NDArray[np.float64]
    vectors: VectorBase = NO_BASE

    def select(self, rows: NDArray[np.int64]) -> "Base":
        return Base(self.cells[rows], self.mean[rows], self.variance[rows], self.n[rows], self.vectors.select(rows))


@dataclass(frozen=True, slots=True)
class Seen:
    """What C comparisons saw, and what the M of them whose baseline moves (rows `moving`) had beside it; sums of windows."""

    now: Tally
    beside: Tally
    moving: NDArray[np.int64]

    def where(self, kept: NDArray[np.bool_]) -> "Seen":
        """The same where `kept` (C,), nothing elsewhere."""
        return Seen(self.now.where(kept), self.beside.where(kept[self.moving]), self.moving)

    def add(self, other: "Seen") -> "Seen":
        return Seen(add_tallies(self.now, other.now), add_tallies(self.beside, other.beside), self.moving)

    def enough(self, least: int) -> NDArray[np.bool_]:
        """Which comparisons (C,) have at least so many values, on both sides where the baseline moves."""
        out = self.now.n >= least
        out[self.moving] &= self.beside.n >= least
        return out


def concatenate(tallies: Sequence[Tally]) -> Tally:
    """The tallies of several parts, one below the other."""
    if not tallies:
        return Tally(np.zeros((0, CELLS)), np.zeros(0), np.zeros(0), np.zeros(0))
    names = ("cells", "n", "total", "square")
    cells, n, total, square = (np.concatenate([getattr(t, name) for t in tallies]) for name in names)
    return Tally(cells, n, total, square, concatenate_vectors([t.vectors for t in tallies], [len(t.n) for t in tallies]))


def others(baseline: Baseline, where: Slice, panes: Panes) -> Pane:
    """The pane of those that a slice is compared with in a cohort."""
    if baseline.against:
        return panes.get((baseline.dimension, baseline.against), EMPTY)
    return subtract(panes.get(ALL, EMPTY), panes.get(where, EMPTY))


def _others_tally(part: Part, mine: Tally, panes: Panes) -> Tally:
    """What those saw: of the rest by subtraction of counts, which costs no pane."""
    if part.against.against:
        return part.cells.tally(others(part.against, part.slice, panes))
    everybody = part.cells.tally(panes.get(ALL, EMPTY))
    return add_tallies(everybody, Tally(-mine.cells, -mine.n, -mine.total, -mine.square))


class Calibration:
    """Learned from healthy windows, extended window by window; what is judged with changes only at `refresh`.

    A comparison's baseline is fixed (counts that never move), trailing (the healthy windows themselves) or moves with
    every window; the wobble is always production's own, for a moving baseline that of the difference from it.
    `inherited` is what comparisons had seen each way since a change that is older than this calibration, and since when
    (WAYS, C).
    `definitions` says what each baseline and signal meant, `restarts` from when on the scores of those rows count that
    were defined anew; `slices` and `signals` had traffic; `pool` holds what luck reached lately.
    """

    def __init__(self, start: int, parts: Sequence[Part], declared: Declared):
        self.start, self.parts = start, list(parts)
        self.index = np.concatenate([p.index for p in parts]) if parts else np.empty(0, np.int64)
        self.traits = _traits(parts, declared)
        self._trailing = self._which(lambda baseline: baseline.kind == "trailing")
        self.stands = self._which(lambda baseline: baseline.stands)
        self.moving = np.flatnonzero(self._which(lambda baseline: baseline.moves))
        self.length = np.array([p.against.length for p in parts for _ in p.index], np.int64)
        self._own = concatenate([p.cells.tally(p.base) for p in parts])
        self.sums = WobbleSums.empty(len(self.index), CELLS)
        self.vector_sums = VectorSums.empty(len(self._own.vectors.rows), DIMENSIONS)
        self._learned = self.sums, self.vector_sums
        self._since: dict[int, Seen] = {}
        self.inherited: tuple[NDArray[np.int64], Sequence[Seen]] | None = None
        self.definitions: Mapping[str, str] = {}
        self.restarts: Mapping[int, int] = {}
        self.slices: frozenset[Slice] = frozenset()
        self.signals: frozenset[str] = frozenset()
        self.pool: Pool = NOTHING
        self.refresh()

    def _which(self, holds: Callable[[Baseline], bool]) -> NDArray[np.bool_]:
        return np.array([holds(p.against) for p in self.parts for _ in p.index], bool)

    def part_of(self, i: int) -> tuple[Part, int]:
        """The part that comparison i of C belongs to, and its row there."""
        for part in self.parts:
            if i < len(part.index):
                return part, i
            i -= len(part.index)
        raise IndexError(i)

    def see(self, start: int, panes: Panes, season: Season, healthy: Healthy) -> Seen:
        """What all comparisons saw in the window at `start`, and what they are compared with where that moves."""
        now = [part.cells.tally(panes.get(part.slice, EMPTY)) for part in self.parts]
        beside = []
        for part, mine in zip(self.parts, now, strict=True):
            if part.against.kind == "cohort":
                beside.append(_others_tally(part, mine, panes))
            elif part.against.kind == "seasonal":
                total = part.cells.tally(EMPTY)
                for hour, held in season(part.against, start):
                    earlier = part.cells.tally(held.get(part.slice, EMPTY))
                    total = add_tallies(total, earlier.where(healthy(hour, part.index, HOUR)))
                beside.append(total)
        return Seen(concatenate(now), concatenate(beside), self.moving)

    def nothing(self) -> Seen:
        """What no window at all holds."""
        empty = concatenate([p.cells.tally(EMPTY) for p in self.parts])
        return Seen(empty, empty.select(self.moving), self.moving)

    def against(self, seen: Seen) -> Base:
        """The baselines of what was seen."""
        if not len(self.moving):
            return self.base
        rows, beside = self.moving, seen.beside
        cells, mean, variance, n = (side.copy() for side in self.base[:4])
        cells[rows], mean[rows] = beside.cells, beside.mean()
        variance[rows], n[rows] = beside.variance(), beside.n
        vectors = self.base.vectors.moved(rows[beside.vectors.rows], beside.vectors, beside.n)
        return Base(cells, mean, variance, n, vectors)

    def scores(self, base: Base, now: Tally) -> Scores:
        """How surprising it is what C comparisons saw in a window, beside `base`: each by the tests of its kind."""
        traits = self.traits
        found = window_scores(
            base.cells, now.cells, traits.k, traits.ordered, traits.numeric, traits.worse, self.wobble,
            base.mean, base.variance, base.n, now.mean(), now.variance(), now.n, traits.evaluation,
        )  # fmt: skip
        rows = base.vectors.rows
        decades = vector_scores(base.vectors, now.vectors.mean(now.n), now.n[rows])
        found.decades[rows], found.spoke[rows] = decades, np.where(np.isnan(decades), -1, VECTOR)
        return found

    def add(self, seen: Seen, healthy: NDArray[np.bool_]) -> None:
        """Add one window of each comparison to the sums where it was healthy (C,), and had a baseline."""
        tally, include = seen.now, healthy
        if len(self.moving):
            tally, include = self._differences(seen), healthy.copy()
            include[self.moving] &= seen.beside.n > 0
        number = np.where(self.traits.numeric, tally.n, 0.0)
        self.sums.add(tally.cells, number, np.nan_to_num(tally.total), np.nan_to_num(tally.square), include)
        vectors = tally.vectors
        self.vector_sums.add(tally.n[vectors.rows], vectors.total, vectors.square, include[vectors.rows])

    def _differences(self, seen: Seen) -> Tally:
        """The window as it would be if its moving baselines stood still: what differs from them, around what they were
        when this was learned. Shares s - b + b0, values x - mean + mean0."""
        rows, now, beside = self.moving, seen.now, seen.beside
        fixed, mine = self._own.select(rows), now.select(rows)
        shift = mine.n[:, None] * np.nan_to_num(shares(fixed.cells) - shares(beside.cells))
        delta = np.nan_to_num(beside.mean() - fixed.mean())
        cells, total, square = now.cells.copy(), now.total.copy(), now.square.copy()
        cells[rows] = np.maximum(mine.cells + shift, 0.0)
        total[rows] = mine.total - mine.n * delta
        square[rows] = np.maximum(mine.square - 2 * delta * mine.total + mine.n * delta**2, 0.0)
        delta_of_vectors = beside.vectors.mean(beside.n) - fixed.vectors.mean(fixed.n)
        vectors = now.vectors.less(rows[beside.vectors.rows], np.nan_to_num(delta_of_vectors), now.n)
        return Tally(cells, now.n, total, square, vectors)

    def settle(self) -> None:
        """What was added so far is what this calibration learned; windows that follow extend it."""
        self._learned = copy.deepcopy((self.sums, self.vector_sums))
        self.refresh()

    def extend(self, start: int, seen: Seen, healthy: NDArray[np.bool_]) -> None:
        """Add the window at `start`, and keep it for `rebuild`; the sums of an hour are judged with once it is over."""
        now = seen.now
        light = Tally(now.cells.astype(np.float32), now.n, now.total, now.square, now.vectors)
        self._since[start] = Seen(light, seen.beside, seen.moving)
        self.add(seen, healthy)
        if (start + WINDOW) % HOUR == 0:
            self.refresh()

    def seen(self, since: int, until: int) -> list[tuple[int, Seen]]:
        """What each window between two times alone held, of those that this calibration judged; newest first."""
        starts = range(until - WINDOW, max(since, self.start) - WINDOW, -WINDOW)
        return [(start, self._since[start]) for start in starts if start in self._since]

    def rebuild(self, until: int, healthy: Healthy) -> None:
        """Extend what was learned anew by the windows before `until`, by what counts as healthy now; forget the others."""
        self.sums, self.vector_sums = copy.deepcopy(self._learned)
        self._since = {start: seen for start, seen in self._since.items() if start < until}
        hour = until // HOUR * HOUR
        for judged_with in (True, False):
            for start, seen in self._since.items():
                if (start < hour) == judged_with:
                    self.add(seen, healthy(start, self.index, WINDOW))
            if judged_with:
                self.refresh()

    def refresh(self) -> None:
        """Judge from now on with everything that was added."""
        self.wobble: Wobble = learn_wobble(self.sums, self.traits.k)
        own, trailing = self._own, self._trailing
        self.base = Base(
            np.where(trailing[:, None], self.sums.cells, own.cells),
            np.where(trailing, self.wobble.mean, own.mean()),
            np.where(trailing, self.wobble.mean_variance, own.variance()),
            np.where(trailing, self.sums.mean_count, own.n),
            self._base_of_vectors(),
        )

    def _base_of_vectors(self) -> VectorBase:
        own, wobble = self._own.vectors, learn_vectors(self.vector_sums)
        trailing = self._trailing[own.rows]
        mean = np.where(trailing[:, None], wobble.mean, own.mean(self._own.n))
        return VectorBase(own.rows, mean, np.where(trailing, wobble.count, self._own.n[own.rows]), wobble)


def _traits(parts: Sequence[Part], declared: Declared) -> Traits:
    kinds = np.concatenate([p.cells.kinds for p in parts] or [np.empty(0, np.uint8)])
    names = [name for p in parts for name in p.cells.names]
    worse = np.array([{"up": 1, "down": -1, None: 0}[declared(name).worse] for name in names], np.int8)
    numeric = kinds == Kind.NUMERIC
    k = np.concatenate([p.cells.k for p in parts] or [np.empty(0, np.int64)])
    evaluation = np.array([name.startswith("scores.") for name in names], bool)
    return Traits(k, numeric, numeric, evaluation, worse)


def no_season(baseline: Baseline, start: int) -> Iterable[tuple[int, Panes]]:
    """Where nothing earlier is known, or asked for."""
    return ()


def always(start: int, rows: NDArray[np.int64], length: int) -> NDArray[np.bool_]:
    """Where nothing was ever wrong."""
    return np.ones(len(rows), bool)


Windows = Callable[[], Iterable[tuple[int, Panes]]]


def learn(
    start: int,
    windows: Windows,
    references: Mapping[str, Panes],
    baselines: Sequence[Baseline],
    declared: Declared,
    register: Callable[[Subject], int],
    healthy: Healthy,
    season: Season = no_season,
) -> Calibration:
    """A calibration in force from `start`, learned from the windows before it.

    `windows()` gives (start, panes by slice) of the longest baseline's windows, and is read twice; `references`: panes
    by slice of each fixed baseline. `register` gives a comparison's row; `healthy` says which of them count as healthy;
    `season` gives the earlier hours of seasonal baselines.
    A slice is compared once it had MINIMUM_WINDOWS windows.
    """
    gathered: dict[int, dict[Slice, Accumulator]] = {length: {} for length in {longest(baselines), *_lengths(baselines)}}
    for at, panes in windows():
        for where, pane in panes.items():
            light = without_text(pane)
            for length, held in gathered.items():
                if at >= start - length:
                    held.setdefault(where, Accumulator(commonest=True)).add(light)
    everything = gathered[longest(baselines)]
    past = {length: {w: gone.total() for w, gone in held.items()} for length, held in gathered.items()}
    known = sorted(w for w, gone in everything.items() if gone.added >= MINIMUM_WINDOWS)
    parts = []
    for where in known:
        for baseline in baselines:
            base = _base(baseline, where, past, references)
            if base is not None and baseline.concerns(*where):
                parts.append(make_part(where, baseline, base, register))
    calibration = Calibration(start, parts, declared)
    for at, panes in windows():
        recent = (calibration.length == 0) | (calibration.length >= start - at)
        seen = calibration.see(at, panes, season, healthy)
        calibration.add(seen, healthy(at, calibration.index, WINDOW) & recent)
    calibration.settle()
    calibration.slices = frozenset(everything)
    calibration.signals = frozenset(past[longest(baselines)].get(ALL, EMPTY).names)
    return calibration


def longest(baselines: Sequence[Baseline]) -> int:
    """How far back windows are learned from, microseconds."""
    return max(_lengths(baselines), default=WEEK)


def _lengths(baselines: Sequence[Baseline]) -> list[int]:
    return [baseline.length for baseline in baselines if baseline.kind == "trailing"]


def _base(
    baseline: Baseline, where: Slice, past: Mapping[int, Mapping[Slice, Pane]], references: Mapping[str, Panes]
) -> Pane | None:
    """The pane whose values decide the cells; None where there is none. `past`: panes by slice for each length."""
    if baseline.kind == "fixed":
        return references.get(baseline.name, {}).get(where)
    if baseline.kind == "trailing":
        return past[baseline.length].get(where)
    everything = past[max(past)]
    base = others(baseline, where, everything) if baseline.kind == "cohort" else everything[where]
    return base if base.n else None


def make_part(where: Slice, baseline: Baseline, base: Pane, register: Callable[[Subject], int]) -> Part:
    """One slice against one baseline, every comparison with its row in the registry."""
    cells = make_cells(base, vectors=where == ALL)
    index = np.array([register(Subject(*where, name, baseline.name)) for name in cells.names], np.int64)
    return Part(*where, baseline, base, cells, index)
