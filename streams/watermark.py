"""Event time: how far a stream has come, and which windows may therefore close.

An application's watermark is the highest event time seen, never ahead of the time its record was accepted, so that one
fast clock makes nobody late. It is followed record by record: where windows close does not depend on how records were
fetched.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Closing(NamedTuple):
    """After log record `record` (position in the batch), windows of an application that end by `through` may close."""

    record: int
    application: str
    through: int


def advance(
    before: int, record: NDArray[np.int64], timestamp: NDArray[np.int64], accepted_at: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The watermark after each of the R records of a batch (R,), microseconds.

    record, timestamp: (n,) position of each interaction's record and its event time; accepted_at: (R,).
    """
    highest = np.full(len(accepted_at), before, np.int64)
    np.maximum.at(highest, record, np.minimum(timestamp, accepted_at[record]))
    return np.maximum.accumulate(highest)


def closings(application: str, watermark: NDArray[np.int64], judged: int, lateness: int, width: int) -> list[Closing]:
    """Where in a batch windows of `width` close, given the watermark after each record and what was judged before it."""
    through = (watermark - lateness) // width * width
    reached = np.maximum.accumulate(np.maximum(through, judged))
    moved = np.flatnonzero(np.diff(reached, prepend=judged) > 0)
    return [Closing(int(i), application, int(reached[i])) for i in moved]


IDLE, FRESH = 10_000_000, 10_000_000
"""A partition that had nothing new for IDLE holds nobody back, as long as its owner has looked within FRESH, microseconds."""
LIVE = 3_600_000_000
"""A stream whose newest events were accepted within this of their time is live: its silence means something."""


class Progress(NamedTuple):
    """How far one application is in one partition: its `watermark` there (None: nothing of it was seen), when the last record
    was accepted, and how many records were `behind` when the owner last looked, at `checked_at`. What was accepted last is
    `delay` old (`delay_of`): more than a moment where what waited for Kafka is sent. Microseconds."""

    watermark: int | None
    accepted_at: int
    checked_at: int
    behind: int
    delay: int = 0


def delay_of(accepted_at: int, watermarks: Iterable[int]) -> int:
    """How old the newest events of a partition's live streams were when the last record was accepted."""
    return max(0, accepted_at - max((w for w in watermarks if is_live(accepted_at, w)), default=accepted_at))


def is_live(accepted_at: int, watermark: int) -> bool:
    """Whether a stream that reached `watermark` with a record accepted then is live, not a replayed history."""
    return accepted_at - watermark < LIVE


def reached(partitions: Sequence[Progress], now: int) -> int | None:
    """The event time that a stream of several partitions has reached at `now`; None as long as that is not known.

    The least of the partitions decides, but for those that are idle; where all are, the greatest. A partition that shows
    nothing of it yet must first have come as far as the others: it may hold older events than they do. A live stream that
    was taken in to its end has also reached the time at which that was seen, less its delay: nobody waits for what was not
    sent, but for what is sent late.
    """
    seen = [p.watermark for p in partitions if p.watermark is not None]
    if not seen:
        return None
    newest = max(p.accepted_at for p in partitions)
    through = [p.accepted_at if p.behind else p.checked_at for p in partitions]
    unknown = any(p.watermark is None and at < newest for p, at in zip(partitions, through, strict=True))
    holding = [p.watermark for p in partitions if p.watermark is not None and not _idle(p, newest, now)]
    by_event = None if unknown else min(holding, default=max(seen))
    if any(p.watermark is not None and is_live(p.accepted_at, p.watermark) for p in partitions):
        return max(by_event or 0, min(at - p.delay for p, at in zip(partitions, through, strict=True)))
    return by_event


def _idle(p: Progress, newest: int, now: int) -> bool:
    """Whether a partition had nothing for a while, as was seen after the `newest` record of any was accepted."""
    return p.behind == 0 and p.checked_at - p.accepted_at > IDLE and newest <= p.checked_at and now - p.checked_at < FRESH
