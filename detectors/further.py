"""What explains a finding beyond its own counts: slices without which it vanishes, words that came and went with it."""

from typing import Protocol

import msgspec
import numpy as np

from detectors.calibration import ALL, Calibration, Panes, Traits
from detectors.without import Without
from detectors.words import Names, moved_words
from records.finding import Reasons, WordReason
from records.pane import EMPTY, Pane

SIDES = ("prompt", "response")


class Stored(Protocol):
    """What is read for explanations alone; the same question within one transaction is answered from memory."""

    def slices(self, since: int, until: int) -> Panes:
        """All slices, and all traffic, between two times."""

    def before(self, since: int) -> Pane:
        """All traffic of the week before a time."""

    def names(self) -> Names:
        """The words that may be named."""


class Further:
    """Explains all findings of one stretch: `now` are the panes of every slice from `since` on."""

    def __init__(self, calibration: Calibration, stored: Stored, now: Panes, since: int):
        self.calibration, self.stored, self.now, self.since = calibration, stored, now, since
        self._without: dict[str, Without] = {}
        self._words: dict[tuple[str, tuple[str, ...]], tuple[list[WordReason], list[WordReason]]] = {}

    def add(self, why: Reasons, i: int) -> Reasons:
        """The reasons of comparison i of the calibration, with the slices and words that explain it."""
        part, row = self.calibration.part_of(i)
        name = part.cells.names[row]
        slices = self._left_out(part.baseline).explain(row, self._traits(i)) if part.slice == ALL else []
        side = name.partition(".")[0]
        risen, fallen = self._moved(part.baseline, (side,) if side in SIDES else SIDES)
        return msgspec.structs.replace(why, slices=slices, risen=risen, fallen=fallen)

    def _traits(self, i: int) -> Traits:
        return self.calibration.traits.select(np.array([i]))

    def _bases(self, baseline: str) -> Panes:
        return {part.slice: part.base for part in self.calibration.parts if part.baseline == baseline}

    def _left_out(self, baseline: str) -> Without:
        if baseline not in self._without:
            whole = next(p for p in self.calibration.parts if p.baseline == baseline and p.slice == ALL)
            self._without[baseline] = Without(whole, self._bases(baseline), self.now)
        return self._without[baseline]

    def _moved(self, baseline: str, sides: tuple[str, ...]) -> tuple[list[WordReason], list[WordReason]]:
        """Words of all traffic, whatever the slice: only panes of all traffic, and references, keep them."""
        if (baseline, sides) not in self._words:
            base = self._bases(baseline).get(ALL, EMPTY)
            told = any(len(base.cells(f"{side}.text")[0]) for side in sides)
            past = base if told else self.stored.before(self.since)
            now = self.now.get(ALL, EMPTY)
            self._words[baseline, sides] = moved_words(sides, past, now, self.stored.names())
        return self._words[baseline, sides]
