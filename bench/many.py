"""100,000 comparisons of one closing window on one core: judged, and their state written and read back.

    python -m bench.many [--slices 200] [--passes 3]

200 slices, each of 98 signals (and the two of data quality) against 5 baselines, so 1,000 parts of 100 comparisons; 14 days
of scores to rank among, three in ten of them by the time of day. The project's own functions on hand-made panes of a hundred
interactions each; the state goes through a SQLite store. CPU seconds, the best of the passes; progress goes to stderr.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detectors.baselines import Baseline
from detectors.calibration import Calibration, Panes, always, learn, no_season
from detectors.calibration_codec import decode_calibration, encode_calibration
from detectors.course import Budget, Course
from detectors.history import HISTORY, History
from detectors.scores import Scores, ways
from monitor.store import Store, courses
from records.columns import Columns, Labels
from records.signal import Kind, Signal
from records.window import DAY, HOUR, WINDOW, Way, decode_window, encode_window
from streams.panes import fold, group_rows

NUMERIC, BOOLEAN, CATEGORICAL = 60, 20, 18
LEARNED = 30
"""Windows that the wobble is learned from."""
BASELINES = tuple(Baseline(f"past-{i}", "trailing", length=(LEARNED - i) * WINDOW) for i in range(5))
ROWS = 100
"""Interactions of a slice in a window."""
AGAIN = 288
"""Windows whose scores a restart reads back; all that are ranked among are 14 times as many."""
START = 1_790_000_000_000_000 // DAY * DAY
APPLICATION = "support"
T = TypeVar("T")


def declared(name: str) -> Signal:
    kind = {"n": Kind.NUMERIC, "c": Kind.CATEGORICAL}.get(name[0], Kind.BOOLEAN)
    return Signal(name, kind, name, "bench", resolution=1e-3, low=0.0, high=1e9)


def window_panes(rng: np.random.Generator, slices: int) -> Panes:
    """Panes of one window by slice, without that of all traffic."""
    n = slices * ROWS
    names = [
        *(f"n{i:02}" for i in range(NUMERIC)),
        *(f"b{i:02}" for i in range(BOOLEAN)),
        *(f"c{i:02}" for i in range(CATEGORICAL)),
    ]
    columns = Columns(n, {name: declared(name) for name in names})
    values = [f"v{i}" for i in range(12)]
    for name in names:
        if name[0] == "n":
            columns.numeric[name] = rng.lognormal(3, 0.5, n)
        elif name[0] == "b":
            columns.boolean[name] = (rng.random(n) < 0.1).astype(np.int8)
        else:
            columns.categorical[name] = Labels(rng.integers(0, 12, n).astype(np.int32), values)
    groups = {"group": pl.Series("group", np.arange(n) % slices).cast(pl.String)}
    grouping = group_rows(pl.Series([APPLICATION]).new_from_index(0, n), np.full(n, START), groups)
    folded = fold(columns, grouping, pl.Series(np.arange(n)).cast(pl.String), groups)
    by_slice = {(key.dimension, key.value): pane for key, pane in zip(grouping.keys, folded, strict=True)}
    return {where: pane for where, pane in by_slice.items() if where[0]}


def made_course(rng: np.random.Generator, slices: int) -> Course:
    """A course in the middle of its life: learned, with 14 days of scores behind it."""
    past = [(START + (i - LEARNED) * WINDOW, _told(i, window_panes(rng, slices))) for i in range(LEARNED)]
    course = Course([])
    calibration = learn(START, lambda: past, {}, BASELINES, declared, course.register, always)
    course.adopt(calibration)
    _live(rng, course.history, _judged(calibration))
    return course


def _told(i: int, panes: Panes) -> Panes:
    print(f"\r{i + 1} of {LEARNED} windows to learn from", end="\n" if i + 1 == LEARNED else "", file=sys.stderr, flush=True)
    return panes


def _judged(calibration: Calibration) -> NDArray[np.bool_]:
    """By which ways (WAYS, C)."""
    traits = calibration.traits
    return ways(traits.k, traits.ordered, traits.worse, traits.evaluation)


def _live(rng: np.random.Generator, history: History, judged: NDArray[np.bool_]) -> None:
    """14 days of scores, and of signed ranks where they are `judged`."""
    for slot in range(HISTORY):
        rng.standard_exponential(out=history.scores[slot], dtype=np.float32)
        rng.standard_normal(out=history.lean[slot], dtype=np.float32)
    history.lean[:, ~judged[Way.UP]] = np.nan
    first = START - HISTORY * WINDOW
    slots = first // WINDOW % HISTORY + np.arange(HISTORY)
    history.starts[slots % HISTORY] = first + np.arange(HISTORY) * WINDOW
    history.v[:] = 2.0
    history.by_day[:] = rng.random(history.v.shape) < 0.3


class Clock:
    """CPU seconds by name, the best of several passes."""

    def __init__(self) -> None:
        self.best: dict[str, float] = {}

    def time(self, name: str, work: Callable[..., T], *arguments: Any) -> T:
        began = time.process_time()
        done = work(*arguments)
        took = time.process_time() - began
        self.best[name] = min(self.best.get(name, took), took)
        print(f"{name}: {took:.2f} s", file=sys.stderr, flush=True)
        return done


def judged(course: Course, rng: np.random.Generator, slices: int, passes: int, clock: Clock) -> None:
    """Judge windows; the first three are those where evidence begins."""
    calibration, size = course.calibration, len(course.registry)
    assert calibration is not None
    budget, healthy = Budget(1.0, 30 * DAY / WINDOW, size), np.ones(size, bool)
    for at in range(passes):
        panes, start = window_panes(rng, slices), START + at * WINDOW
        clock.time("a window: all of it", course.judge, start, panes, budget)
        clock.time("  panes into cells", calibration.see, start, panes, no_season, always)
        scores = Scores(rng.standard_exponential(size), np.zeros(size, np.int8), rng.standard_normal(size))
        each = np.where(
            _judged(calibration), scores.stepped((calibration.traits.k == 2) & ~calibration.traits.numeric).each_way(), np.nan
        )
        clock.time("  ranks", course.history.rank, start, each, calibration.index, course.parent[calibration.index])
        assert course.fresh is not None
        clock.time("a window joins the baseline", calibration.extend, start, course.fresh, healthy)
        clock.time("once an hour: the wobble anew", calibration.refresh)
    clock.time(f"once a day: the dependence of {size:,}", course.history.measure, START)


def stored(course: Course, store: Store, passes: int, clock: Clock) -> dict[str, int]:
    """Write and read back what a restart needs; bytes of each."""
    window, calibration, by_name = course.last, course.calibration, {baseline.name: baseline for baseline in BASELINES}
    assert window is not None and calibration is not None

    def write(row: bytes, blob: bytes) -> None:
        with store.begin() as c:
            courses.put_row(c, APPLICATION, window.start, 1, row)
            courses.put_calibration(c, APPLICATION, window.start, blob)

    def read() -> tuple[bytes, bytes]:
        with store.read() as c:
            newest = courses.last(c, APPLICATION)
            blob = courses.calibrations(c, APPLICATION, window.start)
        assert newest is not None and blob is not None
        return newest[1], blob

    for _ in range(passes):
        row = clock.time("write: a window's row, bytes", encode_window, window)
        blob = clock.time("write: a calibration, bytes", encode_calibration, calibration, course.history)
        clock.time("write: both into SQLite", write, row, blob)
        clock.time("read: both from SQLite", read)
        clock.time("read: a window's row", decode_window, row)
        clock.time(f"read: {AGAIN} windows' scores", _remember, History(), row, len(course.registry))
        again = Course(course.registry)
        clock.time("read: a calibration", decode_calibration, blob, declared, again.register, by_name, again.history)
    return {"a window's row": len(row), "a calibration": len(blob)}


def _remember(history: History, row: bytes, size: int) -> None:
    history.grow(size)
    for i in range(AGAIN):
        history.remember(replace(decode_window(row), start=START + i * WINDOW))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.many", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--slices", type=int, default=200)
    parser.add_argument("--passes", type=int, default=3)
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rng, clock = np.random.default_rng(1), Clock()
    course = made_course(rng, options.slices)
    judged(course, rng, options.slices, options.passes, clock)
    with tempfile.TemporaryDirectory() as directory:
        store = Store(f"sqlite:///{Path(directory)}/many.db")
        store.upgrade()
        sizes = stored(course, store, options.passes, clock)
        store.close()
    print(f"{len(course.registry):,} comparisons; {HOUR // WINDOW} windows an hour")
    for name, seconds in clock.best.items():
        print(f"{name:36}{seconds:7.2f} s")
    for name, size in sizes.items():
        print(f"{name:36}{size / 2**20:7.1f} MiB")
    print(f"{'peak memory':36}{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:7.1f} GiB")


if __name__ == "__main__":
    main()
