"""What pages show is what the store holds: read from a store that the real pipeline filled."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.config import ConfigSource, parse
from monitor.page import charts, figures
from monitor.page.reading import StoreReading
from monitor.page.routes import application_path, environment, signal_path
from monitor.page.views import OverviewView, Query, SignalView
from monitor.reading import budget as counted
from monitor.store import Store, courses, panes, slices
from records.window import HOUR, WINDOW, Code
from tests.monitor import streaming
from tests.page.serving import Open, serving
from tests.page.stored import DIMENSION, NOW, SIGNAL, SINCE, START, VALUE, break_out, config, fill, revise, row_of

ACME = f"{DIMENSION}:{VALUE}"
STEP = 3 * WINDOW


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "calm.db"
    fill(path).close()
    return path


@pytest.fixture(scope="module")
def calm_store(filled: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{filled}")
    yield store
    store.close()


@pytest.fixture(scope="module")
def store(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    yield from _with_incident(filled, tmp_path_factory.mktemp("page") / "incident.db")


@pytest.fixture
def own_store(filled: Path, tmp_path: Path) -> Iterator[Store]:
    yield from _with_incident(filled, tmp_path / "own.db")


def _with_incident(filled: Path, path: Path) -> Iterator[Store]:
    shutil.copy(filled, path)
    store = Store(f"sqlite:///{path}")
    break_out(store)
    yield store
    store.close()


def reading(store: Store, clock: int = NOW + 14_000_000) -> StoreReading:
    return StoreReading(store, ConfigSource(config()), lambda: clock)


def overview(store: Store, **asked: Any) -> OverviewView:
    view = reading(store).overview("support", Query(**asked))
    assert view is not None
    return view


def signal(store: Store, name: str = SIGNAL, **asked: Any) -> SignalView:
    view = reading(store).signal("support", name, Query(**asked))
    assert view is not None
    return view


def test_applications_are_those_that_sent_something_and_those_that_are_configured(store: Store) -> None:
    silent, support = reading(store).applications()
    assert (silent.application, silent.interactions, silent.state) == ("silent", 0, "waiting for the first interaction")
    assert (support.application, support.open_alerts, support.severity, support.state) == ("support", 1, "critical", "1 alert")
    assert support.interactions > 5_000


def test_an_application_without_alerts_says_what_it_does(calm_store: Store) -> None:
    assert reading(calm_store).applications()[1].state == "nothing unusual"


def test_an_application_that_nobody_knows_has_no_page(store: Store) -> None:
    assert reading(store).overview("unknown", Query()) is None
    assert reading(store).signal("unknown", SIGNAL, Query()) is None
    assert reading(store).signal("support", "unknown", Query()) is None
    assert reading(store).signal("support", SIGNAL, Query(slice="tags.tenant:unknown")) is None


def test_an_application_that_sent_nothing_gets_a_command_and_a_list(store: Store) -> None:
    view = reading(store).overview("silent", Query())
    assert view is not None
    assert view.first_run is not None
    assert "127.0.0.1:4000/v1/interactions" in view.first_run.command
    assert [step.done for step in view.first_run.steps] == [False, False, False]
    body = view.first_run.command.split(" -d '")[1].removesuffix("'").replace("'$(date -u +%FT%TZ)'", "now")
    assert json.loads(body)["application"] == "silent"


def test_now_is_the_end_of_the_last_judged_window(store: Store) -> None:
    view = overview(store)
    assert view.chrome.now == NOW
    assert view.axis.count == 96
    assert 0 <= view.axis.end - NOW < view.axis.step


def test_the_board_has_a_row_for_every_signal_that_is_compared_in_the_order_of_families(store: Store) -> None:
    with store.read() as c:
        compared = {row.signal for row in courses.comparisons(c, "support")}
    rows = overview(store).rows
    assert {row.signal for row in rows} == compared
    assert len(rows) == len(compared) > 60
    families = [family for family, _ in charts.families(rows)]
    assert len(families) == len(set(families))


def test_interactions_today_and_the_traffic_strip_count_what_was_sent(store: Store) -> None:
    with store.read() as c:
        sent = [(key.start, n) for key, n in panes.sizes(c, "support", WINDOW, START, NOW) if not key.dimension]
    view = overview(store)
    assert view.state.interactions_today == sum(n for _, n in sent)
    traffic = view.strips[0]
    first = (START - view.axis.start) // STEP
    assert traffic.values[:first] == (None,) * first
    assert traffic.values[first] == pytest.approx(sum(n for at, n in sent if at < START + STEP) / 15)
    assert traffic.now == pytest.approx(sum(n for at, n in sent if at >= NOW - HOUR) / 60)
    assert [strip.title for strip in view.strips] == ["traffic", "errors", "latency, p95", "tokens", "cost"]


def test_a_signal_that_shifted_is_coloured_since_the_change_and_leads_its_alert(store: Store) -> None:
    rows = {row.signal: row for row in overview(store).rows}
    led = rows[SIGNAL]
    last = led.cells[-1]
    assert (last.kind, last.slice) == ("finding", f"tenant={VALUE}")
    assert led.times_floor == pytest.approx(3.3)
    assert led.mark is not None
    assert (led.mark.alert, led.mark.leads) == ("1", True)
    (outlined,) = led.periods
    assert (outlined.first, outlined.last) == ((SINCE - overview(store).axis.start) // STEP, 95)
    moved = rows["response.characters"].mark
    assert moved is not None
    assert (moved.alert, moved.leads) == ("1", False)
    assert rows["response.characters"].periods == ()
    assert rows["duration"].mark is None
    assert rows["duration"].times_floor is None


def test_what_is_over_is_outlined_where_it_was_and_marks_no_row(store: Store) -> None:
    row = next(row for row in overview(store).rows if row.signal == "input_tokens")
    (outlined,) = row.periods
    assert (outlined.state, outlined.label) == ("resolved", f"#2 resolved {figures.clock(SINCE + WINDOW)}")
    assert row.mark is None


def test_alerts_come_firing_first_with_what_moved_and_how_sure(store: Store) -> None:
    firing, resolved = overview(store).alerts
    assert (firing.id, firing.state, firing.severity, firing.signal, firing.slice) == ("1", "firing", "critical", SIGNAL, ACME)
    assert figures.plain(firing.sentence) == f"Response words rose from 96 to 148 (median, +54 %) for tenant={VALUE}"
    assert figures.plain(firing.cause) == "1 other signal moved with it, marked ↳ 1 below."
    assert firing.effect is not None
    assert firing.effect.measure == "js"
    assert firing.effect.times_floor == pytest.approx(3.3)
    assert firing.evidence is not None
    assert (resolved.state, resolved.ended) == ("resolved", SINCE + WINDOW)


def test_the_board_starts_with_dots_then_calibrates_then_judges(calm_store: Store) -> None:
    row = next(row for row in overview(calm_store, slice="all").rows if row.signal == "duration")
    kinds = [cell.kind for cell in row.cells]
    assert kinds[0] == "no_data"
    assert kinds.index("no_data") < kinds.index("calibrating") < kinds.index("quiet")
    assert set(kinds[kinds.index("quiet") :]) <= {"quiet", "noise"}


@pytest.mark.parametrize(("asked", "kind"), [("", "finding"), (ACME, "finding"), ("all", "quiet"), ("model:heron-2", "quiet")])
def test_a_slice_shows_its_own_verdicts_and_the_worst_is_the_default(store: Store, asked: str, kind: str) -> None:
    view = overview(store, slice=asked)
    row = next(row for row in view.rows if row.signal == SIGNAL)
    assert row.cells[-1].kind == kind
    (current,) = [choice for choice in view.slices if choice.current]
    assert current.value == (asked or "worst")


def test_a_window_that_is_judged_again_is_shown_anew(own_store: Store) -> None:
    page = reading(own_store)

    def last() -> str:
        view = page.overview("support", Query(slice="all"))
        assert view is not None
        return next(row for row in view.rows if row.signal == "duration").cells[-1].kind

    before = last()
    revise(own_store, NOW - WINDOW, row_of(own_store, "duration", "", ""), 2.0, 9.0, Code.FINDING)
    assert (before, last()) == ("quiet", "finding")


def test_the_first_sight_of_a_slice_is_marked_unless_history_begins_with_it(own_store: Store) -> None:
    assert overview(own_store).markers == ()
    with own_store.begin() as c:
        slices.add(c, "support", "prompt_version", "v14", 1, NOW - HOUR)
    (marker,) = overview(own_store).markers
    assert (marker.at, marker.text) == (NOW - HOUR, "prompt v14")


def test_a_live_stream_that_lags_is_stale_and_replayed_history_is_not(store: Store) -> None:
    watermark = reading(store).applications()[1].watermark
    assert watermark is not None
    clock = [watermark]
    page = StoreReading(store, ConfigSource(config()), lambda: clock[0])

    def state(behind: int) -> tuple[float | None, bool]:
        clock[0] = watermark + behind * 1_000_000
        view = page.overview("support", Query())
        assert view is not None
        return view.state.lag, view.state.stale

    assert state(40 * 86_400) == (None, False)
    assert state(-60) == (0.0, False)
    assert state(14) == (14.0, False)
    assert state(600) == (600.0, True)
    assert state(86_400) == (86_400.0, True)


def test_the_budget_that_is_spent_is_that_of_the_alerts_that_fired(store: Store, calm_store: Store) -> None:
    assert overview(store).state.budget_spent == 2.0
    assert overview(calm_store).state.budget_spent == 0.0
    assert overview(store).state.budget == "at most 1 false alarm per 30 days"


def test_the_course_has_the_values_and_counts_of_the_panes(store: Store) -> None:
    view = signal(store, range="24h", slice=ACME)
    with store.read() as c:
        sent = [
            n for key, n in panes.sizes(c, "support", WINDOW, START, NOW) if (key.dimension, key.value) == (DIMENSION, VALUE)
        ]
    assert sum(view.course.n) <= sum(sent)
    assert sum(view.course.n) > 0.95 * sum(sent)
    known = [value for value in view.course.values if value is not None]
    assert 40 < min(known) <= max(known) < 90
    assert [len(series) for series in (view.course.low, view.course.high, view.course.usual)] == [96] * 3
    assert view.course.statistic == "median"


@pytest.mark.parametrize(("asked", "count"), [("24h", 96), ("7d", 168), ("30d", 120), ("nonsense", 168)])
def test_every_range_has_its_steps_and_ends_now(store: Store, asked: str, count: int) -> None:
    view = signal(store, range=asked)
    assert view.axis.count == count
    assert view.axis.end - view.axis.step < NOW <= view.axis.end
    assert len(view.lanes[0].cells) == len(view.course.values) == count
    assert view.course.n[-1] > 0


def test_the_verdicts_are_those_of_the_last_window_and_since_the_change(store: Store) -> None:
    view = signal(store, slice=ACME)
    window, hour, day, since = view.verdicts
    assert [(row.horizon, row.judged, row.evidence) for row in (hour, day)] == [("1 h", False, None), ("24 h", False, None)]
    assert hour.n < day.n and hour.effect is not None and day.effect is not None
    assert (window.horizon, window.comparison, window.baseline, window.kind) == ("5 min", "drift", "trailing 7d", "finding")
    assert since.horizon == f"since {figures.since(SINCE, NOW)}"
    assert (since.n, since.reference_n, since.alert, since.kind) == (320, 9_000, "1", "finding")
    assert view.alert is not None
    assert view.alert.id == "1"
    assert view.periods[0].label == f"#1 firing since {figures.clock(SINCE)}"
    assert [lane.cells[-1].kind for lane in view.lanes] == ["finding"]


def test_a_signal_says_why_it_alarms_where_it_does(store: Store) -> None:
    view = signal(store, slice=ACME)
    (why,) = view.why
    assert (why.comparison, why.baseline) == ("drift", "trailing 7d")
    with store.read() as c:
        many = counted(c, config(), NOW).comparisons
    assert why.text.startswith(f"alarms at 6.8 decades: once in 30 days over {many} comparisons; has ")
    assert why.text.endswith(" of its own needs, until then those of all traffic stand in")
    assert view.beside == ()


def test_an_alert_lists_its_findings_the_leader_first(store: Store) -> None:
    firing, resolved = overview(store).alerts
    assert [(one.title, one.slice.label, one.against, one.leads) for one in firing.moved] == [
        ("response words", f"tenant={VALUE}", "drift, trailing 7d", True),
        ("response characters", f"tenant={VALUE}", "drift, trailing 7d", False),
    ]
    assert all(one.since == SINCE and one.ended is None and one.evidence for one in firing.moved)
    assert [one.ended for one in resolved.moved] == [SINCE + WINDOW]


def test_every_slice_has_its_own_row(store: Store) -> None:
    rows = {row.slice: row for row in signal(store).slice_rows}
    with store.read() as c:
        compared = {(r.dimension, r.value) for r in courses.comparisons(c, "support") if r.dimension}
    assert set(rows) == {f"{dimension}:{value}" for dimension, value in compared}
    assert rows[ACME].kind == "finding"
    effect = rows[ACME].effect
    assert effect is not None
    assert effect.times_floor == pytest.approx(3.3)
    assert sum(row.share for row in rows.values() if row.slice.startswith("model:")) == pytest.approx(1, abs=0.01)


def test_reference_and_now_are_shares_of_the_baseline_and_the_last_hour(store: Store) -> None:
    with store.read() as c:
        hour = sum(n for key, n in panes.sizes(c, "support", WINDOW, NOW - HOUR, NOW) if not key.dimension)
    for name in (SIGNAL, "response.refusal", "model", "response.type_token_ratio", "quality.out_of_range"):
        shown = signal(store, name).distribution
        assert shown is not None, name
        assert sum(cell.reference for cell in shown.cells) == pytest.approx(1), name
        assert sum(cell.now for cell in shown.cells) == pytest.approx(1), name
        assert 0 < shown.now_n <= (hour if name != "quality.out_of_range" else 99 * hour)
    words = signal(store).distribution
    assert words is not None
    assert words.numeric
    widths = np.diff([cell.low for cell in words.cells])
    assert (widths >= 1).all()


def test_every_signal_of_the_application_has_a_page_that_renders(store: Store) -> None:
    page, templates, rendered = reading(store), environment(), 0
    names = [row.signal for row in overview(store).rows]
    for name in [*names, "traffic"]:
        view = page.signal("support", name, Query(range="24h"))
        assert view is not None, name
        json.dumps(charts.course_data(view), allow_nan=False)
        html = templates.get_template("signal.html").render(view=view, link=lambda **_: "", here="", session=False)
        rendered += view.title in html
    assert rendered == len(names) + 1


def test_the_pages_of_a_real_store_are_drawn_without_complaint(store: Store, open_page: Open) -> None:
    with serving(reading(store)) as url:
        page = open_page(f"{url}/apps/support")
        assert page.locator(".row").count() > 60
        assert page.locator(".alert").count() == 2
        page.goto(f"{url}/apps/support/signals/{SIGNAL}?slice={ACME}")
        page.wait_for_selector("html[data-ready]")
        assert page.locator(".plot canvas").count() == 2
        page.close()


def test_an_application_too_sparse_to_be_compared_has_its_first_page(tmp_path: Path) -> None:
    """Judged for hours, and in too few windows was there anything: learned, but of nothing."""
    with streaming.opened(tmp_path / "sparse.db") as sparse:
        pipe = streaming.pipeline(sparse)
        streaming.feed(pipe, streaming.records(rows for i, rows in enumerate(streaming.windows(60, rows=2)) if i % 3 == 0))
        reading = StoreReading(sparse, ConfigSource(parse(streaming.CONFIG, "test", {})), lambda: streaming.ACCEPTED)
        view = reading.overview(streaming.APPLICATION, Query())
    assert view is not None
    assert view.first_run is not None


def test_what_speaks_of_all_signals_links_to_the_application() -> None:
    assert signal_path("shop", "multivariate.domain_classifier") == application_path("shop")
    assert signal_path("shop", "response.words") == "/apps/shop/signals/response.words"
