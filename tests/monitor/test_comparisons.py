"""Why a threshold is what it is, skew beside drift, and longer horizons: read from what the real pipeline left."""

import re
import shutil
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from sqlalchemy import Connection

from detectors import history
from detectors.baselines import Baseline
from detectors.calibration import ALL, make_part
from monitor import reading
from monitor.config import ConfigSource, parse
from monitor.metrics import Metrics
from monitor.page import figures
from monitor.page.reading import StoreReading
from monitor.page.views import Query
from monitor.pipeline import Pipeline
from monitor.reading.budget import Budget
from monitor.reading.comparisons import Change, Lender, Past, Threshold, change
from monitor.reading.fields import comparison_fields
from monitor.reading.saying import CHANGES, why
from monitor.reading.stretches import moving_base
from monitor.stages import keeping
from monitor.stages.measuring import measure
from monitor.store import alerts, courses, findings, references
from monitor.store.engine import Store
from records.alert import Mark
from records.codec import decode_records
from records.pane import EMPTY, Pane, merge_all
from records.pane_codec import encode_pane
from records.window import DAY, HOUR, WINDOW, Code, Way
from streams.embedded import LogRecord
from streams.panes import fold, group_rows
from tests.detectors.panes import pane
from tests.store.make import finding

CONFIG = parse("""
applications:
  shop:
    slices: [model]
    baselines: [{reference: evalset}, {trailing: 7d}, {cohort: {slice: model}}]
    signals: [response.words, error]
""", "test", {})  # fmt: skip
CALM, LATER = 110, 30
"""Windows of production unlike its reference, and windows after a change."""
EACH = 40
"""Interactions a window."""
START = 1_790_000_000_000_000 // DAY * DAY
NOW = START + (CALM + LATER - 1) * WINDOW
SKEW, DRIFT, COHORT = "reference evalset", "trailing 7d", "cohort model against rest"


def line(rng: np.random.Generator, at: int, id_: str, words: float, model: str = "a") -> bytes:
    answer = "word " * max(1, int(rng.normal(words, 8)))
    row = {"id": id_, "application": "shop", "timestamp": at / 1e6, "prompt": "hello", "response": answer, "model": model}
    return msgspec.json.encode(row)


def drive(pipeline: Pipeline, first: int, windows: int, *words: float) -> None:
    """As many words a response as given, of one model after the other."""
    rng = np.random.default_rng(first)
    records = []
    for w in range(first, first + windows):
        start = START + w * WINDOW
        lines = [line(rng, start + 7_000_000 * i, f"{w}-{i}", words[i % len(words)], "ab"[i % 2]) for i in range(EACH)]
        records.append(LogRecord(w + 1, "interactions", b"\n".join(lines), START + 2 * DAY))
    pipeline.ingest(records, START + 2 * DAY)


