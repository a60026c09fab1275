"""Findings from their first window to their end."""

from collections.abc import Iterator

import numpy as np
import pytest

from detectors.calibration import ALL, Panes, Slice, Subject, no_season
from detectors.course import Budget, Course
from detectors.episodes import TRAFFIC, Episodes, finding_id
from records.finding import Finding
from records.pane import Pane
from records.window import HOUR, WINDOW, Code
from tests.detectors.panes import START, declared, learned, pane

LOOSE = Budget(200.0, 288, 1)


def window(i: int, factor: float = 1.0, n: int = 200) -> Panes:
    rng = np.random.default_rng(i)
    return {ALL: pane(length=(rng.normal(400, 100, n) * factor).round().tolist())}


def story(factors: dict[range, float], count: int, empty: range = range(0)) -> list[list[Finding]]:
    """What changed in each window of a stream whose lengths are multiplied by a factor in some of them."""
    course, out = Course([]), []
    past: list[Panes] = []

    def source(where: Slice, since: int, until: int) -> Iterator[Pane]:
        yield from (
            past[i][where] for i in range(max(0, (since - START) // WINDOW), (until - START) // WINDOW) if where in past[i]
        )

    episodes = Episodes("app", declared, source, no_season)
    for i in range(count):
        panes = {} if i in empty else window(i, next((f for span, f in factors.items() if i in span), 1.0))
        if i == 24:
            learned(course, past, i)
        past.append(panes)
        judged = course.judge(START + i * WINDOW, panes, LOOSE)
        out.append(episodes.update(course, judged))
        if course.calibration is not None and course.fresh is not None:
            well = np.array([row not in episodes.open for row in course.calibration.index.tolist()])
            course.calibration.extend(START + i * WINDOW, course.fresh, well)
    return out


def lengths(changes: list[list[Finding]]) -> list[Finding]:
    return [f for changed in changes for f in changed if f.signal == "length"]


def test_a_finding_lasts_from_the_first_window_of_its_evidence_to_its_recovery() -> None:
    told = lengths(story({range(80, 100): 1.5}, 140))
    assert len({f.id for f in told}) == 1
    assert told[0].verdict == "finding"
    assert START + 74 * WINDOW <= told[0].since <= START + 80 * WINDOW
    last = told[-1]
    assert last.ended is not None
    assert START + 100 * WINDOW < last.ended <= START + 100 * WINDOW + 2 * HOUR
    assert last.n > 0
    assert last.times_floor >= 1
    assert told[0].id == finding_id("app", Subject("", "", "length", "past"), told[0].since)


def test_what_a_finding_reports_is_measured_over_everything_since_its_change() -> None:
    first = lengths(story({range(80, 100): 1.5}, 90))[-1]
    assert first.n == 200 * (90 - (first.since - START) // WINDOW)
    share = 10 / (90 - (first.since - START) // WINDOW)  # of the windows since then, the changed ones
    assert first.effect["smd"] == pytest.approx(2.0 * share, rel=0.25)
    assert {"js", "psi", "hellinger", "tv", "linf", "ks", "wasserstein"} <= first.effect.keys()
    assert first.effect["wasserstein"] == pytest.approx(200 * share, rel=0.25)
    assert first.reasons.cells
    assert first.reasons.exemplars
    assert first.reasons.before is not None
    assert first.reasons.after is not None
    assert first.reasons.after > first.reasons.before


def test_evidence_without_effect_is_small_and_never_a_finding() -> None:
    told = lengths(story({range(80, 200): 1.045}, 180))
    assert told
    assert {f.verdict for f in told if f.times_floor < 1} == {"small"}


def test_a_finding_that_grows_is_explained_again() -> None:
    told = lengths(story({range(80, 90): 1.3, range(90, 110): 3.0}, 110))
    typical = [f.reasons.after for f in told]
    assert typical[-1] is not None
    assert typical[0] is not None
    assert typical[-1] > 1.5 * typical[0]
    assert told[-1].told_at > told[0].told_at


def test_silence_is_one_finding_until_traffic_is_back() -> None:
    changes = story({}, 60, range(40, 45))
    told = [f for changed in changes for f in changed if f.signal == TRAFFIC]
    assert len({f.id for f in told}) == 1
    assert [f.verdict for f in told] == ["no_data"] * 6
    assert told[-1].ended == START + 45 * WINDOW
    assert told[0].reference_n == 40 * 200


def test_silence_where_there_never_was_traffic_is_none() -> None:
    assert not [f for changed in story({}, 40, range(1, 38)) for f in changed]


def test_the_verdict_of_a_window_says_what_its_finding_says() -> None:
    course = Course([])
    past: list[Panes] = []
    episodes = Episodes("app", declared, lambda *_: iter([]), no_season)
    for i in range(90):
        panes = window(i, 1.5 if i >= 70 else 1.0)
        if i == 24:
            learned(course, past, i)
        past.append(panes)
        judged = course.judge(START + i * WINDOW, panes, LOOSE)
        episodes.update(course, judged)
        for row, finding in episodes.open.items():
            assert judged.verdict[row] == (Code.FINDING if finding.verdict == "finding" else Code.SMALL)
            assert judged.since[row] == finding.since
            assert judged.evidence[row] > 0
    assert episodes.open


def test_what_leads_a_finding_leads_it_to_its_end_and_then_every_way_starts_anew() -> None:
    course, past, led, passed = Course([]), list[Panes](), list[int](), 0
    episodes = Episodes("app", declared, lambda *_: iter([]), no_season)
    for i in range(130):
        panes = window(i, 1.2 if 80 <= i < 88 else 1.0)
        if i == 24:
            learned(course, past, i)
            course.history.v[:] = 1.0
        past.append(panes)
        judged = course.judge(START + i * WINDOW, panes, LOOSE)
        changed = lengths([episodes.update(course, judged)])
        if not changed:
            continue
        row = course.rows[Subject("", "", "length", "past")]
        if changed[0].ended:
            break
        led.append(int(judged.way[row]))
        passed += judged.evidences[:, row].max() > judged.evidence[row]
        assert judged.begun[led[0], row] == judged.since[row] == changed[0].since
        assert judged.evidence[row] == judged.evidences[led[0], row] > 0
    assert len(set(led)) == 1 and passed
    assert changed[0].ended and not judged.evidences[:, row].any() and not judged.begun[:, row].any()
