"""Judging again: where nothing changed nothing moves; what came late is as if it had come in time."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors import history
from monitor.pipeline import Pipeline
from monitor.store import courses
from monitor.store.engine import Store
from records.window import WINDOW, Way, Window, decode_window
from streams.embedded import LogRecord
from tests.monitor.streaming import (
    ACCEPTED,
    APPLICATION,
    CONFIG,
    START,
    Change,
    Left,
    feed,
    interaction,
    left,
    opened,
    pipeline,
    record,
    records,
    windows,
)

GENEROUS = CONFIG + "false_alarms: {at_most: 500, per: 1d}\n"
"""A budget so large that a short incident is found."""
COUNT, CHANGE = 104, Change(60, 72)
EMPTY_WINDOWS = {64, 65, 75, *range(80, 95)}


def stream() -> list[LogRecord]:
    """An incident; empty windows within it, a silence after it; a slice too small to be judged in every window."""
    out = []
    for window, rows in enumerate(windows(COUNT, CHANGE)):
        rng = np.random.default_rng([9, window])
        small = [interaction(window, 200 + i, rng, None, model="rare", scores={"quality": rng.random()}) for i in range(4)]
        out.append(record(window + 1, [] if window in EMPTY_WINDOWS else [*rows, *small]))
    return [r for r in out if r.value]


@pytest.fixture(scope="module", autouse=True)
def settled() -> Iterator[None]:
    """As if hours were days: signed ranks are judged from the second learning on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "SETTLED", 0)
        yield


@dataclass(repr=False)
class Judged:
    store: Store
    pipeline: Pipeline
    left: Left


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    with opened(tmp_path_factory.mktemp("rewind") / "plumbline.db") as store:
        pipe = pipeline(store, GENEROUS)
        feed(pipe, stream())
        yield Judged(store, pipe, left(store))


def assert_same_windows(before: dict[int, bytes], after: dict[int, bytes]) -> None:
    """Equal to the bit; a window judged again also has room for comparisons that were registered later."""
    assert before.keys() == after.keys()
    for start in before:
        a, b = decode_window(before[start]), decode_window(after[start])
        size = len(b.n)
        assert (a.start, a.calibration, a.traffic, a.factor) == (b.start, b.calibration, b.traffic, b.factor)
        blank = Window.blank(a.start, a.calibration, a.traffic, size)
        for field in fields(Window)[3:-1]:
            x, y = getattr(a, field.name), getattr(b, field.name)
            padded = np.concatenate([x, getattr(blank, field.name)[..., x.shape[-1] :]], axis=-1)
            assert padded.tobytes() == y.tobytes(), (start, field.name)


@given(st.integers(0, COUNT - 2))
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_judging_again_from_any_window_changes_nothing_where_no_data_changed(judged: Judged, back: int) -> None:
    assert_unmoved(judged, back)


@pytest.mark.parametrize("back", [0, 24, 48, 60, 63, 65, 76, 93, 95, 96, 97])
def test_judging_again_from_the_border_of_a_calibration_an_incident_or_a_silence_changes_nothing(
    judged: Judged, back: int
) -> None:
    assert_unmoved(judged, back)


def test_the_incident_is_seen_each_way(judged: Judged) -> None:
    """Else nothing here would tell whether signed ranks come out the same."""
    seen = [decode_window(blob) for blob in judged.left.windows.values()]
    assert {int(way) for window in seen for way in window.way[window.evidence > 0]} == set(Way)


def assert_unmoved(judged: Judged, back: int) -> None:
    pipe, before = judged.pipeline, judged.left
    assert any(f.verdict == "finding" for f in before.findings.values())
    judge, until = pipe.verdicts.judges[APPLICATION], pipe.state.judged[APPLICATION]
    with judged.store.begin() as c:
        judge.rewind(c, START + back * WINDOW, until, pipe.verdicts.budget(c))
    after = left(judged.store)
    assert_same_windows(before.windows, after.windows)
    assert before.findings == after.findings


LATE_AT, LATE_FOR = 70, 66


def test_late_data_is_judged_as_if_it_had_come_in_time(tmp_path: Path) -> None:
    """Equal from the late window on, as it comes after the calibration in force was learned: windows to the bit (but for
    rows of what was unknown), and every finding but its revision and what explains it, which is told when it is found."""
    rng = np.random.default_rng(5)
    extra = [interaction(LATE_FOR, 300 + i, rng, CHANGE) for i in range(40)]
    batches = windows(90, CHANGE)
    late = records(batches)
    late.insert(LATE_AT + 1, record(0, extra))
    in_time = records([[*rows, *extra] if window == LATE_FOR else rows for window, rows in enumerate(batches)])
    left_by = {}
    for name, given_ in (("late", late), ("in time", in_time)):
        with opened(tmp_path / f"{name}.db") as store:
            feed(pipeline(store, GENEROUS), [r._replace(offset=i + 1) for i, r in enumerate(given_)])
            left_by[name] = left(store)
    a, b = left_by["late"], left_by["in time"]
    assert a.counters[APPLICATION].late == len(extra)
    assert b.counters[APPLICATION].late == 0
    assert_same_windows(b.windows, a.windows)
    assert a.panes == b.panes
    told = ("reasons", "told_at", "effect", "revision")
    for id_, finding in b.findings.items():
        for field in set(finding.__struct_fields__) - set(told):
            assert getattr(a.findings[id_], field) == getattr(finding, field), (finding.signal, field)
        for measure in ("js", "smd", "psi"):
            assert a.findings[id_].effect.get(measure) == finding.effect.get(measure)
    assert all(a.findings[id_].verdict == "calm" for id_ in a.findings.keys() - b.findings.keys())


def test_late_data_of_a_window_that_closed_but_is_not_judged_yet_moves_nothing(tmp_path: Path) -> None:
    """It closes in a transaction of its own where workers share a stream; at the border of an hour baselines change."""
    batches = records(windows(60))
    left_by = {}
    for name in ("straight", "late"):
        with opened(tmp_path / f"{name}.db") as store:
            pipe = pipeline(store, GENEROUS)
            feed(pipe, batches[:48], 1)
            assert pipe.state.judged[APPLICATION] == START + 47 * WINDOW
            if name == "late":
                with store.begin() as c:
                    courses.add_late(c, APPLICATION, START + 48 * WINDOW)
            feed(pipe, batches[48:], 1)
            left_by[name] = left(store)
    assert_same_windows(left_by["straight"].windows, left_by["late"].windows)


def test_an_interaction_from_before_the_first_window_joins_the_past_and_is_not_judged(tmp_path: Path) -> None:
    batches = windows(60)
    old = interaction(0, 500, np.random.default_rng(1), None, timestamp=(START - 50 * 288 * WINDOW) / 1e6)
    with opened(tmp_path / "old.db") as store:
        pipe = pipeline(store)
        feed(pipe, records(batches[:40]))
        pipe.ingest([record(41, [old]), *records(batches[40:], 42)], ACCEPTED)
        after = left(store)
    with opened(tmp_path / "plain.db") as store:
        feed(pipeline(store), records(batches))
        plain = left(store)
    assert_same_windows(plain.windows, after.windows)
    assert after.counters[APPLICATION].late == 1
    assert after.counters[APPLICATION].interactions == plain.counters[APPLICATION].interactions + 1
