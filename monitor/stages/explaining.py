"""What explanations read of the store: every slice since a change, and how all traffic was before it."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from detectors.calibration import Panes, Slice
from detectors.words import Names
from monitor.store import panes, words
from records.pane import EMPTY, Accumulator, Pane
from records.pane_codec import decode_pane
from records.window import DAY, HOUR, WINDOW
from signals.vocabulary import word_keys

WEEK = 7 * DAY


def stretches(
    since: int, until: int, rolled: int, steps: Sequence[int] = (DAY, HOUR, WINDOW)
) -> Iterator[tuple[int, int, int]]:
    """The fewest panes that cover [since, until), as (width, from, to), in order; what ends by `rolled` was rolled up."""
    step, finer = steps[0], steps[1:]
    low, high = -(-since // step) * step, min(until, rolled) // step * step
    if not finer or low >= high:
        if since < until:
            yield from stretches(since, until, rolled, finer) if finer else [(step, since, until)]
        return
    yield from stretches(since, low, rolled, finer)
    yield step, low, high
    yield from stretches(high, until, rolled, finer)


class StoredPanes:
    """Answers `detectors.further.Stored` for one application within one transaction."""

    def __init__(self, c: Connection, application: str):
        self._c, self._application = c, application
        self._slices: dict[tuple[int, int], Panes] = {}
        self._before: dict[int, Pane] = {}
        self._names: Names | None = None

    def slices(self, since: int, until: int) -> Panes:
        if (since, until) not in self._slices:
            self._slices[since, until] = self._read(since, until, until - WINDOW, None)
        return self._slices[since, until]

    def before(self, since: int) -> Pane:
        hour = since // HOUR * HOUR
        if hour not in self._before:
            self._before[hour] = self._read(hour - WEEK, hour, hour, "").get(("", ""), EMPTY)
        return self._before[hour]

    def names(self) -> Names:
        if self._names is None:
            found: dict[int, list[str]] = {}
            known = words.known(self._c, self._application)
            for key, word in zip(word_keys(known).tolist(), known, strict=True):
                found.setdefault(key, []).append(word)
            self._names = found
        return self._names

    def _read(self, since: int, until: int, rolled: int, dimension: str | None) -> Panes:
        gathered: dict[Slice, Accumulator] = {}
        for step, low, high in stretches(since, until, rolled):
            for key, blob in panes.between(self._c, self._application, step, low, high, dimension):
                gathered.setdefault((key.dimension, key.value), Accumulator()).add(decode_pane(blob))
        return {where: panes.total() for where, panes in gathered.items()}
