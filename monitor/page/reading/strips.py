"""The golden signals of all traffic: how much, how often wrong, how slow, how many tokens, how dear."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.page.reading.panes import (
    EARLIER_DAYS,
    Column,
    Extract,
    Source,
    by_step,
    merged,
    optional,
    quantile,
    share,
    usual_band,
)
from monitor.page.views import Strip, TimeAxis
from records.window import DAY, HOUR, MINUTE

NAMES = ("error", "duration", "input_tokens", "output_tokens", "cost_usd")
THOUSAND = 10_000
SLOW = 0.95

Read = Callable[[Sequence[Extract], float], float]
"""A golden signal's value in a step: its panes, and its minutes."""


@dataclass(frozen=True, slots=True)
class _Golden:
    signal: str
    title: str
    unit: str
    read: Read


def _column(panes: Sequence[Extract], name: str) -> Column | None:
    return merged(pane.columns[NAMES.index(name)] for pane in panes)


def _nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _traffic(panes: Sequence[Extract], minutes: float) -> float:
    return sum(pane.n for pane in panes) / minutes


def _errors(panes: Sequence[Extract], minutes: float) -> float:
    return 100 * _nan(share(_column(panes, "error"), 1))


def _duration(panes: Sequence[Extract], minutes: float) -> float:
    return _nan(quantile(_column(panes, "duration"), SLOW))


def _total(panes: Sequence[Extract], names: Sequence[str]) -> float:
    found = [column.total for pane in panes for name in names if (column := pane.columns[NAMES.index(name)])]
    return sum(found) if found else float("nan")


def _tokens(panes: Sequence[Extract], minutes: float) -> float:
    return _total(panes, ("input_tokens", "output_tokens")) / minutes


def _cost(panes: Sequence[Extract], minutes: float) -> float:
    return _total(panes, ("cost_usd",)) / minutes


GOLDEN = (
    _Golden("traffic", "traffic", "req/min", _traffic),
    _Golden("error", "errors", "%", _errors),
    _Golden("duration", "latency, p95", "s", _duration),
    _Golden("output_tokens", "tokens", "tok/min", _tokens),
    _Golden("cost_usd", "cost", "$/min", _cost),
)


def read_strips(source: Source, axis: TimeAxis) -> tuple[Strip, ...]:
    """Every golden signal that the application has, over the axis."""
    since = axis.start - EARLIER_DAYS * DAY
    panes = source.course(NAMES, axis.step, since, source.now)
    steps = by_step(panes, since, axis.step, (axis.end - since) // axis.step)
    latest = [pane for pane in panes if pane.start >= source.now - HOUR]
    strips = (_strip(golden, steps, latest, since, axis, source.now) for golden in GOLDEN)
    return tuple(strip for strip in strips if strip is not None)


def _strip(
    golden: _Golden, steps: Sequence[Sequence[Extract]], latest: Sequence[Extract], since: int, axis: TimeAxis, now: int
) -> Strip | None:
    values = np.full(len(steps), np.nan)
    for i, panes in enumerate(steps):
        if any(pane.n for pane in panes):
            minutes = (min(since + (i + 1) * axis.step, now) - (since + i * axis.step)) / MINUTE
            values[i] = golden.read(panes, minutes)
    shown = values[-axis.count :]
    if np.isnan(shown).all():
        return None
    band = usual_band(values, since, axis)
    current = golden.read(latest, HOUR / MINUTE) if any(pane.n for pane in latest) else float("nan")
    unit, scale = _unit(golden.unit, shown)
    usual = band[1][~np.isnan(band[1])]
    return Strip(
        golden.signal, golden.title, unit, optional(shown * scale), optional(band[0] * scale), optional(band[2] * scale),
        float(usual[-HOUR // axis.step :].mean() * scale) if len(usual) else None,
        float(current * scale) if current == current else None,
    )  # fmt: skip


def _unit(unit: str, values: NDArray[np.float64]) -> tuple[str, float]:
    """The unit in which the values are easily read, and what they are multiplied by."""
    most = float(np.nanmax(values))
    if unit == "tok/min" and most >= THOUSAND:
        return "k tok/min", 1e-3
    if unit == "$/min" and most < 0.1:
        return "¢/min", 100.0
    return unit, 1.0
