"""Samples of panes as one table: decoded, aligned, and without what tells nothing."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.estimation import samples
from detectors.estimation.samples import MOST_CATEGORIES, tabulate
from records.pane import EMPTY, Pane, merge
from tests.detectors.panes import pane


def rows(n: int, **values: Any) -> Pane:
    return pane(**{name: [value] * n if not isinstance(value, list) else value for name, value in values.items()})


def test_values_are_middles_of_buckets_flags_and_codes_and_what_is_missing_stays_missing() -> None:
    day = rows(3, length=[0, 100, None], failed=[True, None, False], topic=["a", "b", None])
    table = tabulate([[day], [day]])
    assert table.day.tolist() == [0, 0, 0, 1, 1, 1]
    assert table.numeric.shape == (6, 2) and table.categorical.shape == (6, 1)
    failed, length = table.numeric.T[:, :3]
    assert sorted(failed[~np.isnan(failed)]) == [0, 1] and np.isnan(failed).sum() == 1
    assert sorted(length[~np.isnan(length)]) == [0, pytest.approx(100, rel=0.022)] and np.isnan(length).sum() == 1
    assert sorted(table.categorical[:3, 0]) == [-1, 0, 1]


def test_a_row_keeps_its_values_together() -> None:
    values = list(range(1, 40))
    table = tabulate([[rows(39, length=values, seconds=[2.0 * v for v in values])]] * 2)
    assert table.numeric[:, 1] == pytest.approx(2 * table.numeric[:, 0], rel=0.05)


@pytest.mark.parametrize(
    ("first", "second", "columns"),
    [
        ({"length": [1, 2]}, {"length": [1, 2]}, (1, 0)),
        ({"length": [5, 5]}, {"length": [5, 5]}, (0, 0)),
        ({"length": [1, 2]}, {"length": [None, None]}, (0, 0)),
        ({"length": [1, 2], "topic": ["a", "b"]}, {"length": [1, 2]}, (1, 0)),
        ({"length": [float("nan"), float("inf")]}, {"length": [float("-inf"), float("nan")]}, (0, 0)),
        ({"topic": ["a", "a"]}, {"topic": ["b", "a"]}, (0, 1)),
    ],
)
def test_a_signal_that_cannot_tell_days_apart_is_left_out(
    first: dict[str, Any], second: dict[str, Any], columns: tuple[int, int]
) -> None:
    table = tabulate([[rows(2, **first)], [rows(2, **second)]])
    assert (table.numeric.shape[1], table.categorical.shape[1]) == columns


def test_an_explosion_of_categories_folds_into_the_commonest_and_one_for_the_rest() -> None:
    many = [f"session {i}" for i in range(50)]
    days = [[rows(64, topic=[f"{d}{name}" for name in many] + ["usual"] * 14)] for d in range(4)]
    codes = tabulate(days).categorical[:, 0]
    assert codes.min() == 0 and codes.max() == MOST_CATEGORIES - 1
    assert (codes == 0).sum() == 4 * 14, "the commonest is the first"


def test_long_baselines_take_as_many_of_each_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "MOST_ROWS", 2 * 24 * 10)
    table = tabulate([[rows(60, length=list(range(60))), rows(4, length=[1, 2, 3, 4])]] * 2)
    assert np.bincount(table.day).tolist() == [14, 14]


def test_the_most_signals_that_are_compared_are_those_with_the_most_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "MOST_COLUMNS", 1)
    day = rows(4, length=[1, 2, 3, None], seconds=[1.0, 2.0, 3.0, 4.0])
    assert not np.isnan(tabulate([[day]] * 2).numeric).any()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.none() | st.integers(0, 300), min_size=1, max_size=20), min_size=1, max_size=3))
def test_every_sampled_interaction_is_one_row_of_its_day(hours: list[list[int | None]]) -> None:
    panes = [rows(len(values), length=values) for values in hours]
    table = tabulate([panes, panes])
    assert len(table.day) == len(table.numeric) == 2 * sum(len(pane.sample.ids) for pane in panes)


def test_no_panes_are_an_empty_table() -> None:
    for days in ([], [[], []], [[EMPTY], [merge(EMPTY, EMPTY)]]):
        table = tabulate(days)
        assert len(table.day) == 0 and table.numeric.shape == (0, 0) and table.categorical.shape == (0, 0)
