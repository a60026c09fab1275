"""What feedback counts as: the scores that it holds, and the signals of its interaction's panes that they belong to.

Where a judge of a score's name is configured, `scores.<name>` is the judge's alone; a human's or an application's score counts
in `scores.<name>.human` or `.application`, and where an interaction has both a human's and the judge's, three signals count
what corrects the judge's mean (records.signal.PAIRED). What an interaction adds depends on its scores alone, not on their
order: a new one takes all that the earlier ones of its name added back, and adds anew.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

import numpy as np
import polars as pl
from sqlalchemy import Connection

from monitor.stages.batch import Batch, Parts
from monitor.state import State
from monitor.store import contents, slices
from monitor.store import feedback as stored
from monitor.store.feedback import FeedbackKey, JoinedFeedback
from records.columns import Columns
from records.pane import EMPTY, Pane, subtract
from records.signal import PAIRED
from records.summary.sample import empty_sample
from signals.dynamic import declare
from signals.evaluation import score_answers
from streams.panes import PaneKey, fold, group_rows

ANSWER = "reference_answer"
HUMAN, JUDGE = "human", "judge"
Named = tuple[int, str]
"""An interaction's hash, and the name of a score."""
BySource = Mapping[str, JoinedFeedback]


class Found(NamedTuple):
    """Where an interaction was counted; `record` is its place in this batch, -1 where it came before."""

    start: int
    codes: list[int]
    record: int


class Row(NamedTuple):
    """Feedback at event time `at`, in record `record` of this batch, -1 where it waited."""

    key: FeedbackKey
    number: float | None
    text: str | None
    at: int
    record: int


class _Counted(NamedTuple):
    """A value of one signal, in the pane that it belongs to."""

    signal: str
    value: float
    start: int
    codes: list[int]


def scores(state: State, c: Connection, application: str, rows: list[Row], found: Mapping[int, Found]) -> list[Row]:
    """What counts as a score: numbers, also written as text; words of a judge's scale; an answer that was expected against the
    text, where that is kept. What does not is counted as unmatched."""
    words = {judge.name: judge.goes_by for judge in state.application(application).judges}
    out: list[Row] = []
    answers: list[Row] = []
    ages: dict[str, list[float]] = {}
    for row in rows:
        rubric = words.get(row.key.name)
        if row.number is None and row.key.name == ANSWER:
            answers.append(row)
            continue
        number = row.number if row.number is not None else _number(row.text or "", rubric.labels if rubric else ())
        if math.isfinite(number) and (rubric is None or 0.0 <= number <= 1.0):
            out.append(row._replace(number=number))
        else:
            reason = "out of scale" if math.isfinite(number) else "not a number"
            ages.setdefault(reason, []).append(_age(row, found))
    kept = contents.get(c, application, [row.key.id_hash for row in answers]) if answers else {}
    known = [row for row in answers if row.key.id_hash in kept and kept[row.key.id_hash].response is not None]
    if lost := [row for row in answers if row.key.id_hash not in kept or kept[row.key.id_hash].response is None]:
        ages["content not kept"] = [_age(row, found) for row in lost]
    for reason, of_reason in ages.items():
        stored.add_unmatched(c, application, reason, of_reason)
        state.metrics.count_unmatched(application, reason, of_reason)
    if known:
        responses = [kept[row.key.id_hash].response or "" for row in known]
        names = state.application(application).scores
        for name, values in score_answers(responses, [row.text or "" for row in known], names).items():
            for row, value in zip(known, values.tolist(), strict=True):
                if math.isfinite(value):
                    out.append(row._replace(key=row.key._replace(name=name), number=value))
    return out


def _age(row: Row, found: Mapping[int, Found]) -> float:
    """Seconds from the interaction's pane to its feedback."""
    return max((row.at - found[row.key.id_hash].start) / 1e6, 0.0)


def _number(text: str, labels: tuple[str, ...]) -> float:
    """The number that a text is, of a scale's labels their place from 0 (worst) to 1 (best); nan where it is none."""
    if text in labels:
        return labels.index(text) / (len(labels) - 1)
    try:
        return float(text)
    except ValueError:
        return math.nan


