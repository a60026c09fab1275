"""False alarms per 30 days against the budget, and the delay of true changes, on simulated clean streams.

    python -m bench.rates [--seed N] [--families iid,low,...] [--runs 4] [--days 303] [--comparisons 60]

Each family: `runs` fleets of comparisons over `days` days, of which the first 28 are learned from and the rest judged
with the project's own functions (bench.rates_judging), with and without the common factor, at budgets of 1 and 10 per
30 days over all comparisons, the effect floor off and on. Beside it, on the same windows, each alarming at the nominal
level budget / (windows x comparisons): plain G, G / phi (F tail), and the directional score of one window. Changes begin
at midnight on `--changes` of the judged days, with no evidence so far. Takes about 6 CPU minutes a family; progress goes
to stderr.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bench import rates_tables
from bench.rates_judging import BASELINE, HISTORY, PERIOD, Day, Judge, Rule
from bench.streams_simulated import DAY, FAMILIES, Family, Fleet, moved
from bench.streams_special import SLICES, CategoryFleet, ShareFleet, SliceFleet, joined, multiplied
from detectors.scores import g_statistic
from detectors.tails import chi_square_decades, f_decades

Floats = NDArray[np.float64]

UNJUDGED = 7  # days of evidence that the common factor starts from
MAIN = Rule()
RULES = [MAIN, Rule(common=False), Rule(marked=False), Rule(at_most=10.0), Rule(at_most=10.0, common=False)]
NAIVE_EVERY = 8  # days


class Streams(Protocol):
    base: Floats
    k: NDArray[np.int64]

    def day(self, day: int) -> tuple[NDArray[np.int64], Floats]: ...


@dataclass(frozen=True)
class Change:
    """What happens to the true shares (DAY, C, CELLS) at an age in days (DAY,), over so many days."""

    apply: Callable[[Floats, Floats], Floats]
    days: int = 1


def ramp(base: Floats) -> Change:
    """Up to 0.5 sd over 3 days, then it stays a day."""

    def apply(shares: Floats, age: Floats) -> Floats:
        sd = 0.5 * np.minimum(age / 3, 1.0)
        return np.stack([moved(part, float(up), 1.0, base) for part, up in zip(shares, sd, strict=True)])

    return Change(apply, days=4)


def lasting(change: Callable[[Floats], Floats]) -> Change:
    """The same from its first moment on."""
    return Change(lambda shares, _: change(shares))


def of_ordered(base: Floats) -> dict[str, Change]:
    shifts = {f"{sd} sd": lasting(partial(moved, sd=sd, base=base)) for sd in (0.1, 0.2, 0.5)}
    return shifts | {"scale 1.3": lasting(partial(moved, sd=0.0, scale=1.3, base=base)), "ramp": ramp(base)}


def of_shares() -> dict[str, Change]:
    return {f"x {times}": lasting(partial(multiplied, times=times)) for times in (2, 4, 10)}


def of_categories() -> dict[str, Change]:
    return {f"{by:.1%}": lasting(partial(joined, by=by)) for by in (0.005, 0.01, 0.02, 0.05)}


def of_slices(whole: NDArray[np.int64]) -> dict[str, Change]:
    """The first slice of each application moves, and with it a tenth of the whole (row `whole`)."""

    def shifted(shares: Floats, sd: float) -> Floats:
        out = shares.copy()
        out[:, whole + 1] = moved(shares[:, whole + 1], sd)
        out[:, whole] += (out[:, whole + 1] - shares[:, whole + 1]) / SLICES
        return out

    return {f"{sd} sd": lasting(partial(shifted, sd=sd)) for sd in (0.2, 0.5, 1.0)}


@dataclass
class Result:
    """What one family gave. alarms and incidents by rule, with the floor off and on; delays in windows (C,), infinite
    where it was not found, by change and floor; nominal: windows flagged by plain G, G / phi and the directional score."""

    title: str
    days: int = 0
    naive_days: int = 0
    alarms: dict[Rule, NDArray[np.int64]] = field(default_factory=lambda: {rule: np.zeros(2, np.int64) for rule in RULES})
    incidents: dict[Rule, NDArray[np.int64]] = field(default_factory=lambda: {rule: np.zeros(2, np.int64) for rule in RULES})
    nominal: NDArray[np.int64] = field(default_factory=lambda: np.zeros(3, np.int64))
    delays: dict[str, tuple[list[Floats], list[Floats]]] = field(default_factory=dict)
    factors: list[float] = field(default_factory=list)

    def rate(self, count: float) -> float:
        return count / self.days * PERIOD

    def interval(self, count: int) -> tuple[float, float]:
        """95 % of the rate of a Poisson count (Garwood 1936)."""
        low = stats.chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
        return self.rate(low), self.rate(stats.chi2.ppf(0.975, 2 * count + 2) / 2)

    def count(self, day: Mapping[Rule, Day]) -> None:
        self.days += 1
        for rule, seen in day.items():
            self.alarms[rule] += seen.raised
            self.incidents[rule] += seen.incidents


@dataclass
class Trial:
    """A change under way: a judge of its own, its age in days, and the delays found so far with the floor off and on."""

    name: str
    change: Change
    judge: Judge
    age: int
    found: list[Floats]

    def day(self, rng: np.random.Generator, totals: NDArray[np.int64], shares: Floats) -> bool:
        """Live through a day; whether that was the last."""
        ages = self.age + np.arange(DAY) / DAY
        counts = rng.multinomial(totals, self.change.apply(shares, ages)).astype(np.float64)
        if self.age:
            self.judge.midnight()
        seen = self.judge.day(counts)[MAIN]
        for floor in (0, 1):
            over = seen.over[floor]
            delay = np.where(over.any(axis=0), self.age * DAY + over.argmax(axis=0) + 1.0, np.inf)
            self.found[floor] = np.minimum(self.found[floor], delay)
        self.age += 1
        return self.age == self.change.days


def nominal_windows(counts: Floats, base: Floats, scores: Floats, k: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many windows (DAY, C, CELLS) plain G, G / phi and the directional score flag against a fixed base (W, C, CELLS)."""
    comparisons = len(k)
    level = np.log10(PERIOD * DAY * comparisons / MAIN.at_most)
    degrees, total = np.tile(k - 1, DAY), base.sum(axis=0)
    flat = counts.reshape(DAY * comparisons, -1)
    g = g_statistic(np.tile(total, (DAY, 1)), flat, np.tile(k, DAY))
    n = base.sum(axis=2, keepdims=True)
    expected = total / n.sum(axis=0) * n
    square = np.divide((base - expected) ** 2, expected, out=np.zeros_like(base), where=expected > 0)
    freedom = (len(base) - 1) * (k - 1)
    phi = np.tile(np.maximum(square.sum(axis=(0, 2)) / freedom, 1.0), DAY)
    plain = chi_square_decades(g, degrees)
    divided = f_decades(g / phi / degrees, degrees, np.tile(freedom, DAY))
    return np.array([int((decades >= level).sum()) for decades in (plain, divided, scores)])


