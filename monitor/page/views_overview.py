"""Parts of the overview, as monitor.page.views has its other values: before the first verdict, and scores."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the first-run list, with its count in words."""

    label: str
    detail: str
    done: bool


@dataclass(frozen=True, slots=True)
class FirstRun:
    """Shown until the first verdict: the command that sends one interaction, and how far the first verdict is."""

    command: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """A step `index` of the axis: the estimate, and the ends of its interval."""

    index: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class QualityRow:
    """A score over the last day. `rests` says in words what the estimate rests on; `corrected`: people's labels are in it;
    `judged`: a judge gives the score. `points` are those of `count` steps that have any."""

    signal: str
    title: str
    value: float
    low: float
    high: float
    rests: str
    judged: bool
    corrected: bool
    n_labels: int
    n_judged: int
    coverage: float
    count: int
    points: tuple[Point, ...] = ()
