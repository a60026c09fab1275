"""Whether a judge moved: the same answers scored again, in pairs with how it scored them first.

Student's paired t-test on the differences (Student 1908), inside the false-alarm budget as any comparison is: one look for
each run of the golden set. What moved is let go at half of evidence and effect, so that it is told once.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from detectors.budget import DEFAULT_FLOOR, thresholds
from detectors.calibration import Subject
from detectors.episodes import finding_id
from detectors.standing import HORIZON
from detectors.tails import t_decades
from records.alert import Mark
from records.finding import Finding, Reasons, Span
from records.signal import JUDGES

FEWEST = 5
"""Answers that must have been scored both times."""
NARROWEST = 0.1
"""Scores from 0 to 1 that differ less among themselves than this (standard deviation) count as if they did: a judge that gives
all of them the same must move by a fiftieth."""
MOST_DECADES = 300.0
BASELINE = "golden set"
_SETTLED = ("accepted", "false_alarm")


class Compared(NamedTuple):
    """n pairs, their mean then and the mean difference (now - then), decades of p, and the effect over its floor."""

    n: int
    before: float
    difference: float
    decades: float
    times_floor: float


class Move(NamedTuple):
    """What a judge's newest golden run says: whether it `moved`, since when, and what is done with its scores meanwhile."""

    compared: Compared
    at: int
    moved: bool
    since: int
    threshold: float
    remedy: str


def compare(before: Sequence[float], now: Sequence[float]) -> Compared:
    """The scores of the same answers, first and now (n,)."""
    first, difference = np.array(before, np.float64), np.array(now, np.float64) - np.array(before, np.float64)
    n = len(difference)
    if n < FEWEST:
        return Compared(n, float(first.mean()) if n else 0.0, 0.0, 0.0, 0.0)
    mean, spread = float(difference.mean()), float(difference.std(ddof=1))
    if spread < 1e-9:
        decades = MOST_DECADES if abs(mean) > 1e-9 else 0.0
    else:
        decades = min(float(t_decades(mean * np.sqrt(n) / spread, n - 1)), MOST_DECADES)
    floor = DEFAULT_FLOOR.smd * max(float(first.std(ddof=1)), NARROWEST)
    return Compared(n, float(first.mean()), mean, decades, abs(mean) / floor)


def needed(comparisons: int, looks: float, at_most: float) -> float:
    """Decades that a move needs: its share of the budget of a period with so many runs, beside so many comparisons."""
    return float(thresholds(np.ones(1), max(comparisons, 1), looks, at_most)[0])


def moves(found: Compared, threshold: float, held: bool) -> bool:
    """Whether a judge counts as moved; `held`: whether it did before."""
    share = 0.5 if held else 1.0
    return found.n >= FEWEST and found.decades >= share * threshold and found.times_floor >= share


class Judges:
    """Findings of one application, by signal: judges that moved."""

    def __init__(self, application: str):
        self.application = application
        self.open: dict[str, Finding] = {}

    def restore(self, findings: Iterable[Finding]) -> None:
        """Take up those that are open."""
        self.open = {f.signal: f for f in findings if f.signal.startswith(JUDGES) and f.ended is None}

    def update(self, found: Mapping[str, Move], end: int, marks: Mapping[str, Mark]) -> list[Finding]:
        """What began or ended, at `end` (event time), by what the newest runs say of each judge."""
        changed = []
        for name, move in sorted(found.items()):
            signal, was = f"{JUDGES}{name}", self.open.get(f"{JUDGES}{name}")
            if move.moved and was is None:
                finding = self._finding(signal, move, end)
                if finding.id not in marks:
                    self.open[signal] = finding
                    changed.append(finding)
        held = {f"{JUDGES}{name}" for name, move in found.items() if move.moved}
        over = [name for name, finding in self.open.items() if name not in held or marks.get(finding.id) in _SETTLED]
        return changed + [msgspec.structs.replace(self.open.pop(name), ended=end) for name in over]

    def _finding(self, signal: str, move: Move, end: int) -> Finding:
        found, since = move.compared, min(move.since, end)
        return Finding(
            id=finding_id(self.application, Subject("", "", signal, BASELINE), since, HORIZON),
            application=self.application, slice={}, signal=signal, baseline=BASELINE, comparison="drift", horizon=HORIZON,
            window=Span(since, end), since=since, n=found.n, reference_n=found.n, effect={"difference": found.difference},
            times_floor=found.times_floor, p=10.0**-found.decades, evidence=found.decades, threshold=move.threshold,
            verdict="finding",
            reasons=Reasons(
                before=found.before, after=found.before + found.difference, statistic="mean",
                spoke=f"{found.n} golden answers scored again; {move.remedy}",
            ),
        )  # fmt: skip
