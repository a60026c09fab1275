"""How often `check` is wrong, and what it finds: pairs of files from one source, and from two."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitor.check.comparing import compare, share_decades
from monitor.check.reading import Options, lengthened, read_file
from monitor.files import read_interactions
from records.pane import merge_all
from tests.monitor.check_files import frame_of, rows, split, write

DATA = Path(__file__).parents[3] / "shared" / "data"
RATE = 0.2
"""High, so that few pairs tell whether it holds."""


def flagged(frame: pl.DataFrame, reference: int, current: int, draws: int, slices: Sequence[str] = ()) -> int:
    """How many of so many random pairs from one pool differ in anything, at RATE."""
    rng = np.random.default_rng(11)
    wrong = 0
    for _ in range(draws):
        chosen = pl.Series(rng.permutation(len(frame))[: reference + current])
        wrong += bool(compare(*split(frame[chosen], reference, slices), RATE).significant().any())
    return wrong


def most(draws: int) -> int:
    """So many flagged pairs of `draws` happen once in 10,000 times where the rate is RATE."""
    return int(stats.binom.ppf(1 - 1e-4, draws, RATE))


@pytest.mark.parametrize(("reference", "current"), [(600, 200), (500, 500), (200, 800)])
def test_pairs_of_one_source_are_flagged_at_no_more_than_the_stated_rate(reference: int, current: int) -> None:
    assert flagged(frame_of(rows(1, 1500)), reference, current, 40, ["model"]) <= most(40)


@pytest.mark.parametrize("name", ["llmdrift_gpt35_gpt4", "gsm8k_models", "tau_bench_turns", "clinc_intents"])
def test_pairs_of_real_rows_are_flagged_at_no_more_than_the_stated_rate(name: str) -> None:
    path = DATA / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is not there")
    frame = pl.concat([frame for frame, _ in read_interactions(path)])
    assert flagged(frame[:6000], 500, 300, 30) <= most(30)


def many_values(rng: np.random.Generator) -> dict[str, Any]:
    return {"prompt": "a", "tags": {"user": f"u{rng.integers(int(rng.choice([9, 150])))}"}}


def calls_in_clusters(rng: np.random.Generator) -> dict[str, Any]:
    return {"prompt": "a", "tool_calls": [{"name": str(rng.choice(["search", "refund"]))}] * int(rng.integers(1, 20))}


def rare_events(rng: np.random.Generator) -> dict[str, Any]:
    return {"prompt": "a", "error": "timeout" if rng.random() < 0.006 else None}


@pytest.mark.parametrize("draw", [many_values, calls_in_clusters, rare_events])
def test_nor_are_pairs_whose_rows_break_what_tails_assume(draw: Callable[[np.random.Generator], dict[str, Any]]) -> None:
    rng = np.random.default_rng(3)
    frame = frame_of([draw(rng) for _ in range(2000)])
    assert flagged(frame, 600, 600, 60) <= most(60)


def test_a_shift_of_a_third_of_a_standard_deviation_is_found_in_800_rows() -> None:
    for seed in range(10):
        items = rows(seed, 800) + rows(seed + 100, 800, length=33.0)
        found = compare(*split(frame_of(items), 800), 0.001)
        assert found.significant()[list(found.calibration.parts[0].cells.names).index("response.words")]


@given(st.integers(0, 60), st.integers(0, 60), st.integers(60, 5000), st.integers(60, 5000))
def test_the_tail_of_a_rare_share_is_the_binomial_one(before: int, after: int, n: int, m: int) -> None:
    """Second source: scipy.stats.binom."""
    base, now = (np.array([[size - seen, seen]], float) for size, seen in ((n, before), (m, after)))
    (decades,) = share_decades(base, now)
    if 2 * (before + after) > n + m:
        return
    events, chance = before + after, m / (n + m)
    if events * min(chance, 1 - chance) >= 20:
        assert decades == np.inf
        return
    upper = after > events * chance
    tail = stats.binom.sf(after - 1, events, chance) if upper else stats.binom.cdf(after, events, chance)
    assert decades == pytest.approx(-np.log10(min(1.0, 2 * tail)), abs=1e-9)


def bursts(seed: int, windows: int, wild: float) -> list[dict[str, Any]]:
    """One row a 10 s, whose mix of two models wanders by `wild` from window to window."""
    rng = np.random.default_rng(seed)
    out = []
    for window in range(windows):
        share = 0.5 + wild * rng.uniform(-1, 1)
        out += [
            {"timestamp": 1.76e9 + 300 * window + 10 * i, "prompt": "a", "model": "x" if rng.random() < share else "y"}
            for i in range(30)
        ]
    return out


def test_what_the_reference_does_by_itself_is_no_finding_where_rows_have_times(tmp_path: Path) -> None:
    """A mix that wanders: a quarter of an hour of it often differs from half a day, but not more than its own quarters do."""
    verdicts = []
    for timed in (True, False):
        wrong = 0
        for seed in range(9):
            files = []
            for name, windows in (("reference", 144), ("current", 3)):
                items = bursts(2 * seed + (name == "current"), windows, 0.45)
                kept = items if timed else [{k: v for k, v in item.items() if k != "timestamp"} for item in items]
                files.append(read_file(write(tmp_path / f"{name}.jsonl", kept), Options(), windows=name == "reference"))
            found = compare(*files, 0.05)
            assert (found.windows > 0) == timed
            wrong += bool(found.significant().any())
        verdicts.append(wrong)
    with_times, without = verdicts
    assert with_times <= 3
    assert without >= 4


def test_a_change_beyond_what_the_reference_does_by_itself_is_found(tmp_path: Path) -> None:
    reference = read_file(write(tmp_path / "a.jsonl", bursts(1, 144, 0.2)), Options(), windows=True)
    current = [{**row, "model": "z"} if i % 2 else row for i, row in enumerate(bursts(2, 12, 0.2))]
    found = compare(reference, read_file(write(tmp_path / "b.jsonl", current), Options()), 0.001)
    assert found.windows and found.significant().any()


def test_windows_are_as_long_as_the_current_file_while_there_are_enough(tmp_path: Path) -> None:
    reference = read_file(write(tmp_path / "a.jsonl", bursts(1, 288, 0.1)), Options(), windows=True)
    current = read_file(write(tmp_path / "b.jsonl", bursts(2, 4, 0.1)), Options())
    found = compare(reference, current, 0.05)
    assert reference.width == 300_000_000
    assert (found.windows, found.width) == (145, 600_000_000)  # 288 windows that begin with an odd one


def test_longer_windows_hold_what_the_short_ones_held(tmp_path: Path) -> None:
    file = read_file(write(tmp_path / "a.jsonl", bursts(1, 30, 0.1)), Options(by=["model"]), windows=True)
    longer = lengthened(file.windows, 4 * file.width)
    assert all(start % (4 * file.width) == 0 for start in longer)
    for where, pane in file.panes.items():
        again = merge_all(panes[where] for panes in longer.values() if where in panes)
        assert (again.n, again.names) == (pane.n, pane.names)
        np.testing.assert_array_equal(again.counts.count, pane.counts.count)


def test_a_file_with_many_windows_keeps_fewer_longer_ones(tmp_path: Path) -> None:
    items = [{"timestamp": 1.76e9 + 300 * i, "prompt": "a", "model": "xyz"[i % 3]} for i in range(3000)]
    file = read_file(write(tmp_path / "a.jsonl", items), Options(by=["model"]), windows=True)
    assert file.width == 8 * 300_000_000
    assert sum(pane.n for panes in file.windows.values() for where, pane in panes.items() if where == ("", "")) == 3000
