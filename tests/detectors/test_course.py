"""Verdicts window after window: what is added up, who waits, who borrows, and what blinds nobody."""

from collections.abc import Callable

import numpy as np
import pytest

from detectors.budget import CAP
from detectors.calibration import ALL, Panes, always, no_season
from detectors.cells import add_tallies
from detectors.course import ENOUGH, Budget, Course
from detectors.evidence import bets, tied
from detectors.ranks import CALIBRATED, smallest_p
from detectors.scores import window_scores
from records.window import WINDOW, Code, Way, Window
from tests.detectors.panes import BUDGET, START, learned, pane, row, run, series

LOOSE = Budget(200.0, 288, 1)
SMALL = ("model", "small")


def ordinary(i: int, n: int = 200) -> dict[str, list[object]]:
    rng = np.random.default_rng([1, i])
    return {
        "length": rng.normal(400, 100, n).round().tolist(), "seconds": rng.gamma(4, 0.25, n).tolist(),
        "failed": (rng.random(n) < 0.1).tolist(), "topic": rng.choice(list("abc"), n, p=[0.6, 0.3, 0.1]).tolist(),
    }  # fmt: skip


def stream(count: int, change: Callable[[int, dict[str, list[object]]], None] | None = None) -> list[Panes]:
    out: list[Panes] = []
    for i in range(count):
        values = ordinary(i)
        if change is not None:
            change(i, values)
        out.append({ALL: pane(**values)})
    return out


def test_the_steps_of_a_course_are_the_formulas_applied_by_hand() -> None:
    """Second source: scores, ranks by counting, bets and their sum, one comparison at a time in plain Python."""

    def slower(i: int, values: dict[str, list[object]]) -> None:
        if i >= 70:
            values["length"] = [float(x) * 1.2 for x in values["length"]]  # type: ignore[arg-type]

    windows = stream(90, slower)
    course = Course([])
    past: list[Panes] = []
    lived: dict[tuple[int, int], list[float]] = {}
    evidence: dict[tuple[int, int], float] = {}
    led: set[int] = set()
    for i, panes in enumerate(windows):
        if i == 24:
            learned(course, past, i)
            course.history.v[:] = 1.0
        past.append(panes)
        steps: dict[int, dict[int, tuple[float, float]]] = {}
        start = START + i * WINDOW
        if i >= 24:
            calibration = course.calibration
            assert calibration is not None
            now, base, traits = calibration.see(START, panes, no_season, always).now, calibration.base, calibration.traits
            found = window_scores(
                base.cells, now.cells, traits.k, traits.ordered, traits.numeric, traits.worse, calibration.wobble,
                base.mean, base.variance, base.n, now.mean(), now.variance(), now.n, traits.evaluation,
            )  # fmt: skip
            found = found.stepped((traits.k == 2) & ~traits.numeric)
            for c, (score, t) in enumerate(zip(found.decades.tolist(), found.lean.tolist(), strict=True)):
                each = [score, t, -t] if t == t else [score]
                h = np.log10(BUDGET.windows * BUDGET.comparisons * len(each) / BUDGET.at_most)
                for way, x in enumerate(np.float32(each).tolist()):
                    known = lived.setdefault((c, way), [])
                    least, of = sum(y > x for y in known), len(known)
                    p = float(tied(np.array((1 + least) / (of + 1)), np.array((1 + least + known.count(x)) / (of + 1))))
                    p = max(p, float(smallest_p(np.array(of), 1.0)))  # type: ignore[arg-type]
                    after = min(max(evidence.get((c, way), 0.0) + float(bets(np.array(p))), 0.0), CAP * h)
                    evidence[c, way] = after
                    known.append(x)
                    steps.setdefault(c, {})[way] = after, h
        window = course.judge(start, panes, BUDGET)
        if course.calibration is not None and course.fresh is not None:
            course.calibration.extend(start, course.fresh, np.ones(len(course.calibration.index), bool))
            for c, at in enumerate(course.calibration.index.tolist()):
                expected = [steps[c][way][0] if way in steps[c] else 0.0 for way in Way]
                assert window.evidences[:, at] == pytest.approx(expected, rel=1e-9)
                after, h = steps[c][int(window.way[at])]
                assert after / h == pytest.approx(max(e / of for e, of in steps[c].values()))
                assert (window.evidence[at], window.threshold[at]) == (pytest.approx(after), pytest.approx(h))
                led.add(int(window.way[at]))
    assert max(evidence.values()) > 3
    assert led == set(Way)


