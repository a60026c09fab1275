"""Baselines: what production is compared with (statistics.md, sections 4 and 6).

| kind | the baseline of a window is | it moves |
|---|---|---|
| fixed | a reference, or production's own panes of a fixed period | never |
| trailing | the healthy windows of the last `length` | with every healthy window, judged with from the next hour |
| seasonal | the healthy ones of `repeats` earlier hours, each `period` before the next | with the hour |
| cohort | another slice, or all other traffic, in the same window | with every window |

A moving baseline is judged by what differs from it: its wobble is that of the difference.
"""

from typing import Literal, NamedTuple

from records.finding import Comparison


class Baseline(NamedTuple):
    """One of the kinds above. Times are microseconds.

    `length` is of a trailing one, `period` and `repeats` of a seasonal one; a cohort compares the values of `dimension`
    (one of them, where `of` is given) with the value `against`, or with all other traffic where that is empty.
    `definition` changes when what the name stands for does: then its comparisons start anew.
    """

    name: str
    kind: Literal["fixed", "trailing", "seasonal", "cohort"]
    comparison: Comparison = "drift"
    length: int = 0
    period: int = 0
    repeats: int = 0
    dimension: str = ""
    of: str = ""
    against: str = ""
    definition: str = ""

    @property
    def moves(self) -> bool:
        """Whether every window has a baseline of its own."""
        return self.kind in ("seasonal", "cohort")

    @property
    def stands(self) -> bool:
        """Whether it can be said of a whole day that it differs, however long it has done so."""
        return self.kind in ("fixed", "cohort")

    def concerns(self, dimension: str, value: str) -> bool:
        """Whether a slice is compared with it."""
        if self.kind != "cohort":
            return True
        return dimension == self.dimension and value != self.against and self.of in ("", value)
