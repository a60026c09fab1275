"""Second source: OpenTelemetry's definition of an exponential histogram at scale 4, in exact integer arithmetic.

Bucket i holds (2**(i/16), 2**((i+1)/16)], so i = ceil(16 log2 v) - 1: the least i with v**16 <= 2**(i+1), for v = p/q.
"""

import math
import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from records.summary.buckets import BAD, MISSING, OFFSET, bucket_edges, bucket_keys, bucket_middles

POSITIVE = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
POWERS = [2.0**k for k in range(-1074, 1024)]
SMALLEST, LARGEST = 5e-324, sys.float_info.max


def exact_index(value: float) -> int:
    """ceil(16 log2 value) - 1; a double is p / q, and q a power of two."""
    p, q = value.as_integer_ratio()
    return (p**16 - 1).bit_length() - 16 * (q.bit_length() - 1) - 1


def key(value: float) -> int:
    return int(bucket_keys(np.array([value]))[0])


def below_bound(j: int) -> float:
    """The largest double that is not above 2**(j/16), by exact comparison."""
    value = math.pow(2, j / 16)
    while exact_index(value) >= j:
        value = math.nextafter(value, 0)
    while exact_index(math.nextafter(value, 4)) < j:
        value = math.nextafter(value, 4)
    return value


@given(POSITIVE)
@example(SMALLEST)
@example(LARGEST)
@example(sys.float_info.min)
@example(255.0)
@example(256.0)
def test_a_positive_value_is_in_the_bucket_of_the_definition(value: float) -> None:
    assert key(value) == exact_index(value) + OFFSET
    assert key(-value) == -(exact_index(value) + OFFSET)


def test_every_power_of_two_is_the_upper_edge_of_its_bucket() -> None:
    keys = bucket_keys(np.array(POWERS)).tolist()
    assert keys == [16 * k - 1 + OFFSET for k in range(-1074, 1024)]
    assert keys == [exact_index(power) + OFFSET for power in POWERS]
    above = bucket_keys(np.array([math.nextafter(power, math.inf) for power in POWERS[60:]])).tolist()
    assert above == [16 * k + OFFSET for k in range(-1014, 1024)]


@pytest.mark.parametrize("power", [-1022, -1, 0, 7, 1023])
@pytest.mark.parametrize("j", range(1, 16))
def test_the_doubles_on_either_side_of_an_irrational_bound_are_in_different_buckets(j: int, power: int) -> None:
    bound = below_bound(j)
    low, high = math.ldexp(bound, power), math.ldexp(math.nextafter(bound, 4), power)
    assert (key(low), key(high)) == (16 * power + j - 1 + OFFSET, 16 * power + j + OFFSET)


@given(POSITIVE, POSITIVE)
def test_keys_order_as_values_do(a: float, b: float) -> None:
    keys = bucket_keys(np.sort(np.array([a, b, -a, -b, 0.0])))
    assert keys.tolist() == sorted(keys.tolist())
    assert keys[2] == 0


@given(st.floats(min_value=1e-290, max_value=1e290) | st.floats(min_value=-1e290, max_value=-1e-290))
def test_a_value_lies_between_the_edges_of_its_bucket_and_within_2_2_percent_of_its_middle(value: float) -> None:
    keys = np.array([key(value)])
    (low,), (high,) = bucket_edges(keys)
    assert low * (1 - math.copysign(1e-12, value)) <= value <= high * (1 + math.copysign(1e-12, value))
    assert abs(bucket_middles(keys)[0] / value - 1) <= (2 ** (1 / 16) - 1) / 2 + 1e-12


def test_zero_has_a_bucket_of_its_own_without_width() -> None:
    assert bucket_keys(np.array([0.0, -0.0])).tolist() == [0, 0]
    assert [edge.tolist() for edge in bucket_edges(np.array([0]))] == [[0.0], [0.0]]


def test_edges_of_the_largest_and_smallest_values_are_finite() -> None:
    keys = bucket_keys(np.array([LARGEST, -LARGEST, SMALLEST, -SMALLEST]))
    assert np.isfinite(bucket_edges(keys)).all()
    assert np.isfinite(bucket_middles(keys)).all()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, MISSING),
        (math.inf, BAD),
        (-math.inf, BAD),
        (-0.5, BAD),
        (10.5, BAD),
        (0.0, 0),
        (10.0, exact_index(10.0) + OFFSET),
    ],
)
def test_what_is_no_value_or_out_of_bounds_has_a_reserved_key(value: float, expected: int) -> None:
    assert bucket_keys(np.array([value]), 0.0, 10.0).tolist() == [expected]


@pytest.mark.parametrize(
    ("value", "resolution", "as_if"),
    [
        (4.0 + 1e-9, 1e-6, 4.0),
        (4.0 - 1e-9, 1e-6, 4.0),
        (4.0 + 1e-9, 0.0, math.nextafter(4.0, 5.0)),
        (-2.0 - 1e-7, 1e-3, -2.0),
        (0.1234, 1e-4, 0.1234),
        (5e-324, 1e-6, 0.0),
        (1e300, 1e-6, 1e300),
        (math.inf, 1e-6, math.inf),
        (math.nan, 1e-6, math.nan),
    ],
)
def test_values_are_rounded_to_their_resolution_before_they_are_counted(value: float, resolution: float, as_if: float) -> None:
    assert bucket_keys(np.array([value]), resolution=resolution).tolist() == bucket_keys(np.array([as_if])).tolist()
