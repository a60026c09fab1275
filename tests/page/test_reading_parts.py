"""The parts of the page's reading: cells of a heat map, usual bands, quantiles, what is kept, effects, sentences."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.page import figures
from monitor.page.charts import even_cells
from monitor.page.reading.incidents import candidates, finding_effect, sentence_of, window_effect
from monitor.page.reading.kept import Kept, stretches
from monitor.page.reading.names import shown, slice_key, slice_label, statistic
from monitor.page.reading.panes import EARLIER_DAYS, LEAST_DAYS, Column, mean, merged, quantile, share, usual_band
from monitor.page.reading.windows import KINDS, Board, Verdicts, cells
from monitor.page.views import TimeAxis
from records.signal import Kind, Signal
from records.summary.buckets import bucket_keys
from records.window import DAY, HOUR, MINUTE, WINDOW
from tests.page.stored import alert, finding

START = 20_000 * DAY
QUARTER = 15 * MINUTE


def verdicts(ranks: list[list[int]], floors: list[list[float]]) -> Verdicts:
    """Consecutive windows from START on, by rank."""
    count, size = len(ranks), len(ranks[0])
    start = START + WINDOW * np.arange(count)
    n = np.full((count, size), 40, np.float32)
    return Verdicts(start, np.full(count, 100), np.array(ranks, np.uint8), np.array(floors, np.float32), n, n)


NO_DATA, TOO_FEW, CALIBRATING, QUIET, NOISE, SMALL, FINDING = range(7)


@pytest.mark.parametrize(
    ("ranks", "kind"),
    [
        ([NO_DATA, NO_DATA, NO_DATA], "no_data"), ([NO_DATA, TOO_FEW, NO_DATA], "too_few"),
        ([TOO_FEW, CALIBRATING, TOO_FEW], "calibrating"), ([QUIET, CALIBRATING, TOO_FEW], "quiet"),
        ([QUIET, NOISE, QUIET], "noise"), ([SMALL, NOISE, QUIET], "small"), ([QUIET, QUIET, FINDING], "finding"),
    ],
)  # fmt: skip
def test_a_step_shows_the_most_telling_of_its_windows_and_slices(ranks: list[int], kind: str) -> None:
    axis = TimeAxis(START, QUARTER, 2)
    over_windows = Board(verdicts([[rank] for rank in ranks], [[1.0]] * 3), axis)
    over_slices = Board(verdicts([ranks], [[1.0] * 3]), axis)
    for board, columns in ((over_windows, 1), (over_slices, 3)):
        first, second = cells(board.worst(np.arange(columns)), ["a", "b", "c"])
        assert first.kind == kind
        assert second.kind == "no_data"


def test_of_two_findings_the_larger_effect_is_shown_with_its_slice() -> None:
    board = Board(verdicts([[FINDING, FINDING], [FINDING, QUIET]], [[1.2, 3.0], [2.0, 9.0]]), TimeAxis(START, QUARTER, 1))
    (cell,) = cells(board.worst(np.array([0, 1])), ["model=a", "model=b"])
    assert (cell.times_floor, cell.slice, cell.n) == (3.0, "model=b", 40)
    (cell,) = cells(board.worst(np.array([0])), ["model=a", "model=b"])
    assert (cell.times_floor, cell.slice) == (2.0, "model=a")
    assert all(cell.kind == "no_data" for cell in cells(board.worst(np.empty(0, np.int64)), []))


@given(st.lists(st.lists(st.integers(0, 6), min_size=4, max_size=4), min_size=1, max_size=24))
def test_no_step_hides_a_finding(ranks: list[list[int]]) -> None:
    board = Board(verdicts(ranks, [[1.0] * 4] * len(ranks)), TimeAxis(START, QUARTER, 8))
    drawn = cells(board.worst(np.arange(4)), [""] * 4)
    for step in range(8):
        inside = [rank for window in ranks[3 * step : 3 * step + 3] for rank in window]
        assert drawn[step].kind == KINDS[max(inside, default=0)]


def band_by_hand(values: np.ndarray, since: int, axis: TimeAxis, i: int) -> np.ndarray:
    """The same by the definition, a step at a time."""
    pool: list[float] = []
    at, days = axis.at(i), 0
    width = max(axis.step, HOUR)
    for day in range(1, EARLIER_DAYS + 1):
        low = at // width * width - width - day * DAY
        here = [v for j, v in enumerate(values) if low <= since + j * axis.step < low + 3 * width and not np.isnan(v)]
        pool, days = pool + here, days + bool(here)
    if days < LEAST_DAYS:
        pool = [v for j, v in enumerate(values) if at - DAY <= since + j * axis.step < at and not np.isnan(v)]
    return np.percentile(pool, (10, 50, 90)) if len(pool) >= 3 else np.full(3, np.nan)


@pytest.mark.parametrize("step", [QUARTER, HOUR, 6 * HOUR])
@pytest.mark.parametrize("known_days", [0, 1, 2, 4, 7])
def test_usual_is_the_hour_and_its_neighbours_on_earlier_days_or_the_day_before(step: int, known_days: int) -> None:
    axis = TimeAxis(START + 5 * step, step, 2 * DAY // step)
    since = axis.start - EARLIER_DAYS * DAY
    rng = np.random.default_rng(known_days)
    values = rng.normal(10, 2, (axis.end - since) // step)
    values[: (EARLIER_DAYS - known_days) * DAY // step] = np.nan
    values[rng.random(len(values)) < 0.1] = np.nan
    band = usual_band(values, since, axis)
    for i in range(0, axis.count, 5):
        np.testing.assert_allclose(band[:, i], band_by_hand(values, since, axis, i))


def column(values: np.ndarray, resolution: float = 0.001) -> Column:
    keys, counts = np.unique(bucket_keys(values), return_counts=True)
    return Column(keys, counts, float(values.sum()), resolution)


@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=60), st.floats(0.01, 0.99))
def test_a_quantile_is_within_a_bucket_of_the_sample_quantile(values: list[float], wanted: float) -> None:
    """Second source: numpy's inverted CDF on the raw values; a bucket is 4.4 % wide."""
    data = np.array(values)
    exact = float(np.quantile(data, wanted, method="inverted_cdf"))
    found = quantile(column(data), wanted)
    assert found is not None
    assert found == pytest.approx(exact, rel=0.0443)


