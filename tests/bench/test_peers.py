"""What the benches of other tools and of real swaps hand on is what they say it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.peers import CELLS, LEVELS, commonest, spread
from bench.swaps import REFERENCE, STYLE, Responses, in_batches, splits
from monitor.check.comparing import compare
from monitor.check.reading import File

WORDS = ("One", "two", "three!", "**four**", "5", "\n- six", "SEVEN,", "eight?", "nine.")


def responses(seed: int, rows: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, size)) for size in rng.integers(1, 40, rows)]


@given(st.integers(0, 1000))
def test_raw_values_have_the_counts_that_they_came_from(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(60, np.full(LEVELS, 1 / LEVELS), size=(4, 3))
    values = spread(rng, counts, 60)
    back = np.stack([np.bincount(window, minlength=LEVELS) for stream in values for window in stream])
    np.testing.assert_array_equal(back.reshape(3, 4, LEVELS).swapaxes(0, 1), counts)


@given(st.integers(0, 1000))
def test_the_commonest_levels_of_the_past_keep_a_cell_and_the_rest_share_one(seed: int) -> None:
    counts = np.random.default_rng(seed).integers(0, 50, (4, 3, LEVELS))
    cells = commonest(counts, counts[:2].sum(axis=0))
    np.testing.assert_array_equal(cells.sum(axis=2), counts.sum(axis=2))
    known = cells[:2].sum(axis=0)[:, : CELLS - 1]
    np.testing.assert_array_equal(known, -np.sort(-counts[:2].sum(axis=0), axis=1)[:, : CELLS - 1])


@settings(max_examples=5)
@given(st.integers(0, 1000), st.sampled_from([30, 200]))
def test_kolmogorov_smirnov_on_raw_values_is_scipys(seed: int, n: int) -> None:
    style = Responses(responses(seed, 400))
    order = np.random.default_rng(seed).permutation(400)
    base, now = order[:150], order[150 : 150 + n]
    d, worth = style.apart(base, now)
    for i in range(len(STYLE)):
        sides = (style.raw[i, rows] for rows in (base, now))
        before, after = (side[side < len(style.of_raw)] for side in sides)
        assert d[i] == pytest.approx(stats.ks_2samp(before, after).statistic if len(before) and len(after) else 0.0, abs=1e-9)
        assert worth[i] == pytest.approx(max(1.0, len(before) * len(after) / max(1, len(before) + len(after))))


def test_the_pair_says_what_check_says() -> None:
    style = Responses(responses(7, REFERENCE + 200))
    draws = list(splits(np.random.default_rng(1), REFERENCE + 200, 200, 3))
    found = in_batches(style, draws)[:, 1]
    for (base, now), pair in zip(draws, found, strict=True):
        assert not np.intersect1d(base, now).size
        sides = (File(name, panes={("", ""): style.pane(rows)}) for name, rows in (("before", base), ("after", now)))
        both = compare(*sides, 1e-4)
        assert np.nanmax(both.decades) - np.log10(both.compared) == pytest.approx(pair, abs=1e-9)
