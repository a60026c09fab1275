"""Panes are a commutative monoid: in any order and any grouping they are the same to the bit."""

from collections.abc import Sequence
from itertools import pairwise
from random import Random

import msgspec
import numpy as np
import polars as pl
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from records.columns import Columns
from records.errors import StoreError
from records.hashing import hash_text
from records.pane import EMPTY, HIGH, LOW, SQUARE, TOTAL, Accumulator, Pane, merge, merge_all, subtract, without_text
from records.pane_codec import VERSION, decode_pane, encode_pane
from records.signal import Kind
from records.summary.buckets import BAD, OTHER, bucket_keys
from records.summary.counts import CATEGORIES, Counts, add_counts, cap_categories
from records.summary.sample import SAMPLE_SIZE
from streams.panes import fold, group_rows
from tests.properties.batches import POISON, STEP, Row, batches, bits, fold_rows, pane_of

RANDOMS = st.randoms(use_true_random=False)


def cut(rows: Sequence[Row], places: Sequence[int]) -> list[Sequence[Row]]:
    """The rows in consecutive pieces."""
    bounds = [0, *sorted(place % (len(rows) + 1) for place in places), len(rows)]
    return [rows[a:b] for a, b in pairwise(bounds)]


def any_tree(panes: list[Pane], random: Random) -> Pane:
    """Merge in an order and grouping of chance."""
    row = list(panes)
    while len(row) > 1:
        a, b = (row.pop(random.randrange(len(row))) for _ in range(2))
        row.append(merge(a, b))
    return row[0] if row else EMPTY


def close(a: Pane, b: Pane, rows: Sequence[Row]) -> None:
    """Sums of a signal whose steps go beyond 2**53 agree to 1e-9 of what was summed."""
    i = a.index("poison")
    if i >= 0:
        steps = [min(abs(row.poison) / STEP, 2.0**60) for row in rows if np.isfinite(row.poison)]
        np.testing.assert_allclose(a.moments[i, TOTAL], b.moments[i, TOTAL], rtol=0, atol=1e-9 * sum(steps))
        np.testing.assert_allclose(a.moments[i, SQUARE], b.moments[i, SQUARE], rtol=1e-9, atol=0)


@given(batches(), st.integers(0, 99), st.integers(0, 99))
def test_merging_is_commutative_and_associative_and_empty_is_neutral(rows: list[Row], i: int, j: int) -> None:
    a, b, c = (pane_of(piece) for piece in cut(rows, [i, j]))
    assert bits(merge(a, b)) == bits(merge(b, a))
    assert bits(merge(merge(a, b), c)) == bits(merge(a, merge(b, c)))
    close(merge(merge(a, b), c), merge(a, merge(b, c)), rows)
    assert merge(a, EMPTY) is a or not a.n
    assert merge(EMPTY, a) is a or not a.n


@given(batches(), st.lists(st.integers(0, 99), max_size=9), RANDOMS)
def test_any_tree_of_any_order_is_the_pane_of_all_rows_at_once(rows: list[Row], places: list[int], random: Random) -> None:
    panes = [pane_of(piece) for piece in cut(rows, places)]
    whole = pane_of(rows)
    random.shuffle(panes)
    accumulator = Accumulator()
    for pane in panes:
        accumulator.add(pane)
    for merged in (any_tree(panes, random), merge_all(panes), accumulator.total()):
        assert bits(merged) == bits(whole)
        close(merged, whole, rows)
    assert accumulator.added == len(panes)


def test_a_flood_of_new_categories_leaves_a_baseline_its_commonest() -> None:
    usual, flood = Counts(*entries({7: 50, 9: 40})), Counts(*entries({100 + i: 1 for i in range(400)} | {OTHER: 9_600}))
    both = add_counts(usual, flood)
    kept = cap_categories(both, np.array([True]), commonest=True)
    assert len(kept.key) == CATEGORIES and kept.count.sum() == both.count.sum() == 10_090
    assert {7, 9, 100, OTHER} < set(kept.key.tolist())
    crowded = Counts(*entries(dict.fromkeys(range(300), 1) | {10_000: 50}))
    assert 10_000 not in cap_categories(crowded, np.array([True])).key
    assert 10_000 in cap_categories(crowded, np.array([True]), commonest=True).key


