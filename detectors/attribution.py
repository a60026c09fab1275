"""Saying why (statistics.md, section 7): cells in words, typical values before and after, and interactions to look at."""

import numpy as np
from numpy.typing import NDArray

from detectors.calibration import Part
from detectors.cells import NEVER_SEEN, OUT_OF_RANGE, category_names, cell_bounds
from records.finding import CellReason, Reasons
from records.pane import TOTAL, Pane
from records.signal import Kind, Signal
from records.summary.buckets import bucket_middles
from records.summary.sample import Sample

CELLS_TOLD, EXEMPLARS = 4, 5


def number(value: float) -> str:
    """A value with three significant digits, thousands kept whole."""
    if value == 0 or not np.isfinite(value):
        return "0" if value == 0 else str(value)
    digits = max(0, 2 - int(np.floor(np.log10(abs(value)))))
    text = f"{value:.{min(digits, 6)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def cell_words(part: Part, row: int, signal: Signal) -> list[str]:
    """What each cell of a comparison holds, in words."""
    if signal.name in (OUT_OF_RANGE, NEVER_SEEN):
        return ["known values", "values the baseline never had"]
    if signal.kind == Kind.BOOLEAN:
        return [f"no {signal.title}", signal.title]
    if signal.kind == Kind.CATEGORICAL:
        return [f"{signal.title} {name}" for name in category_names(part.cells, part.base, row)]
    unit = f" {signal.unit}" if signal.unit else ""
    return [f"{signal.title} {_range(low, high)}{unit}" for low, high in cell_bounds(part.cells, row)]


def _range(low: float, high: float) -> str:
    if np.isnan(low):
        return "any other value"
    if low == high:
        return number(low)
    if np.isinf(low):
        return f"up to {number(high)}"
    return f"over {number(low)}" if np.isinf(high) else f"{number(low)} to {number(high)}"


def quantile(pane: Pane, name: str, share: float) -> float | None:
    """A quantile of a numeric signal from its histogram, to within 2.2 %; None without values."""
    keys, counts = pane.cells(name)
    if not counts.sum():
        return None
    at = int(np.searchsorted(np.cumsum(counts), share * counts.sum()))
    value = float(bucket_middles(keys[min(at, len(keys) - 1)][None])[0])
    return round(value) if pane.resolution[pane.index(name)] >= 1 else value


def mean(pane: Pane, name: str) -> float | None:
    """Mean of a numeric signal in its unit; None without values."""
    i = pane.index(name)
    n = pane.cells(name)[1].sum()
    return float(pane.moments[i, TOTAL] * pane.resolution[i] / n) if n else None


def reasons(part: Part, row: int, signal: Signal, base: NDArray[np.float64], now: NDArray[np.float64],
            pane: Pane, sample: Sample, names: tuple[str, ...]) -> Reasons:  # fmt: skip
    """Why the comparison in `row` of a part differs.

    base, now: counts (CELLS,); pane: the slice since the change; sample: drawn from all traffic since then, with the
    signals `names` that its keys stand for.
    """
    before, after = base / max(base.sum(), 1), now / max(now.sum(), 1)
    words = cell_words(part, row, signal)
    order = np.argsort(-np.abs(after - before)[: len(words)], kind="stable")[:CELLS_TOLD]
    cells = [CellReason(words[i], float(before[i]), float(after[i])) for i in order if before[i] != after[i]]
    old, new, statistic = _typical(part, signal, before, after, pane)
    grown = np.flatnonzero(after > before)
    return Reasons(
        cells=cells, before=old, after=new, unit=signal.unit, statistic=statistic,
        exemplars=_exemplars(part, row, signal.name, grown, sample, names),
    )  # fmt: skip


def _typical(
    part: Part, signal: Signal, before: NDArray[np.float64], after: NDArray[np.float64], pane: Pane
) -> tuple[float | None, float | None, str]:
    """Typical value before and after, and which one: a median, a mean where medians do not tell them apart, a share."""
    if signal.kind == Kind.VECTOR:
        return None, None, ""
    if signal.kind != Kind.NUMERIC:
        moved = int(np.argmax(np.abs(after - before))) if signal.kind == Kind.CATEGORICAL else 1
        return float(before[moved]), float(after[moved]), "share"
    if not signal.name.startswith("scores."):
        old, new = quantile(part.base, signal.name, 0.5), quantile(pane, signal.name, 0.5)
        if old is not None and new is not None and abs(new - old) > 0.05 * abs(old):
            return old, new, "median"
    return mean(part.base, signal.name), mean(pane, signal.name), "mean"


def _exemplars(part: Part, row: int, name: str, grown: NDArray[np.int64], sample: Sample, names: tuple[str, ...]) -> list[str]:
    """Ids of sampled interactions of the slice that lie in cells that grew; none where the sample has none."""
    if name not in names or not len(sample.ids):
        return []
    keys = sample.keys[:, names.index(name)]
    cell, _ = part.cells.place(np.full(len(keys), row, np.int64), keys)
    inside = np.array([part.value == s.get(part.dimension, part.value if not part.dimension else None) for s in sample.slices])
    chosen = np.flatnonzero(np.isin(cell, grown) & inside & (keys > np.iinfo(np.int64).min + 1))
    return [sample.ids[i] for i in chosen[:EXEMPLARS]]
