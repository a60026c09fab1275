"""The methods that `bench.methods` compares, by name: from what was seen of a family to one statistic for each window."""

from collections.abc import Callable

import numpy as np

from bench import methods_evidence as literature
from bench.methods_streams import BLOCK, HISTORY, KINDS, Floats, Material, Seen, Singles
from bench.streams_simulated import DAY

Statistic = Callable[[Singles], Floats]
Method = Callable[[Material, Seen], Floats]


def live(statistic: Statistic, source: Material, series: Seen, kind: str) -> Floats:
    """A statistic of p (T, N) that has already run for a day, except at the beginning of everything."""
    lead = source.lead(series, kind)
    return statistic(np.concatenate([lead, series[f"p.{kind}"]]))[len(lead) :]


def stretched(statistic: Statistic, kinds: tuple[str, ...] = ("score",)) -> Method:
    """Evidence over its variance inflation (statistics.md, section 6), the same for all: the largest of `kinds`."""

    def course(source: Material, series: Seen) -> Floats:
        every = [live(statistic, source, series, kind) / np.repeat(series[f"vif.{kind}"], DAY, axis=0) for kind in kinds]
        return np.asarray(np.max(every, axis=0))

    return course


def cusum(*powers: float) -> Statistic:
    return lambda p: literature.detector(p, powers, literature.by_cusum)


def summed(*powers: float) -> Statistic:
    return lambda p: literature.detector(p, powers, literature.by_sum)


def jumper(bets: literature.Bets, choices: tuple[float, ...], restart: literature.Restart) -> Statistic:
    return lambda p: literature.jumper(p, bets, choices, restart)


def over_blocks(statistic: Callable[[Floats, Floats], Floats], depth: int = 0) -> Method:
    """A statistic of scores that is learned anew in every block from the 14 days before it."""

    def course(source: Material, series: Seen) -> Floats:
        whole, out = np.concatenate([source.past(series), series["score"]]), []
        for start in range(0, len(series["score"]), BLOCK * DAY):
            near = whole[start : start + (HISTORY + BLOCK) * DAY]
            values = literature.less_recent(near, depth) if depth else near
            past = HISTORY * DAY - depth
            out.append(statistic(values[:past], values[past:]))
        return np.concatenate(out)

    return course


def running(delta: float) -> Method:
    def course(source: Material, series: Seen) -> Floats:
        past = source.past(series)
        return literature.page_hinkley(np.concatenate([past, series["score"]]), delta)[len(past) :]

    return course


def fewer(series: Seen) -> Seen:
    """Half the clean series and one block of the others, for what has to be run one value at a time."""
    keep = (series["block"] == 1) | ((series["block"] == 0) & (series["comparison"] % 2 == 0))
    return {name: array[..., keep] for name, array in series.items()}


def adwin(source: Material, series: Seen) -> Floats:
    return literature.adwin(source.past(series), series["score"], DELTAS)


OURS = "ours: CUSUM, k = 0.4"
BESIDE = "signed ranks beside ours"
DELTAS = (1e-1, 1e-2, 1e-3, 1e-5, 1e-8, 1e-12, 1e-20)
DAILY = "one day, nominal"
HOURLY = ("one hour, nominal", DAILY)
SIGNED = "signed ranks beside ours, CUSUM of a mixture of k"
SLOW = "ADWIN on scores (River)"
POWERS = literature.POWERS
ASLEEP = (*POWERS, 1.0)
METHODS: dict[str, Method] = {
    OURS: stretched(cusum(0.4)),
    "k = 0.3": stretched(cusum(0.3)),
    "k = 0.6": stretched(cusum(0.6)),
    "ours without VIF": lambda source, series: live(cusum(0.4), source, series, "score"),
    "CUSUM of a mixture of k": stretched(cusum(*POWERS)),
    "adaptive k": stretched(literature.adaptive),
    "Shiryaev-Roberts, k = 0.4": stretched(summed(0.4)),
    "Shiryaev-Roberts e-detector, mixture of k": stretched(summed(*POWERS)),
    "Simple Jumper, CUSUM": stretched(jumper(literature.linear_bets, literature.LINEAR, literature.by_cusum)),
    "Simple Jumper, Shiryaev-Roberts": stretched(jumper(literature.linear_bets, literature.LINEAR, literature.by_sum)),
    "Sleepy jumper over k, CUSUM": stretched(jumper(literature.power_bets, ASLEEP, literature.by_cusum)),
    "peaks over threshold (SPOT)": over_blocks(literature.pareto_decades),
    "peaks over threshold (DSPOT, 6 h)": over_blocks(literature.pareto_decades, depth=72),
    "Page-Hinkley on scores, delta 0.005": running(0.005),
    "Page-Hinkley on scores, delta 0.25": running(0.25),
    SLOW: adwin,
    "one window, nominal": lambda _, series: series["score"],
    HOURLY[0]: lambda _, series: series["hour"],
    DAILY: lambda _, series: series["day"],
    BESIDE: stretched(cusum(0.4), KINDS),
    "signed ranks alone": stretched(cusum(0.4), KINDS[1:]),
    SIGNED: stretched(cusum(*POWERS), KINDS),
}
"""By name; the last three are our own idea, not the literature's. "Ours" is the score alone, as it was when this was asked;
the product judges as BESIDE now (docs/adr/0001)."""
