"""Slices that explain, by subtraction of counts."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.calibration import ALL, Calibration, Panes, Slice, make_part
from detectors.course import Course
from detectors.without import Without
from records.columns import Columns, Labels
from streams.panes import fold, group_rows
from tests.detectors.panes import DECLARED, PAST, declared

Row = tuple[float, bool, str, str]
"""Length, whether it failed, model and tenant."""


def panes(rows: Sequence[Row]) -> Panes:
    """Of all traffic and of every model and tenant."""
    lengths, failed, models, tenants = zip(*rows, strict=True) if rows else ((), (), (), ())
    n = len(rows)
    topics = Labels(np.array([int(length) % 3 for length in lengths], np.int32), ["a", "b", "c"])
    columns = Columns(
        n, DECLARED, {"length": np.array(lengths, np.float64)}, {"failed": np.array(failed, np.int8)}, {"topic": topics}
    )  # fmt: skip
    slices = {"model": pl.Series(models, dtype=pl.String), "tenant": pl.Series(tenants, dtype=pl.String)}
    grouping = group_rows(pl.Series(["app"] * n, dtype=pl.String), np.zeros(n, np.int64), slices)
    folded = fold(columns, grouping, pl.Series([str(i) for i in range(n)], dtype=pl.String), slices)
    return {(key.dimension, key.value): pane for key, pane in zip(grouping.keys, folded, strict=True)}


def without(base: Panes, now: Panes) -> tuple[Without, Calibration]:
    part = make_part(ALL, PAST, base[ALL], Course([]).register)
    return Without(part, base, now), Calibration(0, [part], declared)


def explained(base: Panes, now: Panes, signal: str) -> dict[Slice, tuple[float, float, float]]:
    left_out, calibration = without(base, now)
    row = calibration.parts[0].cells.names.index(signal)
    found = left_out.explain(row, calibration.traits.select(np.array([row])))
    return {next(iter(r.slice.items())): (r.vanishes, r.before, r.after) for r in found}


ROW = st.tuples(st.integers(0, 2000).map(float), st.booleans(), st.sampled_from("ab"), st.sampled_from("xyz"))
ROWS = st.lists(ROW, min_size=1, max_size=40)


@given(ROWS, ROWS)
@settings(max_examples=12)
def test_subtracting_a_slice_is_leaving_its_interactions_out(before: list[Row], after: list[Row]) -> None:
    base, now = panes(before), panes(after)
    left_out, calibration = without(base, now)
    cells = calibration.parts[0].cells
    for side, rows in enumerate((before, after)):
        for i, where in enumerate(left_out.slices):
            others = panes([row for row in rows if where not in (("model", row[2]), ("tenant", row[3]))])
            if ALL not in others:
                continue
            expected = cells.tally(others[ALL])
            for row in range(len(cells.names) - 2):
                rest, share = left_out._rest(row, side)
                assert rest.cells[1 + i].tolist() == expected.cells[row].tolist()
                assert rest.n[1 + i] == expected.n[row]
                if cells.names[row] == "length":
                    assert (rest.total[1 + i], rest.square[1 + i]) == (expected.total[row], expected.square[row])
                    assert share[i] == pytest.approx(1 - len(rows) ** -1 * expected.n[row])


def traffic(seed: int, n: int, worse: str = "", factor: float = 1.0, models: str = "aabb", failing: float = 0.05) -> list[Row]:
    rng = np.random.default_rng(seed)
    rows = []
    for model, tenant in zip(rng.choice(list(models), n).tolist(), rng.choice(list("wwxyz"), n).tolist(), strict=True):
        changed = worse in (model, tenant)
        length = round(rng.normal(400, 100) * (factor if changed else 1))
        rows.append((float(length), bool(rng.random() < (failing if changed else 0.05)), model, tenant))
    return rows


@pytest.mark.parametrize("signal", ["length", "failed"])
def test_a_change_in_one_slice_vanishes_without_it(signal: str) -> None:
    found = explained(panes(traffic(1, 4000)), panes(traffic(2, 2000, "x", 1.8, failing=0.5)), signal)
    assert list(found) == [("tenant", "x")]
    vanishes, before, after = found["tenant", "x"]
    assert vanishes > 0.8
    assert before == pytest.approx(0.2, abs=0.03)
    assert after == pytest.approx(0.2, abs=0.03)


def test_no_slice_explains_what_changed_everywhere() -> None:
    everywhere = [(length * 1.5, failed, model, tenant) for length, failed, model, tenant in traffic(2, 2000)]
    assert explained(panes(traffic(1, 4000)), panes(everywhere), "length") == {}


def test_a_release_that_took_all_traffic_over_explains_what_came_with_it() -> None:
    found = explained(panes(traffic(1, 4000, models="a")), panes(traffic(2, 2000, "b", 1.5, "b")), "length")
    assert found == {("model", "b"): (1.0, 0.0, 1.0)}


def test_the_only_value_of_a_dimension_explains_nothing() -> None:
    assert ("model", "a") not in explained(panes(traffic(1, 900, models="a")), panes(traffic(2, 900, "a", 1.5, "a")), "length")