def live(
    result: Result, rng: np.random.Generator, fleet: Streams, judge: Judge, changes: Mapping[str, Change],
    days: int, trials_every: int,
) -> None:  # fmt: skip
    """One run of a fleet: judged windows are counted, and changes are tried beside it."""
    begins = BASELINE + HISTORY + UNJUDGED
    past: list[Floats] = []
    under_way: list[Trial] = []
    for day in range(days):
        if day % 20 == 0:
            print(f"{result.title}: {result.days} days judged", file=sys.stderr, flush=True)
        totals, shares = fleet.day(day)
        counts = rng.multinomial(totals, shares).astype(np.float64)
        judge.midnight()
        if day >= begins and (day - begins) % trials_every == 0:
            nothing = np.full(len(judge.k), np.inf)
            under_way += [Trial(n, change, judge.fork(), 0, [nothing, nothing]) for n, change in changes.items()]
        for trial in list(under_way):
            if trial.day(rng, totals, shares):
                under_way.remove(trial)
                for floor in (0, 1):
                    result.delays.setdefault(trial.name, ([], []))[floor].append(trial.found[floor])
        seen = judge.day(counts)
        if day >= begins:
            result.count(seen)
            result.factors.append(judge.standing[MAIN].g)
            if day % NAIVE_EVERY == 0 and (judge.k > 1).all():
                result.naive_days += 1
                result.nominal += nominal_windows(counts, np.concatenate(past), judge.scored, judge.k)
        past = [*past, counts][-BASELINE:]


