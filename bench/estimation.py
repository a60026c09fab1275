"""How often a clean day is told apart from the days before it: NannyML itself on simulated days, with none changed.

`.venv/estimation/bin/python -m bench.estimation [--blocks N] [--seed S] [--family NAME]` prints, for both methods, how
often p is at most .1, .05 and .01, and how often it would be at the levels of a budget if days were drawn from all that
were seen (scaled within their block). It runs where NannyML is installed and needs no more of Plumbline than the worker.
"""

import argparse
import logging
import warnings
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from detectors.estimation.worker import drift

DAYS, ROWS, COLUMNS = 8, 60, 5
LEVELS, DEEP = (0.1, 0.05, 0.01), (1e-3, 1e-4)
METHODS = ("reconstruction_error", "domain_classifier")
Rows = NDArray[np.float64]


def _mixed(rng: np.random.Generator, moves: Rows) -> Rows:
    """Rows (D, ROWS, COLUMNS) along three directions, whose means move with each day (D, 3)."""
    latent = rng.normal(size=(DAYS, ROWS, 3)) + moves[:, None]
    return np.asarray(np.exp(0.5 * (latent @ rng.normal(size=(3, COLUMNS)) + rng.normal(size=(DAYS, ROWS, COLUMNS)))))


def _autoregressive(rng: np.random.Generator, keep: float) -> Rows:
    moves = [rng.normal(size=3)]
    for _ in range(DAYS - 1):
        moves.append(keep * moves[-1] + np.sqrt(1 - keep**2) * rng.normal(size=3))
    return _mixed(rng, 0.3 * np.array(moves))


Make = Callable[[np.random.Generator], Rows]
FAMILIES: dict[str, tuple[Make, Sequence[int]]] = {
    "days alike": (lambda rng: _mixed(rng, np.zeros((DAYS, 3))), range(DAYS)),
    "every day another mix": (lambda rng: _mixed(rng, 0.3 * rng.normal(size=(DAYS, 3))), range(DAYS)),
    "days like the day before, AR(1) 0.7": (lambda rng: _autoregressive(rng, 0.7), (0, DAYS - 1)),
}
"""Rows, and which days may stand for the last one: all where they are exchangeable, the ends of a series."""


def values(make: Make, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """What both methods say of each day (2, D; the error as its logarithm), and the deviation of sampling alone (2,)."""
    rows = make(rng).reshape(-1, COLUMNS)
    rows[rng.random(rows.shape) < 0.05] = np.nan
    categories = np.digitize(rows[:, :2], [0.7, 1.0, 1.5])
    found = drift({"day": np.repeat(np.arange(DAYS), ROWS), "numeric": rows, "categorical": categories})
    others = (DAYS - 1) * ROWS
    mann_whitney = np.sqrt((ROWS + others + 1) / (12 * ROWS * others))
    errors, noise = np.array(found["reconstruction_error"]), found["standard_error"][-1]
    return np.array([np.log(errors), found["domain_classifier"]]), np.array([noise / errors[-1], mann_whitney])


def chances(days: Rows, least: Rows) -> Rows:
    """p (..., 2) of the last of days (..., 2, D): both sides for the error, above for the classifier."""
    before = days[..., :-1]
    scale = np.sqrt(np.maximum(before.var(-1, ddof=1), least**2) * (1 + 1 / (DAYS - 1)))
    t = (days[..., -1] - before.mean(-1)) / scale
    above = stats.t.sf(t, DAYS - 2)
    return np.stack([2 * stats.t.sf(np.abs(t[..., 0]), DAYS - 2), above[..., 1]], -1)


def turned(days: Rows, day: int) -> Rows:
    """Days (..., D) with one of them put last."""
    return np.concatenate([np.delete(days, day, -1), days[..., [day]]], -1)


def deep(days: Rows, rng: np.random.Generator, draws: int = 400_000) -> Rows:
    """How often p is at most DEEP (2, levels) for blocks of days drawn at random from what was seen (B, 2, D)."""
    scaled = (days - days.mean(-1, keepdims=True)) / days.std(-1, ddof=1, keepdims=True)
    pools = [scaled[:, m].ravel() for m in range(2)]
    drawn = np.stack([rng.choice(pool, (draws, DAYS)) for pool in pools], 1)
    p = chances(drawn, np.zeros(2))
    return np.array([[(p[:, m] <= level).mean() for level in DEEP] for m in range(2)])


def main() -> None:
    """Print one row a family and method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--family", choices=[*FAMILIES])
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable()
    print("| family | method | " + " | ".join(f"p <= {level:g}" for level in (*LEVELS, *DEEP)) + " |")
    for name, (make, lasts) in FAMILIES.items():
        if chosen.family not in (None, name):
            continue
        rng = np.random.default_rng(chosen.seed)
        seen, least = zip(*(values(make, rng) for _ in range(chosen.blocks)), strict=True)
        days = np.array(seen)
        p = np.concatenate([chances(turned(days, last), np.array(least)) for last in lasts])
        tail = deep(days, rng)
        for m, method in enumerate(METHODS):
            shares = [f"{(p[:, m] <= level).mean():.3f}" for level in LEVELS] + [f"{share:.1e}" for share in tail[m]]
            print(f"| {name} | {method} | " + " | ".join(shares) + " |", flush=True)


if __name__ == "__main__":
    main()
