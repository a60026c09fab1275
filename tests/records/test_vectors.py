"""Vectors in panes: moments as counts, merged to the bit, and panes written before there were any."""

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.pane import EMPTY, merge_all, subtract, without_text
from records.pane_codec import PLAIN, VERSION, decode_pane, encode_pane
from records.signal import Kind
from records.summary.vectors import DIMENSIONS, MOMENTS, STEP, moment_counts, vector_moments
from tests.properties.batches import Row, batches, bits, pane_of, vectors_of

BEFORE = (
    "KLUv/WCbAU0JAMQNngEClqhjYXRlZ29yeaVleGFjdKRmbGFnpnBvaXNvbqV0b29sc6V3b3Jkc8QGAgABAAIDxDAA0D8AAADEwBAsQE1dQPB/APy/APA/f//o"
    "PwRA8P/EFgAAAQABAAIAAgADAAMABAAFxFgiT2OgQ/2ncNSx//8ZTgEAH04ANU4AbocBpFtv3yj///8FBlgBAQIBgs8o329bpAGHbqJ0Mc9wp/1DoGNPIqJj"
    "MsQQPCpCA28TCkjd7YXHgEU2rpKiaTKiaTGSgIGrdGFncy50ZW5hbnSkYWNtZcRgAIA1HyggUIPMNgcbAMOD7txlC7I0JMIxY97JC9CuO97cWJccweW8cW2E"
    "D48QSdgLNReTcYkxy0R1nBRubOMFJuPQccTKuGMq50DCMeygUA=="
)
"""The two rows below as the release before vectors wrote them."""
ROWS = [Row(1, 3, 1.0, True, 2, [1], [5], "acme", 0), Row(2, -7, 2.5, False, None, [], [5, 6], None, 0)]


def test_a_pane_from_before_there_were_vectors_is_read_and_added_to() -> None:
    old = decode_pane(base64.b64decode(BEFORE))
    assert bits(old) == bits(pane_of(ROWS))
    both = merge_all([old, pane_of([Row(3, None, float("nan"), None, None, [], [], None, 0, vector=7)])])
    assert (both.n, both.vectors("vector").n) == (3, 1)


@pytest.mark.parametrize(("vector", "version"), [(None, PLAIN), (1, VERSION)])
def test_only_panes_with_vectors_need_the_release_that_knows_them(vector: int | None, version: int) -> None:
    data = encode_pane(pane_of([Row(1, 3, 1.0, True, 2, [], [], None, 0, vector=vector)]))
    assert decode_pane(data).n == 1
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("records.pane_codec.VERSION", PLAIN)
        assert (version == PLAIN) == _reads(data)


def _reads(data: bytes) -> bool:
    try:
        return decode_pane(data).n == 1
    except Exception as error:
        assert "upgrade plumbline" in str(error)
        return False


@given(batches())
def test_the_moments_of_a_pane_are_those_of_its_vectors(rows: list[Row]) -> None:
    pane, steps = pane_of(rows), np.rint(vectors_of(rows) / STEP)
    moments = pane.vectors("vector")
    assert moments.n == len(steps)
    np.testing.assert_array_equal(moments.total, steps.sum(axis=0) * STEP)
    np.testing.assert_array_equal(moments.square, steps.T @ steps * STEP**2)
    if len(steps) > 1:
        expected = np.cov(steps.T * STEP) + np.eye(DIMENSIONS) * STEP**2 / 12
        np.testing.assert_allclose(moments.covariance(), expected, rtol=0, atol=1e-9)


@given(batches(), batches())
def test_vectors_that_were_added_can_be_taken_away(a: list[Row], b: list[Row]) -> None:
    whole, part = merge_all([pane_of(a), pane_of(b)]), pane_of(b)
    rest, expected = subtract(whole, part).vectors("vector"), pane_of(a).vectors("vector")
    assert rest.n == expected.n
    np.testing.assert_array_equal(rest.square, expected.square)
    np.testing.assert_array_equal(without_text(whole).vectors("vector").square, whole.vectors("vector").square)


def test_no_vectors_have_no_moments() -> None:
    for moments in (EMPTY.vectors("vector"), vector_moments(np.empty(0, np.int64), np.empty(0, np.int64))):
        assert moments.n == 0 and not moments.total.any() and np.isnan(moments.covariance()).all()
    assert [len(part) for part in moment_counts(np.empty((0, DIMENSIONS)), np.empty(0, np.int32))] == [0, 0, 0]


@given(st.lists(st.integers(0, 3), max_size=30))
def test_each_group_has_its_own_moments_in_order(groups: list[int]) -> None:
    values = np.random.default_rng(len(groups)).normal(size=(len(groups), DIMENSIONS))
    group, key, count = moment_counts(values, np.array(groups, np.int32))
    assert [*zip(group.tolist(), key.tolist(), strict=True)] == sorted(set(zip(group.tolist(), key.tolist(), strict=True)))
    assert 0 not in count and (not len(key) or key.max() < MOMENTS)
    for g in set(groups):
        mine = values[np.array(groups) == g]
        assert vector_moments(key[group == g], count[group == g]).n == len(mine)


def test_vectors_are_kept_of_all_traffic_alone_and_take_little_room() -> None:
    rows = [Row(i, None, float("nan"), None, None, [], [], None, 0, vector=i) for i in range(300)]
    with_vectors = pane_of(rows)
    without = pane_of([Row(**{**vars(row), "vector": None}) for row in rows])
    assert with_vectors.kinds[with_vectors.index("vector")] == Kind.VECTOR
    assert len(encode_pane(with_vectors)) - len(encode_pane(without)) < 1_200
