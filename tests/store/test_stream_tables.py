"""Positions, panes, ids, slices, counters and dead letters: what a batch writes."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sqlalchemy import Connection, func, insert, select, text

from monitor.store import Store, counters, dead_letters, dialect, ids, messages, panes, positions, slices
from monitor.store.counters import Counters
from monitor.store.dead_letters import DeadLetter
from monitor.store.positions import Look, Position
from monitor.store.tables import recent_ids
from records.errors import InputError, StoreError
from streams.panes import PaneKey
from tests.store.make import MINUTE, NOON


def test_a_position_is_replaced_and_belongs_to_its_partition(store: Store) -> None:
    with store.begin() as c:
        assert positions.get(c, "t", 0) is None
        positions.put(c, "t", 0, Position(5, {"support": NOON}))
        positions.put(c, "t", 1, Position(6, {}))
        positions.put(c, "t", 0, Position(2**62, {"a\0b": -1}))
    with store.read() as c:
        assert positions.get(c, "t", 0) == Position(2**62, {"a\0b": -1})
        assert positions.get(c, "t", 1) == Position(6, {})


def test_how_partitions_stand_is_written_beside_their_positions(store: Store) -> None:
    first = Position(5, {"support": NOON}, "AbC", NOON + 1, NOON + 2, 7, NOON, "worker-1")
    with store.begin() as c:
        positions.touch(c, [])
        positions.put(c, "t", 1, first)
        positions.put(c, "t", 0, Position(1, {}))
        positions.touch(c, [Look("t", 1, NOON + 3, 8, NOON + 2, "worker-2"), Look("t", 2, NOON, 0, NOON, "worker-2")])
        after = first._replace(checked_at=NOON + 3, behind=8, moved_at=NOON + 2, owner="worker-2")
        assert positions.all_(c) == {("t", 0): Position(1, {}), ("t", 1): after}
        positions.put(c, "t", 1, Position(9, {}, "AbD", NOON + 9))
        assert positions.get(c, "t", 1) == after._replace(next_offset=9, watermarks={}, topic_id="AbD", accepted_at=NOON + 9)


def test_a_position_that_does_not_exist_yet_is_locked_as_well(store: Store) -> None:
    """Else two workers would both process a partition's first batch. In SQLite write transactions take turns."""
    with store.begin() as c:
        if c.dialect.name == "sqlite":
            return
        assert positions.get(c, "t", 0) is None
        with pytest.raises(StoreError, match="lock timeout"), store.begin() as other:
            other.execute(text("SET LOCAL lock_timeout = '10ms'"))
            assert positions.get(other, "t", 1) is None
            positions.get(other, "t", 0)
        with store.read() as reader:
            assert positions.get(reader, "t", 0) is None


ALL, ACME = PaneKey("support", "", "", NOON), PaneKey("support", "tags.tenant", "acme", NOON)
LATER, OTHER = PaneKey("support", "", "", NOON + MINUTE), PaneKey("search", "", "", NOON)


def _put(store: Store, partition: int, values: dict[PaneKey, bytes], step: int = MINUTE) -> None:
    with store.begin() as c:
        panes.put(c, "t", partition, step, values, dict.fromkeys(values, 3))


def test_panes_are_replaced_by_key_within_their_partition_and_step(store: Store) -> None:
    _put(store, 0, {ALL: b"old", ACME: b"acme"})
    _put(store, 0, {ALL: b"new", LATER: b"later", OTHER: b"other"})
    _put(store, 0, {ALL: b"five"}, 5 * MINUTE)
    _put(store, 1, {ALL: b"one"})
    with store.begin() as c:
        assert panes.get(c, "t", 0, MINUTE, [ALL, ACME, LATER._replace(value="x")]) == {ALL: b"new", ACME: b"acme"}
        assert panes.get(c, "t", 0, 5 * MINUTE, [ALL]) == {ALL: b"five"}
        assert panes.get(c, "t", 0, MINUTE, []) == {}
        assert list(panes.between(c, "support", MINUTE, NOON, NOON + 1, "")) == [(ALL, b"new"), (ALL, b"one")]
        panes.delete_before(c, "search", MINUTE, NOON + MINUTE)
        assert panes.get(c, "t", 0, MINUTE, [ACME]) == {ACME: b"acme"}
        panes.delete_before(c, "support", MINUTE, NOON + MINUTE)
        assert list(panes.between(c, "support", MINUTE, 0, NOON + 2 * MINUTE)) == [(LATER, b"later")]
        assert panes.get(c, "t", 0, 5 * MINUTE, [ALL]) == {ALL: b"five"}


