"""Two files, compared once: every signal of every slice, one chance of a false alarm over all of them.

statistics.md, section 6, "Two files". Deciles of the reference are the cells of numbers. The cells of categories are the
commonest of both files together: the commonest of one alone are so partly by luck, which the other would not share.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors import two_files
from detectors.baselines import Baseline
from detectors.calibration import Calibration, Panes, Part, Seen, Slice, Traits, always, no_season
from detectors.cells import CELLS, NEVER_SEEN, OUT_OF_RANGE, Tally, make_cells
from detectors.course import effects, ratios
from detectors.effects import shares
from detectors.power import smallest_detectable
from detectors.scores import MINIMUM_WINDOWS, window_scores
from detectors.tails import one_sided
from monitor.check.reading import FEWEST_WINDOWS, File, lengthened
from records.errors import InputError
from records.pane import Pane, merge
from records.signal import Kind, Signal
from records.summary.counts import Counts
from records.summary.sample import empty_sample
from signals.catalogue import BY_NAME
from signals.dynamic import declare

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
BASELINE = "reference"
_FIXED = Baseline(BASELINE, "fixed", "skew")
ENOUGH = 30
"""Values that either side needs to be compared."""
EXPECTED = 5.0
"""Values that a category needs on the smaller side to be a cell of its own."""
RARE = 20.0
"""Events on the smaller side up to which the tail of a share is taken from the binomial distribution."""


@dataclass(frozen=True)
class Comparisons:
    """C comparisons, slice by slice in `calibration.parts`.

    Arrays (C,): `decades` of each p (nan: not compared) and of the opposite direction for signals that are tested
    one-sided, `js`, `smd`, `ratio`, `floors` (effect over its floor), `detectable` (Jensen-Shannon distance).
    `threshold`: decades that all comparisons together need; `windows`: how many windows of the reference told how its
    traffic wobbles, 0 where rows were taken as independent; `width` of these, microseconds.
    """

    calibration: Calibration
    now: Tally
    decades: Floats
    opposite: Floats
    js: Floats
    smd: Floats
    ratio: Floats
    floors: Floats
    detectable: Floats
    few: Bools
    compared: int
    threshold: float
    windows: int
    width: int

    def significant(self) -> Bools:
        """Which comparisons differ for sure (C,)."""
        return np.nan_to_num(self.decades, nan=-1.0) >= self.threshold

    def improved(self) -> Bools:
        """Which moved as surely and as far in the direction that does no harm (C,)."""
        return (np.nan_to_num(self.opposite, nan=-1.0) >= self.threshold) & (self.floors >= 1)


def declaration(name: str) -> Signal:
    """The declaration of any signal that is compared."""
    return BY_NAME.get(name) or declare(name)


def compare(reference: File, current: File, false_alarm_rate: float) -> Comparisons:
    """Compare every signal of every slice that both files have.

    `false_alarm_rate` is the chance that two files of the same source differ in anything at all. Raises InputError where
    nothing can be compared.
    """
    parts = list(_parts(reference, current))
    calibration = Calibration(0, parts, declaration)
    windows, width = _windows(reference, current)
    everything = np.ones(len(calibration.index), bool)
    for panes in windows.values():
        calibration.add(_seen(calibration, panes), everything)
    calibration.refresh()
    now = _seen(calibration, current.panes).now
    base, traits = calibration.base, calibration.traits
    weight = np.concatenate([_weights(part, reference, current) for part in parts] or [np.empty(0)])
    few = (base.cells.sum(1) * weight < ENOUGH) | (now.n * weight < ENOUGH)
    varies = ((base.cells + now.cells) > 0).sum(1) >= 2
    wanted = varies & ~few
    decades = np.where(wanted, _decades(calibration, now, weight, traits.worse), np.nan)
    opposite = np.where(wanted & _directed(traits), _decades(calibration, now, weight, -traits.worse), np.nan)
    compared = int(np.count_nonzero(~np.isnan(decades)))
    if few.all():
        raise InputError(
            f"nothing can be compared: no field has {ENOUGH} values in both {reference.path} and {current.path}; "
            "see --map for fields of another name"
        )
    js, smd, floors = effects(base, traits, now)
    threshold = float(np.log10(max(compared, 1) / false_alarm_rate))
    detectable = _detectable(calibration, now, weight, 10.0**-threshold)
    return Comparisons(
        calibration, now, decades, opposite, js, smd, ratios(base, traits, now)[0], floors, detectable, few & varies,
        compared, threshold, len(windows), width,
    )  # fmt: skip


def _seen(calibration: Calibration, panes: Panes) -> Seen:
    return calibration.see(0, panes, no_season, always)


# -- what is compared ------------------------------------------------------------------------------------------------


def _parts(reference: File, current: File) -> Iterator[Part]:
    """The slices that both files have, all rows first."""
    row = 0
    for where in sorted(reference.panes.keys() & current.panes.keys()):
        base, now = _shared(reference.panes[where], current.panes[where])
        cells = make_cells(_basis(base, now))
        if not cells.names:
            continue
        kept = [name for name in cells.names if name not in (OUT_OF_RANGE, NEVER_SEEN)]
        size = len(kept)
        cells = replace(
            cells, names=cells.names[:size], kinds=cells.kinds[:size], k=cells.k[:size], starts=cells.starts[: size + 1],
            lowest=cells.lowest[:size], highest=cells.highest[:size],
        )  # fmt: skip
        named = replace(base, labels={**now.labels, **base.labels})
        yield Part(*where, _FIXED, named, cells, np.arange(row, row + size))
        row += size


def _shared(base: Pane, now: Pane) -> tuple[Pane, Pane]:
    """Both panes with the signals that either has values of in both."""
    held = [name for name in base.names if base.cells(name)[1].sum() and now.cells(name)[1].sum()]
    return _only(base, frozenset(held)), _only(now, frozenset(held))


def _only(pane: Pane, names: frozenset[str], kind: Kind | None = None) -> Pane:
    """The pane with the counts of some signals alone, of one kind where given."""
    held = np.array([n in names and kind in (None, k) for n, k in zip(pane.names, pane.kinds, strict=True)], bool)
    kept = held[pane.counts.signal] if len(held) else np.empty(0, bool)
    counts = Counts(pane.counts.signal[kept], pane.counts.key[kept], pane.counts.count[kept])
    sample = empty_sample(len(pane.names))
    return Pane(pane.n, pane.names, pane.kinds, pane.resolution, pane.moments, counts, pane.labels, sample)


def _basis(base: Pane, now: Pane) -> Pane:
    """The pane that decides the cells: numbers of the reference, categories of both where they are not too rare."""
    names = frozenset(now.names)
    pooled = merge(base, _only(now, names, Kind.CATEGORICAL))
    c = pooled.counts
    categorical = pooled.kinds[c.signal] == Kind.CATEGORICAL
    total = np.bincount(c.signal, weights=c.count, minlength=len(pooled.names))
    of_now = np.array([now.cells(name)[1].sum() for name in pooled.names], np.float64)
    smaller = np.minimum(of_now, total - of_now) / np.maximum(total, 1)
    kept = ~categorical | (c.count * smaller[c.signal] >= EXPECTED)
    return replace(pooled, counts=Counts(c.signal[kept], c.key[kept], c.count[kept]))


def _windows(reference: File, current: File) -> tuple[Mapping[int, Mapping[Slice, Pane]], int]:
    """The reference's windows where both files have times: as long as the current file, while there are enough of them."""
    windows, width = reference.windows, reference.width
    if not (reference.timed and current.timed) or len(windows) < MINIMUM_WINDOWS:
        return {}, 0
    span = (current.until or 0) - (current.since or 0)
    while 2 * width <= span and len(longer := lengthened(windows, 2 * width)) >= FEWEST_WINDOWS:
        windows, width = longer, 2 * width
    return windows, width


