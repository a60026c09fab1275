"""Which stretches of time a page may keep as it read them.

Windows and panes of the last day may still be revised by late data, so they are kept under a hash of their bytes. Whole
days before that are kept as they were read in the present hour.
"""

from collections.abc import Hashable, Iterator
from typing import Any

from monitor.reading.kept import Kept
from records.window import DAY, HOUR

__all__ = ["Connection", "Kept", "stretches"]
Connection = Any
"""A transaction of monitor.store, which alone knows what it is."""


def stretches(since: int, until: int, now: int) -> Iterator[tuple[int, int, Hashable]]:
    """[since, until) cut at days: (start, end, stamp); a stretch without stamp may still change and is read anew."""
    at = since
    while at < until:
        end = min(until, at // DAY * DAY + DAY)
        yield at, end, now // HOUR if end <= now - DAY else None
        at = end
