"""Clean streams of ordered signals in cells, by family of statistics.md, section 6: nothing happens in them.

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
DIRECTIONS = 3
GROWTH_DAYS = 60


@dataclass(frozen=True, slots=True)
class Family:
    """How the streams of a family move; amplitudes in units of the wobble, whose size is drawn for each stream.

    autoregression: of the wobble, from window to window; shocks: degrees of freedom of its t-distributed steps, 0 where
    they are normal; daynight, weekend: amplitude of the day's sine, and what Saturday and Sunday add; wander: standard
    deviation of a random walk's step in a day; shared: how much of the wobble's variance all streams have in common;
    cells: numbers of cells to draw from, those of unequal shares where fewer than CELLS.
    """

    title: str
    wobbles: tuple[float, ...] = WOBBLES
    autoregression: float = 0.0
    shocks: int = 0
    daynight: float = 0.0
    weekend: float = 0.0
    wander: float = 0.0
    shared: float = 0.0
    independent: bool = False
    bursts: bool = False
    growth: bool = False
    cells: tuple[int, ...] = (CELLS,)


FAMILIES = {
    "iid": Family("i.i.d.", wobbles=(0.0,)),
    "dirichlet": Family("every cell wobbles alone (Dirichlet), 5-20 %", independent=True),
    "low": Family("low-rank wobble, 5-20 %"),
    "lowshock": Family("the same with t5 shocks", shocks=5),
    "daynight": Family("day and night, AR(1) 0.5", autoregression=0.5, daynight=1.0),
    "weekly": Family("weekday and weekend mixes, AR(1) 0.5", autoregression=0.5, weekend=1.0),
    "ar": Family("AR(1) 0.9", autoregression=0.9),
    "arshock": Family("AR(1) 0.9 with t5 shocks", autoregression=0.9, shocks=5),
    "bursts": Family("AR(1) 0.9, bursts in n", autoregression=0.9, bursts=True),
    "tied": Family("AR(1) 0.9, five or six tied cells", autoregression=0.9, cells=(5, 6)),
    "growth": Family("AR(1) 0.9, traffic grows threefold and shrinks again", autoregression=0.9, growth=True),
    "correlated": Family("AR(1) 0.9, 90 % of the wobble in common", autoregression=0.9, shared=0.9),
    "wander": Family("AR(1) 0.9, the mix itself wanders", autoregression=0.9, wander=0.2),
}


class Fleet:
    """The streams of one family, side by side: `day` gives one day's windows, days in order.

    base (C, CELLS): shares when nothing wobbles; k (C,): how many of the cells are real.
    """

    def __init__(self, rng: np.random.Generator, family: Family, comparisons: int, days: int):
        self.rng, self.family = rng, family
        size = comparisons
        self.wobble, self.load = rng.choice(family.wobbles, size), rng.choice(LOADS, size)
        self.k = rng.choice(family.cells, size)
        real = np.arange(CELLS) < self.k[:, None]
        weight = np.where(real, np.where(self.k[:, None] < CELLS, rng.uniform(0.5, 2.0, (size, CELLS)), 1.0), 0.0)
        self.base = weight / weight.sum(axis=1, keepdims=True)
        used = np.arange(DIRECTIONS) < rng.integers(1, DIRECTIONS + 1, size)[:, None]
        axes = rng.normal(size=(size, DIRECTIONS, CELLS)) * real[:, None, :]
        axes = (axes - axes.sum(axis=2, keepdims=True) / self.k[:, None, None]) * real[:, None, :]
        axes /= np.sqrt((axes**2).sum(axis=2, keepdims=True) / self.k[:, None, None])
        self.axes = axes * used[:, :, None]
        self.latent = self._latent(days * DAY, size)
        self.traffic = self._traffic(days * DAY, size)

    def _latent(self, windows: int, size: int) -> NDArray[np.float32]:
        """Where the mix of each window stands (T, C, DIRECTIONS) along its directions."""
        family, t = self.family, np.arange(windows)
        noise = self._noise((windows, size, DIRECTIONS))
        if family.shared:
            common = self._noise((windows, 1, DIRECTIONS))
            noise = float(np.sqrt(family.shared)) * common + float(np.sqrt(1 - family.shared)) * noise
        rho = family.autoregression
        latent = noise
        if rho:
            numerator, denominator = np.array([np.sqrt(1 - rho**2)], np.float32), np.array([1, -rho], np.float32)
            latent = np.asarray(signal.lfilter(numerator, denominator, noise, axis=0), np.float32)
        moves = family.daynight * np.sin(2 * np.pi * t / DAY + 1) + family.weekend * (t // DAY % 7 >= 5)
        latent += moves[:, None, None].astype(np.float32)
        if family.wander:
            latent += family.wander / np.sqrt(DAY) * np.cumsum(self._noise((windows, size, DIRECTIONS)), axis=0)
        out: NDArray[np.float32] = latent * self.wobble[:, None].astype(np.float32)
        return out

    def _noise(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Standard normal or t steps, of variance 1."""
        noise = self.rng.standard_normal(shape, np.float32)
        if self.family.shocks:
            df = self.family.shocks
            noise /= np.sqrt(2 * self.rng.standard_gamma(df / 2, shape, np.float32) / (df - 2))
        return noise

    def _traffic(self, windows: int, size: int) -> NDArray[np.int64]:
        """Events (T, C): day and night, bursts to five times as much, threefold growth in GROWTH_DAYS and back again."""
        t = np.arange(windows)
        shape = np.broadcast_to((1 + 0.8 * np.sin(2 * np.pi * t / DAY))[:, None], (windows, size))
        if self.family.growth:
            shape = shape * (3 ** np.abs((t / DAY / GROWTH_DAYS + 1) % 2 - 1))[:, None]
        if self.family.bursts:
            excitement = signal.lfilter([np.sqrt(1 - 0.9**2)], [1, -0.9], self.rng.normal(size=(windows, size)), axis=0)
            shape = np.where(excitement > 1.5, 5.0, 1.0) * shape
        return (self.load * shape).astype(np.int64) + 5

    def day(self, day: int) -> tuple[NDArray[np.int64], Floats]:
        """Totals (DAY, C) and true shares (DAY, C, CELLS) of a day's windows."""
        part = slice(day * DAY, (day + 1) * DAY)
        if self.family.independent:
            concentration = 9 / self.wobble**2  # so that a tenth of the traffic wobbles by that share of itself
            shares = self.rng.standard_gamma(concentration[:, None] * self.base, (DAY, *self.base.shape))
        else:
            shares = self.base * np.exp(np.einsum("tcd,cdk->tck", self.latent[part].astype(np.float64), self.axes))
        return self.traffic[part], shares / shares.sum(axis=2, keepdims=True)