@pytest.mark.parametrize(
    ("span", "dimension", "value", "expected"),
    [
        ((NOON, NOON + 2 * MINUTE), None, None, [b"all", b"one", b"acme", b"later"]),
        ((NOON, NOON + MINUTE), None, None, [b"all", b"one", b"acme"]),
        ((NOON + 1, NOON + 2 * MINUTE), None, None, [b"later"]),
        ((NOON, NOON + 2 * MINUTE), "", "", [b"all", b"one", b"later"]),
        ((NOON, NOON + 2 * MINUTE), "tags.tenant", None, [b"acme"]),
        ((NOON, NOON + 2 * MINUTE), "tags.tenant", "nobody", []),
    ],
)
def test_panes_between_two_times_come_from_all_partitions_in_order(
    store: Store, span: tuple[int, int], dimension: str | None, value: str | None, expected: list[bytes]
) -> None:
    _put(store, 0, {LATER: b"later", ALL: b"all", ACME: b"acme", OTHER: b"other"})
    _put(store, 1, {ALL: b"one"})
    with store.read() as c:
        found = list(panes.between(c, "support", MINUTE, *span, dimension, value))
        assert [pane for _, pane in found] == expected
        if dimension is None:
            assert sorted(panes.sizes(c, "support", MINUTE, *span)) == sorted((key, 3) for key, _ in found)


