"""Judged windows as matrices, and as the cells of heat maps and lanes."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.course import ENOUGH
from monitor import reading
from monitor.page.reading.kept import Connection, Kept, stretches
from monitor.page.views import Cell, CellKind, TimeAxis
from monitor.store import courses
from records.window import WINDOW, Code, Window, decode_window

NOISE = 0.25
"""A calm comparison with at least this share of the evidence that an alarm needs is drawn as noise."""
KINDS: tuple[CellKind, ...] = ("no_data", "too_few", "calibrating", "quiet", "noise", "small", "finding")
"""From the least to the most telling: a step shows the most telling of its windows and slices."""
_RANK = {Code.TOO_FEW: 1, Code.CALIBRATING: 2, Code.CALM: 3, Code.SMALL: 5, Code.FINDING: 6}
_RANKS = np.array([_RANK.get(Code(code), 0) for code in range(len(Code))], np.uint8)
_NOISE = np.uint8(KINDS.index("noise"))


@dataclass(frozen=True, slots=True)
class Verdicts:
    """W windows of R comparisons: `start` and `traffic` (W,); `rank` (W, R) indexes KINDS; `floors`, `n`, `value` (W, R)."""

    start: NDArray[np.int64]
    traffic: NDArray[np.int64]
    rank: NDArray[np.uint8]
    floors: NDArray[np.float32]
    n: NDArray[np.float32]
    value: NDArray[np.float32]

    def select(self, windows: NDArray[np.bool_]) -> "Verdicts":
        """Some of the windows."""
        return Verdicts(*(getattr(self, name)[windows] for name in _FIELDS))


_FIELDS = [field.name for field in fields(Verdicts)]


def _stack(windows: Sequence[Window], size: int) -> Verdicts:
    def column(name: str, missing: float, dtype: type[np.generic]) -> NDArray[Any]:
        out = np.full((len(windows), size), missing, dtype)
        for i, window in enumerate(windows):
            values = getattr(window, name)[:size]
            out[i, : len(values)] = values
        return out

    verdict, evidence = column("verdict", Code.ABSENT, np.uint8), column("evidence", 0.0, np.float32)
    with np.errstate(invalid="ignore"):
        noisy = (verdict == Code.CALM) & (evidence >= NOISE * column("threshold", np.nan, np.float32))
    start = np.array([window.start for window in windows], np.int64)
    traffic = np.array([window.traffic for window in windows], np.int64)
    floors, n, value = (column(name, np.nan, np.float32) for name in ("floors", "n", "value"))
    return Verdicts(start, traffic, np.where(noisy, _NOISE, _RANKS[verdict]), floors, n, value)


def read_verdicts(c: Connection, kept: Kept, application: str, size: int, since: int, until: int, now: int) -> Verdicts:
    """The windows that start in [since, until), `size` comparisons wide."""

    def whole(start: int, end: int) -> Verdicts:
        return _stack([decode_window(blob) for _, blob in courses.rows(c, application, start, end)], size)

    parts = []
    for start, end, stamp in stretches(since, until, now):
        if stamp is None:
            parts.append(_stack(reading.windows(c, application, start, end), size))
        else:
            key = ("windows", application, size, start, end, stamp)
            parts.append(kept.get(key, partial(whole, start, end)))
    return Verdicts(*(np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS))


def last_window(c: Connection, application: str) -> Window | None:
    """The newest judged window."""
    row = courses.last(c, application)
    return decode_window(row[1]) if row else None


def kind_of(window: Window, index: int) -> CellKind:
    """What a comparison's verdict in one window is on the page."""
    if index >= len(window.verdict):
        return "no_data"
    calm = window.verdict[index] == Code.CALM
    noisy = calm and window.evidence[index] >= NOISE * window.threshold[index]
    return "noise" if noisy else KINDS[_RANKS[window.verdict[index]]]


@dataclass(frozen=True, slots=True)
class Worst:
    """For each step of an axis (S,) the most telling comparison: its rank in KINDS, effect over floor, n and row (-1: none)."""

    rank: NDArray[np.uint8]
    floors: NDArray[np.float32]
    n: NDArray[np.float32]
    row: NDArray[np.int64]


class Board:
    """All comparisons of some windows, reduced to the steps of an axis once, then asked for by rows."""

    def __init__(self, verdicts: Verdicts, axis: TimeAxis):
        self.size = verdicts.rank.shape[1]
        self.axis = axis
        step = (verdicts.start - axis.start) // axis.step
        key = verdicts.rank.astype(np.float32) * 1e6 + np.clip(np.nan_to_num(verdicts.floors), 0, 1e5)
        self.key = np.zeros((axis.count, self.size), np.float32)
        self.rank, self.n = np.zeros((axis.count, self.size), np.uint8), np.zeros((axis.count, self.size), np.float32)
        self.floors = np.zeros((axis.count, self.size), np.float32)
        for i in range(axis.step // WINDOW):
            mine = np.flatnonzero((verdicts.start // WINDOW) % (axis.step // WINDOW) == i)
            self._take(verdicts, key, mine, step)

    def _take(self, verdicts: Verdicts, key: NDArray[np.float32], mine: NDArray[np.int64], step: NDArray[np.int64]) -> None:
        """Let the windows `mine`, at most one of each step, replace what is less telling; counts add up."""
        at = step[mine]
        better = key[mine] >= self.key[at]
        self.key[at] = np.where(better, key[mine], self.key[at])
        self.rank[at] = np.where(better, verdicts.rank[mine], self.rank[at])
        self.floors[at] = np.where(better, np.nan_to_num(verdicts.floors[mine]), self.floors[at])
        self.n[at] = np.where(better, np.nan_to_num(verdicts.n[mine]), self.n[at])

    def worst(self, rows: NDArray[np.int64]) -> Worst:
        """The most telling of some comparisons, step by step."""
        if not len(rows):
            empty = np.zeros(self.axis.count, np.float32)
            return Worst(empty.astype(np.uint8), empty, empty, np.full(self.axis.count, -1))
        column = rows[np.argmax(self.key[:, rows], axis=1)]
        at = np.arange(self.axis.count)
        return Worst(self.rank[at, column], self.floors[at, column], self.n[at, column], column)


_QUIET, _NO_DATA, _CALIBRATING = Cell("quiet"), Cell("no_data"), Cell("calibrating")


def cells(worst: Worst, labels: Sequence[str]) -> tuple[Cell, ...]:
    """The steps as cells; `labels` (R,) names the slice of each comparison, empty for all traffic."""
    out = []
    for rank, floors, n, row in zip(
        worst.rank.tolist(), worst.floors.tolist(), worst.n.tolist(), worst.row.tolist(), strict=True
    ):
        kind = KINDS[rank]
        if kind == "quiet":
            out.append(_QUIET)
        elif kind in ("no_data", "calibrating"):
            out.append(_NO_DATA if kind == "no_data" else _CALIBRATING)
        else:
            needs = ENOUGH if kind == "too_few" else 0
            out.append(Cell(kind, floors, int(n), labels[row] if row >= 0 else "", needs))
    return tuple(out)