def _weights(part: Part, reference: File, current: File) -> Floats:
    """How many independent values each value is worth (C,): less than 1 where a row may have several.

    Kish's design effect where all values of a row are alike, the worst that can be: sum m / sum m^2 over rows of m.
    """
    worst: dict[str, float] = {}
    for file in (reference, current):
        for name, (items, squares) in file.clusters.items():
            worst[name] = min(worst.get(name, 1.0), items / squares if squares else 1.0)
    return np.array([worst.get(name, 1.0) for name in part.cells.names], np.float64)


# -- how sure ----------------------------------------------------------------------------------------------------------


def _directed(traits: Traits) -> Bools:
    """Which comparisons are tested one-sided: shares and evaluation scores of which one direction harms."""
    directed: Bools = (traits.worse != 0) & (traits.evaluation | ((traits.k == 2) & ~traits.numeric))
    return directed


def _decades(calibration: Calibration, now: Tally, weight: Floats, worse: NDArray[np.int8]) -> Floats:
    """-log10 p of each comparison (C,): with the wobble of the reference's windows where it is known, else of
    independent rows."""
    base, traits, wobble = calibration.base, calibration.traits, calibration.wobble
    cells, counts = base.cells * weight[:, None], now.cells * weight[:, None]
    found = two_files.compare(cells, counts, traits.k, traits.ordered).decades
    # of numbers whose reference is constant the second cell is all the rest, above it and below
    of_two = np.where(traits.numeric, np.nan_to_num(now.mean() - base.mean), _difference(cells, counts))
    lean = np.where(traits.k > 2, two_files.rank_sum_z(cells, counts), of_two)
    harms = lean * worse > 0
    exact = np.where(traits.k == 2, share_decades(cells, counts), np.inf)
    found = np.fmin(found, exact)
    halved = np.where(traits.k == 2, one_sided(found, harms), np.where(harms, found, 0.0))
    plain = np.where(_directed(traits), halved, found)
    if not (wobble.windows >= MINIMUM_WINDOWS).any():
        return plain
    scores = window_scores(
        cells, counts, traits.k, traits.ordered, traits.numeric, worse, wobble, base.mean, base.variance, base.n,
        now.mean(), now.variance(), now.n, traits.evaluation,
    )  # fmt: skip
    known = two_files.with_windows(scores, traits.ordered, traits.numeric, traits.k).decades
    return np.where(np.isnan(known), plain, known)