def entries(counts: dict[int, int]) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """One signal's entries."""
    keys = np.array(sorted(counts), np.int64)
    return np.zeros(len(keys), np.int32), keys, np.array([counts[key] for key in keys.tolist()], np.int64)


@given(batches(), st.integers(0, 99))
def test_what_was_merged_can_be_taken_away_again(rows: list[Row], place: int) -> None:
    a, b = (pane_of(piece) for piece in cut(rows, [place]))
    rest = subtract(merge(a, b), b)
    assert rest.n == a.n
    for name in a.names:
        assert [x.tolist() for x in rest.cells(name)] == [x.tolist() for x in a.cells(name)]
    for name in set(rest.names) - set(a.names):
        assert not len(rest.cells(name)[0])
    assert 0 not in rest.counts.count
    i, j = rest.index("exact"), a.index("exact")
    if j >= 0:
        assert rest.moments[i, :LOW].tolist() == a.moments[j, :LOW].tolist()
        assert rest.moments[i, LOW] <= a.moments[j, LOW] <= a.moments[j, HIGH] <= rest.moments[i, HIGH]
    assert not rest.sample.ids


@settings(max_examples=40)
@given(batches(), st.lists(st.integers(0, 99), max_size=5), st.lists(st.integers(0, 2), min_size=40, max_size=40))
def test_a_batch_split_anywhere_folds_into_the_same_panes(rows: list[Row], places: list[int], steps: list[int]) -> None:
    segment = np.cumsum(np.array(steps[: len(rows)], int) == 2).tolist()
    whole = fold_rows(rows, segment)
    parts: dict[object, Pane] = {}
    start = 0
    for piece in cut(rows, places):
        for key, pane in fold_rows(piece, segment[start : start + len(piece)]).items():
            parts[key] = merge(parts.get(key, EMPTY), pane)
        start += len(piece)
    assert {key: bits(pane) for key, pane in parts.items()} == {key: bits(pane) for key, pane in whole.items()}
    joined: dict[object, Pane] = {}
    for (place, _), pane in whole.items():
        joined[place] = merge(joined.get(place, EMPTY), pane)
    assert {key: bits(pane) for key, pane in joined.items()} == {key: bits(p) for (key, _), p in fold_rows(rows).items()}


@given(batches())
def test_a_pane_survives_its_bytes(rows: list[Row]) -> None:
    pane = pane_of(rows)
    data = encode_pane(pane)
    assert bits(decode_pane(data)) == bits(pane)
    assert decode_pane(data).moments.tobytes() == np.asarray(pane.moments).tobytes()
    assert encode_pane(decode_pane(data)) == data
    assert bits(merge(decode_pane(data), EMPTY)) == bits(merge(EMPTY, decode_pane(data))) == bits(pane)


def test_a_pane_of_a_newer_format_is_refused_with_what_to_do() -> None:
    blob = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(encode_pane(EMPTY)))
    newer = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode([VERSION + 1, *blob[1:]]))
    with pytest.raises(StoreError, match="upgrade plumbline"):
        decode_pane(newer)


def categories(pane: Pane) -> dict[str, int]:
    keys, counts = pane.cells("category")
    return {pane.label(key): count for key, count in zip(keys.tolist(), counts.tolist(), strict=True)}


@settings(max_examples=15)
@given(st.lists(st.integers(0, 700), min_size=300, max_size=900), st.lists(st.integers(0, 999), max_size=6), RANDOMS)
def test_of_many_categories_the_smallest_hashes_are_kept_in_any_order(
    values: list[int], places: list[int], random: Random
) -> None:
    rows = [Row(i, None, float("nan"), None, value, [], [], None, 0) for i, value in enumerate(values)]
    panes = [pane_of(piece) for piece in cut(rows, places)]
    random.shuffle(panes)
    merged = any_tree(panes, random)
    assert bits(merged) == bits(pane_of(rows))
    ranked = sorted({f"c{value}" for value in values}, key=lambda name: hash_text(name) >> 1)
    names = [f"c{value}" for value in values]
    expected = {name: names.count(name) for name in ranked[:CATEGORIES]}
    beyond = sum(names.count(name) for name in ranked[CATEGORIES:])
    assert categories(merged) == expected | ({"__other__": beyond} if beyond else {})
    assert set(merged.labels.values()) == set(expected)


