"""How good the answers are: the mean of each score with its interval, stretch by stretch, and what it rests on.

A judge's mean is corrected with what people said of the same interactions (detectors.prediction_powered); any other score has
a plain mean.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from detectors.arrays import divide
from detectors.calibration import ALL, Slice
from detectors.estimation.statement import Agreement, Estimate
from detectors.prediction_powered import Estimates, Scores, Sums, estimate, mean_interval
from detectors.prediction_powered import Method as Rests
from monitor.config.models import Config
from monitor.reading.stretches import merged
from monitor.store import estimates, judgements
from records.pane import HIGH, LOW, SQUARE, TOTAL, Pane, merge_all
from records.signal import PAIRED, is_paired
from records.window import DAY, HOUR, WINDOW

Floats = NDArray[np.float64]
Method = Literal["none", "judge_only", "labels_only", "prediction_powered", "mean"]
METHODS: tuple[Method, ...] = ("none", "judge_only", "labels_only", "prediction_powered", "mean")
"""By detectors.prediction_powered.Method; the last one is of scores that no judge gives."""
PLAIN = len(METHODS) - 1
LABELS = ".human"
_SCORES = "scores."


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """A score of one slice over S stretches of `step` that begin at `start` (S,), where there was anything; the last entry of
    the other arrays (S + 1,) is of all of them together. `low` to `high` holds the true mean with 95 %.

    `method` indexes METHODS; n_labels: people's scores; n_judged: scores of the judge, or of any other kind; coverage:
    n_judged of the judge's sample where all traffic has one, else of the interactions. `agreement` of the judge with
    people, as of the day `agreed_on`, where it was estimated.
    """

    evaluation: str
    dimension: str
    value_of: str
    step: int
    judged: bool
    start: NDArray[np.int64]
    value: Floats
    low: Floats
    high: Floats
    method: NDArray[np.int64]
    n_labels: NDArray[np.int64]
    n_judged: NDArray[np.int64]
    coverage: Floats
    agreement: Agreement | None = None
    agreed_on: int | None = None


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """Whose scores: of an application, in one slice, and of one evaluation where it is named."""

    application: str
    slice: Slice = ALL
    evaluation: str | None = None


def quality(c: Connection, config: Config, asked: Scored, step: int, since: int, until: int) -> list[Quality]:
    """The scores, by name, over the whole stretches of `step` in [since, until)."""
    start, end = -(-since // step) * step, until // step * step
    found = _scored(c, config, asked, step, list(merged(c, asked.application, asked.slice, step, start, end)), end)
    told = estimates.newest(c, asked.application) if asked.slice == ALL else None
    return [_agreed(one, told) for one in found]


def _agreed(one: Quality, told: Estimate | None) -> Quality:
    known = told.judges.get(one.evaluation) if told and one.judged else None
    return msgspec.structs.replace(one, agreement=known, agreed_on=told.day) if told and known else one


def lately(c: Connection, config: Config, asked: Scored, until: int) -> list[Quality]:
    """The scores of the day before `until`, hour by hour; of an hour that is not over, what there is."""
    hours = until // HOUR * HOUR
    held = list(merged(c, asked.application, asked.slice, HOUR, hours - DAY, hours))
    rest = merge_all(pane for _, pane in merged(c, asked.application, asked.slice, WINDOW, hours, until))
    held += [(hours, rest)] if rest.names else []
    return _scored(c, config, asked, HOUR, held, until)


def _scored(
    c: Connection, config: Config, asked: Scored, step: int, held: Sequence[tuple[int, Pane]], until: int
) -> list[Quality]:
    panes = [pane for _, pane in held]
    names = {name for pane in panes for name in pane.names if name.startswith(_SCORES) and not is_paired(name)}
    judges = {f"{_SCORES}{judge.name}" for judge in config.application(asked.application).judges}
    judges |= {name.removesuffix(LABELS) for name in names if name.endswith(LABELS)}
    wanted = (names | judges) - {f"{judge}{LABELS}" for judge in judges}
    if asked.evaluation is not None:
        wanted &= {f"{_SCORES}{asked.evaluation}"}
    start = np.array([at for at, _ in held], np.int64)
    seen = np.array([pane.n for pane in panes], np.float64)
    found = []
    for name in sorted(wanted):
        sampled = _sampled(c, asked, name.removeprefix(_SCORES), start, step, until) if name in judges else None
        made = _quality(asked, name, step, start, panes, seen if sampled is None else sampled, name in judges)
        found += [] if made is None else [made]
    return found


def _sampled(c: Connection, asked: Scored, judge: str, start: NDArray[np.int64], step: int, until: int) -> Floats | None:
    """How many of all traffic the judge was to score in each stretch (S,); None where nobody counts that."""
    if asked.slice != ALL or not len(start):
        return None
    counted = judgements.counts(c, asked.application, judge, int(start[0]), until)
    if not counted:
        return None
    out = np.zeros(len(start))
    for at, outcomes in counted.items():
        place = np.searchsorted(start, at, side="right") - 1
        out[place] += outcomes.get(judgements.SAMPLED, 0) if at < start[place] + step else 0
    return out


def _quality(
    asked: Scored, name: str, step: int, start: NDArray[np.int64], panes: Sequence[Pane], seen: Floats, judged: bool
) -> Quality | None:
    """`seen` (S,): of how many it would be with nothing missing."""
    n = np.append(seen, seen.sum())
    scores = _sums(panes, name)
    labels = _sums(panes, name + LABELS) if judged else nothing(len(n))
    if judged:
        low, high = np.zeros(len(n)), np.ones(len(n))
        human, judge, correction = (_sums(panes, name + suffix) for suffix in PAIRED)
        found = estimate(Scores(scores, labels, human, judge, correction, low, high))
    else:
        low, high = (np.full(len(n), end) for end in _scale(panes, name))
        method = np.where(scores.n > 0, PLAIN, int(Rests.NONE))
        found = Estimates(*mean_interval(scores, low, high), method, np.ones(len(n)))
    if found.method[-1] == Rests.NONE:
        return None
    kept = found.method != Rests.NONE
    return Quality(
        evaluation=name.removeprefix(_SCORES), dimension=asked.slice[0], value_of=asked.slice[1], step=step, judged=judged,
        start=start[kept[:-1]], value=found.value[kept], low=found.low[kept], high=found.high[kept], method=found.method[kept],
        n_labels=labels.n[kept].astype(np.int64), n_judged=scores.n[kept].astype(np.int64),
        coverage=np.minimum(divide(scores.n[kept], n[kept]), 1.0),
    )  # fmt: skip


def nothing(size: int) -> Sums:
    """No scores at all."""
    return Sums(*np.zeros((3, size)))


def _sums(panes: Sequence[Pane], name: str) -> Sums:
    """A score in each pane, and in all of them together."""
    rows = np.zeros((3, len(panes) + 1))
    for i, pane in enumerate(panes):
        if (place := pane.index(name)) >= 0:
            step = pane.resolution[place]
            rows[:, i] = (
                pane.cells(name)[1].sum(), pane.moments[place, TOTAL] * step, pane.moments[place, SQUARE] * step**2
            )  # fmt: skip
    rows[:, -1] = rows.sum(1)
    return Sums(*rows)


def _scale(panes: Iterable[Pane], name: str) -> tuple[float, float]:
    """The ends of a score's scale: from 0 to 1, or as far as it was seen beyond."""
    places = [(pane, place) for pane in panes if (place := pane.index(name)) >= 0]
    low = min((float(pane.moments[place, LOW]) for pane, place in places), default=0.0)
    high = max((float(pane.moments[place, HIGH]) for pane, place in places), default=1.0)
    return min(low, 0.0), max(high, 1.0)


def words(method: int, n_labels: int) -> str:
    """What an estimate rests on, as the page says it."""
    labels, few = (f"{n_labels} labels", "are") if n_labels != 1 else ("1 label", "is")
    return {
        "prediction_powered": f"corrected with {labels}",
        "judge_only": f"judge only, not corrected{f': {labels} {few} too few' if n_labels else ''}",
        "labels_only": f"{labels}, no judge",
        "mean": "mean of all scored",
        "none": "no scores",
    }[METHODS[method]]
