from pathlib import Path

import pytest

from signals.catalogue import CATALOGUE, Declared
from signals.evaluation.catalogue import CATALOGUE as EVALUATIONS
from signals.evaluation.rouge import WORDS

PAGE = (Path(__file__).parents[2] / "docs" / "signals.md").read_text()


def row_of(name: str) -> list[str]:
    (row,) = (line for line in PAGE.splitlines() if line.startswith("|") and f"`{name}`" in line.split("|")[1])
    return [cell.strip() for cell in row.split("|")[1:-1]]


@pytest.mark.parametrize("declared", CATALOGUE, ids=lambda declared: declared.signal.name)
def test_the_page_describes_a_signal_as_it_is_declared(declared: Declared) -> None:
    signal = declared.signal
    _, kind, source, family, unit, worse, meaning = row_of(signal.name)
    assert (kind, source, family, unit) == (signal.kind.name.lower(), declared.source, signal.family, signal.unit)
    side = signal.name.partition(".")[0]
    assert (worse.split()[:1] == [signal.worse] and ("(" not in worse or side in worse)) == (signal.worse is not None)
    assert meaning


def test_the_page_describes_no_signal_that_does_not_exist() -> None:
    table = PAGE.split("## Limits")[0]
    named = {part for line in table.splitlines() if line.startswith("| `") for part in line.split("|")[1].split("`")[1::2]}
    assert named == {declared.signal.name for declared in CATALOGUE} | {"scores.<name>", "tags.<key>"}


def test_the_page_describes_every_score_of_answers_as_it_is_declared_and_no_other() -> None:
    section = PAGE.split("## Scores of answers")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("| `")]
    for one, (name, span, computed, needs, meaning) in zip(EVALUATIONS, rows, strict=True):
        assert name == f"`scores.{one.name}`" and meaning
        assert span == f"{one.low:g} to {one.high:g}"
        assert computed == ("always" if one.always else "on request")
        assert needs == (f"`{one.extra}`" if one.extra else "")
        assert one.characters is None or f"{one.characters:,} characters" in section
    assert f"{WORDS} words" in section
