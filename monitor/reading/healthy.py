"""How many healthy windows a comparison's scores are ranked among (statistics.md, section 5)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from detectors.history import HISTORY
from detectors.ranks import DAY as DAY_WINDOWS
from detectors.ranks import near
from detectors.standing import HORIZON
from monitor.reading.courses import windows
from monitor.reading.kept import Kept
from monitor.store import alerts, findings
from records.finding import Finding
from records.window import DAY, WINDOW

_kept = Kept(400)
"""Whole days: 36 bytes a comparison each."""


class Stretch(NamedTuple):
    """A comparison, by its place among those asked about, and when it was not healthy."""

    place: int
    since: int
    until: int


class _Scored(NamedTuple):
    """Starts (W,) of judged windows, and which comparisons had a score in each: (W, bytes), one bit a comparison."""

    start: NDArray[np.int64]
    bits: NDArray[np.uint8]

    def select(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether comparisons had a score (W, C)."""
        known = rows >> 3 < self.bits.shape[1]
        bits = self.bits[:, np.where(known, rows >> 3, 0)] >> (7 - (rows & 7)) & 1
        found: NDArray[np.bool_] = bits.astype(bool) & known
        return found


def healthy(
    c: Connection, application: str, rows: NDArray[np.int64], by_day: NDArray[np.bool_], newest: int, sick: Sequence[Stretch]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many windows up to the one at `newest` the comparisons `rows` (C,) of the registry are ranked among, and the
    start of the earliest of them (0 where there is none); `by_day` (C,): only those of the same time of day count."""
    count, first = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    since = newest + WINDOW - HISTORY * WINDOW
    for day in range(since // DAY * DAY, newest + 1, DAY):
        scored = _day(c, application, max(day, since), min(day + DAY, newest + WINDOW), newest)
        counts = scored.select(rows)
        counts &= ~by_day | near(scored.start // WINDOW % DAY_WINDOWS, newest // WINDOW % DAY_WINDOWS)[:, None]
        for stretch in sick:
            counts[(scored.start >= stretch.since) & (scored.start < stretch.until), stretch.place] = False
        if len(counts):
            begins = scored.start[counts.argmax(0)]
            first = np.where((first == 0) & counts.any(0), begins, first)
            count += counts.sum(0)
    return count, first


def _day(c: Connection, application: str, since: int, until: int, newest: int) -> _Scored:
    """The windows in [since, until); a whole day that is over by more than one is read once an hour of event time."""

    def read() -> _Scored:
        found = windows(c, application, since, until)
        size = max([1, *(len(window.score) for window in found)])
        present = np.zeros((len(found), size), bool)
        for i, window in enumerate(found):
            present[i, : len(window.score)] = np.isfinite(window.score)
        return _Scored(np.array([window.start for window in found], np.int64), np.packbits(present, axis=1))

    if until - since < DAY or newest - until < DAY:
        return read()
    return _kept.get((application, since, newest // (DAY // 24)), read)


def spoilt(c: Connection, application: str, since: int) -> list[tuple[Finding, int, int]]:
    """Findings since a time with the stretch in which their comparison was not healthy: while they lasted, or all before
    them, where the change was accepted as normal; one that was marked as a false alarm spoils nothing."""
    marks, found = alerts.excused(c, application), []
    for finding in findings.since(c, application, since):
        mark = marks.get(finding.id)
        if finding.verdict != "finding" or finding.horizon == HORIZON or mark == "false_alarm":
            continue
        until = finding.since if mark == "accepted" else (finding.ended or np.iinfo(np.int64).max)
        found.append((finding, 0 if mark == "accepted" else finding.since, until))
    return found