@given(
    st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=20), min_size=1, max_size=5), st.sampled_from([0.1, 0.5, 0.95])
)
def test_merged_panes_have_the_quantile_mean_and_share_of_all_their_values(parts: list[list[int]], wanted: float) -> None:
    data = np.concatenate([np.array(part, float) for part in parts])
    whole, split = column(data, 1.0), merged(column(np.array(part, float), 1.0) for part in parts)
    assert quantile(split, wanted) == quantile(whole, wanted)
    assert mean(split) == pytest.approx(float(data.mean()))
    assert share(split, 0) == pytest.approx(float((data == 0).mean()))


def test_nothing_has_no_quantile_mean_or_share() -> None:
    assert merged([None, None]) is None
    assert (quantile(None, 0.5), mean(None), share(None, 1)) == (None, None, None)


@given(st.integers(0, 40), st.integers(1, 200), st.integers(0, 72))
def test_stretches_cover_a_span_and_only_whole_past_ones_are_stamped(first: int, hours: int, before: int) -> None:
    since, until = START + first * HOUR, START + (first + hours) * HOUR
    now = until + before * HOUR
    parts = list(stretches(since, until, now))
    assert parts[0][0] == since
    assert parts[-1][1] == until
    assert all(a[1] == b[0] for a, b in pairwise(parts))
    assert all((stamp is not None) == (end <= now - DAY) for _, end, stamp in parts)


def test_what_is_kept_is_made_once_and_the_oldest_goes_first() -> None:
    kept, made = Kept(2), []

    def make(name: str) -> str:
        made.append(name)
        return name

    for name in ("a", "b", "a", "c", "a", "b"):
        assert kept.get(name, lambda name=name: make(name)) == name  # type: ignore[misc]
    assert made == ["a", "b", "c", "b"]


