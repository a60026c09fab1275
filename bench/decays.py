"""False alarms and delays of the performance-decay test, on simulated scores.

    python -m bench.decays [--seed N] [--days 400] [--comparisons 60]

Scores of 60 answers a window (less by night), right or wrong or between 0 and 1, whose true mean wobbles between windows and
over the day. Baseline and wobble are those of the 7 days before, learned at midnight; every stretch of `detectors.decay` is
looked at when it is over, at 1 false alarm per 30 days over all comparisons. An alarm lasts as `detectors.decay` says. Falls
begin at noon of every 8th day, in a copy of that day; the effect floor is on.
"""

import argparse
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import signal, stats

from detectors import ranks
from detectors.budget import DEFAULT_FLOOR, thresholds
from detectors.decay import LOOKS, STRETCHES
from detectors.scores import worse_means
from detectors.wobble import Wobble, WobbleSums, learn_wobble
from records.window import WINDOW

Floats = NDArray[np.float64]
DAY, BASELINE, PERIOD, ANSWERS = 288, 7, 30, 60
FALLS = (0.05, 0.1, 0.2)


class Family(NamedTuple):
    """The true mean wobbles by `sd` with autoregression `rho`, and swings by `swing` over the day."""

    title: str
    mean: float
    graded: bool = False
    sd: float = 0.0
    rho: float = 0.0
    swing: float = 0.0


FAMILIES = (
    Family("right or wrong, 39 %", 0.39),
    Family("right or wrong, 90 %", 0.9),
    Family("right or wrong, 5 %", 0.05),
    Family("graded, mean 0.7", 0.7, graded=True),
    Family("90 %, wobble 0.03", 0.9, sd=0.03),
    Family("39 %, AR(1) 0.9 of 0.05", 0.39, sd=0.05, rho=0.9),
    Family("39 %, AR(1) 0.99 of 0.05", 0.39, sd=0.05, rho=0.99),
    Family("graded, day and night 0.1", 0.7, graded=True, sd=0.02, rho=0.5, swing=0.1),
)


def means(family: Family, rng: np.random.Generator, days: int, comparisons: int) -> Floats:
    """True means (days, DAY, C)."""
    t = np.arange(days * DAY)
    steps = rng.normal(size=(len(t), comparisons))
    wobble = family.sd * signal.lfilter([np.sqrt(1 - family.rho**2)], [1, -family.rho], steps, axis=0)
    swing = family.swing * np.sin(2 * np.pi * t / DAY)[:, None]
    return np.clip(family.mean + swing + wobble, 0.001, 0.999).reshape(days, DAY, comparisons)


def answered(family: Family, rng: np.random.Generator, mean: Floats) -> Floats:
    """Number, sum and sum of squares (3, DAY, C) of a day's scores; those that are graded are Beta of precision 5."""
    n = np.broadcast_to((ANSWERS * (1 + 0.5 * np.sin(2 * np.pi * np.arange(DAY) / DAY)))[:, None].round(), mean.shape)
    if not family.graded:
        right = rng.binomial(n.astype(np.int64), mean).astype(np.float64)
        return np.stack([n, right, right])
    values = rng.beta(5 * mean, 5 * (1 - mean), (2 * ANSWERS, *mean.shape))
    values = np.where(np.arange(2 * ANSWERS)[:, None, None] < n, values, 0.0)
    return np.stack([n, values.sum(axis=0), (values**2).sum(axis=0)])


class Past(NamedTuple):
    """The wobble of the days before, number, sum and sum of squares (3, C), and how far windows repeat each other (C,)."""

    wobble: Wobble
    sums: Floats
    v: Floats


def learned(past: list[Floats], comparisons: int) -> Past:
    """What the days before say."""
    sums = WobbleSums.empty(comparisons, 2)
    for day in past:
        for n, total, square in day.transpose(1, 0, 2):
            sums.add(np.column_stack([n - total, total]), n, total, square, np.ones(comparisons, bool))
    every = np.concatenate(past, axis=1)
    each = every[1] / every[0]
    away = np.abs(each - each.mean(axis=0)) * np.sqrt(every[0])
    v = ranks.dependence(np.log10(ranks.self_ranks(away.astype(np.float32))))
    return Past(learn_wobble(sums, np.full(comparisons, 2)), every.sum(axis=1), v)


