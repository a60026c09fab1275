"""What every page of an application needs first, read in one transaction: time, registry, alerts, what is compared."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from detectors.calibration import ALL, Slice
from monitor import reading
from monitor.config.baselines import Baseline
from monitor.config.duration import format_duration
from monitor.config.models import ApplicationConfig, Config
from monitor.page.reading.baselines import Hour, Reference
from monitor.page.reading.incidents import Incident, read_incidents
from monitor.page.reading.kept import Connection, Kept
from monitor.page.reading.names import shown, slice_label
from monitor.page.reading.panes import Source
from monitor.page.views import Choice, Chrome, StateLine
from monitor.reading.calibrations import Known, calibration
from monitor.store import courses, findings
from monitor.store.courses import Comparison
from records.finding import Finding
from records.window import DAY
from streams.watermark import LIVE


@dataclass
class Sight:
    """One application as of `now`, the end of its last judged window; `clock` is wall clock. Microseconds.

    `live` holds the applications whose streams were once seen to keep up with the clock: those alone can be stale.
    """

    c: Connection
    kept: Kept
    config: Config
    application: str
    now: int
    clock: int
    since: int
    live: set[str]

    @cached_property
    def own(self) -> ApplicationConfig:
        """The application's configuration."""
        return self.config.application(self.application)

    @cached_property
    def registry(self) -> list[Comparison]:
        """All comparisons by index."""
        return courses.comparisons(self.c, self.application)

    @cached_property
    def baselines(self) -> tuple[Baseline, ...]:
        """Those of the configuration that something is compared with."""
        known = {row.baseline for row in self.registry}
        return tuple(baseline for baseline in self.own.baselines if baseline.name in known)

    @cached_property
    def slices(self) -> list[Slice]:
        """All slices but all traffic, by dimension and value."""
        return sorted({(row.dimension, row.value) for row in self.registry} - {ALL})

    @cached_property
    def labels(self) -> list[str]:
        """What a cell says of each comparison's slice, empty for all traffic."""
        return [slice_label(row.dimension, row.value) if row.dimension else "" for row in self.registry]

    @cached_property
    def signals(self) -> list[str]:
        """All signals compared, in the order of the page."""
        return sorted({row.signal for row in self.registry}, key=lambda name: shown(name).place)

    @cached_property
    def incidents(self) -> list[Incident]:
        """Alerts that are open or ended since `since`."""
        return read_incidents(self.c, self.application, self.now, self.since, self.findings)

    @cached_property
    def findings(self) -> list[Finding]:
        """Findings that are open or ended since `since`."""
        return findings.since(self.c, self.application, self.since)

    @cached_property
    def known(self) -> Known | None:
        """The calibration in force, with what was measured when it was learned."""
        return calibration(self.c, self.application, self.own, self.registry, self.now)

    @cached_property
    def reference(self) -> Reference:
        """The calibration in force, with the last hour."""
        learned = self.known.calibration if self.known else None
        return Reference(learned, Hour(self.c, self.kept, self.application, self.now))

    @cached_property
    def budget(self) -> reading.Budget:
        """What was spent of the false alarms that are accepted."""
        return reading.budget(self.c, self.config, self.now)

    def rows(self, signal: str, baseline: str, where: Slice | None = None) -> NDArray[np.int64]:
        """Comparisons of a signal against one baseline, in one slice or in all."""
        place = self._places.get((signal, baseline), [])
        chosen = [i for i in place if where is None or (self.registry[i].dimension, self.registry[i].value) == where]
        return np.array(chosen, np.int64)

    @cached_property
    def _places(self) -> dict[tuple[str, str], list[int]]:
        places: dict[tuple[str, str], list[int]] = {}
        for row in self.registry:
            places.setdefault((row.signal, row.baseline), []).append(row.index)
        return places

    def source(self, where: Slice) -> Source:
        """The panes of a slice."""
        return Source(self.c, self.kept, self.application, where, self.now)

    def chrome(self, applications: Iterable[str]) -> Chrome:
        """What frames the page."""
        names = tuple(Choice(name, shown(name).title) for name in self.signals)
        firing = sum(incident.state != "resolved" for incident in self.incidents)
        return Chrome(self.application, tuple(applications), names, firing, self.now)

    def state(self, interactions_today: int) -> StateLine:
        """Freshness and budget."""
        known = {row.application: row.watermark for row in reading.applications(self.c)}
        watermark = known.get(self.application)
        lag = None
        if watermark is not None:
            if self.now > watermark or abs(self.clock - watermark) < LIVE:
                self.live.add(self.application)
            lag = max(self.clock - watermark, 0) / 1e6 if self.application in self.live else None
        allowed = self.config.false_alarms
        spent = self.budget.spent / allowed.at_most
        many = "alarm" if allowed.at_most == 1 else "alarms"
        words = f"at most {allowed.at_most:g} false {many} per {_days(allowed.per)}"
        return StateLine(interactions_today, watermark, lag, spent, words)


def _days(span: int) -> str:
    return f"{span // DAY} days" if span % DAY == 0 and span > DAY else format_duration(span)
