"""Reference and now of one comparison, on cells made for drawing."""

import numpy as np
from numpy.typing import NDArray

from alerts.baselines import label
from detectors.calibration import Slice
from detectors.cells import NEVER_SEEN, OUT_OF_RANGE
from monitor.page.charts import even_cells
from monitor.page.reading.baselines import Reference, Typical
from monitor.page.reading.names import Shown, category, short
from monitor.page.reading.panes import Column
from monitor.page.views import DistributionCell, DistributionView
from records.pane import Pane
from records.signal import Kind
from records.summary.buckets import bucket_edges

MOST = 10
"""Categories drawn, the commonest of either side; the rest share a cell."""
_KNOWN = ("values in the usual range", "values never seen before")


def read_distribution(
    reference: Reference, where: Slice, baseline: str, signal: Shown, typical: Typical
) -> DistributionView | None:
    """Both sides of a comparison; None where either holds nothing, and of vectors."""
    name, kind = signal.name, signal.signal.kind
    base, now = reference.columns(where, baseline, name)
    against = baseline if baseline.startswith("reference ") else label(baseline)
    if name in (OUT_OF_RANGE, NEVER_SEEN) or kind == Kind.BOOLEAN:
        words = _KNOWN if kind == Kind.BOOLEAN and name in (OUT_OF_RANGE, NEVER_SEEN) else (f"no {signal.title}", signal.title)
        counts = reference.counts(where, baseline, name)
        return None if counts is None else _two(counts, against, words)
    if base is None or now is None or kind == Kind.VECTOR:
        return None
    sizes = int(base.counts.sum()), int(now.counts.sum())
    if kind == Kind.CATEGORICAL:
        cells = _categories(base, now, reference.base(where, baseline), reference.hour.pane(where))
        return DistributionView(cells, against, "last hour", *sizes)
    cells = _numeric(base, now, signal.scale)
    centres = signal.scaled(typical.reference), signal.scaled(typical.now)
    return DistributionView(cells, against, "last hour", *sizes, typical.statistic, *centres)


def _two(
    counts: tuple[NDArray[np.float64], NDArray[np.float64]], baseline: str, words: tuple[str, str]
) -> DistributionView | None:
    if not counts[0].sum() or not counts[1].sum():
        return None
    before, after = (side / side.sum() for side in counts)
    cells = tuple(DistributionCell(words[i], float(before[i]), float(after[i])) for i in (1, 0))
    return DistributionView(cells, baseline, "last hour", int(counts[0].sum()), int(counts[1].sum()))


def _categories(base: Column, now: Column, labels: Pane | None, latest: Pane) -> tuple[DistributionCell, ...]:
    keys = np.union1d(base.keys, now.keys)
    before, after = (_on(keys, side) / side.counts.sum() for side in (base, now))
    order = np.argsort(-np.maximum(before, after), kind="stable")
    cells = []
    for i in order[:MOST].tolist():
        key = int(keys[i])
        known = labels is not None and key in labels.labels
        name = category(labels if known and labels is not None else latest, key)
        cells.append(DistributionCell(short(name), float(before[i]), float(after[i])))
    if len(order) > MOST:
        rest = order[MOST:]
        cells.append(DistributionCell("all others", float(before[rest].sum()), float(after[rest].sum())))
    return tuple(cells)


def _on(keys: NDArray[np.int64], column: Column) -> NDArray[np.float64]:
    place = np.searchsorted(keys, column.keys)
    return np.bincount(place, weights=column.counts, minlength=len(keys)).astype(np.float64)


def _numeric(base: Column, now: Column, scale: float) -> tuple[DistributionCell, ...]:
    whole = min(base.resolution, now.resolution) >= 1
    sides = [_spans(column, whole) for column in (base, now)]
    edges = np.unique(np.concatenate([edge for low, high, _ in sides for edge in (low, high)]))
    before, after = (_spread(edges, *side) for side in sides)
    return even_cells(edges * scale, before, after, least=scale if whole else 0.0)


def _spans(column: Column, whole: bool) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper edge of each bucket with its count. Whole numbers v stand for [v, v + 1), zero for what is below
    the first bucket above it."""
    low, high = bucket_edges(column.keys)
    if whole:
        low, high = np.floor(low + 1e-9) + (column.keys != 0), np.floor(high + 1e-9) + 1.0
        high = np.maximum(high, low + 1)
    else:
        zero = column.keys == 0
        above = low[column.keys > 0]
        high = np.where(zero, above.min() if len(above) else 1.0, high)
    return low, high, column.counts.astype(np.float64)


def _spread(
    edges: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Counts on the finer cells between `edges`, each bucket's spread evenly over its width."""
    below = np.zeros(len(edges))
    for a, b, n in zip(low.tolist(), high.tolist(), counts.tolist(), strict=True):
        below += n * np.clip((edges - a) / (b - a), 0.0, 1.0)
    return np.diff(below)
