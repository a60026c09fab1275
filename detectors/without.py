"""Slices that explain: what is left of an effect without each of them (statistics.md, section 7).

Counts subtract, so all traffic without a slice is worked out of the panes of both; no interaction is looked at again.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.calibration import ALL, Base, Panes, Part, Slice, Traits
from detectors.cells import Tally
from detectors.course import effects
from records.finding import SliceReason
from records.pane import EMPTY

FEWEST = 30
"""Values that all other traffic must have, then and now, for its effect to be one."""
EXPLAINS, TOLD = 1 / 3, 3
CAME = 0.5
"""A slice that is as good as all traffic now explains what it came with, if so much of the traffic is new to it."""
Floats = NDArray[np.float64]


class Without:
    """All traffic (part `whole`, against its baseline) without each of S slices; `base` and `now` are panes by slice."""

    def __init__(self, whole: Part, base: Panes, now: Panes):
        self.slices: Sequence[Slice] = sorted((base.keys() | now.keys()) - {ALL})
        self._all = [whole.cells.tally(panes.get(ALL, EMPTY)) for panes in (base, now)]
        self._each = [[whole.cells.tally(panes.get(where, EMPTY)) for where in self.slices] for panes in (base, now)]

    def explain(self, row: int, traits: Traits) -> list[SliceReason]:
        """The slices without which at least EXPLAINS of the effect of a comparison vanishes, the most telling first.

        `traits` are those of the comparison in `row` of the part, (1,).
        """
        if not self.slices:
            return []
        (base, now), (base_share, now_share) = zip(*(self._rest(row, side) for side in (0, 1)), strict=True)
        left = _effect(base, now, traits.select(np.zeros(len(base.n), np.int64)))
        rest = left[1:]
        few = (np.minimum(base.cells.sum(1), now.cells.sum(1)) < FEWEST)[1:]
        vanishes = np.where(few, now_share - base_share >= CAME, 1 - rest / left[0] if left[0] > 0 else 0.0)
        order = np.lexsort((now_share, -vanishes.round(2)))[:TOLD]
        return [
            SliceReason(dict([self.slices[i]]), float(min(vanishes[i], 1.0)), float(base_share[i]), float(now_share[i]))
            for i in order.tolist()
            if vanishes[i] >= EXPLAINS
        ]

    def _rest(self, row: int, side: int) -> tuple[Tally, Floats]:
        """One side of a comparison: all of it, then without each slice (1 + S,); and the share of each slice (S,)."""
        every = [self._all[side], *self._each[side]]
        columns = [np.array([getattr(tally, name)[row] for tally in every]) for name in ("cells", "n", "total", "square")]
        share: Floats = columns[1][1:] / max(columns[1][0], 1.0)
        for column in columns:
            column[1:] = column[0] - column[1:]
        cells, n, total, square = columns
        return Tally(cells, n, total, square), share


def _effect(base: Tally, now: Tally, traits: Traits) -> Floats:
    """How much differs (C,): of two cells the difference of shares, else the effect over its floor less what chance adds."""
    floors = effects(Base(base.cells, base.mean(), base.variance(), base.n), traits, now, unbiased=True)[2]
    last = (traits.k - 1)[:, None]
    p, q = (np.take_along_axis(side.cells, last, 1)[:, 0] / np.maximum(side.cells.sum(1), 1) for side in (base, now))
    effect: Floats = np.where((traits.k == 2) & ~traits.numeric, np.abs(q - p), np.nan_to_num(floors))
    return effect