def _difference(base: Floats, now: Floats) -> Floats:
    """Difference of the second cell's shares (C,)."""
    out: Floats = np.nan_to_num(shares(now)[:, 1] - shares(base)[:, 1])
    return out


def share_decades(base: Floats, now: Floats) -> Floats:
    """-log10 of the two-sided binomial tail of the rarer of two cells (C,), infinite where it is not rare.

    Given all events of both files, each is in the second with the chance that its rows are. No chi-square tail is right
    for a handful of events: 0 against 17 in files of one size would come out at 20 times its chance.
    """
    n, m = base.sum(1), now.sum(1)
    rarer = np.argmin((base + now)[:, :2], axis=1)[:, None]
    events = np.take_along_axis(base + now, rarer, 1)[:, 0]
    seen = np.take_along_axis(now, rarer, 1)[:, 0]
    chance = np.clip(m / np.maximum(n + m, 1), 1e-12, 1 - 1e-12)
    with np.errstate(all="ignore"):
        upper = np.where(seen > 0, special.betainc(np.maximum(seen, 1e-9), events - seen + 1, chance), 1.0)
        lower = np.where(seen < events, special.betaincc(seen + 1, np.maximum(events - seen, 1e-9), chance), 1.0)
        tail = np.minimum(2 * np.where(seen > events * chance, upper, lower), 1.0)
        rare = events * np.minimum(chance, 1 - chance) < RARE
        return np.where(rare, -np.log10(tail), np.inf)


def _detectable(calibration: Calibration, now: Tally, weight: Floats, alpha: float) -> Floats:
    """The smallest Jensen-Shannon distance (C,) that so many values show at level alpha with 80 % power."""
    n, m = calibration.base.cells.sum(1) * weight, now.n * weight
    worth = n * m / np.maximum(n + m, 1)
    known = calibration.wobble.windows >= MINIMUM_WINDOWS
    spread = np.where(known, np.nan_to_num(calibration.wobble.values.max(axis=1, initial=0.0)), 0.0)
    worth = worth / (1 + worth * spread)
    return smallest_detectable(worth, np.minimum(calibration.traits.k, CELLS), alpha, "js")
