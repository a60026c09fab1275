"""Baselines in words: what findings call them, and what people read."""

import pytest

from alerts.baselines import label, phrase


@pytest.mark.parametrize(
    ("name", "short", "said"),
    [
        ("reference evalset", "evalset", "evalset"),
        ("trailing 7d", "trailing 7d", "its own last 7 days"),
        ("trailing 36h", "trailing 36h", "its own last 36h"),
        ("seasonal 7d x4", "same hour, 4 earlier weeks", "the same hour of 4 earlier weeks"),
        ("seasonal 1d x1", "same hour, 1 earlier day", "the same hour of 1 earlier day"),
        ("seasonal 14d x3", "same hour, 3 times 2 weeks before", "the same hour of 3 times 2 weeks before"),
        ("seasonal 2d x5", "same hour, 5 times 2 days before", "the same hour of 5 times 2 days before"),
        ("period 2026-11-01 to 2026-11-08", "2026-11-01 to 2026-11-08", "itself from 2026-11-01 to 2026-11-08"),
        ("cohort tags.tenant against rest", "rest of tenant, same time", "the rest of tenant at the same time"),
        ("cohort tags.tenant acme co against rest", "rest of tenant, same time", "the rest of tenant at the same time"),
        ("cohort prompt_version v14 against v13", "prompt_version=v13, same time", "prompt_version=v13 at the same time"),
        ("past", "past", "past"),
    ],
)
def test_a_baseline_has_words_for_tables_and_for_sentences(name: str, short: str, said: str) -> None:
    assert (label(name), phrase(name)) == (short, said)