def count(
    state: State, batch: Batch, c: Connection, application: str, rows: list[Row], found: Mapping[int, Found], out: Parts
) -> None:
    """Add the scores to the panes of their interactions, and take back what they were counted as before."""
    if not rows:
        return
    _know_slices(state, c, application, found)
    judges = {judge.name for judge in state.application(application).judges}
    wanted = sorted({(row.key.id_hash, row.key.name) for row in rows})
    before = stored.of(c, application, wanted)
    held: dict[Named, BySource] = {named: before.get(named, {}) for named in wanted}
    now: dict[FeedbackKey, JoinedFeedback] = {}
    records = np.array([max(row.record, found[row.key.id_hash].record) for row in rows], np.int64)
    told = sorted(zip(batch.segment_of(records).tolist(), rows, strict=True), key=lambda one: one[0])
    for segment, group in groupby(told, key=lambda one: one[0]):
        fresh = _replaced(held, [row for _, row in group], found, judges)
        taken = _panes(state, application, [one for named in fresh for one in _signals(named[1], held[named])])
        added = _panes(state, application, [one for named, mine in fresh.items() for one in _signals(named[1], mine)])
        held |= fresh
        now |= {FeedbackKey(*named, source): row for named, mine in fresh.items() for source, row in mine.items()}
        for key in sorted({*added, *taken}):
            delta = added.get(key, EMPTY)
            out.setdefault(segment, []).append((key, subtract(delta, taken[key]) if key in taken else delta))
    stored.put(c, application, now)


def _replaced(
    held: Mapping[Named, BySource], rows: Iterable[Row], found: Mapping[int, Found], judges: Collection[str]
) -> dict[Named, BySource]:
    """The scores of the interactions and names that the rows speak of, with theirs in place of earlier ones."""
    fresh: dict[Named, dict[str, JoinedFeedback]] = {}
    for row in rows:
        named = row.key.id_hash, row.key.name
        apart = row.key.name in judges
        if named not in fresh:
            fresh[named] = {source: one._replace(apart=apart) for source, one in held[named].items()}
        fresh[named][row.key.source] = JoinedFeedback(float(row.number or 0.0), *found[row.key.id_hash][:2], apart)
    return dict(fresh)


def _signals(name: str, scored: BySource) -> Iterable[_Counted]:
    """What the scores of one name add to the panes of their interaction, by source."""
    signal = f"scores.{name}"
    for source, one in scored.items():
        yield _Counted(f"{signal}.{source}" if one.apart and source != JUDGE else signal, *one[:3])
    human, judge = scored.get(HUMAN), scored.get(JUDGE)
    if human and judge and human.apart and judge.apart:
        for suffix, value in zip(PAIRED, (human.value, judge.value, human.value - judge.value), strict=True):
            yield _Counted(signal + suffix, value, judge.start, judge.codes)


def _know_slices(state: State, c: Connection, application: str, found: Mapping[int, Found]) -> None:
    """Another process may have counted the interaction, and have registered a value that this one has not met."""
    for d, dimension in enumerate(state.application(application).slices):
        known = len(state.slices.get((application, dimension), {}))
        if any(len(one.codes) > d and one.codes[d] >= known for one in found.values()):
            state.slices = slices.load(c)
            return


def _panes(state: State, application: str, counted: list[_Counted]) -> dict[PaneKey, Pane]:
    """Panes that hold scores alone: their interactions are counted already."""
    if not counted:
        return {}
    names = sorted({one.signal for one in counted})
    numeric = {name: np.full(len(counted), np.nan) for name in names}
    for i, one in enumerate(counted):
        numeric[one.signal][i] = one.value
    declared = {name: declare(name) for name in names}
    state.declared.update(declared)
    of_rows = {}
    for d, dimension in enumerate(state.application(application).slices):
        values = {code: value for value, code in state.slices.get((application, dimension), {}).items()}
        mine = [values.get(one.codes[d]) if d < len(one.codes) else None for one in counted]
        of_rows[dimension] = pl.Series(mine, dtype=pl.String)
    starts = np.array([one.start for one in counted], np.int64)
    grouping = group_rows(pl.Series([application] * len(counted)), starts, of_rows)
    panes = fold(Columns(len(counted), declared, numeric), grouping, pl.Series([""] * len(counted)), of_rows)
    blank = ((key, pane, empty_sample(len(pane.names))) for key, pane in zip(grouping.keys, panes, strict=True))
    return {key: replace(pane, n=0, sample=sample) for key, pane, sample in blank}
