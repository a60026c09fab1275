from pathlib import Path

import pytest

from monitor.config.evaluations import ALWAYS
from signals.evaluation import grounding
from signals.evaluation.reference_free import OF_EMBEDDINGS, REFERENCE_FREE, Free

PAGE = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
TABLE = PAGE.split("\n## ")[1]
ROWS = [[cell.strip() for cell in line.split("|")[1:-1]] for line in TABLE.splitlines() if line.startswith("| `")]


def test_the_page_describes_every_score_without_a_reference_in_order_and_no_other() -> None:
    assert [name for name, *_ in ROWS] == [f"`scores.{free.name}`" for free in REFERENCE_FREE]


@pytest.mark.parametrize(
    ("free", "row"), list(zip(REFERENCE_FREE, ROWS, strict=True)), ids=[free.name for free in REFERENCE_FREE]
)
def test_the_page_describes_a_score_as_it_is_declared(free: Free, row: list[str]) -> None:
    _, span, worse, computed, needs, meaning = row
    always = free.name in {one.name for one in ALWAYS}
    assert worse == free.worse and meaning and span
    assert computed == ("where declared" if free.declared else "always" if always else "on request")
    extra = "embeddings" if free.name in OF_EMBEDDINGS else "evaluation" if free.name == "format" else free.extra
    assert needs.split(" ")[0] == (f"`{extra}`" if extra else "")


def test_the_page_counts_the_function_words() -> None:
    assert f"none of {len(grounding._FUNCTION_WORDS.split())} English function words" in PAGE
