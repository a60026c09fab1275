"""What an application's windows are compared with, and when that is learned anew.

After 24, 48, 96 and 192 windows, then daily; when a baseline or a signal comes to mean something else, at once; and when
slices or signals that nobody knew have had enough windows, at the next full hour.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from detectors.baselines import Baseline
from detectors.calibration import ALL, Calibration, Panes, Season, Slice, Subject
from detectors.common_factor import LIVED, Peaks, Pool, Span
from detectors.scores import MINIMUM_WINDOWS
from monitor.config.models import ApplicationConfig
from monitor.store import courses, panes, references
from records.pane import Accumulator, Pane, without_text
from records.pane import merge as merge_panes
from records.pane_codec import decode_pane
from records.signal import Signal
from records.window import DAY, HOUR, WINDOW, Code, decode_window

FIRST_DAY = (24, 48, 96, 192)
"""Windows after which the baseline of a new application is learned anew; from then on once a day."""
NEWCOMERS_AFTER = MINIMUM_WINDOWS * WINDOW
"""How long after the last learning newcomers are learned of, at the earliest."""
_HOURS_KEPT = 48
COMPLETE = "complete"
"""The definition of a fixed period that is over."""


@dataclass(frozen=True)
class Compared:
    """The baselines of an application, and the panes by slice of those that are fixed; `versions`: of its references."""

    baselines: Mapping[str, Baseline]
    fixed: Mapping[str, Panes]
    versions: Mapping[str, int]

    def panes(self, before: Calibration | None) -> dict[str, Panes]:
        """Those panes; of a period as they were learned first, since it outlives what the store keeps of it."""
        known = dict(self.fixed)
        for part in before.parts if before else ():
            if self.baselines[part.baseline].definition == COMPLETE:
                known[part.baseline] = {**known.get(part.baseline, {}), part.slice: part.base}
        return known

    def definitions(self, declared: Callable[[str], Signal], signals: Iterable[str]) -> dict[str, str]:
        """What the name of each baseline and signal stands for, as of now."""
        of_baselines = {f"baseline {name}": baseline.definition for name, baseline in self.baselines.items()}
        return of_baselines | {f"signal {name}": _meaning(declared(name)) for name in sorted(signals)}


def _meaning(signal: Signal) -> str:
    return f"{signal.kind:d} {signal.unit} {signal.low} {signal.high} {signal.worse}"


def compared(c: Connection, application: str, config: ApplicationConfig, start: int, known: Compared | None) -> Compared:
    """What windows from `start` on are compared with; `known` where that is still true."""
    versions = references.newest(c, application)
    over = {b.name: b.period for b in config.baselines if b.period and b.period.until <= start}
    if known and known.versions == versions and over.keys() <= known.fixed.keys():
        return known
    baselines, fixed = {}, dict[str, Panes]()
    for baseline in config.baselines:
        definition = ""
        if baseline.reference and (found := references.get(c, application, baseline.reference)):
            fixed[baseline.name] = {where: decode_pane(blob) for where, blob in found.panes.items()}
            definition = f"version {found.meta.version}"
        if span := over.get(baseline.name):
            fixed[baseline.name] = _hours_of(c, application, span.since, span.until)
            definition = COMPLETE
        baselines[baseline.name] = baseline.compared(definition)
    return Compared(baselines, fixed, versions)


def _hours_of(c: Connection, application: str, since: int, until: int) -> Panes:
    """What each slice was between two times, from the hours that are kept."""
    gathered: dict[Slice, Accumulator] = {}
    for key, blob in panes.between(c, application, HOUR, since, until):
        gathered.setdefault((key.dimension, key.value), Accumulator(commonest=True)).add(without_text(decode_pane(blob)))
    return {where: held.total() for where, held in gathered.items()}


def windows(c: Connection, application: str, since: int, until: int, step: int = WINDOW) -> Iterator[tuple[int, Panes]]:
    """Stored windows (or hours, or days) in order, their panes by slice, merged over partitions."""
    at = since
    gathered: dict[Slice, Pane] = {}
    for key, blob in panes.between(c, application, step, since, until):
        if key.start != at and gathered:
            yield at, gathered
            gathered = {}
        at, where = key.start, (key.dimension, key.value)
        pane = decode_pane(blob)
        gathered[where] = merge_panes(gathered[where], pane) if where in gathered else pane
    if gathered:
        yield at, gathered


class Seasons:
    """The earlier hours of seasonal baselines, read when a window asks for them; the last few are kept."""

    def __init__(self, application: str):
        self.application = application
        self._kept: OrderedDict[int, Panes] = OrderedDict()

    def forget(self) -> None:
        """Late data may have changed any hour."""
        self._kept.clear()

    def reader(self, c: Connection) -> Season:
        """Reads from one transaction."""

        def read(baseline: Baseline, start: int) -> Iterator[tuple[int, Panes]]:
            for i in range(1, baseline.repeats + 1):
                hour = start // HOUR * HOUR - i * baseline.period
                if hour not in self._kept:
                    found = next((held for _, held in windows(c, self.application, hour, hour + HOUR, HOUR)), {})
                    self._kept[hour] = {where: without_text(pane) for where, pane in found.items()}
                    if len(self._kept) > _HOURS_KEPT:
                        self._kept.popitem(last=False)
                yield hour, self._kept[hour]

        return read


class Newcomers:
    """Slices and signals that the calibration in force does not know, by the windows that had them."""

    def __init__(self) -> None:
        self._seen: dict[int, list[object]] = {}

    def note(self, calibration: Calibration | None, start: int, held: Panes) -> None:
        """What of one window is new."""
        if calibration is not None:
            slices: list[object] = [where for where, pane in held.items() if where not in calibration.slices and pane.n]
            names = held[ALL].names if ALL in held else ()
            if found := slices + [name for name in names if name not in calibration.signals]:
                self._seen[start] = found

    def forget(self, since: int) -> None:
        """Windows from `since` on will be judged again."""
        self._seen = {start: found for start, found in self._seen.items() if start < since}

    def clear(self) -> None:
        self._seen.clear()

    def enough(self) -> bool:
        """Whether any of them has had as many windows as a comparison needs."""
        counts = Counter(one for found in self._seen.values() for one in found)
        return any(n >= MINIMUM_WINDOWS for n in counts.values())


def scheduled(start: int, first: int, last: int) -> bool:
    """Whether a time to learn lies between the last learning and `start`; `first`: where judging began."""
    if start // DAY > last // DAY and start - first >= FIRST_DAY[0] * WINDOW:
        return True
    return any(last < first + age * WINDOW <= start for age in FIRST_DAY)


def redefined(calibration: Calibration, now: Mapping[str, str], registry: list[Subject]) -> list[int]:
    """Rows of the comparisons whose baseline or signal meant something else when the calibration was learned."""
    changed = {name for name, meaning in now.items() if calibration.definitions.get(name, meaning) != meaning}
    return [i for i, s in enumerate(registry) if f"baseline {s.baseline}" in changed or f"signal {s.signal}" in changed]


def luck(c: Connection, application: str, start: int, incidents: Iterable[Span]) -> Pool:
    """The largest evidence of the last weeks over its threshold, of one application: what is known of others depends on how
    far they are judged, and verdicts must not."""
    peaks = Peaks()
    for at, blob in courses.rows(c, application, start - LIVED - DAY, start):
        window = decode_window(blob)
        with np.errstate(invalid="ignore"):
            ratio = window.evidence / window.threshold * window.factor
        ratio[window.verdict == Code.SMALL] = np.nan  # a small change that lasts is no luck
        peaks.add(at, ratio[None, :].astype(np.float64))
    return peaks.pool(start, incidents)
