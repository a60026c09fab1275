"""How values are binned; counts against a second source: plain Python over the raw values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.cells import CELLS, NEVER_SEEN, OUT_OF_RANGE, add_tallies, category_names, cell_bounds, make_cells
from records.pane import EMPTY, Pane, merge
from tests.detectors.panes import pane

numbers = st.lists(
    st.one_of(st.integers(-50, 50), st.floats(-1e9, 1e9), st.sampled_from([0.0, 1.0, -0.0, 1e-9, 1e9, None])),
    min_size=1,
    max_size=60,
)
topics = st.lists(st.one_of(st.none(), st.sampled_from("abcdefghijklmnop")), min_size=1, max_size=60)


def counts(base: Pane, now: Pane, name: str) -> list[int]:
    cells = make_cells(base)
    row = cells.names.index(name)
    return [int(x) for x in cells.tally(now).cells[row, : cells.k[row]]]


@given(numbers, numbers)
@settings(max_examples=60)
def test_a_tally_of_numbers_is_what_plain_python_counts(past: list[float | None], now: list[float | None]) -> None:
    base, window = pane(length=past), pane(length=now)
    known = [float(np.round(x)) for x in now if x is not None]  # to the signal's resolution
    if not any(x is not None for x in past):
        assert make_cells(base).names == ()
        return
    cells = make_cells(base)
    tally = cells.tally(window)
    bounds = cell_bounds(cells, 0)
    assert len(bounds) == cells.k[0] <= CELLS
    if len(base.cells("length")[0]) > 1:
        expected = [sum(low < x <= high for x in known) for low, high in bounds]
        # a value within 1e-12 of an edge may be counted on either side of it: edges are rounded powers of two
        near = sum(any(abs(x - e) <= 1e-12 * max(abs(e), 1e-300) for e in np.ravel(bounds) if np.isfinite(e)) for x in known)
        assert sum(abs(a - b) for a, b in zip(expected, tally.cells[0, : cells.k[0]], strict=True)) <= 2 * near
    assert tally.n[0] == tally.cells[0].sum() == len(known)
    assert (tally.cells[0, cells.k[0] :] == 0).all()
    assert tally.total[0] == pytest.approx(sum(known), abs=1e-6, rel=1e-9)


@given(topics, topics)
@settings(max_examples=60)
def test_a_tally_of_categories_is_what_plain_python_counts(past: list[str | None], now: list[str | None]) -> None:
    base, window = pane(topic=past), pane(topic=now)
    if not any(past):
        return
    cells = make_cells(base)
    names = category_names(cells, base, 0)
    tally = cells.tally(window)
    expected = [sum(x == name for x in now) for name in names[:-1]]
    assert tally.cells[0, : cells.k[0]].tolist() == [*expected, sum(x is not None for x in now) - sum(expected)]
    assert tally.cells[cells.names.index(NEVER_SEEN), 1] == sum(x is not None and x not in past for x in now)


def test_cells_are_deciles_moved_to_bucket_edges() -> None:
    values = np.random.default_rng(1).normal(1000, 400, 5000)
    cells = make_cells(pane(length=values.tolist()))
    shares = cells.tally(pane(length=values.tolist())).cells[0] / len(values)
    assert cells.k[0] == CELLS
    assert np.all((shares > 0.05) & (shares < 0.15))


@pytest.mark.parametrize(
    ("past", "now", "expected"),
    [
        ([7] * 50, [7] * 5, [5, 0]),
        ([7] * 50, [3] * 5, [0, 5]),
        ([7] * 50, [9] * 5, [0, 5]),
        ([0] * 50, [0, 1, -1], [1, 2]),
        ([1] * 99 + [0], [0] * 5, [5, 0]),
        ([0] * 99 + [1], [1] * 5, [0, 5]),
        ([1, 2, 3] * 30, [1, 2, 2, 3], [1, 2, 1]),
    ],
)  # fmt: skip
def test_a_signal_with_few_values_has_few_cells_and_none_is_empty(
    past: list[float], now: list[float], expected: list[int]
) -> None:
    base = pane(length=past)
    assert counts(base, pane(length=now), "length") == expected
    assert len([x for x in counts(base, base, "length") if x]) == min(len(set(past)), CELLS)


def test_a_constant_gets_its_value_and_the_rest() -> None:
    cells = make_cells(pane(length=[7] * 50))
    (low, high), rest = cell_bounds(cells, 0)
    assert low < 7 <= high
    assert np.isnan(rest).all()


def test_the_commonest_categories_have_a_cell_each_and_a_new_one_falls_in_the_last() -> None:
    past = [chr(97 + i) for i in range(15) for _ in range(30 - i)]
    base = pane(topic=past)
    assert category_names(make_cells(base), base, 0) == [*"abcdefghi", "any other value"]
    assert counts(base, pane(topic=["a", "new", "o", "i"]), "topic") == [1, 0, 0, 0, 0, 0, 0, 0, 1, 2]


def test_booleans_have_two_cells_also_where_the_past_knew_one() -> None:
    assert counts(pane(failed=[False] * 40), pane(failed=[True, False, None]), "failed") == [1, 1]


def test_values_out_of_range_and_categories_never_seen_are_counted_over_all_signals() -> None:
    base = pane(length=[10, 20, 30], seconds=[1.0, 2.0, 3.0], topic=["a", "b", "a"], failed=[True, False, False])
    cells = make_cells(base)
    assert cells.names[-2:] == (OUT_OF_RANGE, NEVER_SEEN)
    tally = cells.tally(pane(length=[5, 20, 500], seconds=[1.0, None, 99.0], topic=["a", "z", "y"], failed=[True, True, False]))
    assert tally.cells[-2, :2].tolist() == [2, 3]
    assert tally.cells[-1, :2].tolist() == [4, 2]
    assert tally.n[-2:].tolist() == [5, 6]


POISON = {
    "empty": EMPTY,
    "only bad": pane(seconds=[np.inf, -np.inf, -1.0, 1e300]),
    "one value": pane(length=[3.0]),
    "nothing but missing": pane(length=[None, None], topic=[None, None]),
    "100,000 categories": pane(topic=[f"topic {i}" for i in range(100_000)]),
    "steps of 1e-9": pane(length=(1 + 1e-9 * np.arange(500)).tolist()),
    "1e308": pane(length=[1e308, -1e308, 1e308]),
}


@pytest.mark.parametrize("past", POISON)
@pytest.mark.parametrize("now", POISON)
def test_poison_panes_give_finite_cells(past: str, now: str) -> None:
    cells = make_cells(POISON[past])
    tally = add_tallies(cells.tally(POISON[now]), cells.tally(POISON[past]))
    assert np.isfinite(tally.cells).all()
    assert (tally.cells >= 0).all()
    assert (tally.n == tally.cells.sum(1)).all()
    assert all(1 <= k <= CELLS for k in cells.k)
    assert not np.isinf(tally.mean()).any()


@given(numbers, numbers, numbers)
@settings(max_examples=30)
def test_tallies_add_up_as_panes_merge(past: list[float | None], a: list[float | None], b: list[float | None]) -> None:
    cells = make_cells(pane(length=past))
    one, other = pane(length=a), pane(length=b)
    added, merged = add_tallies(cells.tally(one), cells.tally(other)), cells.tally(merge(one, other))
    assert (added.cells == merged.cells).all()
    assert added.total == pytest.approx(merged.total, rel=1e-9, nan_ok=True)


def test_signals_that_only_the_window_has_are_left_alone() -> None:
    cells = make_cells(pane(length=[1, 2, 3]))
    tally = cells.tally(pane(topic=["a", "b"], seconds=[1.0, 2.0]))
    assert tally.n.tolist() == [0, 0, 0]