def test_only_the_score_is_judged_until_signed_ranks_are_known_for_two_days() -> None:
    course, judged = run(stream(40))
    at = row(course, "length")
    assert np.isfinite(series(judged[24:], "lean", at)).all()
    assert not any(window.evidences[Way.UP :, at].any() for window in judged[24:])
    assert judged[-1].threshold[at] == pytest.approx(np.log10(BUDGET.windows * BUDGET.comparisons / BUDGET.at_most))


def small_slice(count: int, each: int) -> list[Panes]:
    return [{ALL: pane(**ordinary(i)), SMALL: pane(**ordinary(1000 + i, each))} for i in range(count)]


@pytest.mark.parametrize(("each", "joined"), [(30, 1), (29, 2), (10, 3), (4, 8), (3, 10), (2, 12)])
def test_a_small_slice_joins_up_to_twelve_windows_and_is_judged_more_slowly(each: int, joined: int) -> None:
    course, judged = run(small_slice(24 + 3 * joined, each))
    at = row(course, "length", SMALL)
    waited = series(judged[24:], "waited", at)
    assert waited == [*(-float(w) for w in range(1, joined)), float(joined)] * 3
    last = judged[-1]
    assert last.n[at] == each * joined
    assert (last.verdict[at] == Code.TOO_FEW) == (each * joined < ENOUGH)
    assert np.isnan(last.score[at]) == (each * joined < ENOUGH)


