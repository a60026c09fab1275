"""What an application's comparisons have learned of healthy traffic (cells, baselines, wobble), in force from one window on."""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.cells import CELLS, Cells, Tally, make_cells
from detectors.scores import MINIMUM_WINDOWS
from detectors.wobble import Wobble, WobbleSums, learn_wobble
from records.pane import EMPTY, Accumulator, Pane, without_text
from records.signal import Kind, Signal
from records.window import HOUR, WINDOW

Slice = tuple[str, str]
"""Dimension and value; both empty for all traffic."""
ALL: Slice = ("", "")
Panes = Mapping[Slice, Pane]
Declared = Callable[[str], Signal]
"""Gives the declaration of a signal by name."""
Healthy = Callable[[int, NDArray[np.int64]], NDArray[np.bool_]]
"""Which comparisons (rows of the registry) were healthy in the window at a start."""


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
    baseline: str
    base: Pane
    cells: Cells
    index: NDArray[np.int64]

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
    """The baselines of C comparisons: counts (C, CELLS), and mean, variance and number of values (C,)."""

    cells: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    n: NDArray[np.float64]

    def select(self, rows: NDArray[np.int64]) -> "Base":
        return Base(self.cells[rows], self.mean[rows], self.variance[rows], self.n[rows])


def concatenate(tallies: Sequence[Tally]) -> Tally:
    """The tallies of several parts, one below the other."""
    if not tallies:
        return Tally(np.zeros((0, CELLS)), np.zeros(0), np.zeros(0), np.zeros(0))
    return Tally(*(np.concatenate([getattr(t, name) for t in tallies]) for name in ("cells", "n", "total", "square")))


class Calibration:
    """Learned from healthy windows, extended window by window; what is judged with changes only at `refresh`.

    A comparison's baseline is either fixed (a reference: counts that never move) or trailing (the healthy windows
    themselves); the wobble is always production's own. `inherited` is what comparisons had seen since a change that is
    older than this calibration, and since when (C,).
    """

    def __init__(self, start: int, parts: Sequence[Part], declared: Declared, fixed: frozenset[str]):
        self.start, self.parts = start, list(parts)
        self.index = np.concatenate([p.index for p in parts]) if parts else np.empty(0, np.int64)
        self.traits = _traits(parts, declared)
        self.is_fixed = np.concatenate([np.full(len(p.index), p.baseline in fixed) for p in parts] or [np.empty(0, bool)])
        self.sums = WobbleSums.empty(len(self.index), CELLS)
        self._learned = self.sums
        self._since: dict[int, Tally] = {}
        self.inherited: tuple[NDArray[np.int64], Tally] | None = None
        self._own = concatenate([p.cells.tally(p.base) for p in parts])
        self.refresh()

    def part_of(self, i: int) -> tuple[Part, int]:
        """The part that comparison i of C belongs to, and its row there."""
        for part in self.parts:
            if i < len(part.index):
                return part, i
            i -= len(part.index)
        raise IndexError(i)

    def tally(self, panes: Panes) -> Tally:
        """What all comparisons saw in one window."""
        return concatenate([p.cells.tally(panes.get(p.slice, EMPTY)) for p in self.parts])

    def add(self, tally: Tally, healthy: NDArray[np.bool_]) -> None:
        """Add one window of each comparison to the sums where it was healthy (C,)."""
        number = np.where(self.traits.numeric, tally.n, 0.0)
        self.sums.add(tally.cells, number, np.nan_to_num(tally.total), np.nan_to_num(tally.square), healthy)

    def settle(self) -> None:
        """What was added so far is what this calibration learned; windows that follow extend it."""
        self._learned = copy.deepcopy(self.sums)
        self.refresh()

    def extend(self, start: int, tally: Tally, healthy: NDArray[np.bool_]) -> None:
        """Add the window at `start`, and keep it for `rebuild`; the sums of an hour are judged with once it is over."""
        light = Tally(tally.cells.astype(np.float32), tally.n, tally.total, tally.square)
        self._since[start] = light
        self.add(tally, healthy)
        if (start + WINDOW) % HOUR == 0:
            self.refresh()

    def seen(self, since: int, until: int) -> list[tuple[int, Tally]]:
        """What each window between two times alone held, of those that this calibration judged; newest first."""
        starts = range(until - WINDOW, max(since, self.start) - WINDOW, -WINDOW)
        return [(start, self._since[start]) for start in starts if start in self._since]

    def rebuild(self, until: int, healthy: Healthy) -> None:
        """Extend what was learned anew by the windows before `until`, by what counts as healthy now; forget the others."""
        self.sums = copy.deepcopy(self._learned)
        self._since = {start: tally for start, tally in self._since.items() if start < until}
        hour = until // HOUR * HOUR
        for judged_with in (True, False):
            for start, tally in self._since.items():
                if (start < hour) == judged_with:
                    self.add(tally, healthy(start, self.index))
            if judged_with:
                self.refresh()

    def refresh(self) -> None:
        """Judge from now on with everything that was added."""
        self.wobble: Wobble = learn_wobble(self.sums, self.traits.k)
        own, fixed = self._own, self.is_fixed
        number = np.where(fixed, own.n, self.sums.mean_count)
        self.base = Base(
            np.where(fixed[:, None], own.cells, self.sums.cells),
            np.where(fixed, own.mean(), self.wobble.mean),
            np.where(fixed, own.variance(), self.wobble.mean_variance),
            number,
        )


