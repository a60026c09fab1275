"""Views as the data of drawings (JSON for static/, which draws them) and as words for those who read tables.

Every drawing has a label of one sentence and a table; both are made here from the same values as the drawing.
"""

from itertools import groupby, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.page import figures
from monitor.page.views import (
    BoardRow,
    Cell,
    DistributionCell,
    DistributionView,
    Effect,
    OverviewView,
    SignalView,
    SliceRow,
    Strip,
    TimeAxis,
    VerdictRow,
)

LETTERS = {"quiet": "q", "noise": "n", "small": "s", "calibrating": "c", "too_few": "f", "no_data": "-"}
NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


def cell_codes(cells: tuple[Cell, ...]) -> str:
    """One character a cell: 1-5 for a significant one by its colour step, else a letter of LETTERS."""
    return "".join(str(figures.heat(c.times_floor)) if c.kind == "finding" else LETTERS[c.kind] for c in cells)


def cell_words(cell: Cell) -> str:
    """What a tooltip says of a cell."""
    if cell.kind == "too_few":
        needs = f", needs {figures.count(cell.needs)}" if cell.needs else ""
        return f"can't tell, n {figures.count(cell.n)}{needs}"
    if cell.kind in ("calibrating", "no_data"):
        return figures.KINDS[cell.kind]
    words = f"{figures.KINDS[cell.kind]}, {figures.times(cell.times_floor)} floor, n {figures.count(cell.n)}"
    return f"{words}, {cell.slice}" if cell.slice else words


