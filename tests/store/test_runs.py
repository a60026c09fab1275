"""Runs that are not over: batches add, one judge takes, and what nobody comes back for goes."""

import polars as pl
from polars.testing import assert_frame_equal

from monitor.store import Store, runs
from records.window import WINDOW
from signals.runs import SCHEMA, SLICE
from tests.store.make import NOON

HIGH = 2**64 - 1
"""A hash that no signed column holds as it is."""


def piece(last: int) -> pl.DataFrame:
    row = {
        "conversation": HIGH, "first": NOON, "last": last, "order": HIGH, "steps": 2, "told": 1, "calls": 1, "failed": 0,
        "unknown": float("nan"), "distinct": [{"call": HIGH, "times": 1}], f"{SLICE}model": "é",
    }  # fmt: skip
    return pl.DataFrame([row], {**SCHEMA, f"{SLICE}model": pl.String})


def test_pieces_are_taken_once_by_window_and_what_is_open_comes_back(store: Store) -> None:
    with store.begin() as c:
        assert runs.take(c, "support", NOON) == ([], 0) and runs.oldest(c, "support") is None
        runs.append(c, "support", NOON, 5, piece(NOON + 1))
        runs.append(c, "support", NOON + WINDOW, 7, piece(NOON + WINDOW))
        runs.append(c, "search", NOON, 9, piece(NOON + 2))
        (first,), accepted_at = runs.take(c, "support", NOON + WINDOW)
        assert accepted_at == 5
        assert_frame_equal(first, piece(NOON + 1))
        runs.put(c, "support", accepted_at, first)
        assert runs.oldest(c, "support") == NOON + 1 and runs.oldest(c, "search") is None
        held, accepted_at = runs.take(c, "support", NOON + 2 * WINDOW)
        assert_frame_equal(pl.concat(held), pl.concat([piece(NOON + 1), piece(NOON + WINDOW)]))
        assert accepted_at == 7
        runs.put(c, "support", accepted_at, held[1].clear())
        assert runs.oldest(c, "support") is None and runs.take(c, "support", NOON + 9 * WINDOW) == ([], 0)


def test_runs_of_an_application_that_fell_silent_are_forgotten(store: Store) -> None:
    with store.begin() as c:
        runs.put(c, "support", 5, piece(NOON))
        runs.append(c, "search", NOON, 5, piece(NOON))
        runs.delete_before(c, 5)
        assert runs.oldest(c, "support") == NOON
        runs.delete_before(c, 6)
        assert [runs.take(c, name, NOON + WINDOW) for name in ("support", "search")] == [([], 0), ([], 0)]
