"""What was read before is not read again: a cache of what blobs became, bounded, shared by the threads that serve pages.

Windows and panes of the last day may still be revised by late data, so they are kept under a hash of their bytes. Whole
days before that are kept as they were read in the present hour.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from threading import Lock
from typing import Any, TypeVar

from records.window import DAY, HOUR

Connection = Any
"""A transaction of monitor.store, which alone knows what it is."""
T = TypeVar("T")


class Kept:
    """The `most` things used last."""

    def __init__(self, most: int):
        self._most = most
        self._held: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is kept under `key`, made where it is not there. Two threads may make it twice; one of them stays."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                found: T = self._held[key]
                return found
        made = make()
        with self._lock:
            self._held[key] = made
            while len(self._held) > self._most:
                self._held.popitem(last=False)
        return made


def stretches(since: int, until: int, now: int) -> Iterator[tuple[int, int, Hashable]]:
    """[since, until) cut at days: (start, end, stamp); a stretch without stamp may still change and is read anew."""
    at = since
    while at < until:
        end = min(until, at // DAY * DAY + DAY)
        yield at, end, now // HOUR if end <= now - DAY else None
        at = end
