"""What is learned of healthy windows, extended and taken back; and the same again from its bytes."""

import msgspec
import numpy as np
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors.baselines import Baseline
from detectors.calibration import ALL, Calibration, Panes, Subject, always, learn, no_season
from detectors.calibration_codec import decode_calibration, encode_calibration
from detectors.course import Course
from detectors.history import History
from records.window import WINDOW, Way
from tests.detectors.panes import PAST, START, declared, learned, pane

EVALSET = Baseline("evalset", "fixed", "skew")


def past(count: int, extra: int = 0) -> list[Panes]:
    out: list[Panes] = []
    for i in range(count):
        rng = np.random.default_rng(i)
        one = pane(length=rng.normal(100, 20, 50).tolist(), topic=rng.choice(list("ab"), 50).tolist())
        out.append({ALL: one} | ({("model", "new"): one} if i >= count - extra else {}))
    return out


def state(calibration: Calibration) -> list[NDArray[np.float64]]:
    sums, base = calibration.sums, calibration.base
    return [sums.cells, sums.outer, sums.mean_sum, base.cells, base.mean, base.variance, calibration.wobble.values]


def same(a: Calibration, b: Calibration) -> bool:
    return all(np.array_equal(x, y, equal_nan=True) for x, y in zip(state(a), state(b), strict=True))


def test_a_slice_is_compared_once_it_had_24_windows() -> None:
    for extra, known in ((23, False), (24, True)):
        course = Course([])
        learned(course, past(40, extra), 40)
        assert (Subject("model", "new", "length", "past") in course.rows) == known


def test_windows_that_were_not_healthy_teach_nothing() -> None:
    windows = [(START + i * WINDOW, panes) for i, panes in enumerate(past(40))]
    sick = range(START + 30 * WINDOW, START + 40 * WINDOW)

    def well(start: int, rows: NDArray[np.int64], length: int) -> NDArray[np.bool_]:
        return np.where(rows == 0, start not in sick, True)

    course = Course([])
    whole = learn(START + 40 * WINDOW, lambda: windows, {}, [PAST], declared, course.register, always)
    part = learn(START + 40 * WINDOW, lambda: windows, {}, [PAST], declared, course.register, well)
    assert whole.base.cells[0].sum() == 2000
    assert part.base.cells[0].sum() == 1500
    assert part.base.cells[1].tolist() == whole.base.cells[1].tolist()


def test_a_reference_stays_what_it_is_while_the_wobble_is_productions_own() -> None:
    windows = [(START + i * WINDOW, panes) for i, panes in enumerate(past(30))]
    reference = {ALL: pane(length=[50.0, 60.0] * 100, topic=["a"] * 200)}
    course = Course([])
    calibration = learn(START, lambda: windows, {"evalset": reference}, [PAST, EVALSET], declared, course.register, always)
    fixed = calibration.stands
    assert calibration.base.cells[fixed][0].sum() == 200
    assert calibration.base.mean[fixed][0] == 55
    calibration.extend(START, calibration.see(START, past(1)[0], no_season, always), np.ones(len(fixed), bool))
    calibration.refresh()
    assert calibration.base.cells[fixed][0].sum() == 200
    assert calibration.base.cells[~fixed][0].sum() == 1550
    assert calibration.wobble.windows.min() > 0


@given(st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=8)
def test_rebuilding_up_to_a_window_is_never_having_seen_what_came_after(until: int, more: int) -> None:
    course = Course([])
    one = learned(course, past(24), 24)
    other = learned(course, past(24), 24)
    every = np.ones(len(one.index), bool)
    windows = past(24 + until + more)
    for i in range(24, 24 + until + more):
        one.extend(START + i * WINDOW, one.see(START, windows[i], no_season, always), every)
    for i in range(24, 24 + until):
        other.extend(START + i * WINDOW, other.see(START, windows[i], no_season, always), every)
    one.rebuild(START + (24 + until) * WINDOW, always)
    assert same(one, other)


def test_a_calibration_comes_back_from_its_bytes_to_the_bit() -> None:
    course = Course([])
    calibration = learned(course, past(60, 30), 60)
    course.history.grow(len(course.registry))
    course.history.v[:] = np.arange(course.history.v.size).reshape(course.history.v.shape)
    blob = encode_calibration(calibration, course.history)
    history = History()
    again = decode_calibration(blob, declared, course.register, {PAST.name: PAST}, history)
    assert same(calibration, again)
    assert again.start == calibration.start
    assert again.index.tolist() == calibration.index.tolist()
    assert history.v.tolist() == course.history.v.tolist()
    seen = [one.see(START, past(70)[69], no_season, always).now.cells.tolist() for one in (again, calibration)]
    assert seen[0] == seen[1]
    assert encode_calibration(again, history) == blob


def test_what_was_measured_before_there_were_ways_is_of_the_score() -> None:
    course = Course([])
    calibration = learned(course, past(60, 30), 60)
    course.history.grow(size := len(course.registry))
    course.history.v[:], course.history.vif[:] = np.arange(size), np.arange(size) + 0.5
    fields = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(encode_calibration(calibration, course.history)))
    fields[0] = 2
    fields[4:7] = (part[0].tobytes() for part in (course.history.v, course.history.vif, course.history.by_day))
    blob, history = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(fields)), History()
    decode_calibration(blob, declared, course.register, {PAST.name: PAST}, history)
    assert history.v.tolist() == [list(range(size)), [np.inf] * size, [np.inf] * size]
    assert history.vif[Way.SCORE].tolist() == course.history.vif[Way.SCORE].tolist()
    assert not history.by_day.any()


def test_nothing_to_learn_from_is_an_empty_calibration() -> None:
    calibration = learn(START, list, {}, [PAST], declared, Course([]).register, always)
    assert len(calibration.index) == 0
    assert len(calibration.nothing().now.n) == 0