def test_what_was_seen_since_a_change_is_the_sum_of_its_windows() -> None:
    def longer(i: int, values: dict[str, list[object]]) -> None:
        if i >= 60:
            values["length"] = [float(x) * 1.5 for x in values["length"]]  # type: ignore[arg-type]

    windows = stream(80, longer)
    course, judged = run(windows)
    assert course.calibration is not None
    assert course.grown is not None
    at = row(course, "length")
    since = int(judged[-1].since[at])
    assert (since - START) // WINDOW in range(55, 62)
    place = course.calibration.index.tolist().index(at)
    tallies = [course.calibration.see(START, panes, no_season, always).now for panes in windows[(since - START) // WINDOW :]]
    total = tallies[0]
    for tally in tallies[1:]:
        total = add_tallies(total, tally)
    assert course.grown.now.cells[place].tolist() == total.cells[place].tolist()
    assert course.grown.now.total[place] == total.total[place]
    assert course.grown.now.square[place] == total.square[place]


def test_a_comparison_is_calibrating_until_it_has_twenty_windows_and_holds_its_alerts() -> None:
    def broken(i: int, values: dict[str, list[object]]) -> None:
        if i >= 26:
            values["length"] = [float(x) * 3 for x in values["length"]]  # type: ignore[arg-type]

    course, judged = run(stream(60, broken), budget=LOOSE)
    verdicts = series(judged[24:], "verdict", row(course, "length"))
    assert set(verdicts[:CALIBRATED]) == {Code.CALIBRATING}
    assert Code.CALIBRATING not in verdicts[CALIBRATED:]


def test_a_new_slice_borrows_the_history_of_all_traffic_until_it_has_its_own() -> None:
    course = Course([])
    past: list[Panes] = []
    verdicts = []
    for i in range(90):
        panes: Panes = {ALL: pane(**ordinary(i))} | ({SMALL: pane(**ordinary(1000 + i, 60))} if i >= 24 else {})
        if i in (24, 60):
            learned(course, past, i)
        past.append(panes)
        window = course.judge(START + i * WINDOW, panes, BUDGET)
        if i >= 60:
            verdicts.append(int(window.verdict[row(course, "length", SMALL)]))
    assert set(verdicts) <= {Code.CALM, Code.SMALL}


def test_evidence_is_kept_up_to_one_and_a_half_thresholds() -> None:
    def broken(i: int, values: dict[str, list[object]]) -> None:
        if i >= 120:
            values["topic"] = ["c"] * len(values["topic"])

    course, judged = run(stream(150, broken), budget=LOOSE)
    at = row(course, "topic")
    most = max(range(len(judged)), key=lambda i: float(judged[i].evidence[at]) if at < len(judged[i].evidence) else 0.0)
    assert judged[most].evidence[at] == pytest.approx(CAP * judged[most].threshold[at], rel=1e-6)


def found(judged: list[Window], at: int) -> bool:
    return any(w.verdict[at] == Code.SMALL for w in judged if at < len(w.verdict))


@pytest.mark.parametrize("value", [3.0, 9.0, -7.0, 0.0])
def test_a_constant_that_becomes_another_constant_is_found(value: float) -> None:
    def constant(i: int, values: dict[str, list[object]]) -> None:
        values["length"] = [7.0 if i < 80 else value] * 200

    course, judged = run(stream(130, constant), budget=LOOSE)
    assert found(judged[80:], row(course, "length"))
    assert not found(judged[:80], row(course, "length"))


POISON = {
    "missing": [None] * 200, "infinite": [np.inf] * 100 + [-np.inf] * 100, "not a number": [np.nan] * 200,
    "1e308": [1e308] * 200, "-1e308 and 1e308": [1e308, -1e308] * 100, "a little 1e308": [1e308] + [400.0] * 199,
}  # fmt: skip


@pytest.mark.parametrize(("poison", "stretch"), [*((name, range(10, 14)) for name in POISON), ("1e308", range(40, 44))])
def test_a_poisoned_stretch_blinds_nothing(poison: str, stretch: range) -> None:
    def spoil(i: int, values: dict[str, list[object]]) -> None:
        if i in stretch:
            values["length"] = POISON[poison]  # type: ignore[assignment]
        elif i >= 90:
            values["length"] = [float(x) * 1.5 for x in values["length"]]  # type: ignore[arg-type]

    course, judged = run(stream(150, spoil), budget=LOOSE)
    assert found(judged[90:], row(course, "length"))
    for window in judged:
        assert np.isfinite(window.evidence).all()


@pytest.mark.parametrize(("share", "expected"), [(0.3, True), (0.0, False)])
def test_a_share_that_harms_one_way_raises_no_alarm_the_other_way(share: float, expected: bool) -> None:
    def failing(i: int, values: dict[str, list[object]]) -> None:
        if i >= 80:
            values["failed"] = [j < share * 200 for j in range(200)]

    course, judged = run(stream(140, failing), budget=LOOSE)
    assert found(judged[80:], row(course, "failed")) == expected


def test_a_window_without_traffic_moves_no_evidence() -> None:
    windows = stream(60)
    windows[50] = {}
    course, judged = run(windows)
    at = row(course, "length")
    assert judged[50].verdict[at] == Code.ABSENT
    assert judged[50].evidence[at] == judged[49].evidence[at]
    assert judged[50].traffic == 0


def test_registering_comparisons_keeps_their_rows_and_finds_their_parents() -> None:
    course, _ = run([{ALL: pane(**ordinary(i)), SMALL: pane(**ordinary(i, 40))} for i in range(26)])
    for subject, at in course.rows.items():
        assert course.registry[at] == subject
        parent = course.registry[int(course.parent[at])]
        assert (parent.dimension, parent.value, parent.signal) == ("", "", subject.signal)
