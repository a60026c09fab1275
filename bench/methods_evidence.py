"""What the literature offers for "has it changed?", as columns: from p-values or scores (T, N) to a statistic (T, N).

Every statistic is compared with a constant; windows go down, series go across. Evidence adds up in nats (exp and log are
many times as fast as powers of ten) and is given in decades.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from river.drift import ADWIN

Floats = NDArray[np.float64]
Numbers = NDArray[np.floating]
Restart = Callable[[Floats], Floats]

LN10 = float(np.log(10.0))
POWERS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
LINEAR = (-1.0, -0.5, 0.0, 0.5, 1.0)


def by_cusum(c: Floats) -> Floats:
    """Nats that the next bet multiplies: those of the best start so far. Source: Page 1954."""
    return np.maximum(c, 0.0)


def by_sum(c: Floats) -> Floats:
    """Nats that the next bet multiplies: the sum over all starts so far (Shiryaev 1963, Roberts 1966)."""
    larger = np.maximum(c, 0.0)
    return np.asarray(larger + np.log(np.exp(c - larger) + np.exp(-larger)))


def nothing(restart: Restart, shape: tuple[int, ...]) -> Floats:
    """Evidence before the first window: a sum over no starts, or none that is better than starting now."""
    return np.full(shape, -np.inf if restart is by_sum else 0.0)


def mixed(nats: Floats) -> Floats:
    """ln of the mean of e^nats (K, N) over K."""
    top = nats.max(axis=0)
    return np.asarray(top + np.log(np.exp(nats - top).mean(axis=0)))


def power_bets(p: Numbers, powers: Sequence[float]) -> Floats:
    """ln k p^(k-1) (K, N) for p (N,). Source: Vovk, Nouretdinov and Gammerman 2003."""
    k = np.asarray(powers)[:, None]
    return np.asarray(np.log(k) + (k - 1) * np.log(np.asarray(p, np.float64)))


def detector(p: Numbers, powers: Sequence[float], restart: Restart) -> Floats:
    """The e-detector of a uniform mixture of power bets. Source: Shin, Ramdas and Rinaldo 2023, sections 2 and 4."""
    c = nothing(restart, (len(powers), p.shape[1]))
    out = np.empty(p.shape)
    for t, now in enumerate(p):
        c = restart(c) + power_bets(now, powers)
        out[t] = mixed(c)
    return out / LN10


def linear_bets(p: Numbers, slopes: Sequence[float]) -> Floats:
    """ln (1 + e (p - 1/2)) (K, N) for p (N,). Source: Vovk et al. 2021, "Retrain or not retrain"."""
    return np.asarray(np.log(1 + np.asarray(slopes)[:, None] * (np.asarray(p, np.float64) - 0.5)))


Bets = Callable[[Numbers, Sequence[float]], Floats]


def jumper(p: Numbers, bets: Bets, choices: Sequence[float], restart: Restart, jump: float = 0.01) -> Floats:
    """A conformal test martingale whose capital moves between bets by shares of `jump`, restarted.

    Simple Jumper: linear bets. Source: Vovk et al. 2021, "Retrain or not retrain", algorithm 1 and section 4, where the
    martingale's own ratios feed the CUSUM and Shiryaev-Roberts statistics.
    """
    capital = np.full((len(choices), p.shape[1]), 1 / len(choices))
    c = nothing(restart, (p.shape[1],))
    out = np.empty(p.shape)
    for t, now in enumerate(p):
        capital = ((1 - jump) * capital + jump / len(choices)) * np.exp(bets(now, choices))
        ratio = capital.sum(axis=0)
        capital /= ratio
        c = out[t] = restart(c) + np.log(ratio)
    return out / LN10


def adaptive(p: Numbers, prior: float = 4.0, first: float = 0.4) -> Floats:
    """CUSUM of power bets whose k is the likeliest of the windows since c was 0, `prior` windows of `first` among them.

    k is known before the window that it bets on, so the bet stays fair. Source: plug-in martingales, Fedorova et al. 2012.
    """
    c, number, surprise = (np.zeros(p.shape[1]) for _ in range(3))
    out = np.empty(p.shape)
    for t, now in enumerate(p):
        k = np.clip((prior + number) / (prior / first + surprise), 0.05, 0.9)
        logs = -np.log(np.asarray(now, np.float64))
        c = out[t] = np.maximum(c + np.log(k) + (1 - k) * logs, 0.0)
        number, surprise = np.where(c > 0, number + 1, 0.0), np.where(c > 0, surprise + logs, 0.0)
    return out / LN10


def pareto_decades(past: Numbers, live: Numbers, top: float = 0.02) -> Floats:
    """Decades of the tail (T, N) that peaks over the threshold give `live`; 0 under it.

    The threshold leaves `top` of `past` (W, N) over it; the generalised Pareto distribution of the excesses by
    probability-weighted moments (Hosking and Wallis 1987), its shape at least 0, so that no tail ends.
    Source: Siffer et al. 2017, "Anomaly detection in streams with extreme value theory".
    """
    number = int(top * len(past))
    highest = np.partition(past, len(past) - number - 1, axis=0)[len(past) - number - 1 :]
    ordered = np.sort(highest, axis=0).astype(np.float64)
    excess = ordered[1:] - ordered[0]
    positions = (np.arange(1, number + 1) - 0.35) / number
    b0, b1 = excess.mean(axis=0), ((1 - positions)[:, None] * excess).mean(axis=0)
    shape = np.clip(2 - b0 / np.maximum(b0 - 2 * b1, 1e-9), 1e-6, 0.9)
    scale = np.maximum(b0 * (1 - shape), 1e-9)
    beyond = np.maximum(live - ordered[0], 0.0)
    decades = -np.log10(number / len(past)) + np.log1p(shape * beyond / scale) / shape / LN10
    return np.where(beyond > 0, decades, 0.0)


def less_recent(values: Numbers, depth: int) -> Floats:
    """Values (T, N) less the mean of the `depth` before each; the first `depth` are left out. Source: DSPOT, as above."""
    total = np.cumsum(np.concatenate([np.zeros((1, values.shape[1])), np.asarray(values, np.float64)]), axis=0)
    return np.asarray(values[depth:] - (total[depth:-1] - total[: -depth - 1]) / depth)


def page_hinkley(values: Numbers, delta: float, alpha: float = 1 - 0.0001) -> Floats:
    """How far the sum of deviations from the running mean is over its minimum; what River's PageHinkley(mode="up") tests."""
    mean, total, lowest = np.zeros(values.shape[1]), np.zeros(values.shape[1]), np.full(values.shape[1], np.inf)
    out = np.empty(values.shape)
    for t, now in enumerate(values):
        mean += (now - mean) / (t + 1)
        total = alpha * total + now - mean - delta
        lowest = np.minimum(lowest, total)
        out[t] = total - lowest
    return out


def adwin(past: Numbers, live: Numbers, deltas: Sequence[float]) -> Floats:
    """-log10 of the smallest delta (T, N) of `deltas` at which River's ADWIN says that the mean rose; 0 where none does."""
    out = np.zeros(live.shape)
    for series in range(live.shape[1]):
        before, now = past[:, series].tolist(), live[:, series].tolist()
        for delta in deltas:
            detector = ADWIN(delta=delta, clock=1)
            for x in before:
                detector.update(x)
            for t, x in enumerate(now):
                mean = detector.estimation
                detector.update(x)
                if detector.drift_detected and detector.estimation > mean:
                    out[t, series] = max(out[t, series], -np.log10(delta))
    return out
