"""The course of an application's verdicts: window after window, over all its comparisons at once (statistics.md, 4 to 6).

A course is pure: panes, the windows judged before and the calibrations come in, judged windows go out. Rewinding it to
an earlier window and judging again is how late data revises a verdict.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.budget import CAP, thresholds, times_floor
from detectors.calibration import ALL, Base, Calibration, Panes, Subject, Traits
from detectors.cells import Tally, add_tallies
from detectors.effects import jensen_shannon, share_ratio, standardised_mean_difference
from detectors.evidence import step
from detectors.history import NEVER, History
from detectors.scores import window_scores
from records.window import WINDOW, Code, Window

ENOUGH, PATIENCE = 30, 12
"""Values that a window needs to be judged, and how many windows they may be gathered over."""


@dataclass(frozen=True, slots=True)
class Budget:
    """False alarms accepted: `at_most` in `windows` windows, over `comparisons` of all applications together."""

    at_most: float
    windows: float
    comparisons: int


class Course:
    """State of one application's comparisons; arrays (R,) are in the order of `registry`.

    `fresh` is what the last window alone held, before what waited was added.
    """

    def __init__(self, registry: list[Subject]):
        self.registry = registry
        self.rows = {subject: i for i, subject in enumerate(registry)}
        self.calibration: Calibration | None = None
        self.last: Window | None = None
        self.history = History()
        self.parent = np.zeros(0, np.int64)
        self.fresh: Tally | None = None
        self._carry: Tally | None = None
        self._waited = np.zeros(0, np.int64)
        self.grow()

    def register(self, subject: Subject) -> int:
        """Row of a comparison; a new one is appended."""
        if subject not in self.rows:
            self.rows[subject] = len(self.registry)
            self.registry.append(subject)
        return self.rows[subject]

    def grow(self) -> None:
        """Give every registered comparison its place in the arrays."""
        if len(self.parent) == len(self.registry):
            return
        self.history.grow(len(self.registry))
        parents = [self.rows.get(s._replace(dimension="", value=""), i) for i, s in enumerate(self.registry)]
        self.parent = np.array(parents, np.int64)

    # -- judging -------------------------------------------------------------------------------------------------

    def judge(self, start: int, panes: Panes, budget: Budget) -> Window:
        """Judge the window that begins at `start`; it becomes the last one of the course."""
        calibration, self.fresh = self.calibration, None
        traffic = panes[ALL].n if ALL in panes else 0
        window = Window.blank(start, calibration.start if calibration else 0, traffic, len(self.registry))
        if calibration is None or not len(calibration.index):
            self.history.remember(window)
            self.last = window
            return window
        self.fresh = fresh = calibration.tally(panes)
        now = fresh if self._carry is None else add_tallies(self._carry, fresh)
        waited = self._waited + 1
        enough = now.n >= ENOUGH
        over = enough | (waited >= PATIENCE)
        self._fill(window, calibration, now, waited, enough, budget)
        again = (~over)[:, None] & np.ones(now.cells.shape[1], bool)
        self._carry = Tally(
            np.where(again, now.cells, 0.0), np.where(over, 0.0, now.n),
            np.where(over, now.total * 0, now.total), np.where(over, now.square * 0, now.square),
        )  # fmt: skip
        self._waited = np.where(over, 0, waited)
        self.history.remember(window)
        self.last = window
        return window

    def _fill(
        self, window: Window, calibration: Calibration, now: Tally, waited: NDArray[np.int64],
        enough: NDArray[np.bool_], budget: Budget,
    ) -> None:  # fmt: skip
        """Scores, ranks, evidence and effects of the comparisons in force."""
        index, traits, base = calibration.index, calibration.traits, calibration.base
        mean = now.mean()
        scores = window_scores(
            base.cells, now.cells, traits.k, traits.ordered, traits.numeric, traits.worse, calibration.wobble,
            base.mean, base.variance, base.n, mean, now.variance(), now.n, traits.evaluation,
        ).decades  # fmt: skip
        scores = np.where(enough, scores, np.nan)
        p, calibrated = self.history.rank(window.start, scores, index, self.parent[index])
        h = thresholds(self.history.vif[index], budget.comparisons, budget.windows, budget.at_most)
        before = self._before(index, "evidence", 0.0)
        evidence = step(before, p, CAP * h)
        since = np.where(before > 0, self._before(index, "since", 0), window.start - (waited - 1) * WINDOW)
        js, smd, floors = effects(base, traits, now)
        share = np.take_along_axis(now.cells, (traits.k - 1)[:, None], 1)[:, 0] / np.maximum(now.n, 1)
        verdict = np.select(
            [now.n == 0, ~enough, ~calibrated, evidence >= h],
            [Code.ABSENT, Code.TOO_FEW, Code.CALIBRATING, Code.SMALL],
            Code.CALM,
        )
        columns: dict[str, NDArray[np.generic]] = {
            "n": now.n, "value": np.where(traits.numeric, mean, share), "score": scores, "log_p": np.log10(p),
            "evidence": evidence, "threshold": h, "js": js, "smd": smd, "floors": floors,
            "since": np.where(evidence > 0, since, 0), "waited": np.where(enough | (waited >= PATIENCE), waited, -waited),
            "verdict": verdict,
        }  # fmt: skip
        for name, values in columns.items():
            getattr(window, name)[index] = values

    def _before(self, index: NDArray[np.int64], name: str, default: float) -> NDArray[np.float64]:
        out = np.full(len(self.registry), default)
        if self.last is not None:
            values = getattr(self.last, name)
            out[: len(values)] = values
        return out[index]

    # -- learning ------------------------------------------------------------------------------------------------

    def adopt(self, calibration: Calibration) -> None:
        """Judge with a new calibration from now on; what waited for more values is dropped with the old cells."""
        self.grow()
        self.calibration = calibration
        self._carry, self._waited = None, np.zeros(len(calibration.index), np.int64)

    def restore(self, windows: Iterable[Window]) -> None:
        """Take up the course after the last of `windows` (in order); the calibration in force has seen its own again."""
        self.last = None
        self.history.clear()
        for window in windows:
            self.history.remember(window)
            self.last = window
        self._gather()

    def rewind(self, last: Window | None, older: Iterable[Window]) -> None:
        """Go back to the window `last`; `older` are the windows whose place in the history later ones had taken."""
        self.last = last
        self.history.drop_after(last.start if last else NEVER)
        for window in older:
            self.history.remember(window)
        self._gather()

    def _gather(self) -> None:
        """What waits for more values, from the windows that it was gathered over."""
        self._carry = None
        if self.calibration is None:
            return
        self._waited = np.zeros(len(self.calibration.index), np.int64)
        if self.last is None or self.last.calibration != self.calibration.start:
            return
        waited = self._before(self.calibration.index, "waited", 0)
        self._waited = np.where(waited < 0, -waited, 0).astype(np.int64)
        for back in range(int(self._waited.max(initial=0))):
            tally = self.calibration.seen(self.last.start - back * WINDOW)
            if tally is None:
                continue
            mine = self._waited > back
            part = Tally(
                np.where(mine[:, None], tally.cells, 0.0), np.where(mine, tally.n, 0.0),
                np.where(mine, tally.total, tally.total * 0), np.where(mine, tally.square, tally.square * 0),
            )  # fmt: skip
            self._carry = part if self._carry is None else add_tallies(part, self._carry)


def effects(base: Base, traits: Traits, now: Tally) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Jensen-Shannon distance, difference of means in standard deviations, and effect over its floor, each (C,)."""
    js = jensen_shannon(base.cells, now.cells)
    smd = np.where(traits.numeric, standardised_mean_difference(base.mean, base.variance, now.mean()), np.nan)
    ratio, events = ratios(base, traits, now)
    return js, smd, times_floor(js, smd, ratio, events)


def ratios(base: Base, traits: Traits, now: Tally) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For shares (two cells, no numbers), the window's over the baseline's, and the events it rests on; nan for the rest."""
    last = (traits.k - 1)[:, None]
    was, seen = np.take_along_axis(base.cells, last, 1)[:, 0], np.take_along_axis(now.cells, last, 1)[:, 0]
    total = base.cells.sum(1)
    share = (traits.k == 2) & ~traits.numeric
    ratio = np.where(share, share_ratio(was, total, seen, now.n), np.nan)
    return ratio, np.maximum(seen, was / np.maximum(total, 1) * now.n)
