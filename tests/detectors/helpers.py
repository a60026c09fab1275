"""Small comparisons to judge, made by hand."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.scores import Scores, window_scores
from detectors.wobble import Wobble, WobbleSums, learn_wobble

Floats = NDArray[np.float64]


def sums_of(counts: Floats, values: Floats | None = None) -> WobbleSums:
    """Sums over windows of counts (W, C, K) and, where given, values (W, C, n)."""
    windows, comparisons, cells = counts.shape
    sums = WobbleSums.empty(comparisons, cells)
    for w in range(windows):
        one = np.zeros((comparisons, 0)) if values is None else values[w]
        number = np.full(comparisons, float(one.shape[1]))
        sums.add(counts[w], number, one.sum(axis=1), (one**2).sum(axis=1), np.ones(comparisons, bool))
    return sums


def judged(base: Floats, now: Floats, k: NDArray[np.int64], wobble: Wobble, **given: Any) -> Scores:
    """window_scores with plain defaults: unordered cells, no moments, both directions."""
    size = len(k)
    absent = np.full(size, np.nan)
    options: dict[str, Any] = {
        "ordered": np.zeros(size, bool),
        "numeric": np.zeros(size, bool),
        "worse": np.zeros(size, np.int8),
        "base_mean": absent,
        "base_var": absent,
        "base_n": absent,
        "now_mean": absent,
        "now_var": absent,
        "now_n": absent,
        "evaluation": np.zeros(size, bool),
    }
    return window_scores(base, now, k, wobble=wobble, **(options | given))


def iid_wobble(rng: np.random.Generator, p: Floats, n: int = 300, windows: int = 400) -> tuple[Floats, Wobble]:
    """Baseline counts (1, K) and wobble of i.i.d. windows with shares p (K,)."""
    counts = rng.multinomial(n, p, size=(windows, 1)).astype(float)
    return counts.sum(axis=0), learn_wobble(sums_of(counts), np.array([int((p > 0).sum())]))
