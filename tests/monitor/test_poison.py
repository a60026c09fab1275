"""Values that break naive statistics, through the real pipeline: they neither raise a finding nor hide a real change."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from detectors.cells import OUT_OF_RANGE
from records.finding import Finding
from records.window import WINDOW
from tests.monitor.streaming import START, feed, interaction, left, opened, pipeline, records

CONFIG = """
applications:
  support:
    slices: []
    allowed_lateness: 0s
    signals: [output_tokens, cost_usd, finish_reason, error]
"""
POISONED, OTHER, SAME, END = range(72, 80), range(72, 92), range(116, 134), 136
"""Windows of the poison, of a real change of another signal, and of one of the same signal later on. The baseline is learned
anew with window 96."""
ROWS = 60
Rows = list[dict[str, Any]]


class Poison(NamedTuple):
    """`healthy` draws a value of the signal, `changed` turns it into a really changed one, `spoil` the rows of a window.

    `real`: what of it is a change that may be told.
    """

    signal: str
    healthy: Callable[[np.random.Generator], Any]
    changed: Callable[[Any], Any]
    spoil: Callable[[int, Rows], Rows]
    windows: range = POISONED
    real: frozenset[str] = frozenset()


def noisy(rng: np.random.Generator) -> float:
    return round(float(rng.gamma(4, 0.25)), 6)


def always(rng: np.random.Generator) -> float:
    return 4.0


def on_edges(rng: np.random.Generator) -> float:
    """Powers of two, each the upper edge of its bucket."""
    return float(rng.choice([1, 2, 4, 8]))


def ends(rng: np.random.Generator) -> str:
    return str(rng.choice(["stop", "length"], p=[0.8, 0.2]))


def double(value: float) -> float:
    return 2 * value


def some(value: object, each: int = 3) -> Callable[[int, Rows], Rows]:
    """Every third row of a window has this cost, which is no number that a cost can be."""
    return lambda window, rows: [{**row, "cost_usd": value} if i % each == 0 else row for i, row in enumerate(rows)]


def stepped(window: int, rows: Rows) -> Rows:
    return [{**row, "cost_usd": row["cost_usd"] + 1e-9} for row in rows]


def single(window: int, rows: Rows) -> Rows:
    return [{**row, "cost_usd": 1e6 if i == 0 else None} for i, row in enumerate(rows)]


def silent(window: int, rows: Rows) -> Rows:
    return []


def exploded(values: int) -> Callable[[int, Rows], Rows]:
    """So many calls more in a window, each with a category of its own and healthy otherwise."""

    def spoil(window: int, rows: Rows) -> Rows:
        rng = np.random.default_rng(window)
        tokens, costs, errors = rng.normal(40, 10, values) // 4, rng.gamma(4, 0.25, values).round(6), rng.random(values) < 0.02
        drawn = enumerate(zip(tokens.tolist(), costs.tolist(), errors.tolist(), strict=True))
        more = (
            {"id": f"x-{i}", "application": "support", "timestamp": rows[0]["timestamp"], "finish_reason": f"x-{i}",
             "output_tokens": int(t), "cost_usd": cost, "error": "timeout" if failed else None}
            for i, (t, cost, failed) in drawn
        )  # fmt: skip
        return [*rows, *more]

    return spoil


CASES = {
    "not a number": Poison("cost_usd", noisy, double, some(float("nan"))),
    "infinite": Poison("cost_usd", noisy, double, some(float("-inf"))),
    "too large for any unit": Poison("cost_usd", noisy, double, some(1e308)),
    "too small to be a number": Poison("cost_usd", noisy, double, some(5e-324, each=ROWS)),
    "missing": Poison("cost_usd", noisy, double, some(None, each=1)),
    "a single, huge value a window": Poison("cost_usd", noisy, double, single),
    "windows without anything": Poison("cost_usd", noisy, double, silent, range(66, 72), frozenset({"traffic"})),
    "a constant that stays": Poison("cost_usd", always, double, some(4.0)),
    "a step of 1e-9 of a constant": Poison("cost_usd", always, double, stepped, range(72, 116)),
    "a step of 1e-9 from bucket to bucket": Poison("cost_usd", on_edges, double, stepped, range(72, 116)),
}
NEW_VALUES = frozenset({"finish_reason", "quality.never_seen"})
EXPLOSIONS = {
    count: Poison("finish_reason", ends, lambda value: "length", exploded(count), range(72, 73), NEW_VALUES)
    for count in (3_000, 100_000)
}


def windows(poison: Poison) -> Iterator[Rows]:
    for window in range(END):
        rng = np.random.default_rng([1, window])
        rows = []
        for i in range(ROWS):
            value = poison.healthy(rng)
            given = {poison.signal: poison.changed(value) if window in SAME else value}
            row = interaction(window, i, rng, None, **given)
            rows.append(row | {"output_tokens": row["output_tokens"] * (2 if window in OTHER else 1)})
        yield poison.spoil(window, rows) if window in poison.windows else rows


@pytest.mark.parametrize("name", CASES)
def test_poison_raises_nothing_and_hides_nothing(name: str, tmp_path: Path) -> None:
    judge(CASES[name], tmp_path)


@pytest.mark.parametrize("values", [3_000, pytest.param(100_000, marks=pytest.mark.faults)])
def test_an_explosion_of_categories_raises_nothing_else_and_hides_nothing(values: int, tmp_path: Path) -> None:
    judge(EXPLOSIONS[values], tmp_path)


def judge(poison: Poison, directory: Path) -> None:
    with opened(directory / "poison.db") as store:
        feed(pipeline(store, CONFIG), records(rows for rows in windows(poison) if rows))
        found = [finding for finding in left(store).findings.values() if finding.verdict != "small"]

    def begun(within: range, *signals: str) -> list[Finding]:
        first, last = START + (within.start - 10) * WINDOW, START + within.stop * WINDOW
        return [f for f in found if first <= f.since < last and f.signal in signals]

    of_other, of_same = begun(OTHER, "output_tokens", OUT_OF_RANGE), begun(SAME, poison.signal, OUT_OF_RANGE)
    real = [*of_other, *of_same, *begun(range(66, END), *poison.real)]
    assert [(f.signal, (f.since - START) // WINDOW, f.effect) for f in found if f not in real] == []
    assert any(f.signal == "output_tokens" for f in of_other)
    assert any(f.signal == poison.signal for f in of_same)