def _axis(axis: TimeAxis) -> dict[str, int]:
    return {"start": axis.start // 1000, "step": axis.step // 1000, "count": axis.count}


def _row(row: BoardRow) -> dict[str, Any]:
    return {
        "signal": row.signal,
        "title": row.title,
        "codes": cell_codes(row.cells),
        "words": [cell_words(cell) if cell.kind != "quiet" else "" for cell in row.cells],
        "periods": [
            {"first": p.first, "last": p.last, "state": p.state, "severity": p.severity, "label": p.label} for p in row.periods
        ],
    }


def _strip(strip: Strip) -> dict[str, Any]:
    return {
        "signal": strip.signal,
        "title": strip.title,
        "unit": strip.unit,
        "values": strip.values,
        "low": strip.low,
        "high": strip.high,
        "range": strip_range(strip),
    }


def strip_range(strip: Strip) -> tuple[float, float]:
    """The axis of a strip: what line and band span (it may be cut, so it is printed)."""
    known = [value for series in (strip.values, strip.low, strip.high) for value in series if value is not None]
    return (min(known), max(known)) if known else (0.0, 1.0)


def strip_words(strip: Strip) -> str:
    """A strip's axis in words, "100–420"."""
    return "–".join(figures.figure(float(f"{value:.2g}")) for value in strip_range(strip))


def families(rows: tuple[BoardRow, ...]) -> list[tuple[str, list[BoardRow]]]:
    """Rows by family, both in the order given."""
    return [(family, list(members)) for family, members in groupby(rows, key=lambda row: row.family)]


def row_class(row: VerdictRow | SliceRow) -> str:
    """The style class of a verdict's swatch."""
    return figures.cell_class(Cell(row.kind, row.effect.times_floor if row.effect else 0.0))


def detectable(effect: Effect) -> float | None:
    """The smallest detectable effect in multiples of the floor; ratios are compared by their logarithm."""
    if effect.detectable is None:
        return None
    if effect.measure == "ratio":
        return float(np.log(max(effect.detectable, 1.0)) / np.log(effect.floor))
    return effect.detectable / effect.floor


def scale(rows: tuple[VerdictRow, ...] | tuple[SliceRow, ...]) -> float:
    """Upper end of a table's effect bars, in multiples of the floor: measures with other units share it."""
    return float(np.ceil(max([2.0, *(row.effect.times_floor for row in rows if row.effect)])))


def board_data(view: OverviewView) -> dict[str, Any]:
    """The heat map and its strips; times are milliseconds."""
    return {
        "axis": _axis(view.axis),
        "markers": [{"at": marker.at // 1000, "text": marker.text} for marker in view.markers],
        "strips": [_strip(strip) for strip in view.strips],
        "rows": [_row(row) for row in view.rows],
    }


def course_data(view: SignalView) -> dict[str, Any]:
    """The course, the verdict lanes and n of one signal; times are milliseconds."""
    course = view.course
    return {
        "axis": _axis(view.axis),
        "unit": view.unit,
        "statistic": course.statistic,
        "band": course.band,
        "values": course.values,
        "low": course.low,
        "high": course.high,
        "usual": course.usual,
        "n": course.n,
        "step": figures.duration(view.axis.step / 1e6),
        "lanes": [
            {"title": lane.comparison, "baseline": lane.baseline, "codes": cell_codes(lane.cells),
             "words": [cell_words(cell) for cell in lane.cells]}
            for lane in view.lanes
        ],
        "periods": [
            {"first": p.first, "last": p.last, "state": p.state, "severity": p.severity, "label": p.label}
            for p in view.periods
        ],
    }  # fmt: skip


def distribution_data(view: DistributionView, unit: str) -> dict[str, Any]:
    """Both distributions on their cells, shares 0 to 1."""
    return {
        "unit": unit,
        "numeric": view.numeric,
        "statistic": view.statistic,
        "reference_centre": view.reference_centre,
        "now_centre": view.now_centre,
        "cells": [{"label": c.label, "low": c.low, "high": c.high, "reference": c.reference, "now": c.now} for c in view.cells],
    }


def runs(cells: tuple[Cell, ...], axis: TimeAxis) -> str:
    """The unusual stretches of a row in words: "05:45–14:30 shifted, up to 3.3 × floor"; empty when all were quiet."""
    words, index = [], 0
    for kind, group in groupby(cells, key=lambda cell: cell.kind):
        members = list(group)
        span = f"{figures.clock(axis.at(index))}–{figures.clock(axis.at(index + len(members)))}"
        index += len(members)
        if kind == "quiet":
            continue
        largest = max(cell.times_floor for cell in members)
        most = f", up to {figures.times(largest)} floor" if kind in ("finding", "small") else ""
        words.append(f"{span} {figures.KINDS[kind]}{most}")
    return "; ".join(words)


def board_label(view: OverviewView) -> str:
    """The heat map in one sentence."""
    shifted = [row for row in view.rows if row.cells and row.cells[-1].kind == "finding"]
    names = ", ".join(row.title for row in shifted[:6]) + (f" and {len(shifted) - 6} more" if len(shifted) > 6 else "")
    now = f"{len(shifted)} of {len(view.rows)} signals are shifted now" + (f": {names}" if names else "")
    return f"Heat map of {len(view.rows)} signals over {figures.duration((view.axis.end - view.axis.start) / 1e6)}; {now}."


def course_label(view: SignalView) -> str:
    """The course in one sentence."""
    known = [value for value in view.course.values if value is not None]
    if not known:
        return f"{view.title} over time: no data yet."
    low, high = figures.figure(min(known)), figures.figure(max(known))
    return (
        f"{view.title}, {view.course.statistic} every {figures.duration(view.axis.step / 1e6)}, "
        f"between {low} and {high} {view.unit}, now {figures.figure(known[-1])} {view.unit}."
    )


def distribution_label(view: SignalView) -> str:
    """The two distributions in one sentence."""
    shown = view.distribution
    if shown is None:
        return ""
    if shown.reference_centre is not None and shown.now_centre is not None:
        before, after = figures.figure(shown.reference_centre), figures.figure(shown.now_centre)
        return f"Distribution of {view.title}: {shown.statistic} {before} {view.unit} in the reference, {after} now."
    most = max(shown.cells, key=lambda cell: abs(cell.now - cell.reference))
    return (
        f"Shares of {view.title}: {most.label} moved most, "
        f"from {figures.percent(most.reference)} to {figures.percent(most.now)}."
    )


def _grid(low: float, top: float, cells: int, least: float) -> NDArray[np.float64]:
    """Round edges (C + 1,) of about `cells` equal cells over [low, top], none narrower than `least`."""
    rough = max((top - low) / cells, least)
    power = 10.0 ** np.floor(np.log10(rough))
    width = power * min(NICE, key=lambda step: abs(np.log(step * power / rough)))
    first = np.floor(low / width + 1e-9) * width
    return np.asarray(first + width * np.arange(int(np.ceil((top - first) / width - 1e-9)) + 1))


def even_cells(
    edges: NDArray[np.float64], reference: NDArray[np.float64], now: NDArray[np.float64], cells: int = 20, least: float = 0.0
) -> tuple[DistributionCell, ...]:
    """Histograms on uneven buckets as shares on about `cells` equal ones with round edges, for drawing only.

    `edges` (B + 1,) in the display unit, ascending; `reference` and `now` (B,) counts. A bucket's count is
    spread evenly over its width; no cell is narrower than `least`. The last cell is open: it holds what lies above the
    98th centile of both.
    """
    below = [np.concatenate([[0.0], np.cumsum(c) / max(float(c.sum()), 1.0)]) for c in (reference, now)]
    full = [c for c in below if c[-1] > 0]
    low = min((float(edges[np.argmax(c > 0) - 1]) for c in full), default=float(edges[0]))
    top = max((float(edges[np.argmax(c >= 0.98)]) for c in full), default=low)
    grid = _grid(low, top if top > low else low + max(abs(low), 1.0), cells, least)
    inside = [np.interp(grid, edges, c) for c in below]
    shares = [np.diff(np.concatenate([c[:-1], total[-1:]])) for c, total in zip(inside, below, strict=True)]
    opened = max(float(total[-1] - c[-1]) for c, total in zip(inside, below, strict=True)) > 1e-9
    names = [f"{figures.figure(float(a))}–{figures.figure(float(b))}" for a, b in pairwise(grid)]
    if opened:
        names[-1] = f"{figures.figure(float(grid[-2]))}+"
    return tuple(
        DistributionCell(name, float(shares[0][i]), float(shares[1][i]), float(grid[i]), float(grid[i + 1]))
        for i, name in enumerate(names)
    )
