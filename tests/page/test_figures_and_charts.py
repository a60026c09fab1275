"""Numbers and times in words, and the data of drawings."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.page import charts, figures
from monitor.page.quality import HEIGHT, WIDTH, band_path, line_path, quality_words
from monitor.page.views import Cell, Effect, Evidence, Query, TimeAxis
from monitor.page.views_overview import Point, QualityRow
from tests.page.sample import HOUR, MINUTE, NOW, overview, signal


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (float("nan"), "–"), (0.0, "0"), (-0.284, "−0.28"), (0.333, "0.33"), (3.3, "3.3"),
        (96.0, "96"), (12.34, "12.3"),
        (6020.0, "6 020"), (1_234_567.0, "1 234 567"), (0.00042, "0.00042"), (1e-9, "1e-09"), (99.97, "100"),
    ],
)  # fmt: skip
def test_a_figure_has_three_digits_and_its_thousands_apart(value: float | None, text: str) -> None:
    assert figures.figure(value).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(14, "14 s"), (119, "119 s"), (180, "3 min"), (3600, "1 h"), (31_200, "8 h 40 min"), (86_400, "24 h"),
     (183_600, "2 d 3 h"), (-5, "0 s")],
)  # fmt: skip
def test_a_duration_has_two_units_at_most(seconds: float, text: str) -> None:
    assert figures.duration(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "–"), (0.0, "0 %"), (0.0001, "< 1 %"), (0.006, "0.6 %"), (0.049, "4.9 %"), (0.03, "3 %"), (1.0, "100 %")],
)
def test_a_share_is_written_in_per_cent(share: float | None, text: str) -> None:
    assert figures.percent(share).replace("\u00a0", " ") == text


def test_times_are_said_as_of_now() -> None:
    assert figures.stamp(NOW) == "Tue 18 Nov 2025, 14:32 UTC"
    assert figures.since(NOW - HOUR, NOW) == "13:32 today"
    assert figures.since(NOW - 16 * HOUR, NOW) == "22:32 yesterday"
    assert figures.since(NOW - 60 * HOUR, NOW) == "02:32 on Sun 16 Nov"


def test_evidence_and_effect_are_said_with_their_units() -> None:
    assert figures.evidence(Evidence(31.24, 9.4)) == "evidence 31.2 of 9.4 decades"
    assert figures.effect(Effect("smd", -0.28, 0.2, 1.4)) == "−0.28 SD"
    assert (figures.change(96, 148), figures.change(100, 90), figures.change(0, 3)) == ("+54\u00a0%", "−10\u00a0%", "")
    assert (figures.change(2, 28.9), figures.change(-2, 3)) == ("×14", "−250\u00a0%")


@pytest.mark.parametrize(("times", "step"), [(1.0, 1), (1.49, 1), (1.5, 2), (2.0, 3), (3.0, 4), (4.0, 5), (40.0, 5)])
def test_the_colour_step_is_the_effect_over_the_floor(times: float, step: int) -> None:
    assert figures.heat(times) == step


def test_a_row_is_read_as_its_unusual_stretches() -> None:
    axis = TimeAxis(NOW - NOW % HOUR, 15 * MINUTE, 6)
    cells = (
        Cell("quiet"),
        Cell("finding", 1.2),
        Cell("finding", 3.31),
        Cell("no_data"),
        Cell("quiet"),
        Cell("too_few", n=38, needs=260),
    )
    said = charts.runs(cells, axis).replace("\u00a0", " ")
    assert said == "14:15–14:45 shifted, up to 3.3 × floor; 14:45–15:00 no data; 15:15–15:30 can't tell"
    assert charts.cell_codes(cells) == "q14-qf"
    assert charts.cell_words(cells[-1]) == "can't tell, n 38, needs 260"


@pytest.mark.parametrize(
    ("sentence", "codes", "styles"),
    [
        (
            "Response words rose from 96 to 148 (median, +54 %) for tenant=acme since 05:52 UTC", ["tenant=acme"],
            [("96 to 148", "strong"), ("tenant=acme", "code")],
        ),
        ("Refusals rose from 2.1 % to 7.4 % of calls since 05:52 UTC", [], [("2.1 % to 7.4 %", "strong")]),
        ("No data from support since 03:15 UTC", [], []),
        ("Tools rose from 1 to 2 for x=(a+b) since 01:00", ["x=(a+b)", ""], [("1 to 2", "strong"), ("x=(a+b)", "code")]),
    ],
)  # fmt: skip
def test_a_sentence_sets_its_values_and_slices_apart(sentence: str, codes: list[str], styles: list[tuple[str, str]]) -> None:
    parts = figures.parts(sentence, codes)
    assert figures.plain(parts) == sentence
    assert [(part.text, part.style) for part in parts if part.style != "plain"] == styles


def test_a_ratio_is_detectable_by_its_logarithm() -> None:
    assert charts.detectable(Effect("ratio", 3.0, 1.5, 2.7, 2.25)) == pytest.approx(2.0)
    assert charts.detectable(Effect("js", 0.3, 0.1, 3.0, 0.05)) == pytest.approx(0.5)
    assert charts.detectable(Effect("js", 0.3, 0.1, 3.0)) is None


def test_drawings_have_one_entry_a_step() -> None:
    board = charts.board_data(overview())
    assert {len(row["codes"]) for row in board["rows"]} == {96}
    shown = signal("response.words", Query())
    assert shown is not None
    course = charts.course_data(shown)
    assert {len(course[name]) for name in ("values", "low", "high", "usual", "n")} == {168}
    assert "now" in charts.course_label(shown)
    assert charts.distribution_label(shown) == "Distribution of Response words: median 96 words in the reference, 148 now."


counts = st.lists(st.integers(0, 1000), min_size=2, max_size=60)


@given(reference=counts, now=st.data(), start=st.floats(-1e6, 1e6), width=st.floats(1e-3, 1e4))
def test_even_cells_hold_every_share_once(reference: list[int], now: st.DataObject, start: float, width: float) -> None:
    size = len(reference)
    current = now.draw(st.lists(st.integers(0, 1000), min_size=size, max_size=size))
    edges = start + width * np.arange(size + 1, dtype=np.float64) ** 1.5
    cells = charts.even_cells(edges, np.array(reference, float), np.array(current, float))
    assert 1 <= len(cells) <= 60
    assert sum(cell.reference for cell in cells) == pytest.approx(1.0 if sum(reference) else 0.0)
    assert sum(cell.now for cell in cells) == pytest.approx(1.0 if sum(current) else 0.0)
    assert all(cell.reference >= -1e-12 and cell.now >= -1e-12 for cell in cells)
    assert (
        np.ptp([cell.high - cell.low for cell in cells if cell.high is not None and cell.low is not None])
        <= 1e-6 * width * size**1.5 + 1e-9
    )


@given(
    values=st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=25),
    half=st.floats(0, 0.5),
)
def test_estimates_and_their_bands_are_drawn_inside_the_row_and_break_where_there_are_none(
    values: list[float | None], half: float
) -> None:
    points = tuple(Point(i, v, max(v - half, 0), min(v + half, 1)) for i, v in enumerate(values) if v is not None)
    row = QualityRow("s", "s", 0.5, 0.4, 0.6, "", False, False, 0, 0, 0.0, 25, points)
    runs = sum(v is not None and (i == 0 or values[i - 1] is None) for i, v in enumerate(values))
    for path in (line_path(row), band_path(row)):
        assert path.count("M") == runs
        places = [tuple(map(float, place.split())) for place in re.split("[MLZ]+", path) if place]
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)
    assert quality_words(row).endswith(".")
