"""Clean streams of other kinds than ordered cells: shares of events, categories that a new one may join, slices of a whole."""

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from bench.streams_simulated import CELLS, DAY, EVEN, FAMILIES, Fleet, Floats


class ShareFleet:
    """Streams of two cells, the second a share of about `share` of `n` events a window with day and night.

    The logarithm of the share wobbles by `wobble`, with the given autoregression.
    """

    def __init__(self, rng: np.random.Generator, comparisons: int, days: int, share: float, n: int, wobble: float, rho: float):
        t = np.arange(days * DAY)
        steps = rng.normal(size=(len(t), comparisons))
        self.log = wobble * signal.lfilter([np.sqrt(1 - rho**2)], [1, -rho], steps, axis=0)
        self.share, self.k = share, np.full(comparisons, 2)
        self.base = np.zeros((comparisons, CELLS))
        self.base[:, :2] = 1 - share, share
        self.n = (n * (1 + 0.8 * np.sin(2 * np.pi * t / DAY))).astype(np.int64) + 5

    def day(self, day: int) -> tuple[NDArray[np.int64], Floats]:
        part = slice(day * DAY, (day + 1) * DAY)
        shares = np.zeros((DAY, *self.base.shape))
        shares[..., 1] = np.minimum(self.share * np.exp(self.log[part]), 1.0)
        shares[..., 0] = 1 - shares[..., 1]
        return np.broadcast_to(self.n[part, None], shares.shape[:2]), shares


def multiplied(shares: Floats, times: float) -> Floats:
    """The second cell's share so many times as large."""
    more = np.minimum(shares[..., 1] * times, 1.0)
    return np.stack([1 - more, more, *np.moveaxis(shares[..., 2:], -1, 0)], axis=-1)


class CategoryFleet(Fleet):
    """Nine categories of Zipf shares with a low-rank wobble; the tenth cell, of any other value, is empty."""

    def __init__(self, rng: np.random.Generator, comparisons: int, days: int):
        super().__init__(rng, FAMILIES["low"], comparisons, days)
        weight = np.r_[1 / np.arange(1, CELLS), 0.0]
        self.base = np.tile(weight / weight.sum(), (comparisons, 1))


def joined(shares: Floats, by: float) -> Floats:
    """A category never seen takes the share `by` from all others."""
    out = shares * (1 - by)
    out[..., -1] += by
    return out


SLICES = 10
SLICE_EVENTS = 100


class SliceFleet:
    """Applications of SLICES slices of SLICE_EVENTS events a window each, low-rank wobble.

    Row 0 of each SLICES + 1 rows is all of an application's traffic; its counts are drawn apart.
    """

    def __init__(self, rng: np.random.Generator, applications: int, days: int):
        self.rng = rng
        self.fleet = Fleet(rng, FAMILIES["low"], applications * SLICES, days)
        self.fleet.traffic = self.fleet.traffic * SLICE_EVENTS // self.fleet.load + 1
        self.base, self.k = np.tile(EVEN, (applications * (SLICES + 1), 1)), np.full(applications * (SLICES + 1), CELLS)

    @staticmethod
    def whole(applications: int) -> NDArray[np.int64]:
        """The rows of all traffic; their slices follow."""
        return np.arange(applications) * (SLICES + 1)

    def day(self, day: int) -> tuple[NDArray[np.int64], Floats]:
        """As Fleet; the whole's shares are those of its slices together."""
        totals, shares = self.fleet.day(day)
        totals = totals.reshape(DAY, -1, SLICES)
        shares = shares.reshape(DAY, -1, SLICES, CELLS)
        whole = (shares * totals[..., None]).sum(axis=2) / totals.sum(axis=2)[..., None]
        rows = np.concatenate([whole[:, :, None], shares], axis=2)
        n = np.concatenate([totals.sum(axis=2)[..., None], totals], axis=2)
        return n.reshape(DAY, -1), rows.reshape(DAY, -1, CELLS)
