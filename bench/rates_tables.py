"""The tables of bench.rates, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.rates_judging import PERIOD, Rule

if TYPE_CHECKING:
    from bench.rates import Result

Floats = NDArray[np.float64]
WINDOWS_6_H, WINDOWS_24_H = 72, 288

ALARMS = (
    "family", "days judged", "budget 1: false alarms", "95 %", "incidents", "effect floor on", "nobody marks them false",
    "no common factor", "budget 10: false alarms", "95 %", "no common factor", "factor, median (largest)",
)  # fmt: skip
NOMINAL = ("family", "days", "plain G", "G / phi", "directional, one window")


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _head(cells: tuple[str, ...]) -> str:
    return "\n".join([_line(cells), "|" + "---|" * len(cells)])


def alarm_row(result: Result) -> str:
    def rate(rule: Rule, floor: int = 0) -> str:
        return f"{result.rate(float(result.alarms[rule][floor])):.2f}"

    def interval(rule: Rule) -> str:
        low, high = result.interval(int(result.alarms[rule][0]))
        return f"{low:.2f}-{high:.2f}"

    one, ten = Rule(), Rule(at_most=10.0)
    factors = np.array(result.factors)
    return _line([
        result.title, str(result.days), rate(one), interval(one), f"{result.rate(float(result.incidents[one][0])):.2f}",
        rate(one, 1), rate(Rule(marked=False)), rate(Rule(common=False)), rate(ten), interval(ten),
        rate(Rule(at_most=10.0, common=False)), f"{np.median(factors):.2f} ({factors.max():.2f})",
    ])  # fmt: skip


def nominal_row(result: Result) -> str:
    rates = result.nominal / max(result.naive_days, 1) * PERIOD
    return _line([result.title, str(result.naive_days), *(f"{rate:,.0f}" for rate in rates)])


def _windows(value: float) -> str:
    return f"{value:.0f}" if np.isfinite(value) else "-"


def delay_rows(result: Result) -> list[str]:
    """One row a change: median windows, shares found within 6 h, 24 h and in all, the floor off and on."""
    rows = []
    for change, floors in result.delays.items():
        cells = [result.title, change, str(sum(map(len, floors[0])))]
        for found in floors:
            delay = np.concatenate(found)
            shares = [float(np.mean(delay <= most)) for most in (WINDOWS_6_H, WINDOWS_24_H)]
            shares.append(float(np.isfinite(delay).mean()))
            cells += [
                _windows(float(np.median(delay))),
                " / ".join(f"{share:.2f}" for share in (shares if change == "ramp" else shares[:2])),
            ]
        rows.append(_line(cells))
    return rows


DELAYS = ("family", "change", "trials", "median windows", "within 6 h / 24 h", "median, floor on", "within, floor on")


def _slices(result: Result, every: int) -> list[str]:
    """Of applications of `every` rows: the whole is the first, the slice that changes the second; the rest stand still."""
    rows = []
    for change, floors in result.delays.items():
        by_row = [np.concatenate(found).reshape(-1, every) for found in floors]
        for name, row in (("the slice", 1), ("all traffic", 0)):
            cells = [name, change, str(len(by_row[0]))]
            for delays in by_row:
                delay = delays[:, row]
                cells += [_windows(float(np.median(delay))), " / ".join(f"{np.mean(delay <= most):.2f}" for most in (72, 288))]
            rows.append(_line(cells))
    return rows


def show(results: Mapping[str, Result], slices: int) -> None:
    """Print the tables: false alarms, nominal rules, delays; then shares, categories and slices."""
    print(f"False alarms per {PERIOD} days\n\n{_head(ALARMS)}")
    for result in results.values():
        print(alarm_row(result))
    print(f"\nThe same windows at the nominal level, one at a time: flagged per {PERIOD} days\n\n{_head(NOMINAL)}")
    for result in results.values():
        print(nominal_row(result))
    print(f"\nChanges (budget 1, common factor)\n\n{_head(DELAYS)}")
    for name, result in results.items():
        for line in _slices(result, slices + 1) if name == "slice" else delay_rows(result):
            print(line)
