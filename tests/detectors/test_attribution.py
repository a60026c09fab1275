"""Saying why: cells in words, typical values, interactions to look at."""

import math

import numpy as np
import pytest

from detectors.attribution import cell_words, mean, number, quantile, reasons
from detectors.calibration import make_part
from detectors.cells import NEVER_SEEN, OUT_OF_RANGE
from detectors.course import Course
from records.pane import Pane
from records.signal import Kind, Signal
from tests.detectors.panes import DECLARED, PAST, pane


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1234.5, "1234"), (12.345, "12.3"), (0.012345, "0.0123"), (-0.5, "-0.5"), (100, "100"), (math.inf, "inf"),
     (1e-9, "0"), (999_999.0, "999999")],
)  # fmt: skip
def test_a_number_has_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def words(base: Pane, name: str) -> list[str]:
    part = make_part(("", ""), PAST, base, Course([]).register)
    return cell_words(part, part.cells.names.index(name), DECLARED.get(name) or Signal(name, Kind.BOOLEAN, name, "quality"))


def test_cells_are_told_in_words() -> None:
    base = pane(length=[1.0, 10.0, 100.0] * 20, topic=["a", "b", "a"] * 20, failed=[True, False, False] * 20)
    assert words(base, "length") == ["length up to 1 characters", "length 1 to 10.4 characters", "length over 10.4 characters"]
    assert words(base, "topic") == ["topic a", "topic b", "topic any other value"]
    assert words(base, "failed") == ["no failed", "failed"]
    assert words(base, OUT_OF_RANGE) == words(base, NEVER_SEEN) == ["known values", "values the baseline never had"]


def test_a_constant_is_told_as_its_value_and_the_rest() -> None:
    first, rest = words(pane(length=[7.0] * 30), "length")
    assert first.startswith("length 6.")
    assert rest == "length any other value characters"
    assert words(pane(length=[0.0] * 30), "length")[0] == "length 0 characters"


def test_typical_values_are_within_a_bucket_of_those_of_numpy() -> None:
    values = np.random.default_rng(1).gamma(3, 50, 4000).round()
    one = pane(length=values.tolist())
    assert quantile(one, "length", 0.5) == pytest.approx(np.median(values), rel=0.05)
    assert mean(one, "length") == pytest.approx(values.mean())
    assert quantile(one, "seconds", 0.5) is None


def test_reasons_name_the_cells_that_moved_most_and_interactions_within_them() -> None:
    base, now = pane(topic=["a"] * 90 + ["b"] * 10), pane(topic=["a"] * 40 + ["c"] * 60)
    part = make_part(("", ""), PAST, base, Course([]).register)
    at = part.cells.names.index("topic")
    before, after = part.cells.tally(base).cells[at], part.cells.tally(now).cells[at]
    why = reasons(part, at, DECLARED["topic"], before, after, now, now.sample, now.names)
    assert [(c.text, c.before, c.after) for c in why.cells] == [
        ("topic any other value", 0.0, 0.6), ("topic a", 0.9, 0.4), ("topic b", 0.1, 0.0),
    ]  # fmt: skip
    assert why.statistic == "share"
    assert (why.before, why.after) == (0.0, 0.6)
    assert why.exemplars
    assert all(int(id_) >= 40 for id_ in why.exemplars)


def test_a_sample_without_the_signal_gives_no_exemplars() -> None:
    base = pane(length=[1.0, 2.0] * 20)
    part = make_part(("", ""), PAST, base, Course([]).register)
    other = pane(topic=["a"])
    counts = part.cells.tally(base).cells[0]
    assert reasons(part, 0, DECLARED["length"], counts, counts[::-1], base, other.sample, other.names).exemplars == []
