"""The values of a dimension against plain Python, a row at a time."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.interaction import INTERACTION_SCHEMA
from streams.slices import dimension_values

NAMES = st.sampled_from(["", "a", "b", "é"])
TAGS = st.lists(st.lists(st.fixed_dictionaries({"key": NAMES, "value": NAMES}), max_size=4), max_size=6)


@given(TAGS, NAMES)
def test_a_tag_is_the_last_value_of_its_key_and_null_without_one(tags: list[list[dict[str, str]]], key: str) -> None:
    frame = pl.DataFrame({"tags": tags}, schema={"tags": INTERACTION_SCHEMA["tags"]})
    values = dimension_values(frame, f"tags.{key}")
    assert values.dtype == pl.String
    assert values.to_list() == [{tag["key"]: tag["value"] for tag in row}.get(key) for row in tags]


@pytest.mark.parametrize("values", [[], ["m-1", None, "m-2"]])
def test_any_other_dimension_is_a_field(values: list[str | None]) -> None:
    frame = pl.DataFrame({"model": values}, schema={"model": pl.String})
    assert dimension_values(frame, "model").to_list() == values
