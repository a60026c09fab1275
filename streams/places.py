"""What lies between a stream of several partitions and whoever takes it in."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from records.errors import PlumblineError
from streams.embedded import LogRecord


class Moved(PlumblineError):  # noqa: N818
    """Somebody set a partition back: what was fetched is of no use, it has to be assigned anew."""


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    number: int

    @property
    def kind(self) -> str:
        """What its records are: "interactions" or "feedback"."""
        return self.topic.rpartition(".")[2]

    @property
    def label(self) -> str:
        """Its name in metrics."""
        return f"{self.kind}-{self.number}"


class Sight(NamedTuple):
    """The end of a partition's log as the broker told at `at`, wall clock, microseconds."""

    end: int
    at: int


class Consumer(Protocol):
    """Takes partitions in, called from one thread; it owns the positions. `now` is wall clock, microseconds."""

    def assigned(self, places: Collection[Place], topic_ids: Mapping[str, str], now: int) -> dict[Place, int]:
        """These are ours from now on, no others; where to go on in each."""

    def ingest(self, fetched: Mapping[Place, Sequence[LogRecord]], now: int) -> None:
        """Take records in; when it returns they and their positions are committed."""

    def look(self, sights: Mapping[Place, Sight], now: int) -> None:
        """How the partitions stand, about once a second. Raises Moved, as `ingest` does."""

    def lost(self, place: Place, first: int, now: int) -> None:
        """Nothing before `first` is to be had any more."""