@pytest.mark.parametrize(
    ("js", "smd", "floors", "measure", "times"),
    [
        (0.2, 0.1, 2.0, "js", 2.0), (0.05, -0.5, 2.5, "smd", 2.5), (0.15, math.nan, 4.2, "ratio", 4.2),
        (0.15, math.nan, math.nan, "js", 1.5), (0.15, math.nan, 1.5, "js", 1.5),
    ],
)  # fmt: skip
def test_the_effect_of_a_window_is_the_measure_that_is_the_most_above_its_floor(
    js: float, smd: float, floors: float, measure: str, times: float
) -> None:
    effect = window_effect(js, smd, floors, True, None)
    assert effect is not None
    assert effect.measure == measure
    assert effect.times_floor == pytest.approx(times)


def test_a_ratio_that_only_the_floor_tells_of_is_the_ratio_itself() -> None:
    grew, fell = window_effect(0.1, math.nan, 2.0, True, None), window_effect(0.1, math.nan, 2.0, False, None)
    assert grew is not None
    assert fell is not None
    assert grew.value == pytest.approx(2.25)
    assert fell.value == pytest.approx(1 / 2.25)
    assert window_effect(math.nan, math.nan, math.nan, True, None) is None


def test_a_finding_reports_the_measure_that_its_multiple_of_the_floor_comes_from() -> None:
    effect = finding_effect(finding("response.words"))
    assert effect is not None
    assert (effect.measure, effect.value, effect.detectable) == ("js", 0.33, 0.1)
    assert [one.measure for one in candidates(0.1, 0.2, 2.0)] == ["js", "smd", "ratio"]


@pytest.mark.parametrize(
    ("said", "tail"),
    [
        ("Refusals rose from 2 % to 7 % of calls for tenant=acme", " since 05:52 UTC"),
        ("No data from support", " since 03:15 UTC"),
        ("Errors rose for tenant=since dawn", " since 03:15 UTC until 04:00 UTC"),
        ("Something else", ""),
    ],
)
def test_a_sentence_is_shown_without_the_time_that_stands_beside_it(said: str, tail: str) -> None:
    told = alert("response.words", [finding("response.words")], sentence=said + tail)
    assert figures.plain(sentence_of(told)) == said


def test_a_sentence_that_was_withdrawn_still_says_so() -> None:
    note = " (withdrawn: late data removed the evidence)"
    told = alert("response.words", [finding("response.words")], sentence=f"Errors rose since 03:15 UTC{note}")
    assert figures.plain(sentence_of(told)) == f"Errors rose{note}"


@pytest.mark.parametrize(
    ("name", "unit", "scale"),
    [("duration", "s", 1.0), ("error", "%", 100.0), ("response.digit_share", "%", 100.0), ("cost_usd", "¢", 100.0),
     ("scores.helpfulness", "", 1.0), ("response.words", "words", 1.0)],
)  # fmt: skip
def test_signals_are_shown_in_units_that_people_read(name: str, unit: str, scale: float) -> None:
    assert (shown(name).unit, shown(name).scale) == (unit, scale)
    assert shown(name).scaled(math.nan) is None


def test_small_counts_and_scores_are_told_by_their_mean() -> None:
    count, ratio = Signal("x", Kind.NUMERIC, "x", "form"), Signal("x", Kind.NUMERIC, "x", "form", resolution=0.001)
    assert [statistic(count, median) for median in (0.0, 3.0, 60.0)] == ["mean", "mean", "median"]
    assert [statistic(ratio, median) for median in (0.0, 3.0)] == ["mean", "median"]
    assert statistic(Signal("scores.x", Kind.NUMERIC, "x", "judged", resolution=0.001), 0.8) == "mean"
    assert statistic(Signal("x", Kind.BOOLEAN, "x", "safety"), None) == "share"


def test_slices_have_a_name_in_addresses_and_one_for_people() -> None:
    assert (slice_key("tags.tenant", "acme"), slice_label("tags.tenant", "acme")) == ("tags.tenant:acme", "tenant=acme")
    assert (slice_key("", ""), slice_label("", "")) == ("", "all traffic")


def test_whole_numbers_are_drawn_on_cells_no_narrower_than_one() -> None:
    drawn = even_cells(np.arange(0.0, 6.0), np.array([1.0, 2, 3, 2, 1]), np.array([0.0, 1, 1, 1, 0]), least=1.0)
    lows = [cell.low for cell in drawn if cell.low is not None]
    assert lows == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert [cell.reference for cell in drawn] == pytest.approx([1 / 9, 2 / 9, 3 / 9, 2 / 9, 1 / 9])
