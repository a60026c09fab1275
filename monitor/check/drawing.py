"""Reference and current of one comparison as shapes: x in per cent of the drawing's width, y in pixels from its top.

Per cent of the width let a drawing be as wide as its place while its letters keep their size.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alerts.numbers import number
from alerts.sentence import plain
from monitor.page.charts import even_cells
from monitor.page.views import DistributionCell
from records.pane import Pane
from records.signal import Kind, Signal
from records.summary.buckets import bucket_edges

Floats = NDArray[np.float64]
TOP, BOTTOM = 34.0, 196.0
"""Where shares begin and end."""
MOST = 10
"""Categories drawn, the commonest of either side; the rest share a cell."""
GRID, TICKS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 25.0), 4


class Line(NamedTuple):
    """From one point to another."""

    x1: float
    y1: float
    x2: float
    y2: float


class Box(NamedTuple):
    """A rectangle from its upper left corner."""

    x: float
    y: float
    width: float
    height: float


class Words(NamedTuple):
    """A text at a point, which is its start, middle or end."""

    x: float
    y: float
    text: str
    anchor: str = "start"


class Histogram(NamedTuple):
    """Boxes of the reference, boxes and outline of the current file, a grid of shares, an axis of values."""

    reference: list[Box]
    current: list[Box]
    outline: list[Line]
    grid: list[Words]
    ticks: list[Words]


def distribution(base: Pane, now: Pane, signal: Signal) -> tuple[DistributionCell, ...]:
    """Both sides' shares on the same cells; empty where either side holds no value."""
    sides = base.cells(signal.name), now.cells(signal.name)
    if not all(counts.sum() for _, counts in sides):
        return ()
    if signal.kind == Kind.NUMERIC:
        return _numeric(*sides, signal.resolution)
    keys = np.union1d(sides[0][0], sides[1][0])
    before, after = (_on(keys, *side) for side in sides)
    if signal.kind == Kind.BOOLEAN:
        names = {0: f"no {signal.title}", 1: signal.title}
    else:
        names = {key: plain((base if key in base.labels else now).label(key)) for key in keys.tolist()}
    order = np.argsort(-np.maximum(before, after), kind="stable")
    cells = [DistributionCell(names[int(keys[i])], float(before[i]), float(after[i])) for i in order[:MOST].tolist()]
    if len(rest := order[MOST:]):
        cells.append(DistributionCell(f"{len(rest)} others", float(before[rest].sum()), float(after[rest].sum())))
    return tuple(cells)


def histogram(cells: tuple[DistributionCell, ...]) -> Histogram:
    """The shapes of a numeric signal's cells."""
    edges = np.array([cell.low for cell in cells] + [cells[-1].high], np.float64)
    x = (edges - edges[0]) / (edges[-1] - edges[0]) * 100
    most = max(max(cell.reference, cell.now) for cell in cells) * 100
    step = next((step for step in GRID if most <= TICKS * step), GRID[-1])
    top = step * np.ceil(max(most, step) / step)
    y_before, y_after = (
        [BOTTOM - share * 100 / top * (BOTTOM - TOP) for share in shares]
        for shares in ([cell.reference for cell in cells], [cell.now for cell in cells])
    )
    spans = list(pairwise(x.tolist()))
    steps = [BOTTOM, *y_after, BOTTOM]
    flat = [Line(a, y, b, y) for (a, b), y in zip(spans, y_after, strict=True)]
    upright = [Line(at, a, at, b) for at, (a, b) in zip(x.tolist(), pairwise(steps), strict=True)]
    shares = np.arange(0, top + step / 2, step)
    grid = [Words(0, BOTTOM - share / top * (BOTTOM - TOP), f"{number(share)} %") for share in shares.tolist()]
    return Histogram(
        [Box(a, y, b - a, BOTTOM - y) for (a, b), y in zip(spans, y_before, strict=True)],
        [Box(a, y, b - a, BOTTOM - y) for (a, b), y in zip(spans, y_after, strict=True)],
        flat + [line for line in upright if line.y1 != line.y2],
        grid,
        _ticks(cells, x),
    )


def place(cells: tuple[DistributionCell, ...], value: float) -> float:
    """Where a value stands on the axis, per cent."""
    low, high = cells[0].low or 0.0, cells[-1].high or 0.0
    return float(np.clip((value - low) / (high - low) * 100, 0, 100))


def _ticks(cells: tuple[DistributionCell, ...], x: Floats) -> list[Words]:
    every = -(-len(cells) // TICKS)
    words = [
        Words(float(x[i]), BOTTOM + 15, number(cells[i].low or 0.0), "middle" if i else "start")
        for i in range(0, len(cells), every)
    ]
    last = cells[-1]
    end = last.label if last.label.endswith("+") else number(last.high or 0.0)
    return [*(w for w in words if w.x < 85), Words(100, BOTTOM + 15, end, "end")]


def _numeric(
    base: tuple[NDArray[np.int64], NDArray[np.int64]], now: tuple[NDArray[np.int64], NDArray[np.int64]], resolution: float
) -> tuple[DistributionCell, ...]:
    """Equal cells; a bucket's count is spread evenly over its width."""
    sides = [(*_edges(keys, resolution), counts) for keys, counts in (base, now)]
    edges = np.unique(np.concatenate([edge for low, high, _ in sides for edge in (low, high)]))
    before, after = (np.diff(_below(edges, *side)) for side in sides)
    return even_cells(edges, before, after, least=1.0 if resolution >= 1 else 0.0)


def _edges(keys: NDArray[np.int64], resolution: float) -> tuple[Floats, Floats]:
    """Both edges of each bucket. Whole numbers v stand for [v, v + 1); what is no step away from zero stands for all that
    is below the first value above it."""
    low, high = bucket_edges(keys)
    if resolution >= 1:
        low, high = np.floor(low + 1e-9) + (keys != 0), np.floor(high + 1e-9) + 1.0
        return low, np.maximum(high, low + 1)
    zero = np.maximum(np.abs(low), np.abs(high)) <= resolution
    above = low[~zero & (low > 0)]
    return np.where(zero, 0.0, low), np.where(zero, above.min() if len(above) else resolution, high)


def _below(edges: Floats, low: Floats, high: Floats, counts: NDArray[np.int64]) -> Floats:
    """How many values lie below each edge."""
    parts = np.clip((edges[:, None] - low) / (high - low), 0.0, 1.0)
    out: Floats = parts @ counts.astype(np.float64)
    return out


def _on(keys: NDArray[np.int64], own: NDArray[np.int64], counts: NDArray[np.int64]) -> Floats:
    out = np.zeros(len(keys))
    out[np.searchsorted(keys, own)] = counts / counts.sum()
    return out
