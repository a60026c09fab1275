"""`plumbline check --format html`: one page that can be sent on, in a real Chromium and as text."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page

from monitor.check.drawing import BOTTOM, TOP, distribution, histogram, place
from monitor.cli import run
from tests.detectors.panes import DECLARED, pane
from tests.monitor.check_files import rows, write
from tests.page.test_page_in_a_browser import LOOKS, OVERFLOW

MARKUP = "huge <script>alert(1)</script><b>model"
COMMAND = ["check", "june.jsonl", "--reference", "march.jsonl", "--format", "html"]
LABELLED = "() => [...document.querySelectorAll('svg[role=img]')].filter(s => !s.getAttribute('aria-label')).length"
SHOWN = "() => [...document.querySelectorAll('.histogram .outline')].map(l => getComputedStyle(l).stroke)"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One tenant answers twice as long and refuses more, a model is new; four rows cannot be read."""
    folder = tmp_path_factory.mktemp("check")
    june = [row for k, name in enumerate(("acme", "globex")) for row in rows(k + 2, 150, length=60 - 30 * k, tenant=name)]
    for i, row in enumerate(june):
        row["model"] = "small" if i % 3 else MARKUP
    june.append({"prompt": "Zanzibar wants its money", "response": "Quetzalcoatl has it", "duration": "Ouagadougou"})
    write(folder / "march.jsonl", rows(1, 300))
    write(folder / "june.jsonl", [*june, b'{"prompt": ["Zanzibar"], "response": "Quetzalcoatl"}', b'{"prompt": "Zanzi'])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run([*COMMAND, "--by", "tags.tenant", "--output", "report.html"]) == 1
    return folder / "report.html"


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page that fails the test where its console complains."""
    complaints: list[str] = []
    context = chromium.new_context()
    opened = context.new_page()
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert complaints == []


def test_it_is_drawn_alone_without_complaint_in_both_schemes_narrow_and_wide(report: Path, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    strokes = set()
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(OVERFLOW) == 0, (scheme, width)
        strokes |= {(scheme, stroke) for stroke in page.evaluate(SHOWN)}
    assert strokes == {("light", "rgb(36, 87, 197)"), ("dark", "rgb(132, 171, 255)")}
    assert asked == [report.as_uri()]


def test_every_drawing_has_a_label_and_the_headings_are_in_order(report: Path, page: Page) -> None:
    page.goto(report.as_uri())
    assert page.evaluate(LABELLED) == 0
    heads = page.locator("h1, h2").all_inner_texts()
    assert heads[0] == "june.jsonl against march.jsonl"
    assert heads[1].startswith("Output tokens rose from 37 to 60 ")
    assert heads[-3:] == ["Did not change", "Rows", "How it was computed"]
    assert page.locator("h1").count() == 1 and page.locator("th:not([scope])").count() == 0
    labels = [drawn.get_attribute("aria-label") for drawn in page.locator(".histogram").all()]
    assert any(
        re.match(r"Distribution of response words: median \d+ in the reference file and \d+ in the", str(x)) for x in labels
    )


def test_on_paper_it_is_light_and_nothing_is_cut_off(report: Path, page: Page) -> None:
    page.goto(report.as_uri())
    page.emulate_media(media="print", color_scheme="dark")
    page.set_viewport_size({"width": 794, "height": 1123})
    assert page.evaluate("() => getComputedStyle(document.body).color") == "rgb(20, 24, 30)"
    assert page.evaluate(OVERFLOW) == 0


def test_it_says_what_the_text_says_and_no_content(report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    for word in ("Zanzi", "Quetzalcoatl", "Ouagadougou", "parcel", "<script", "<b>"):
        assert word not in text, word
    assert "huge &lt;script&gt;alert(1)&lt;/script&gt;" in text
    for words in ("in <strong>0.1 %</strong> of such checks", "signals differ", "times the floor", "3 rejected", "wrong_type 2",
                  "<code>tags.tenant=acme</code>", "Rows were taken as independent"):  # fmt: skip
        assert words in text, words
    assert not re.search(r"(src|href)=\"(?!#|data:,\")", text) and "url(" not in text


def test_to_standard_output_comes_the_same_page(
    report: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(report.parent)
    assert run([*COMMAND, "--by", "tags.tenant"]) == 1
    assert capsys.readouterr().out == report.read_text(encoding="utf-8")
    assert run([*COMMAND, "--output", "nowhere/report.html"]) == 2
    assert "nowhere/report.html cannot be written: No such file" in capsys.readouterr().err


def test_a_clean_pair_says_so_and_what_it_could_have_shown(
    report: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(report.parent)
    assert run(["check", "march.jsonl", "--reference", "march.jsonl", "--format", "html"]) == 0
    text = capsys.readouterr().out
    assert "<strong>No difference that matters</strong>" in text and "<figure" not in text
    assert "Smallest change that 8 of 10 such checks find" in text


numbers = st.lists(st.floats(0, 1e6) | st.integers(0, 40).map(float), min_size=1, max_size=40)
names = st.lists(st.integers(0, 30).map("value {}".format), min_size=1, max_size=40)


@given(numbers, numbers, st.sampled_from(["length", "seconds"]))
@settings(max_examples=40)
def test_shares_of_any_numbers_add_up_and_stay_inside_the_drawing(a: list[float], b: list[float], name: str) -> None:
    cells = distribution(pane(**{name: a}), pane(**{name: b}), DECLARED[name])
    assert sum(cell.reference for cell in cells) == pytest.approx(1, abs=1e-6)
    assert sum(cell.now for cell in cells) == pytest.approx(1, abs=1e-6)
    drawn = histogram(cells)
    for box in (*drawn.reference, *drawn.current):
        assert -1e-9 <= box.x <= box.x + box.width <= 100 + 1e-9
        assert box.y >= TOP - 1e-6 and box.y + box.height == pytest.approx(BOTTOM)
    assert all(0 <= place(cells, value) <= 100 for value in a)


@given(names, names)
@settings(max_examples=40)
def test_of_many_categories_the_commonest_are_drawn_and_the_rest_together(a: list[str], b: list[str]) -> None:
    cells = distribution(pane(topic=a), pane(topic=b), DECLARED["topic"])
    assert len(cells) == min(len({*a, *b}), 11)
    assert sum(cell.reference for cell in cells) == pytest.approx(1)
    assert {cell.label for cell in cells if not cell.label.endswith("others")} <= {*a, *b}
