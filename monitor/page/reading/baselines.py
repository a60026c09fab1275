"""The calibration in force: what each comparison's reference is, and what was seen in the last hour."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.calibration import Base, Calibration, Part, Slice
from detectors.cells import Tally
from detectors.course import effects
from monitor.page.reading.incidents import window_effect
from monitor.page.reading.kept import Connection, Kept
from monitor.page.reading.names import category, short, statistic
from monitor.page.reading.panes import Column, column, mean, quantile, share
from monitor.page.views import Effect
from monitor.reading.calibrations import declaration
from monitor.reading.stretches import base_of, moving_base, reader
from monitor.store import panes
from records.pane import EMPTY, Pane, merge_all, without_text
from records.pane_codec import decode_pane
from records.signal import Kind
from records.window import HOUR, WINDOW

DISTANCE = "distance from the baseline"


@dataclass(frozen=True, slots=True)
class Typical:
    """A comparison's typical value in its reference and in the last hour, in the signal's unit, and what it is.

    Of a share `key` says of which value, and `label` how that is called where the signal has many.
    """

    reference: float | None
    now: float | None
    statistic: str
    label: str = ""
    key: int = 1


class Hour:
    """The panes of the last hour by slice, merged when they are asked for."""

    def __init__(self, c: Connection, kept: Kept, application: str, now: int):
        self._blobs: dict[Slice, list[bytes]] = {}
        self._kept, self._application, self._now = kept, application, now
        self._read = reader(c, application)
        for key, blob in panes.between(c, application, WINDOW, now - HOUR, now):
            self._blobs.setdefault((key.dimension, key.value), []).append(blob)

    def pane(self, where: Slice) -> Pane:
        """What a slice was in the last hour."""
        blobs = self._blobs.get(where, [])
        key = ("hour", self._application, where, tuple(map(hash, blobs)))
        return self._kept.get(key, lambda: merge_all(without_text(decode_pane(blob)) for blob in blobs)) if blobs else EMPTY

    def moved(self, part: Part) -> Pane | None:
        """What a part whose baseline moves is compared with in the last hour."""
        return moving_base(part, self.pane(part.slice), self._now - HOUR, self._now, self._read)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The last hour in the cells of one part: rows by signal, baselines and real cells, counts, effects (C,)."""

    names: dict[str, int]
    base: Base
    k: NDArray[np.int64]
    now: Tally
    js: NDArray[np.float64]
    smd: NDArray[np.float64]
    floors: NDArray[np.float64]


class Reference:
    """The parts of a calibration by slice and baseline, and what the last hour holds in their cells."""

    def __init__(self, calibration: Calibration | None, hour: Hour):
        self.calibration, self.hour = calibration, hour
        self._parts: dict[tuple[Slice, str], tuple[Part, int]] = {}
        first = 0
        for part in calibration.parts if calibration else ():
            self._parts[part.slice, part.baseline] = (part, first)
            first += len(part.index)
        self._seen: dict[tuple[Slice, str], _Seen] = {}
        self._moved: dict[tuple[Slice, str], Pane | None] = {}

    def base(self, where: Slice, baseline: str) -> Pane | None:
        """The baseline of a slice, as it was in the last hour where it moves; None where the slice is not compared."""
        found = self._parts.get((where, baseline))
        return (self._moving(where, baseline) or found[0].base) if found else None

    def _moving(self, where: Slice, baseline: str) -> Pane | None:
        key = (where, baseline)
        if key not in self._moved:
            self._moved[key] = self.hour.moved(self._parts[key][0])
        return self._moved[key]

    def _see(self, where: Slice, baseline: str, signal: str) -> "tuple[_Seen, int] | None":
        """The last hour of a part, and the signal's row there; None where it is not compared."""
        key = (where, baseline)
        if key not in self._parts or self.calibration is None:
            return None
        if key not in self._seen:
            part, first = self._parts[key]
            rows = np.arange(first, first + len(part.index))
            base = base_of(self.calibration, part, first, self._moving(where, baseline))
            traits = self.calibration.traits.select(rows)
            now = part.cells.tally(self.hour.pane(where))
            names = {name: i for i, name in enumerate(part.cells.names)}
            self._seen[key] = _Seen(names, base, part.cells.k, now, *effects(base, traits, now))
        seen = self._seen[key]
        return (seen, seen.names[signal]) if signal in seen.names else None

    def counts(self, where: Slice, baseline: str, signal: str) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Counts of reference and last hour in the real cells (K,) of a comparison."""
        found = self._see(where, baseline, signal)
        if found is None:
            return None
        seen, row = found
        return seen.base.cells[row, : seen.k[row]], seen.now.cells[row, : seen.k[row]]

    def hour_effect(self, where: Slice, baseline: str, signal: str) -> Effect | None:
        """The effect of the last hour; None where it had too few values to speak of."""
        found = self._see(where, baseline, signal)
        if found is None:
            return None
        seen, i = found
        before, after = (
            side[-1] / max(side.sum(), 1.0) for side in (seen.base.cells[i, : seen.k[i]], seen.now.cells[i, : seen.k[i]])
        )
        return window_effect(float(seen.js[i]), float(seen.smd[i]), float(seen.floors[i]), bool(after >= before), None)

    def columns(self, where: Slice, baseline: str, signal: str) -> tuple[Column | None, Column | None]:
        """Histograms of reference and last hour."""
        base = self.base(where, baseline)
        return column(base, signal) if base else None, column(self.hour.pane(where), signal)

    def typical(self, where: Slice, baseline: str, signal: str) -> Typical:
        """What is typical of a comparison, then and now."""
        declared = declaration(signal)
        if declared.kind == Kind.NUMERIC:
            base, now = self.columns(where, baseline, signal)
            kind = statistic(declared, quantile(base or now, 0.5))
            read = mean if kind == "mean" else (lambda one: quantile(one, 0.5))
            return Typical(read(base), read(now), kind)
        if declared.kind == Kind.VECTOR:
            effect = self.hour_effect(where, baseline, signal)
            return Typical(None, effect.value if effect else None, DISTANCE)
        if declared.kind == Kind.CATEGORICAL:
            return self._category(where, baseline, signal)
        counts = self.counts(where, baseline, signal)
        if counts is None:
            return Typical(None, None, "share")
        before, after = (_number(side[-1] / side.sum()) if side.sum() else None for side in counts)
        return Typical(before, after, "share", "", 1)

    def _category(self, where: Slice, baseline: str, signal: str) -> Typical:
        """The value whose share moved most."""
        reference, latest = self.base(where, baseline), self.hour.pane(where)
        base, now = self.columns(where, baseline, signal)
        if base is None or reference is None:
            return Typical(None, None, "share")
        keys = np.union1d(base.keys, now.keys) if now else base.keys
        before = np.array([share(base, key) or 0.0 for key in keys.tolist()])
        after = np.array([share(now, key) or 0.0 for key in keys.tolist()]) if now else before
        moved = int(np.argmax(np.abs(after - before) + before * 1e-9))
        key = int(keys[moved])
        label = category(reference if key in reference.labels else latest, key)
        return Typical(float(before[moved]), float(after[moved]) if now else None, "share", short(label), key)


def _number(value: np.float64) -> float | None:
    return float(value) if value == value else None