@pytest.mark.parametrize("n", [CATEGORIES - 1, CATEGORIES, CATEGORIES + 1, 3 * CATEGORIES])
def test_at_most_256_categories_are_kept_and_the_rest_is_other(n: int) -> None:
    pane = pane_of([Row(i, None, float("nan"), None, i, [], [], None, 0) for i in range(n)])
    assert len(pane.labels) == min(n, CATEGORIES)
    keys, counts = pane.cells("category")
    assert counts.sum() == n
    assert (OTHER in keys) == (n > CATEGORIES)


@given(st.lists(st.integers(0, 10**12), max_size=400, unique=True), st.lists(st.integers(0, 999), max_size=4), RANDOMS)
def test_the_sample_is_the_64_smallest_hashes_of_the_ids(ids: list[int], places: list[int], random: Random) -> None:
    rows = [Row(i, 1, 1.0, True, 1, [], [], "acme", 0) for i in ids]
    panes = [pane_of(piece) for piece in cut(rows, places)]
    merged = any_tree(panes, random)
    expected = sorted((f"i{i}" for i in ids), key=hash_text)[:SAMPLE_SIZE]
    assert list(merged.sample.ids) == expected
    assert merged.sample.hashes.tolist() == [hash_text(id_) for id_ in expected]
    assert merged.sample.slices == tuple({"tags.tenant": "acme"} for _ in expected)
    assert merged.sample.keys.shape == (len(expected), len(merged.names))


@pytest.mark.parametrize("value", POISON)
@pytest.mark.parametrize("repeat", [1, 3])
def test_a_value_that_cannot_be_is_counted_and_blinds_nothing(value: float, repeat: int) -> None:
    rows = [Row(i, 7, value, None, None, [], [], None, 0) for i in range(repeat)]
    healthy = pane_of([Row(9, 7, 2.0, None, None, [], [], None, 0)])
    pane = pane_of(rows)
    both = merge(pane, healthy)
    i = both.index("poison")
    assert both.n == repeat + 1 and np.isfinite(both.moments[i]).all()
    keys, counts = both.cells("poison")
    good = bucket_keys(np.array([value, 2.0]), resolution=both.resolution[i])
    assert set(keys.tolist()) == {key for key in good.tolist() if key > BAD}
    assert counts.sum() == (repeat + 1 if np.isfinite(value) else 1)
    bad = both.counts.count[(both.counts.signal == i) & (both.counts.key == BAD)].sum()
    assert bad == (repeat if np.isinf(value) else 0)
    assert both.moments[both.index("exact"), TOTAL] == 7 * (repeat + 1)
    assert bits(decode_pane(encode_pane(both))) == bits(both)


def test_nothing_folds_into_no_pane_and_no_signal_into_a_pane_of_its_count() -> None:
    assert fold_rows([]) == {}
    grouping = group_rows(pl.Series(["a", "a"]), np.array([5, 6]), {})
    (pane,) = fold(Columns(2), grouping, pl.Series(["x", "y"]), {})
    assert (pane.n, pane.names, len(pane.sample.ids)) == (2, (), 2)
    assert bits(decode_pane(encode_pane(pane))) == bits(pane)
    assert merge(pane, pane_of([Row(1, 1, 1.0, None, None, [], [], None, 0)])).n == 3


@given(batches())
def test_what_only_explains_can_be_left_out(rows: list[Row]) -> None:
    pane = pane_of(rows)
    bare = without_text(pane)
    assert not bare.sample.ids and not len(bare.cells("words")[0])
    for name in pane.names:
        if pane.kinds[pane.index(name)] != Kind.TEXT:
            assert [x.tolist() for x in bare.cells(name)] == [x.tolist() for x in pane.cells(name)]
    assert bare.moments.tolist() == pane.moments.tolist()


def test_panes_written_in_another_resolution_still_add_up() -> None:
    fine = pane_of([Row(1, 3, 1.0, None, None, [], [], None, 0)])
    coarse = Pane(fine.n, fine.names, fine.kinds, fine.resolution * 4, fine.moments / [4, 16, 1, 1], fine.counts, fine.labels)
    for merged in (merge(fine, coarse), merge(coarse, fine)):
        i = merged.index("exact")
        assert merged.resolution[i] == STEP
        assert merged.moments[i].tolist() == [6, 18, 3 * STEP, 3 * STEP]