def moments(sums: Floats) -> tuple[Floats, Floats, Floats]:
    n, total, square = sums
    mean = total / n
    return mean, (square / n - mean**2) * n / (n - 1), n


class Watch:
    """Which comparisons fire, by the stretch that found it (C,), -1 none; `look` takes a day (3, DAY, C)."""

    def __init__(self, comparisons: int):
        self.firing = np.full(comparisons, -1)
        self.needed = float(thresholds(np.ones(1), comparisons, PERIOD * DAY * LOOKS, 1.0)[0])

    def look(self, day: Floats, past: Past, since: int = 0) -> tuple[int, Floats]:
        """How many alarms began with the day, and after how many windows from `since` on each comparison fired (C,)."""
        before = moments(past.sums)
        spread, began = np.sqrt(before[1]), 0
        delay = np.full(len(self.firing), np.inf)
        for end in range(1, DAY + 1):
            for which, length in enumerate(STRETCHES.values()):
                windows = length // WINDOW
                if end % windows:
                    continue
                now = moments(day[:, end - windows : end].sum(axis=1))
                decades = worse_means(past.wobble, past.v, before, now, np.full(len(self.firing), -1, np.int8))
                effect = np.abs(now[0] - before[0]) / np.where(spread > 0, spread, np.inf) / DEFAULT_FLOOR.smd
                mine, share = self.firing == which, np.where(self.firing >= 0, 0.5, 1.0)
                holds = (decades >= share * self.needed) & (effect >= share)
                new = holds & (self.firing < 0)
                began += int(new.sum())
                self.firing = np.where(mine & ~holds, -1, np.where(new, which, self.firing))
                if end > since:
                    delay = np.where(new & np.isinf(delay), end - since, delay)
        return began, delay


def run(family: Family, seed: int, days: int, comparisons: int) -> str:
    """A row of the table."""
    rng = np.random.default_rng([seed, FAMILIES.index(family)])
    truth, past, watch, alarms = means(family, rng, days, comparisons), list[Floats](), Watch(comparisons), 0
    delays: dict[float, list[Floats]] = {fall: [] for fall in FALLS}
    for number, mean in enumerate(truth):
        day = answered(family, rng, mean)
        if len(past) == BASELINE:
            before = learned(past, comparisons)
            alarms += watch.look(day, before)[0]
            for fall in FALLS if number % 8 == 0 else ():
                lower = np.where(np.arange(DAY)[:, None] >= DAY // 2, np.maximum(mean - fall, 0.001), mean)
                delays[fall].append(Watch(comparisons).look(answered(family, rng, lower), before, DAY // 2)[1])
        past = [*past, day][-BASELINE:]
    judged = days - BASELINE
    low, high = stats.chi2.ppf(0.025, 2 * alarms) / 2 if alarms else 0.0, stats.chi2.ppf(0.975, 2 * alarms + 2) / 2
    cells = [f"{alarms / judged * PERIOD:.2f} | {low / judged * PERIOD:.2f}-{high / judged * PERIOD:.2f}"]
    for found in delays.values():
        every = np.concatenate(found)
        median = np.median(every)
        answers = f"{median * ANSWERS:,.0f}" if np.isfinite(median) else "-"
        cells.append(f"{answers} ({np.isfinite(every).mean():.0%})")
    return f"| {family.title} | {judged} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.decays", description="Performance decay, simulated.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument("--comparisons", type=int, default=60)
    options = parser.parse_args()
    heads = [f"falls by {fall}: answers, median (found in 12 h)" for fall in FALLS]
    print(f"| scores | days judged | false alarms per 30 days | 95 % | {' | '.join(heads)} |")
    print("|---|---|---|---|" + "---|" * len(FALLS))
    for family in FAMILIES:
        print(run(family, options.seed, options.days, options.comparisons), flush=True)


if __name__ == "__main__":
    main()
