"""The pages in a real Chromium: drawn, in both schemes, narrow and wide, with keys, refreshed in place."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from monitor.page.views import Choice, OverviewView, Part, Query
from tests.page.sample import SampleReading, alerts, overview
from tests.page.serving import Open, Scheme, serving

OVERVIEW = "/apps/support"
SIGNAL = "/apps/support/signals/response.words?slice=tags.tenant:acme&range=7d"
CATEGORY = "/apps/support/signals/finish_reason"
PAGES = {
    "overview": (OVERVIEW, 1),
    "signal": (SIGNAL, 2),
    "category": (CATEGORY, 2),
    "first run": ("/apps/search", 0),
    "list": ("/", 0),
}
LOOKS: tuple[tuple[Scheme, int], ...] = (
    ("light", 1440), ("dark", 1440), ("dark", 1000), ("light", 700), ("dark", 390), ("light", 390),
)  # fmt: skip
INK = """() => [...document.querySelectorAll('.plot canvas')].map(canvas => {
  const data = canvas.getContext('2d', {willReadFrequently: true}).getImageData(0, 0, canvas.width, canvas.height).data;
  const seen = new Set();
  for (let i = 0; i < data.length; i += 4) if (data[i + 3]) seen.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
  return seen.size; })"""
CELL = """() => { const canvas = document.querySelector('.plot canvas'), box = document.querySelector('.row .gap');
  const pen = canvas.getContext('2d', {willReadFrequently: true});
  return pen.getImageData(box.offsetLeft + 3, box.offsetTop + 2, 1, 1).data.join(); }"""
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(SampleReading()) as url:
        yield url


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_drawn_without_complaint_and_without_sideways_scroll(address: str, open_page: Open, name: str) -> None:
    path, drawings = PAGES[name]
    page = open_page(address + path)
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        page.reload()
        page.wait_for_selector("html[data-ready]")
        inks = page.evaluate(INK)
        assert len(inks) == drawings
        assert all(ink >= 8 for ink in inks), (scheme, width)
        assert page.evaluate(OVERFLOW) == 0, (scheme, width)


def test_the_estimates_of_quality_say_what_they_rest_on_and_are_drawn_with_their_bands(address: str, open_page: Open) -> None:
    page = open_page(address + OVERVIEW)
    panel = page.get_by_role("region", name="How good the answers are").locator("table")
    rests = panel.locator(".rests").all_inner_texts()
    assert rests == ["corrected with 42 labels", "judge only, not corrected: 3 labels are too few", "mean of all scored"]
    expect(panel.locator("tbody tr").first).to_contain_text("0.79")
    expect(panel.locator("tbody tr").first).to_contain_text("0.74–0.84")
    for name in ("band", "line"):
        boxes = [path.bounding_box() for path in panel.locator(f"path.{name}").all()]
        assert [box is not None and box["width"] > 60 for box in boxes] == [True, True, False]
    links = panel.locator("tbody a").all_inner_texts()
    assert links == ["score groundedness", "score relevance"]  # of what is compared there is a page


def test_the_drawings_change_with_the_colour_scheme(address: str, open_page: Open) -> None:
    page = open_page(address + OVERVIEW)
    assert page.evaluate(CELL) == "239,242,245,255"
    page.emulate_media(color_scheme="dark")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate(CELL) == "28,34,41,255"


def test_every_drawing_has_a_role_a_sentence_and_a_table(address: str, open_page: Open) -> None:
    for path, drawings in (PAGES["overview"], PAGES["signal"]):
        page = open_page(address + path)
        labels = [plot.get_attribute("aria-label") or "" for plot in page.locator(".plot[role=img]").all()]
        assert len(labels) == drawings
        assert all(label.endswith(".") for label in labels)
        assert page.locator("details.table table").count() >= drawings


@pytest.mark.parametrize("path", [OVERVIEW, SIGNAL])
def test_without_scripts_the_same_figures_stand_in_tables(address: str, open_page: Open, path: str) -> None:
    page = open_page(address + path, scripts=False)
    page.get_by_text("Read as a table").first.click()
    expect(page.locator("details.table table").first).to_be_visible()
    expect(page.locator("#find")).to_be_hidden()
    if path == OVERVIEW:
        row = page.locator("#board-table tr", has=page.locator("th", has_text="response words")).first
        expect(row).to_contain_text("up to 3.3")
        expect(page.locator(".alert.firing .sure").first).to_contain_text("evidence 31.2 of 9.4 decades")


def test_keys_move_through_rows_open_them_and_find(address: str, open_page: Open) -> None:
    page = open_page(address + OVERVIEW)
    focused = "() => document.activeElement.id"
    page.keyboard.press("j")
    assert page.evaluate(focused) == "alert-412"
    for _ in range(4):
        page.keyboard.press("j")
    assert page.evaluate(focused) == "strip-1"
    page.keyboard.press("k")
    assert page.evaluate(focused) == "alert-411"
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("refus")
    expect(page.locator(".row:visible")).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url("**/signals/response.refusal")
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.wait_for_url("**/apps/support")


def test_the_skip_link_comes_first(address: str, open_page: Open) -> None:
    page = open_page(address + OVERVIEW)
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "main"


def test_a_narrow_window_shows_unusual_rows_until_asked_for_all(address: str, open_page: Open) -> None:
    page = open_page(address + OVERVIEW, width=390)
    unusual = page.locator(".row:visible").count()
    assert unusual < page.locator(".row").count()
    page.get_by_role("button", name="quiet signals").click()
    expect(page.locator(".row:visible")).to_have_count(page.locator(".row").count())
    expect(page.get_by_role("button", name="Hide")).to_be_visible()


def test_pointing_at_a_cell_says_what_it_is_and_a_click_opens_the_signal(address: str, open_page: Open) -> None:
    page = open_page(address + OVERVIEW)
    gap = page.locator("[data-signal='response.words'] .gap").bounding_box()
    assert gap is not None
    page.mouse.move(gap["x"] + gap["width"] - 40, gap["y"])
    expect(page.locator(".tip")).to_contain_text("response words")
    expect(page.locator(".tip")).to_contain_text("tenant=acme")
    page.mouse.click(gap["x"] + gap["width"] - 40, gap["y"])
    page.wait_for_url("**/signals/response.words")


def test_a_control_swaps_the_main_part_and_is_in_the_address(address: str, open_page: Open) -> None:
    page = open_page(address + OVERVIEW)
    page.evaluate("() => { window.kept = true; }")
    page.get_by_role("link", name="trailing week").click()
    page.wait_for_url("**against=trailing*")
    expect(page.locator("[aria-current=true]", has_text="trailing week")).to_be_visible()
    assert page.evaluate("() => window.kept")
    assert page.evaluate(INK)[0] >= 8


class Moving(SampleReading):
    """The sample with a third alert once `more` is set; `down` breaks it."""

    more = down = False

    def overview(self, application: str, query: Query) -> OverviewView | None:
        if self.down:
            raise RuntimeError("the store is away")
        view = overview(application, query)
        if not self.more:
            return view
        new = replace(alerts()[0], id="415", sentence=(Part("Errors rose", "strong"),))
        return replace(view, alerts=(new, *view.alerts), chrome=replace(view.chrome, open_alerts=3, now=view.chrome.now + 1))


def refresh(page: Page) -> None:
    page.evaluate("() => htmx.trigger('#live', 'refresh')")


def test_a_refresh_keeps_focus_scroll_and_open_tables_and_announces_new_alerts(open_page: Open) -> None:
    reading = Moving()
    with serving(reading) as url:
        page = open_page(url + OVERVIEW)
        page.locator("#board-table summary").click()
        page.locator("[id='row-response.refusal']").focus()
        page.evaluate("() => { window.scrollTo(0, 300); document.querySelector('#board-table .scroll').scrollTop = 90; }")
        reading.more = True
        refresh(page)
        expect(page.locator("#alert-415")).to_be_attached()
        expect(page.locator("#announce")).to_have_text("New alert: Errors rose")
        expect(page.locator("#open-alerts .badge")).to_have_text("3")
        assert page.evaluate("() => document.activeElement.id") == "row-response.refusal"
        assert page.evaluate("() => window.scrollY") > 0
        assert page.evaluate("() => document.querySelector('#board-table .scroll').scrollTop") == 90
        assert page.evaluate(INK)[0] >= 8
        page.close()


def test_a_refresh_that_fails_keeps_the_figures_and_says_so(open_page: Open) -> None:
    reading = Moving()
    with serving(reading) as url:
        page = open_page(url + OVERVIEW)
        reading.down = True
        refresh(page)
        expect(page.locator("#failed")).to_contain_text("answered 500")
        expect(page.locator(".alert")).to_have_count(4)
        reading.down = False
        page.get_by_role("button", name="Retry").click()
        expect(page.locator("#failed")).to_be_hidden()
        page.close()
    complaints = open_page.complaints  # type: ignore[attr-defined]
    assert all("500" in complaint for complaint in complaints)
    complaints.clear()


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}</script>"


class Hostile(SampleReading):
    """The sample with names and values that an attacker chose."""

    def overview(self, application: str, query: Query) -> OverviewView | None:
        view = overview(application, query)
        row = replace(view.rows[9], title=HOSTILE, signal=HOSTILE, unit=HOSTILE)
        cells = tuple(replace(cell, slice=HOSTILE) for cell in row.cells)
        alert = replace(view.alerts[0], sentence=(Part(HOSTILE, "code"),), slice=f"tags.x:{HOSTILE}", signal=HOSTILE)
        chrome = replace(view.chrome, application=HOSTILE, applications=(HOSTILE,), signals=(Choice(HOSTILE, HOSTILE),))
        return replace(view, rows=(replace(row, cells=cells),), alerts=(alert,), chrome=chrome)


def test_hostile_names_and_values_are_shown_as_text(open_page: Open) -> None:
    with serving(Hostile()) as url:
        page = open_page(url + OVERVIEW)
        assert page.locator(".row .name").inner_text() == HOSTILE
        assert page.locator(".alert .sentence").inner_text() == HOSTILE
        assert page.locator("img").count() == 0
        assert page.evaluate("() => JSON.parse(document.getElementById('board-data').textContent).rows[0].title") == HOSTILE
        gap = page.locator(".row .gap").bounding_box()
        assert gap is not None
        page.mouse.move(gap["x"] + gap["width"] - 40, gap["y"])
        expect(page.locator(".tip")).to_contain_text("<script>")
        page.locator(".row .name").click()
        expect(page.get_by_role("heading")).to_have_text("Nothing here")
        page.close()
    complaints = open_page.complaints  # type: ignore[attr-defined]
    assert all("404" in complaint for complaint in complaints)
    complaints.clear()
