"""A finding: one episode in which a comparison differed, from `since` to its end."""

from typing import Literal

import msgspec

Comparison = Literal["skew", "drift", "cohort", "decay"]
Verdict = Literal["small", "finding", "no_data", "calm", "calibrating", "too_few"]


class Span(msgspec.Struct, frozen=True):
    """A stretch of event time, microseconds since 1970 UTC; `end` is exclusive."""

    start: int
    end: int


class CellReason(msgspec.Struct, frozen=True):
    """One cell that grew or shrank, in words, with its shares (0 to 1) before and after."""

    text: str
    before: float
    after: float


class SliceReason(msgspec.Struct, frozen=True):
    """A slice that explains: the share of the effect that vanishes without it, and its shares of the traffic, then and now."""

    slice: dict[str, str]
    vanishes: float
    before: float
    after: float


class WordReason(msgspec.Struct, frozen=True):
    """A word of prompts or responses (`side`) and the shares of those that used it before and after, of all traffic."""

    word: str
    side: str
    before: float
    after: float


class Reasons(msgspec.Struct, frozen=True):
    """Why: the cells that moved most, typical values before and after, interactions to look at, and which test spoke.

    Of all traffic also the slices that explain it; and the words that are used more or less often since then.
    """

    cells: list[CellReason] = []
    before: float | None = None
    after: float | None = None
    unit: str = ""
    statistic: str = "median"
    exemplars: list[str] = []
    spoke: str = ""
    slices: list[SliceReason] = []
    risen: list[WordReason] = []
    fallen: list[WordReason] = []


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One episode of one comparison; `id` is derived from what it is about and `since`, so judging twice is judging once.

    `effect` maps measures (js, smd, ratio, psi, ks, …) to values over the panes since `since`; `evidence` and
    `threshold` are decades. `ended` is None while it lasts. `told_at` is the effect over its floor when `reasons` were
    worked out: they are again once it has grown by a quarter.
    """

    id: str
    application: str
    slice: dict[str, str]
    signal: str
    baseline: str
    comparison: Comparison
    horizon: str
    window: Span
    since: int
    ended: int | None = None
    n: int
    reference_n: int
    effect: dict[str, float]
    times_floor: float
    p: float
    evidence: float
    threshold: float
    verdict: Verdict
    detectable: float | None = None
    revision: int = 0
    reasons: Reasons = Reasons()
    told_at: float = 0.0
