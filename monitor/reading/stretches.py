"""Longer horizons: what comparisons were over whole stretches of merged panes. They have effects, and no verdict of their
own but the standing statement that production is unlike its reference (statistics.md, section 6)."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from detectors.calibration import ALL, Base, Calibration, Part, Slice, others
from detectors.course import effects
from monitor.config.duration import format_duration
from monitor.config.models import Config
from monitor.reading.calibrations import calibration
from monitor.reading.courses import Course, Wanted
from monitor.store import courses, findings, panes
from monitor.store.courses import Comparison
from records.finding import Finding
from records.pane import Pane, merge_all, without_text
from records.pane_codec import decode_pane
from records.window import DAY, HOUR, WINDOW, Code

Panes = Callable[[Slice, int, int], Pane]
"""Gives what a slice was between two times."""


class Effects(NamedTuple):
    """What the comparisons of a part (C,) were over one stretch: number of values, that of the baseline, their mean or the
    share of the last cell, and the effects."""

    n: NDArray[np.float64]
    base_n: NDArray[np.float64]
    value: NDArray[np.float64]
    js: NDArray[np.float64]
    smd: NDArray[np.float64]
    floors: NDArray[np.float64]


def places(calibration: Calibration) -> Iterator[tuple[Part, int]]:
    """Every part with the place of its first comparison in the calibration."""
    first = 0
    for part in calibration.parts:
        yield part, first
        first += len(part.index)


def moving_base(part: Part, mine: Pane, since: int, until: int, panes: Panes) -> Pane | None:
    """What a part whose baseline moves is compared with in a stretch in which its slice was `mine`; None where it does not.
    Seasonal ones have whole hours, as they were."""
    against, held = part.against, {part.slice: mine}
    if against.kind == "cohort":
        whom = (against.dimension, against.against) if against.against else ALL
        return others(against, part.slice, held | {whom: panes(whom, since, until)})
    if against.kind == "seasonal":
        back = [i * against.period for i in range(1, against.repeats + 1)]
        start, stop = since // HOUR * HOUR, max(since // HOUR * HOUR + HOUR, until // HOUR * HOUR)
        return merge_all(panes(part.slice, start - earlier, stop - earlier) for earlier in back)
    return None


def base_of(calibration: Calibration, part: Part, first: int, moved: Pane | None) -> Base:
    """The baselines of a part whose first comparison is `first`: as learned, or as they moved to."""
    if moved is None:
        return calibration.base.select(np.arange(first, first + len(part.index)))
    tally = part.cells.tally(moved)
    return Base(tally.cells, tally.mean(), tally.variance(), tally.n)


def beside(calibration: Calibration, part: Part, first: int, pane: Pane, moved: Pane | None = None) -> Effects:
    """A pane of the part's slice beside its baseline."""
    base, now = base_of(calibration, part, first, moved), part.cells.tally(pane)
    traits = calibration.traits.select(np.arange(first, first + len(part.index)))
    share = np.take_along_axis(now.cells, (traits.k - 1)[:, None], 1)[:, 0] / np.maximum(now.n, 1)
    value = np.where(now.n == 0, np.nan, np.where(traits.numeric, now.mean(), share))
    total = base.cells.sum(1)
    none = (now.n == 0) | (total == 0)
    return Effects(now.n, total, value, *(np.where(none, np.nan, one) for one in effects(base, traits, now)))


def reader(c: Connection, application: str) -> Panes:
    """Reads whole hours, or windows where a time is none."""

    def read(where: Slice, since: int, until: int) -> Pane:
        width = HOUR if since % HOUR == until % HOUR == 0 else WINDOW
        return merge_all(pane for _, pane in merged(c, application, where, width, since, until))

    return read


def merged(c: Connection, application: str, where: Slice, step: int, since: int, until: int) -> Iterator[tuple[int, Pane]]:
    """The panes of a slice over stretches of `step` that start at multiples of it in [since, until), where there are any."""
    width = next(width for width in (DAY, HOUR, WINDOW) if step % width == 0)
    held: list[Pane] = []
    at = since
    for key, blob in panes.between(c, application, width, since, until, *where):
        begins = key.start // step * step
        if begins != at and held:
            yield at, merge_all(held)
            held = []
        at = begins
        held.append(without_text(decode_pane(blob)))
    if held:
        yield at, merge_all(held)


def stretches(c: Connection, config: Config, wanted: Wanted, step: int, since: int, until: int) -> list[Course]:
    """The courses that are wanted over the stretches of `step` that are over by `until` and start at `since` or later.

    Each stands beside the baseline that is in force now. Evidence and threshold are nan: long windows are not tested again.
    """
    application, where = wanted.application, (wanted.dimension, wanted.value)
    registry = courses.comparisons(c, application)
    judged = courses.judged_through(c, application)
    known = calibration(c, application, config.application(application), registry, judged) if judged is not None else None
    if known is None or judged is None:
        return []
    mine = [
        (part, first, row)
        for part, first in places(known.calibration)
        if part.slice == where and wanted.baseline in (None, part.baseline)
        for row in np.flatnonzero(np.array(part.cells.names) == wanted.signal).tolist()
    ]
    start, end = -(-since // step) * step, min(until, judged) // step * step
    held = list(merged(c, application, where, step, start, end)) if mine else []
    read = reader(c, application)
    standing = [f for f in findings.since(c, application, start) if f.horizon == format_duration(step)]
    found = []
    for part, first, row in sorted(mine, key=lambda one: one[0].baseline):
        about = Comparison(int(part.index[row]), *where, wanted.signal, part.baseline)
        seen = (beside(known.calibration, part, first, pane, moving_base(part, pane, at, at + step, read)) for at, pane in held)
        rows = [[column[row] for column in one] for one in seen]
        found.append(_course(about, [at for at, _ in held], rows, [f for f in standing if _about(f, about)], step))
    return found


def _course(about: Comparison, starts: list[int], rows: list[list[float]], standing: list[Finding], step: int) -> Course:
    start, columns = np.array(starts, np.int64), np.array(rows, np.float64).reshape(-1, len(Effects._fields))
    stands = np.zeros(len(start), bool)
    for finding in standing:
        stands |= (start + step >= finding.since) & (start < (finding.ended or np.iinfo(np.int64).max))
    n, _, value, js, smd, floors = columns.T
    nothing = np.full(len(start), np.nan)
    return Course(
        signal=about.signal, dimension=about.dimension, value_of=about.value, baseline=about.baseline, start=start,
        n=n, value=value, js=js, smd=smd, times_floor=floors, evidence=nothing, threshold=nothing,
        verdict=np.where(stands, int(Code.FINDING), int(Code.ABSENT)),
    )  # fmt: skip


def _about(finding: Finding, about: Comparison) -> bool:
    where = next(iter(finding.slice.items()), ALL)
    return (finding.signal, finding.baseline, where) == (about.signal, about.baseline, (about.dimension, about.value))
