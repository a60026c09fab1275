"""Event time: how far a stream has come, and which windows may therefore close.

An application's watermark is the highest event time seen, never ahead of the time its record was accepted, so that one
fast clock makes nobody late. It is followed record by record: where windows close does not depend on how records were
fetched.
"""

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
