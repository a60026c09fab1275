"""What each page shows, as plain values: the store is read into these, templates and charts read nothing else.

Times are microseconds since 1970 UTC, durations seconds, shares 0 to 1 (the page turns them into per cent).
Figures of a signal are in its display unit (`unit`), already scaled.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from monitor.page.views_overview import FirstRun, QualityRow

Severity = Literal["critical", "warning"]
AlertState = Literal["firing", "pending", "resolved"]
CellKind = Literal["quiet", "noise", "small", "finding", "calibrating", "too_few", "no_data"]
Style = Literal["plain", "strong", "code"]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a sentence; `code` is a slice or an id, set in mono."""

    text: str
    style: Style = "plain"


Sentence = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a control; `value` goes into the URL."""

    value: str
    label: str
    current: bool = False


@dataclass(frozen=True, slots=True)
class Chrome:
    """What frames every page of an application: `now` is the clock when the figures were read."""

    application: str
    applications: tuple[str, ...]
    signals: tuple[Choice, ...]
    open_alerts: int
    now: int


@dataclass(frozen=True, slots=True)
class ApplicationRow:
    """One application in the list; `state` says in words what a person should know first."""

    application: str
    interactions: int
    open_alerts: int
    severity: Severity | None
    state: str
    watermark: int | None


@dataclass(frozen=True, slots=True)
class Effect:
    """`measure` is a key of a finding's effects (js, smd, ratio); `floor` the user's floor in the same unit."""

    measure: str
    value: float
    floor: float
    times_floor: float
    detectable: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Decades gathered and decades that an alarm needs."""

    decades: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Moved:
    """One finding of an alert: `against` names its baseline, `leads` the one that the alert's sentence speaks of."""

    signal: str
    title: str
    slice: Choice
    against: str
    since: int
    ended: int | None
    effect: Effect | None
    evidence: Evidence | None
    leads: bool


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert; `effect` and `evidence` are None for a rule on a plain value, which is outside the budget."""

    id: str
    state: AlertState
    severity: Severity
    sentence: Sentence
    cause: Sentence
    signal: str
    slice: str
    since: int
    ended: int | None
    n: int
    effect: Effect | None
    evidence: Evidence | None
    moved: tuple[Moved, ...] = ()


@dataclass(frozen=True, slots=True)
class StateLine:
    """`watermark` is the event time up to which figures are complete."""

    interactions_today: int
    watermark: int | None
    lag: float | None
    budget_spent: float
    budget: str
    stale_after: float = 120.0

    @property
    def stale(self) -> bool:
        """Whether figures lag further behind than a reader would expect."""
        return self.lag is not None and self.lag > self.stale_after


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """`count` steps of `step` microseconds from `start` on, all drawings of a page share it."""

    start: int
    step: int
    count: int

    @property
    def end(self) -> int:
        """End of the last step."""
        return self.start + self.step * self.count

    def at(self, index: int) -> int:
        """Start of step `index`."""
        return self.start + self.step * index


@dataclass(frozen=True, slots=True)
class Cell:
    """The verdict of one step: `times_floor` is the effect over the floor, `slice` the worst one ("" for all traffic)."""

    kind: CellKind
    times_floor: float = 0.0
    n: int = 0
    slice: str = ""
    needs: int = 0


@dataclass(frozen=True, slots=True)
class Period:
    """Steps `first` to `last` (inclusive) of the axis under an alert, with the words beside it."""

    first: int
    last: int
    state: AlertState
    severity: Severity
    alert: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class AlertMark:
    """How a row takes part in an alert: it leads it, or it moved with it."""

    alert: str
    state: AlertState
    leads: bool


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One signal of the heat map. `note` replaces the figures where there are none to compare ("calibrating, 5 of 7 days")."""

    signal: str
    title: str
    family: str
    unit: str
    reference: float | None
    now: float | None
    cells: tuple[Cell, ...]
    times_floor: float | None = None
    mark: AlertMark | None = None
    periods: tuple[Period, ...] = ()
    note: str = ""

    @property
    def unusual(self) -> bool:
        """Whether anything was significant in the range: narrow windows show these rows only."""
        return self.mark is not None or any(cell.kind == "finding" for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Strip:
    """A golden signal: the line is now (None where there was no data), `low` to `high` the usual band of that hour."""

    signal: str
    title: str
    unit: str
    values: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    usual: float | None
    now: float | None


@dataclass(frozen=True, slots=True)
class Marker:
    """First sight of a new model, prompt version or tag value."""

    at: int
    text: str


@dataclass(frozen=True, slots=True)
class OverviewView:
    """The page of an application. With `first_run` the board is left out."""

    chrome: Chrome
    state: StateLine
    alerts: tuple[AlertRow, ...]
    last_alert: str
    axis: TimeAxis
    strips: tuple[Strip, ...] = ()
    rows: tuple[BoardRow, ...] = ()
    markers: tuple[Marker, ...] = ()
    against: tuple[Choice, ...] = ()
    slices: tuple[Choice, ...] = ()
    compared: str = ""
    quality: tuple[QualityRow, ...] = ()
    first_run: FirstRun | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """A signal over the axis: its statistic ("median") a step, the usual band and centre, and n."""

    statistic: str
    values: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    usual: tuple[float | None, ...]
    n: tuple[int, ...]
    band: str = "p10–p90"


@dataclass(frozen=True, slots=True)
class Lane:
    """Verdicts of one comparison, one cell a step."""

    comparison: str
    baseline: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class DistributionCell:
    """A cell with its shares; `low` and `high` are its edges, None for a category (then `label` names it)."""

    label: str
    reference: float
    now: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class DistributionView:
    """Reference and now on the same cells; numeric cells are as wide as one another, the last may be open ("400+")."""

    cells: tuple[DistributionCell, ...]
    reference_label: str
    now_label: str
    reference_n: int
    now_n: int
    statistic: str = "median"
    reference_centre: float | None = None
    now_centre: float | None = None

    @property
    def numeric(self) -> bool:
        """Whether the cells lie on an axis."""
        return all(cell.low is not None for cell in self.cells)


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One comparison at one horizon; `note` replaces figures that are not there. Not `judged`: it has an effect alone."""

    horizon: str
    comparison: str
    baseline: str
    reference_n: int | None
    n: int
    kind: CellKind
    effect: Effect | None = None
    evidence: Evidence | None = None
    alert: str = ""
    note: str = ""
    judged: bool = True


@dataclass(frozen=True, slots=True)
class Why:
    """Why a comparison alarms where it does, in a sentence."""

    comparison: str
    baseline: str
    text: str


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One slice of the signal with its own effect and verdict."""

    slice: str
    label: str
    share: float
    n: int
    reference: float | None
    now: float | None
    effect: Effect | None
    kind: CellKind
    note: str = ""


@dataclass(frozen=True, slots=True)
class SignalView:
    """The page of one signal in one slice; `beside` says what skew and drift are together."""

    chrome: Chrome
    state: StateLine
    signal: str
    title: str
    unit: str
    family: str
    description: str
    slice: str
    slice_label: str
    sentence: Sentence
    axis: TimeAxis
    course: Course
    lanes: tuple[Lane, ...]
    distribution: DistributionView | None
    verdicts: tuple[VerdictRow, ...]
    slice_rows: tuple[SliceRow, ...] = ()
    periods: tuple[Period, ...] = ()
    alert: AlertRow | None = None
    slices: tuple[Choice, ...] = ()
    ranges: tuple[Choice, ...] = ()
    beside: Sentence = ()
    why: tuple[Why, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """What the URL asks for. `slice` is "worst" (overview), "" (all traffic) or "name:value" as in "tags.tenant:acme"."""

    range: str = "24h"
    against: str = ""
    slice: str = ""
    at: int | None = field(default=None)


class Reading(Protocol):
    """Where the pages' figures come from; None means that there is no such application or signal."""

    def applications(self) -> tuple[ApplicationRow, ...]:
        """All applications, by name."""

    def overview(self, application: str, query: Query) -> OverviewView | None:
        """The overview of one application."""

    def signal(self, application: str, signal: str, query: Query) -> SignalView | None:
        """One signal of one application in one slice."""
