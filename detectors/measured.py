"""What a finding says of its comparison: every effect, what could have been seen, and why."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors import effects as measures
from detectors.attribution import reasons
from detectors.calibration import Base, Part, Traits
from detectors.cells import Tally
from detectors.course import effects, ratios
from detectors.power import smallest_detectable
from detectors.scores import DOWNWARDS, MOMENTS, RANK, SHAPE, UPWARDS, VECTOR
from records.finding import Reasons
from records.pane import Pane
from records.signal import Kind, Signal
from records.summary.vectors import DIMENSIONS

SPOKE = {
    SHAPE: "the shape of the distribution",
    RANK: "the order of the values",
    MOMENTS: "the mean",
    VECTOR: "the mean of the embeddings",
    UPWARDS: "the order of the values, upwards",
    DOWNWARDS: "the order of the values, downwards",
}
"""Which test of a window's score spoke loudest, in words."""


class Measured(NamedTuple):
    """M comparisons over all that was seen since their change; effects by measure (M,)."""

    base: Base
    traits: Traits
    now: Tally
    floors: NDArray[np.float64]
    effect: dict[str, NDArray[np.float64]]

    def effects_of(self, j: int) -> dict[str, float]:
        """The effects that exist for comparison j."""
        return {name: float(values[j]) for name, values in self.effect.items() if np.isfinite(values[j])}

    def detectable(self, j: int, h: float) -> float | None:
        """The smallest Jensen-Shannon (of vectors: Mahalanobis) distance that so many values show at 10**-h with 80 % power."""
        total, n = self.base.cells[j].sum(), self.now.n[j]
        worth = n * total / max(n + total, 1.0)
        if j in self.base.vectors.rows:
            value = float(smallest_detectable(worth, DIMENSIONS, 10.0**-h, "mahalanobis"))
        else:
            value = float(smallest_detectable(worth, self.traits.k[j], 10.0**-h, "js"))
        return value if np.isfinite(value) else None


def measure(base: Base, traits: Traits, now: Tally) -> Measured:
    """Every effect of statistics.md, section 3, that cells and sums give."""
    js, smd, floors = effects(base, traits, now)
    celled = np.isfinite(js)
    effect = {
        "js": js, "smd": np.where(celled, smd, np.nan), "mahalanobis": np.where(celled, np.nan, smd),
        "ratio": ratios(base, traits, now)[0], "psi": measures.psi(base.cells, now.cells, traits.k),
        "hellinger": measures.hellinger(base.cells, now.cells), "tv": measures.total_variation(base.cells, now.cells),
        "linf": measures.l_infinity(base.cells, now.cells),
    }  # fmt: skip
    for name in ("psi", "hellinger", "tv", "linf"):
        effect[name][base.vectors.rows] = np.nan
    return Measured(base, traits, now, floors, effect)


def explain(
    part: Part, row: int, signal: Signal, m: Measured, j: int, pane: Pane, everybody: Pane
) -> tuple[Reasons, dict[str, float]]:
    """Why comparison j of those measured (in `row` of its part) differs, and the effects that need whole histograms.

    pane: its slice since the change; everybody: all traffic since then, for the sample.
    """
    why = reasons(part, row, signal, m.base.cells[j], m.now.cells[j], pane, everybody.sample, everybody.names)
    distances: dict[str, float] = {}
    if signal.kind == Kind.NUMERIC:
        histograms = (*part.base.cells(signal.name), *pane.cells(signal.name))
        distances["ks"] = measures.kolmogorov_smirnov(*histograms)
        distances["wasserstein"], distances["wasserstein_sd"] = measures.wasserstein(*histograms)
    return why, {name: value for name, value in distances.items() if np.isfinite(value)}