def _traits(parts: Sequence[Part], declared: Declared) -> Traits:
    kinds = np.concatenate([p.cells.kinds for p in parts] or [np.empty(0, np.uint8)])
    names = [name for p in parts for name in p.cells.names]
    worse = np.array([{"up": 1, "down": -1, None: 0}[declared(name).worse] for name in names], np.int8)
    numeric = kinds == Kind.NUMERIC
    k = np.concatenate([p.cells.k for p in parts] or [np.empty(0, np.int64)])
    evaluation = np.array([name.startswith("scores.") for name in names], bool)
    return Traits(k, numeric, numeric, evaluation, worse)


Windows = Callable[[], Iterable[tuple[int, Panes]]]


def learn(
    start: int,
    windows: Windows,
    references: Mapping[str, Panes],
    trailing: Sequence[str],
    declared: Declared,
    register: Callable[[Subject], int],
    healthy: Healthy,
) -> Calibration:
    """A calibration in force from `start`, learned from the windows before it.

    `windows()` gives (start, panes by slice) of the baseline's windows, and is read twice; `references`: panes by
    slice of each fixed baseline; `trailing`: names of the baselines that are production's own past. `register` gives
    a comparison's row; `healthy(window, rows)` says which of them count as healthy in a window.
    A slice is compared once it had MINIMUM_WINDOWS windows.
    """
    gathered: dict[Slice, Accumulator] = {}
    for _, panes in windows():
        for where, pane in panes.items():
            gathered.setdefault(where, Accumulator()).add(without_text(pane))
    parts = []
    for where in sorted(where for where, past in gathered.items() if past.added >= MINIMUM_WINDOWS):
        bases = dict.fromkeys(trailing, gathered[where].total())
        bases |= {name: panes[where] for name, panes in references.items() if where in panes}
        parts += [make_part(where, name, base, register) for name, base in bases.items()]
    calibration = Calibration(start, parts, declared, frozenset(references))
    for window, panes in windows():
        calibration.add(calibration.tally(panes), healthy(window, calibration.index))
    calibration.settle()
    return calibration


def make_part(where: Slice, baseline: str, base: Pane, register: Callable[[Subject], int]) -> Part:
    """One slice against one baseline, every comparison with its row in the registry."""
    cells = make_cells(base)
    index = np.array([register(Subject(*where, name, baseline)) for name in cells.names], np.int64)
    return Part(*where, baseline, base, cells, index)
