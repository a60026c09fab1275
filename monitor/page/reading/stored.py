"""`Reading` over the real store: one read transaction a page, decoded windows and panes kept between them."""

from collections.abc import Callable

from monitor.config import ConfigSource
from monitor.page.reading.applications import known_applications, read_applications
from monitor.page.reading.kept import Connection, Kept
from monitor.page.reading.overview import overview_axis, read_overview
from monitor.page.reading.sight import Sight
from monitor.page.reading.signal import read_signal, signal_axis
from monitor.page.views import ApplicationRow, OverviewView, Query, SignalView
from monitor.store import courses
from monitor.store.engine import Store

MOST_KEPT = 20_000
"""Decoded windows and columns of panes that stay in memory; a window of 1,500 comparisons is 20 kB, a column 1 kB."""


class StoreReading:
    """What pages show, as of the end of each application's last judged window; `clock` gives wall clock, microseconds."""

    def __init__(self, store: Store, config_source: ConfigSource, clock: Callable[[], int]):
        self._store, self._config_source, self._clock = store, config_source, clock
        self._kept = Kept(MOST_KEPT)
        self._live: set[str] = set()

    def applications(self) -> tuple[ApplicationRow, ...]:
        """All applications, by name."""
        with self._store.read() as c:
            return read_applications(c, self._config_source.current)

    def overview(self, application: str, query: Query) -> OverviewView | None:
        """The overview of one application; None where nobody knows it."""
        with self._store.read() as c:
            names = known_applications(c, self._config_source.current)
            if application not in names:
                return None
            now = self._now(c, application)
            return read_overview(self._sight(c, application, now, overview_axis(now).start), names, query)

    def signal(self, application: str, signal: str, query: Query) -> SignalView | None:
        """One signal of one application in one slice; None where nobody knows them."""
        with self._store.read() as c:
            names = known_applications(c, self._config_source.current)
            if application not in names:
                return None
            now = self._now(c, application)
            axis = signal_axis(query.range, now)
            return read_signal(self._sight(c, application, now, axis.start), names, signal, query, axis)

    def _now(self, c: Connection, application: str) -> int:
        judged = courses.judged_through(c, application)
        return self._clock() if judged is None else judged

    def _sight(self, c: Connection, application: str, now: int, since: int) -> Sight:
        return Sight(c, self._kept, self._config_source.current, application, now, self._clock(), since, self._live)
