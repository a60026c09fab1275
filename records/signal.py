"""A signal's declaration: what is measured of an interaction, in which unit, and what a rise of it means."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal


class Kind(IntEnum):
    """How a signal is summarised. The values are stored in panes: never renumber."""

    NUMERIC = 0
    BOOLEAN = 1
    CATEGORICAL = 2
    TEXT = 3
    VECTOR = 4


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing measured of every interaction.

    `resolution` is the step, in `unit`, to which values are rounded before they are counted and summed: sums of
    rounded values are integers, so they are exact in any order up to 2**53 steps.
    Values outside [`low`, `high`] are counted as bad and never enter a distribution.
    `worse` says which direction harms: shares are then tested one-sided (statistics.md, section 4).
    """

    name: str
    kind: Kind
    title: str
    family: str
    unit: str = ""
    rise: str = ""
    resolution: float = 1.0
    low: float = float("-inf")
    high: float = float("inf")
    worse: Literal["up", "down"] | None = None


SCORE_RESOLUTION = 1e-6


def score_signal(name: str) -> Signal:
    """The declaration of `scores.<name>`: an evaluation; lower is worse."""
    return Signal(
        f"scores.{name}",
        Kind.NUMERIC,
        f"score {name}",
        "judged",
        rise="better answers",
        resolution=SCORE_RESOLUTION,
        low=-1e12,
        high=1e12,
        worse="down",
    )


PAIRED = (".paired.human", ".paired.judge", ".paired.correction")
"""What `scores.<name>` of a judge is followed by, where an interaction has a human's score as well: theirs, the judge's, and
the human's less the judge's. They are counted to correct the judge's mean with; nothing is tested on them."""


def is_paired(name: str) -> bool:
    """Whether a signal is one of the PAIRED."""
    return name.endswith(PAIRED) and name.startswith("scores.")


JUDGES = "judges."
"""What begins the names of signals that speak of a judge itself: no interaction has them."""


def judge_signal(name: str, remedy: str = "") -> Signal:
    """The declaration of `judges.<name>`: a judge's scores of its golden set. `remedy`: what becomes of its scores."""
    return Signal(f"{JUDGES}{name}", Kind.NUMERIC, f"judge {name}{remedy}", "judged", rise="a judge that is milder than it was")


def tag_signal(key: str) -> Signal:
    """The declaration of `tags.<key>`: a category as the application names it."""
    return Signal(f"tags.{key}", Kind.CATEGORICAL, f"tag {key}", "traffic")