def stream(rng: np.random.Generator, family: Family, days: int) -> tuple[NDArray[np.int64], Floats]:
    """Totals (T,) and true shares (T, CELLS) of one comparison's windows."""
    fleet = Fleet(rng, family, 1, days)
    parts = [fleet.day(day) for day in range(days)]
    return np.concatenate([totals for totals, _ in parts])[:, 0], np.concatenate([shares for _, shares in parts])[:, 0]


EVEN = np.full(CELLS, 1 / CELLS)


def moved(shares: Floats, sd: float, scale: float = 1.0, base: Floats = EVEN) -> Floats:
    """The same shares (..., CELLS) after the signal, normal with cells of shares `base`, has moved up by `sd` standard
    deviations and spread to `scale` of them."""
    edges = special.ndtri(np.minimum(np.cumsum(base, axis=-1)[..., :-1], 1.0))
    inner = special.ndtr((edges - sd) / scale)
    below = np.concatenate([np.zeros_like(inner[..., :1]), inner, np.ones_like(inner[..., :1])], axis=-1)
    out = shares * np.divide(np.diff(below, axis=-1), base, out=np.zeros_like(base), where=base > 0)
    return np.asarray(out / out.sum(axis=-1, keepdims=True))


def cell_values(base: Floats) -> Floats:
    """Mean of a standard normal signal in each of the cells (..., CELLS) whose shares are `base`; 0 where there is none."""
    edges = special.ndtri(np.clip(np.cumsum(base, axis=-1)[..., :-1], 0.0, 1.0))
    density = np.exp(-(edges**2) / 2) / np.sqrt(2 * np.pi)
    ends = np.concatenate([np.zeros_like(density[..., :1]), density, np.zeros_like(density[..., :1])], axis=-1)
    return np.asarray(np.divide(ends[..., :-1] - ends[..., 1:], base, out=np.zeros_like(base), where=base > 0))