@dataclass(frozen=True)
class Fleets:
    """A family: its streams of so many days, what may change in them, whether cells are ordered, which way harms."""

    title: str
    make: Callable[[np.random.Generator, int], Streams]
    changes: Callable[[Streams], dict[str, Change]]
    ordered: bool = True
    worse: int = 0


SHARES = {
    "share": (0.005, 1000, 0.0, 0.0),
    "rareshare": (0.005, 100, 0.0, 0.0),
    "arshare": (0.05, 100, 0.1, 0.5),
    "wobblingshare": (0.005, 1000, 0.3, 0.9),
}


def families(comparisons: int) -> dict[str, Fleets]:
    def of_family(family: Family) -> Fleets:
        return Fleets(family.title, lambda rng, days: Fleet(rng, family, comparisons, days), lambda f: of_ordered(f.base))

    def of_share(share: float, n: int, wobble: float, rho: float) -> Fleets:
        title = f"{share:.1%} of {n}" + (f", {wobble:.0%} wobble, AR(1) {rho:g}" if wobble else "")
        make = partial(ShareFleet, comparisons=40, share=share, n=n, wobble=wobble, rho=rho)
        return Fleets(title, lambda rng, days: make(rng, days=days), lambda _: of_shares(), False, 1)

    out = {name: of_family(family) for name, family in FAMILIES.items()}
    out |= {name: of_share(*parts) for name, parts in SHARES.items()}
    categories = Fleets("ten categories", lambda rng, days: CategoryFleet(rng, 40, days), lambda _: of_categories(), False)
    slices = Fleets("one slice of ten", lambda rng, days: SliceFleet(rng, 4, days), lambda _: of_slices(SliceFleet.whole(4)))
    return out | {"category": categories, "slice": slices}


def run(fleets: Fleets, number: int, options: argparse.Namespace) -> Result:
    result = Result(fleets.title)
    judged = options.days - BASELINE - HISTORY - UNJUDGED
    every = max(4, judged * options.runs // options.changes)
    for i in range(options.runs):
        rng = np.random.default_rng([options.seed, number, i])
        fleet = fleets.make(rng, options.days)
        judge = Judge(fleet.base, fleet.k, RULES, fleets.ordered, fleets.worse)
        live(result, rng, fleet, judge, fleets.changes(fleet), options.days, every)
    print(rates_tables.alarm_row(result), file=sys.stderr)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.rates", description="False alarms and delays, simulated.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--comparisons", type=int, default=60)
    parser.add_argument("--families", default="")
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--days", type=int, default=303)
    parser.add_argument("--changes", type=int, default=20)
    options = parser.parse_args()
    every = families(options.comparisons)
    wanted = options.families.split(",") if options.families else list(every)
    results = {name: run(each, i, options) for i, (name, each) in enumerate(every.items()) if name in wanted}
    print(f"seed {options.seed}, {options.runs} runs of {options.days} days, changes on {options.changes} days\n")
    rates_tables.show(results, SLICES)


if __name__ == "__main__":
    main()