def test_many_panes_are_found_in_pieces(store: Store) -> None:
    keys = [PaneKey("support", "tags.tenant", str(i % 200), NOON + i // 200 * MINUTE) for i in range(1201)]
    _put(store, 0, {key: str(i).encode() for i, key in enumerate(keys)})
    with store.begin() as c:
        assert panes.get(c, "t", 0, MINUTE, keys) == {key: str(i).encode() for i, key in enumerate(keys)}


def _ids(name: str, at: int, hashes: list[int], topic: str = "t", partition: int = 0) -> ids.IdBatch:
    values = np.array(sorted(hashes), np.uint64)
    places = np.vstack([values % 7, values % 5]).astype(np.int32)
    arrays = values.tobytes(), (values.astype(np.int64) % 9 * MINUTE).tobytes(), places.tobytes()
    return ids.IdBatch(topic, partition, name, at, *arrays, ["model", "tags.tenant"])


def test_recent_ids_come_oldest_first_or_newest_first_and_go_by_time(store: Store) -> None:
    batches = [_ids(name, at, [at]) for name, at in [("support", 1), ("search", 2), ("support", 2), ("support", 3)]]
    wanted = np.array([7, 9], np.uint64)
    with store.begin() as c:
        for batch in batches:
            ids.append(c, *batch)
        assert list(ids.since(c, 2)) == batches[1:]
        assert list(ids.holding(c, "support", wanted)) == [batches[3], batches[2], batches[0]]
        assert next(ids.holding(c, "support", wanted)) == batches[3]
        ids.delete_before(c, 3)
        assert list(ids.since(c, 0)) == batches[3:]


def _found(c: Connection, wanted: NDArray[np.uint64]) -> dict[int, tuple[int, list[int]]]:
    """Where each interaction was counted, and its slices."""
    out = {}
    for batch in ids.holding(c, "support", wanted):
        hashes, starts = np.frombuffer(batch.hashes, np.uint64), np.frombuffer(batch.starts, np.int64)
        assert np.all(hashes[:-1] <= hashes[1:])
        codes = np.frombuffer(batch.codes, np.int32).reshape(len(batch.dimensions), -1)
        for at in np.flatnonzero(np.isin(hashes, wanted)).tolist():
            out[int(hashes[at])] = (int(starts[at]), codes[:, at].tolist())
    return out


@given(
    st.lists(
        st.tuples(st.integers(0, 2 * 120), st.integers(0, 3), st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=30)),
        min_size=1, max_size=12,
    ),
    st.integers(1, 20),
)  # fmt: skip
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_merged_ids_are_found_where_they_were(store: Store, rows: list[tuple[int, int, list[int]]], most: int) -> None:
    unique = {number: (minutes, partition) for minutes, partition, numbers in rows for number in numbers}
    wanted = np.array(list(unique), np.uint64)
    with store.begin() as c, pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids, "MOST", most)
        ids.delete_before(c, 2**62)
        for place in sorted(set(unique.values())):
            mine = [number for number, at in unique.items() if at == place]
            ids.append(c, *_ids("support", NOON + place[0] * MINUTE // 2, mine, partition=place[1]))
        before = _found(c, wanted)
        assert set(before) == set(unique)
        ids.merge_small(c, "support", NOON, NOON + 90 * MINUTE)
        assert _found(c, wanted) == before
        minutes = [
            (b.topic, b.partition, b.accepted_at // MINUTE) for b in ids.since(c, 0) if b.accepted_at < NOON + 90 * MINUTE
        ]
        assert len(minutes) == len(set(minutes))
        hour = (NOON + 100 * MINUTE) // (60 * MINUTE) * 60 * MINUTE
        ids.merge_old(c, "support", hour)
        assert _found(c, wanted) == before
        for one in wanted[:3]:
            assert _found(c, np.array([one])) == {int(one): before[int(one)]}
        old = [batch for batch in ids.since(c, 0) if batch.accepted_at < hour]
        assert all(batch.topic == ids.MERGED and len(batch.hashes) <= 8 * most for batch in old)


def test_the_earliest_pane_from_a_time_on(store: Store) -> None:
    _put(store, 0, {ALL: b"all", LATER: b"later"})
    _put(store, 1, {ALL._replace(start=0): b"day"}, 5 * MINUTE)
    with store.read() as c:
        earliest = [panes.earliest(c, "support", MINUTE, since) for since in (0, NOON, NOON + 1, NOON + MINUTE + 1)]
        assert earliest == [NOON, NOON, NOON + MINUTE, None]
        assert panes.earliest(c, "search", MINUTE, 0) is None


def test_recent_ids_are_found_by_partition(store: Store) -> None:
    batches = [ids.IdBatch(topic, partition, "support", at, b"h", b"", b"", []) for at, (topic, partition) in
               enumerate([("t", 0), ("t", 1), ("u", 1), ("t", 1)], 1)]  # fmt: skip
    with store.begin() as c:
        for batch in batches:
            ids.append(c, *batch)
        assert list(ids.since(c, 1, "t", 1)) == [batches[1], batches[3]]
        assert list(ids.since(c, 3, topic="t")) == [batches[3]]
        assert ids.newest(c) == ids.newest(c, "support") == ids.newest(c, topic="t", partition=1) == 4
        assert ids.newest(c, "support", "t", 0) == 1
        assert ids.newest(c, "search") == ids.newest(c, topic="u", partition=0) == 0


def test_minutes_and_slices_of_ids_take_little_room(store: Store) -> None:
    starts, codes = np.full(10_000, NOON, np.int64).tobytes(), np.arange(30_000, dtype=np.int32).tobytes()
    with store.begin() as c:
        ids.append(c, "t", 0, "support", 1, b"h", starts, codes, ["a", "b", "c"])
        (batch,) = ids.since(c, 0)
        assert (batch.starts, batch.codes) == (starts, codes)
        size = func.length(recent_ids.c.starts) + func.length(recent_ids.c.codes)
        assert c.execute(select(size)).scalar_one() < len(starts + codes) / 2


def test_ids_that_the_first_release_stored_are_read_as_they_are(store: Store) -> None:
    starts, codes = np.array([NOON, 0], np.int64).tobytes(), np.array([[-1, 200]], np.int32).tobytes()
    old = ids.IdBatch("t", 0, "support", 1, b"h", starts, codes, ["model"])
    with store.begin() as c:
        c.execute(insert(recent_ids), {**old._asdict(), "dimensions": msgspec.msgpack.encode(old.dimensions)})
        assert list(ids.since(c, 0)) == [old]


def test_slices_get_codes_in_order_and_share_one_beyond_the_most(store: Store) -> None:
    with store.begin() as c:
        register = partial(slices.register, c, "support", "model", most=3, rest="__other__")
        assert register([("b", 5), ("a", 6), ("b", 7)]) == {"b": 0, "a": 1}
        full = {"b": 0, "a": 1, "c": 2, "__other__": 3}
        assert register([("c", 8), ("d", 9), ("e", 9), ("a", 9)]) == full
        assert register([("f", 10)]) == register([]) == full
        assert [(sight.value, sight.at) for sight in slices.first_seen(c, "support", 0)] == [
            ("b", 5), ("a", 6), ("c", 8), ("__other__", 9)]  # fmt: skip


def test_workers_that_register_slices_at_once_agree(store: Store) -> None:
    def work(worker: int) -> dict[str, int]:
        for i in range(20):
            with store.begin() as c:
                known = slices.register(c, "support", "model", [(f"{worker}-{i}", i), (f"all-{i}", i)], 50, "__other__")
        return known

    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(work, range(4)))
    with store.read() as c:
        stored = slices.load(c)["support", "model"]
    assert sorted(stored.values()) == list(range(51))
    assert all(known.items() <= stored.items() for known in seen)


def test_messages_are_taken_oldest_first_and_by_one_process_each(store: Store) -> None:
    rows = [("findings", "a", b"\0"), ("alerts", "b", b"{}"), ("findings", "", b"")]
    with store.begin() as c:
        messages.put(c, [])
        messages.put(c, rows)
    with store.begin() as c:
        taken = messages.take(c, 2)
        assert [message[1:] for message in taken] == rows[:2]
        if c.dialect.name == "postgresql":
            with store.begin() as other:
                assert [message[1:] for message in messages.take(other, 9)] == rows[2:]
        messages.delete(c, [message.id for message in taken])
    with store.begin() as c:
        (left,) = messages.take(c, 9)
        assert left[1:] == rows[2]
        assert left.id > taken[1].id > taken[0].id


def test_a_slice_keeps_its_first_code_and_its_first_sight(store: Store) -> None:
    with store.begin() as c:
        slices.add(c, "support", "model", "m-1", 0, NOON)
        slices.add(c, "support", "model", "m-2", 1, NOON + 5)
        slices.add(c, "support", "model", "m-1", 7, NOON + 9)
        slices.add(c, "search", "tags.tenant", "acme", 0, NOON + 5)
        assert slices.load(c) == {("support", "model"): {"m-1": 0, "m-2": 1}, ("search", "tags.tenant"): {"acme": 0}}
        assert slices.first_seen(c, "support", NOON + 1) == [slices.FirstSight("model", "m-2", NOON + 5)]
        assert [sight.value for sight in slices.first_seen(c, "support", NOON)] == ["m-1", "m-2"]


def test_two_values_never_share_a_code(store: Store) -> None:
    with pytest.raises(Exception, match=r"(?i)unique"), store.begin() as c:
        slices.add(c, "support", "model", "m-1", 0, NOON)
        slices.add(c, "support", "model", "m-2", 0, NOON)


def test_counters_add_up_by_application(store: Store) -> None:
    with store.begin() as c:
        counters.add(c, "support", interactions=2**40, late=1)
        counters.add(c, "support", interactions=1, duplicates=2, refused=3)
        counters.add(c, "search", late=4)
        assert counters.load(c) == {"support": Counters(2**40 + 1, 2, 1, 3), "search": Counters(late=4)}


def _letter(index: int, **changes: object) -> DeadLetter:
    fields: dict[str, object] = {
        "at": NOON + index,
        "topic": "t",
        "partition": 0,
        "offset": 9,
        "index": index,
        "field": "id",
        "reason": "missing",
        "text": "id: expected a string",
        "line": b'{"\xff\0',
    }
    return DeadLetter(**(fields | changes))  # type: ignore[arg-type]


def test_dead_letters_keep_their_bytes_once_and_go_by_time(store: Store) -> None:
    letters = [_letter(i) for i in range(3)]
    with store.begin() as c:
        dead_letters.put(c, letters)
        dead_letters.put(c, letters)
        assert dead_letters.list_(c, 10) == (letters[::-1], None)
        dead_letters.delete_before(c, NOON + 1)
        assert dead_letters.list_(c, 10)[0] == letters[:0:-1]


def test_dead_letters_without_an_offset_are_all_kept(store: Store) -> None:
    with store.begin() as c:
        dead_letters.put(c, [_letter(0, offset=None), _letter(0, offset=None)])
        assert len(dead_letters.list_(c, 10)[0]) == 2


def test_words_that_are_no_text_are_kept_readable(store: Store) -> None:
    with store.begin() as c:
        dead_letters.put(c, [_letter(0, field="a\0b", text="\ud800!")])
        (kept,), _ = dead_letters.list_(c, 10)
        assert (kept.field, kept.text) == ("a\ufffdb", "?!")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6])
def test_pages_hold_every_dead_letter_once_also_when_more_arrive(store: Store, size: int) -> None:
    seen: list[int] = []
    cursor: str | None = None
    with store.begin() as c:
        dead_letters.put(c, [_letter(i) for i in range(5)])
        for page_number in range(6):
            page, cursor = dead_letters.list_(c, size, cursor)
            seen += [letter.index for letter in page]
            dead_letters.put(c, [_letter(100 + page_number)])
            if cursor is None:
                break
    assert seen == [4, 3, 2, 1, 0]


@pytest.mark.parametrize("cursor", ["", "!", "WzFd@", "WyJhIl0", "WzEsMl0", "e30", "WzEwMDAwMDAwMDAwMDAwMDAwMDAwXQ", "é"])
def test_a_cursor_that_is_none_of_ours_is_bad_input(store: Store, cursor: str) -> None:
    with pytest.raises(InputError, match="cursor"), store.read() as c:
        dead_letters.list_(c, 10, cursor)


@given(st.integers(0, 2**64 - 1))
def test_a_hash_fits_a_signed_column_and_comes_back(hash64: int) -> None:
    assert -(2**63) <= dialect.signed(hash64) < 2**63
    assert dialect.unsigned(dialect.signed(hash64)) == hash64
