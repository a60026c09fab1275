"""Panes made from plain values, and a course driven over them."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl

from detectors.baselines import Baseline
from detectors.calibration import ALL, Calibration, Panes, Subject, always, learn
from detectors.course import Budget, Course
from records.columns import Columns, Labels
from records.pane import Pane
from records.signal import Kind, Signal
from records.window import DAY, WINDOW, Window
from streams.panes import fold, group_rows

START = 1_790_000_000_000_000 // DAY * DAY
BUDGET = Budget(1.0, 30 * 288, 1)
DECLARED = {
    "length": Signal("length", Kind.NUMERIC, "length", "form", unit="characters"),
    "seconds": Signal("seconds", Kind.NUMERIC, "seconds", "cost", resolution=0.001, low=0.0, high=1e6),
    "failed": Signal("failed", Kind.BOOLEAN, "failed", "quality", worse="up"),
    "topic": Signal("topic", Kind.CATEGORICAL, "topic", "quality"),
}


def declared(name: str) -> Signal:
    """As a pipeline's state declares: what is not known here is one of the two rows of data quality."""
    return DECLARED.get(name) or Signal(name, Kind.BOOLEAN, name, "quality", worse="up")


def pane(**values: Sequence[Any]) -> Pane:
    """One pane of all traffic: numbers, booleans (None is missing) or categories by signal; all of one length."""
    n = max((len(v) for v in values.values()), default=0)
    columns = Columns(n, {name: DECLARED[name] for name in values})
    for name, given in values.items():
        kind = DECLARED[name].kind
        if kind == Kind.NUMERIC:
            columns.numeric[name] = np.array([np.nan if v is None else v for v in given], np.float64)
        elif kind == Kind.BOOLEAN:
            columns.boolean[name] = np.array([-1 if v is None else int(v) for v in given], np.int8)
        else:
            known = sorted({v for v in given if v is not None})
            place = {v: i for i, v in enumerate(known)}
            columns.categorical[name] = Labels(np.array([-1 if v is None else place[v] for v in given], np.int32), known)
    grouping = group_rows(pl.Series(["app"] * n, dtype=pl.String), np.zeros(n, np.int64), {})
    return fold(columns, grouping, pl.Series([str(i) for i in range(n)], dtype=pl.String), {})[0]


PAST = Baseline("past", "trailing", length=7 * DAY)


def learned(course: Course, past: Sequence[Panes], at: int) -> Calibration:
    """A calibration in force from window `at`, learned from the windows before it."""
    windows = [(START + i * WINDOW, panes) for i, panes in enumerate(past)]
    calibration = learn(START + at * WINDOW, lambda: windows, {}, [PAST], declared, course.register, always)
    course.adopt(calibration)
    return calibration


def run(windows: Iterable[Panes], learn_at: int = 24, budget: Budget = BUDGET) -> tuple[Course, list[Window]]:
    """Judge windows one after the other; the one calibration is learned after `learn_at` of them."""
    course = Course([])
    judged: list[Window] = []
    past: list[Panes] = []
    for i, panes in enumerate(windows):
        if i == learn_at:
            learned(course, past, i)
        past.append(panes)
        start = START + i * WINDOW
        judged.append(course.judge(start, panes, budget))
        if course.calibration is not None and course.fresh is not None:
            course.calibration.extend(start, course.fresh, np.ones(len(course.calibration.index), bool))
    return course, judged


def row(course: Course, signal: str, where: tuple[str, str] = ALL) -> int:
    return course.rows[Subject(*where, signal, "past")]


def series(judged: Sequence[Window], name: str, at: int) -> list[float]:
    """One array of a comparison over the windows that have it."""
    return [float(getattr(w, name)[at]) for w in judged if at < len(getattr(w, name))]
