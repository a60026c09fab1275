"""Clean streams of an ordered signal in ten cells, by family of statistics.md, section 6: nothing happens in them.

A stream's mix wobbles along one to three random directions of log shares; its traffic has day and night.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal, special

Floats = NDArray[np.float64]

CELLS = 10
DAY = 288
"""5-minute windows a day."""
LOADS = (100, 300, 1000, 3000)
WOBBLES = (0.05, 0.1, 0.15, 0.2)


@dataclass(frozen=True, slots=True)
class Family:
    """wobbles: sizes to draw from; autoregression of the wobble from window to window; whether the day moves the mix."""

    title: str
    wobbles: tuple[float, ...] = WOBBLES
    autoregression: float = 0.0
    daynight: bool = False


FAMILIES = {
    "iid": Family("i.i.d.", wobbles=(0.0,)),
    "low": Family("low-rank wobble, 5-20 %"),
    "daynight": Family("day and night, AR(1) 0.5", autoregression=0.5, daynight=True),
    "ar": Family("AR(1) 0.9", autoregression=0.9),
}


def stream(rng: np.random.Generator, family: Family, days: int) -> tuple[NDArray[np.int64], Floats]:
    """Totals (T,) and true shares (T, CELLS) of one comparison's windows."""
    t = np.arange(days * DAY)
    wobble, rho = rng.choice(family.wobbles), family.autoregression
    directions, load = int(rng.integers(1, 4)), rng.choice(LOADS)
    axes = rng.normal(size=(directions, CELLS))
    axes -= axes.mean(axis=1, keepdims=True)
    axes /= np.sqrt((axes**2).mean(axis=1, keepdims=True))
    noise = rng.normal(size=(len(t), directions))
    latent = wobble * signal.lfilter([np.sqrt(1 - rho**2)], [1, -rho], noise, axis=0)
    if family.daynight:
        latent += wobble * np.sin(2 * np.pi * t / DAY + 1)[:, None]
    shares = np.exp(latent @ axes)
    totals = (load * (1 + 0.8 * np.sin(2 * np.pi * t / DAY))).astype(np.int64) + 5
    return totals, shares / shares.sum(axis=1, keepdims=True)


def moved(shares: Floats, sd: float) -> Floats:
    """The same shares (..., CELLS) after the signal, normal with these cells as deciles, has moved up by `sd`."""
    edges = special.ndtri(np.arange(1, CELLS) / CELLS)
    out = shares * np.diff(np.r_[0.0, special.ndtr(edges - sd), 1.0]) * CELLS
    return np.asarray(out / out.sum(axis=-1, keepdims=True))