@pytest.fixture(scope="module", autouse=True)
def settled() -> Iterator[None]:
    """As if hours were days: signed ranks are judged from the second learning on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "SETTLED", 0)
        yield


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Pipeline]]:
    """Hours that are unlike the reference from the start, and the same with a change in the hours after."""
    paths = [tmp_path_factory.mktemp("compared") / name for name in ("calm.db", "changed.db")]
    store = Store(f"sqlite:///{paths[0]}")
    store.upgrade()
    rng = np.random.default_rng(1)
    frame = decode_records([line(rng, START, f"r{i}", 40) for i in range(3000)], [START + DAY] * 3000).frame
    grouping = group_rows(frame["application"], frame["timestamp"].to_numpy(), {})
    state = Pipeline(store, ConfigSource(CONFIG), Metrics()).state
    pane = merge_all(fold(measure(state, frame), grouping, frame["id"], {}))
    with store.begin() as c:
        for _ in (1, 2):
            references.create(c, "shop", "evalset", START, "file", pane.n, None, None, {("", ""): encode_pane(pane)})
    drive(Pipeline(store, ConfigSource(CONFIG), Metrics()), 0, CALM, 46)
    store.close()
    shutil.copy(*paths)
    made = [Pipeline(Store(f"sqlite:///{path}"), ConfigSource(CONFIG), Metrics()) for path in paths]
    drive(made[1], CALM, LATER, 52, 76)
    yield made
    for pipeline in made:
        pipeline.store.close()


@pytest.fixture
def calm(pipelines: list[Pipeline]) -> Iterator[Connection]:
    with pipelines[0].store.read() as c:
        yield c


@pytest.fixture
def changed(pipelines: list[Pipeline]) -> Iterator[Connection]:
    with pipelines[1].store.read() as c:
        yield c


def words(c: Connection) -> tuple[reading.Explained, reading.Explained]:
    """Skew and drift of the words of a response."""
    asked = reading.Asked(application="shop", signal="response.words", slice=ALL)
    found = {one.baseline: one for one in reading.comparisons(c, CONFIG, asked, NOW)}
    return found[SKEW], found[DRIFT]


# -- skew beside drift -----------------------------------------------------------------------------------------------


def test_what_is_unlike_its_reference_and_like_its_own_past_is_bad_since_launch(calm: Connection) -> None:
    skew, drift = words(calm)
    assert (skew.change, drift.change) == ("since_launch", "since_launch")
    assert (skew.comparison, drift.comparison) == ("skew", "drift")
    assert skew.day.times_floor > 3 > 1 > drift.day.times_floor
    assert skew.day.smd == pytest.approx(6 / 8, abs=0.1)


def test_a_change_of_what_was_unlike_its_reference_is_told_beside_it(changed: Connection) -> None:
    skew, drift = words(changed)
    assert (skew.change, drift.change) == ("since_launch_and_newly", "since_launch_and_newly")
    assert drift.verdict == Code.FINDING


@pytest.mark.parametrize(
    ("lasting", "expected"),
    [
        ([], None),
        ([("skew", 0)], "since_launch"),
        ([("drift", 0)], "newly"),
        ([("skew", 2), ("drift", 0)], "newly"),
        ([("skew", -0.5), ("drift", 0)], "newly"),
        ([("skew", -5), ("drift", 0)], "since_launch_and_newly"),
        ([("skew", -5), ("skew", 1), ("drift", 0)], "since_launch_and_newly"),
        ([("cohort", 0)], None),
    ],
)
def test_skew_that_came_with_the_drift_is_as_new(lasting: list[tuple[str, float]], expected: Change | None) -> None:
    found = [finding(str(i), comparison=kind, since=int(hours * HOUR)) for i, (kind, hours) in enumerate(lasting)]
    assert change(found) == expected
    assert expected is None or CHANGES[expected]


def test_nothing_is_said_of_launch_while_the_own_past_is_not_known(pipelines: list[Pipeline]) -> None:
    with pipelines[0].store.read() as c:
        error = reading.comparisons(c, CONFIG, reading.Asked(application="shop", signal="error", baseline=SKEW), NOW)
        assert [one.change for one in error] == [None]


def test_the_page_says_the_same_in_a_sentence(pipelines: list[Pipeline]) -> None:
    told = []
    for pipeline in pipelines:
        view = StoreReading(pipeline.store, ConfigSource(CONFIG), lambda: NOW).signal("shop", "response.words", Query())
        assert view is not None
        told.append(figures.plain(view.beside))
        assert [why.baseline for why in view.why] == ["evalset", "trailing 7d"]
        assert {row.horizon for row in view.verdicts} >= {"5 min", "1 h", "24 h"}
    effects = (
        r"ver the last 24 h \d\.\d\u00a0× floor from evalset \(skew\), \d\.\d\u00a0× floor from its own last 7 days \(drift\)\."
    )
    assert re.fullmatch(f"Bad since launch: o{effects}", told[0])
    assert re.fullmatch(f"Bad since launch, and changed anew: o{effects}", told[1])


# -- thresholds ------------------------------------------------------------------------------------------------------


def test_a_threshold_is_luck_times_what_stretches_it(calm: Connection) -> None:
    every = reading.comparisons(calm, CONFIG, reading.Asked(application="shop"), NOW)
    shared = reading.budget(calm, CONFIG, NOW)
    assert len(every) == shared.comparisons > 4
    for one in every:
        assert one.threshold.luck == pytest.approx(np.log10(30 * 288 * len(every) * one.threshold.ways), abs=1e-5)
        assert one.threshold.decades == pytest.approx(one.threshold.luck * one.threshold.vif * one.threshold.factor)
        assert one.threshold.share == pytest.approx(1 / len(every))
    assert {one.threshold.ways for one in every if one.signal == "response.words"} == {3}
    assert {one.threshold.ways for one in every if one.signal == "error"} == {1}


@pytest.mark.parametrize("which", [0, 1])
def test_the_healthy_windows_are_those_that_the_judge_ranks_among(which: int, pipelines: list[Pipeline]) -> None:
    past = pipelines[which].verdicts.judges["shop"].course.history
    with pipelines[which].store.read() as c:
        every = reading.comparisons(c, CONFIG, reading.Asked(application="shop"), NOW)
    for one in every:
        known = np.isfinite(past.scores[:, one.index]) & (past.starts >= START)
        assert one.past.windows == known.sum()
        assert one.past.since == (int(past.starts[known].min()) if known.any() else None)
        assert one.past.needs == np.ceil(20 * past.v[Way.SCORE, one.index])


def test_a_false_alarm_gives_its_windows_back(pipelines: list[Pipeline]) -> None:
    def counted(mark: Mark) -> int:
        with pipelines[1].store.begin() as c:
            for found in alerts.query(c)[0]:
                alerts.mark(c, found.id, mark, "test", NOW)
            return words(c)[1].past.windows

    spoilt, healthy = counted("real"), counted("false_alarm")
    assert healthy - spoilt > 6
    assert counted("accepted") < spoilt


def test_a_baseline_tells_its_version_and_what_it_is_made_of(calm: Connection) -> None:
    skew, drift = words(calm)
    assert (skew.base.version, skew.base.n) == (2, 3000)
    assert (drift.base.version, drift.base.n) == (None, 96 * EACH)
    assert drift.base.learned == START + 96 * WINDOW
    assert drift.base.windows == 96


def test_comparisons_come_in_pages(calm: Connection) -> None:
    every = reading.comparisons(calm, CONFIG, reading.Asked(application="shop"), NOW)
    pages = [reading.comparisons(calm, CONFIG, reading.Asked(application="shop"), NOW, one.index, 1) for one in every]
    assert [one.index for (one,) in pages] == [one.index for one in every]
    nobody = reading.Asked(application="nobody"), reading.Asked(application="shop", slice=("model", "c"))
    assert [reading.comparisons(calm, CONFIG, asked, NOW) for asked in nobody] == [[], []]


SHARED = Budget(at_most=1, per=30 * DAY, spent=0, left=1, comparisons=412, share=1 / 412, applications=[], alerts=[])
TEN = msgspec.structs.replace(SHARED, at_most=10, per=12 * HOUR)
OWN = Past(windows=1440, needs=26, v=1.3, by_day=False, lender=None, since=START)
LENT = {"windows": 7, "needs": 20, "v": 1.0, "by_day": True}


@pytest.mark.parametrize(
    ("verdict", "threshold", "past", "shared", "said"),
    [
        (Code.CALM, (6.2, 6.2, 1.0, 1.0), {}, SHARED, "alarms at 6.2 decades: once in 30 days over 412 comparisons"),
        (Code.CALM, (8.06, 6.2, 1.3, 1.0), {}, TEN,
         "alarms at 8.1 decades: 10 times in 12h over 412 comparisons, stretched 1.3 times because neighbouring windows "
         "resemble each other"),
        (Code.SMALL, (9.3, 6.2, 1.0, 1.5), {}, SHARED,
         "alarms at 9.3 decades: once in 30 days over 412 comparisons, in any of three ways, raised 1.5 times by what luck "
         "reached lately"),
        (Code.CALIBRATING, (6.2, 6.2, 1.0, 1.0), {"windows": 14}, SHARED, "has 14 of the 26 healthy windows that a verdict of "
         "its own needs, for neighbours resemble each other"),
        (Code.CALM, (6.2, 6.2, 1.0, 1.0), LENT | {"lender": Lender(signal="response.words", baseline=DRIFT)}, SHARED,
         "alarms at 6.2 decades: once in 30 days over 412 comparisons; has 7 of the 20 healthy windows of this time of day "
         "that a verdict of its own needs, until then those of all traffic stand in"),
        (Code.CALM, (6.2, 6.2, 1.0, 1.0), LENT | {"lender": Lender(signal="prompt.words", baseline=DRIFT)}, SHARED,
         "alarms at 6.2 decades: once in 30 days over 412 comparisons; has 7 of the 20 healthy windows of this time of day "
         "that a verdict of its own needs, until then those of prompt words stand in"),
    ],
)  # fmt: skip
def test_a_threshold_is_told_in_one_sentence(
    verdict: Code, threshold: tuple[float, ...], past: dict[str, object], shared: Budget, said: str, calm: Connection
) -> None:
    told = dict(zip(("decades", "luck", "vif", "factor"), threshold, strict=True))
    one = msgspec.structs.replace(
        words(calm)[1], verdict=int(verdict), past=msgspec.structs.replace(OWN, **past),
        threshold=Threshold(**told, share=0.1, ways=3 if verdict == Code.SMALL else 1),
    )  # fmt: skip
    assert why(one, shared) == said
    assert comparison_fields(one, shared)["why"] == said


# -- baselines that move ---------------------------------------------------------------------------------------------


def test_a_cohort_stands_beside_the_others_of_the_same_time(changed: Connection) -> None:
    asked = reading.Asked(application="shop", signal="response.words", baseline=COHORT)
    found = {one.value: one for one in reading.comparisons(changed, CONFIG, asked, NOW)}
    assert set(found) == {"a", "b"}
    wanted = [
        reading.Wanted(application="shop", signal="response.words", dimension="model", value=v, baseline=COHORT) for v in "ab"
    ]
    by_hour = [reading.stretches(changed, CONFIG, one, HOUR, START, NOW) for one in wanted]
    for one, (hours,) in zip(found.values(), by_hour, strict=True):
        assert (one.comparison, one.change, one.base.version) == ("cohort", None, None)
        assert one.base.n == one.day.n, "the others of two models are the other model"
        assert hours.times_floor[-1] > 5 > 2 > hours.times_floor[:8].max()
        assert one.day.times_floor > 0.5


def test_a_season_is_the_same_hours_of_earlier_days() -> None:
    asked = []

    def panes(where: tuple[str, str], since: int, until: int) -> Pane:
        asked.append((where, (since - START) / HOUR, (until - START) / HOUR))
        return pane(length=[1, 2])

    seasonal = Baseline("seasonal 1d x2", "seasonal", period=DAY, repeats=2)
    part = make_part(ALL, seasonal, pane(length=[1, 2, 3]), lambda subject: 0)
    found = moving_base(part, EMPTY, START + HOUR // 2, START + HOUR // 2 + WINDOW, panes)
    assert found is not None and found.n == 4
    moving_base(part, EMPTY, START + HOUR // 2, START + 2 * HOUR, panes)
    assert asked == [(ALL, -24, -23), (ALL, -48, -47), (ALL, -24, -22), (ALL, -48, -46)]
    fixed = make_part(ALL, Baseline("trailing 7d", "trailing", length=7 * DAY), pane(length=[1]), lambda subject: 0)
    assert moving_base(fixed, EMPTY, START, START + HOUR, panes) is None


# -- horizons --------------------------------------------------------------------------------------------------------

WANTED = reading.Wanted(application="shop", signal="response.words")


@pytest.mark.parametrize("step", [3 * WINDOW, HOUR, 2 * HOUR])
def test_a_longer_window_holds_what_its_windows_hold(step: int, changed: Connection) -> None:
    short = reading.courses(changed, WANTED, START, NOW)
    long = reading.stretches(changed, CONFIG, WANTED, step, START, NOW)
    assert [course.baseline for course in long] == [SKEW, DRIFT]
    for course in long:
        # the first two hours were judged before there was a calibration: nothing is compared in their windows
        mine = next(one for one in short if one.baseline == course.baseline)
        judged = course.start >= START + 24 * WINDOW
        assert course.start.tolist() == list(range(START, NOW // step * step, step))
        for at, n, value in zip(course.start[judged], course.n[judged], course.value[judged], strict=True):
            inside = (mine.start >= at) & (mine.start < at + step)
            assert n == mine.n[inside].sum()
            assert value == pytest.approx(np.average(mine.value[inside], weights=mine.n[inside]), rel=1e-6)
        assert np.isnan(course.evidence).all() and np.isnan(course.threshold).all()
        assert (course.verdict == Code.ABSENT).all()
    assert long[0].times_floor[-1] > long[0].times_floor[0] > 3
    assert long[1].times_floor[-1] > 2 * long[1].times_floor[1]


def test_a_day_carries_the_standing_statement_of_skew(pipelines: list[Pipeline]) -> None:
    with pytest.raises(RuntimeError), pipelines[0].store.begin() as c:
        keeping.roll_up(c, "shop", START + DAY)
        courses.set_judged(c, "shop", START + DAY)
        skew, drift = reading.stretches(c, CONFIG, WANTED, DAY, START, START + DAY)
        assert (skew.verdict.tolist(), drift.verdict.tolist()) == ([Code.FINDING], [Code.ABSENT])
        assert (skew.start.tolist(), skew.n.tolist()) == ([START], [108 * EACH])
        for found in findings.query(c, open_only=True)[0]:
            findings.put(c, [msgspec.structs.replace(found, since=START - 2 * DAY, ended=START - DAY)])
        assert reading.stretches(c, CONFIG, WANTED, DAY, START, START + DAY)[0].verdict.tolist() == [Code.ABSENT]
        raise RuntimeError("nothing of this is kept")


def test_what_is_not_over_is_no_stretch_yet(calm: Connection) -> None:
    assert [course.start.tolist() for course in reading.stretches(calm, CONFIG, WANTED, DAY, START, NOW)] == [[], []]
    other = msgspec.structs.replace(WANTED, application="nobody")
    assert reading.stretches(calm, CONFIG, other, HOUR, START, NOW) == []
