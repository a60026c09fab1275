"""What two files have in common and what not, as it is told: to people (text) and to programs (JSON)."""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerts.sentence import sentence
from detectors import effects as measures
from detectors.attribution import reasons
from detectors.calibration import ALL, Base, Part, Slice
from detectors.cells import Tally
from detectors.course import effects
from detectors.scores import MINIMUM_WINDOWS
from monitor.check.comparing import BASELINE, Comparisons, declaration
from monitor.check.reading import File
from records.finding import Finding, Reasons, Span
from records.pane import EMPTY
from records.signal import Kind

Verdict = Literal["finding", "small", "improved", "calm", "too_few"]
"""`improved`: as sure and as large as a finding, in the direction that does no harm."""
EXPLAINS, SLICES_TOLD = 0.5, 3


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison, in the words of a finding (docs/check.md). `evidence`, `threshold`: decades of p and what it needed."""

    sentence: str
    slice: dict[str, str]
    signal: str
    baseline: str = BASELINE
    comparison: Literal["skew"] = "skew"
    n: int
    reference_n: int
    effect: dict[str, float]
    times_floor: float
    p: float | None
    evidence: float | None
    threshold: float
    verdict: Verdict
    detectable: float | None
    explained_by: dict[str, float]
    reasons: Reasons


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of one file: rows that were accepted, and the others by reason with the first of them in words."""

    file: str
    rows: int
    rejected: int
    reasons: dict[str, int]
    examples: list[str]
    only: list[str]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `plumbline check`. `wobble_windows`: windows of the reference that told how its traffic moves by
    itself, each `wobble_window` seconds long; 0 where rows were taken as independent. `too_many_values`: categories of
    which no value is common enough to be counted alone."""

    verdict: Literal["clean", "findings"]
    false_alarms: float
    compared: int
    wobble_windows: int
    wobble_window: float
    current: Read
    reference: Read
    slices_in_one_file: int
    too_many_values: list[str]
    comparisons: list[Compared]

    @property
    def findings(self) -> list[Compared]:
        return self.of("finding")

    def of(self, verdict: Verdict) -> list[Compared]:
        """The comparisons of one verdict, the largest effect first."""
        return [found for found in self.comparisons if found.verdict == verdict]


def report(reference: File, current: File, found: Comparisons, false_alarm_rate: float) -> Report:
    """Everything that was compared, findings first, the largest effect over its floor first."""
    rows = _Rows(reference, current, found).all()
    rows.sort(key=lambda row: (row.verdict != "finding", -row.times_floor, row.signal, sorted(row.slice.items())))
    return Report(
        verdict="findings" if any(row.verdict == "finding" for row in rows) else "clean",
        false_alarms=false_alarm_rate,
        compared=found.compared,
        wobble_windows=found.windows,
        wobble_window=found.width / 1e6,
        current=_read(current, reference),
        reference=_read(reference, current),
        slices_in_one_file=len(reference.panes.keys() ^ current.panes.keys()),
        too_many_values=_too_many_values(found.calibration.parts[0], _held(reference) & _held(current)),
        comparisons=rows,
    )


def _read(file: File, other: File) -> Read:
    return Read(
        file=file.path,
        rows=file.rows,
        rejected=sum(file.refused.values()),
        reasons=dict(sorted(file.refused.items(), key=lambda item: -item[1])),
        examples=file.examples,
        only=sorted(_held(file) - _held(other)),
    )


def _too_many_values(part: Part, held: set[str]) -> list[str]:
    """Signals of which no value has a cell."""
    counted = {name for name, k in zip(part.cells.names, part.cells.k, strict=True) if k > 1}
    return sorted(held - counted)


def _held(file: File) -> set[str]:
    """The signals that a file has values of."""
    pane = file.panes[ALL]
    return {name for name in pane.names if pane.cells(name)[1].sum()}


class _Rows:
    """The comparisons, one by one."""

    def __init__(self, reference: File, current: File, found: Comparisons):
        self.reference, self.current, self.found = reference, current, found
        self.significant, self.improved = found.significant(), found.improved()
        self.without = _without_slices(reference, current, found)

    def all(self) -> list[Compared]:
        """All that had values on both sides and is not the same constant in both."""
        return [
            self._one(part, i, row)
            for part in self.found.calibration.parts
            for i, row in enumerate(part.index.tolist())
            if np.isfinite(self.found.decades[row]) or self.found.few[row]
        ]

    def _verdict(self, row: int) -> Verdict:
        if self.found.few[row]:
            return "too_few"
        if self.significant[row]:
            return "finding" if self.found.floors[row] >= 1 else "small"
        return "improved" if self.improved[row] else "calm"

    def _one(self, part: Part, i: int, row: int) -> Compared:
        found, verdict = self.found, self._verdict(row)
        told = verdict in ("finding", "small", "improved")
        base, now = found.calibration.base.cells[row], found.now.cells[row]
        decades = float((found.opposite if verdict == "improved" else found.decades)[row])
        detectable = float(found.detectable[row])
        shown = Compared(
            sentence="",
            slice={part.dimension: part.value} if part.dimension else {},
            signal=part.cells.names[i],
            n=int(now.sum()),
            reference_n=int(base.sum()),
            effect=self._effects(part, i, row) if told else self._main_effects(row),
            times_floor=float(found.floors[row]),
            p=10.0**-decades if np.isfinite(decades) else None,
            evidence=decades if np.isfinite(decades) else None,
            threshold=found.threshold,
            verdict=verdict,
            detectable=detectable if np.isfinite(detectable) else None,
            explained_by=self._explained(row) if verdict == "finding" and part.slice == ALL else {},
            reasons=self._reasons(part, i, row) if told else Reasons(),
        )
        return msgspec.structs.replace(shown, sentence=_sentence(shown)) if told else shown

    def _reasons(self, part: Part, i: int, row: int) -> Reasons:
        found, everybody = self.found, self.current.panes[ALL]
        why = reasons(
            part, i, declaration(part.cells.names[i]), found.calibration.base.cells[row], found.now.cells[row],
            self.current.panes[part.slice], everybody.sample, everybody.names,
        )  # fmt: skip
        by_windows = found.calibration.wobble.windows[row] >= MINIMUM_WINDOWS
        return msgspec.structs.replace(why, spoke="reference windows" if by_windows else "independent rows")

    def _main_effects(self, row: int) -> dict[str, float]:
        values = {"js": self.found.js[row], "smd": self.found.smd[row], "ratio": self.found.ratio[row]}
        return {measure: float(value) for measure, value in values.items() if np.isfinite(value)}

    def _effects(self, part: Part, i: int, row: int) -> dict[str, float]:
        """Every effect of statistics.md, section 3, that exists for this comparison."""
        one, name = slice(row, row + 1), part.cells.names[i]
        base, now = self.found.calibration.base.cells[one], self.found.now.cells[one]
        values = {
            "psi": measures.psi(base, now, self.found.calibration.traits.k[one])[0],
            "hellinger": measures.hellinger(base, now)[0],
            "tv": measures.total_variation(base, now)[0],
            "linf": measures.l_infinity(base, now)[0],
        }
        if part.cells.kinds[i] == Kind.NUMERIC:
            histograms = (*part.base.cells(name), *self.current.panes[part.slice].cells(name))
            values["ks"] = measures.kolmogorov_smirnov(*histograms)
            values["wasserstein"], values["wasserstein_sd"] = measures.wasserstein(*histograms)
        return self._main_effects(row) | {name: float(value) for name, value in values.items() if np.isfinite(value)}

    def _explained(self, row: int) -> dict[str, float]:
        """Slices without which at least half of the effect is gone, and how much of it, the largest share first."""
        shares = {f"{s[0]}={s[1]}": 1 - float(rest[row] / self.found.floors[row]) for s, rest in self.without.items()}
        telling = sorted((item for item in shares.items() if item[1] >= EXPLAINS), key=lambda item: -item[1])
        return dict(telling[:SLICES_TOLD])


def _without_slices(reference: File, current: File, found: Comparisons) -> dict[Slice, NDArray[np.float64]]:
    """For each slice, the effects over their floor of all other rows together (R,), R comparisons of all rows."""
    calibration = found.calibration
    if not calibration.parts or calibration.parts[0].slice != ALL:
        return {}
    part = calibration.parts[0]
    base_all, now_all = part.cells.tally(part.base), part.cells.tally(current.panes[ALL])
    out = {}
    for where in current.panes.keys() | reference.panes.keys():
        if where != ALL:
            base = _minus(base_all, part.cells.tally(reference.panes.get(where, EMPTY)))
            now = _minus(now_all, part.cells.tally(current.panes.get(where, EMPTY)))
            rest = Base(base.cells, base.mean(), base.variance(), base.n)
            out[where] = np.nan_to_num(effects(rest, calibration.traits.select(part.index), now)[2])
    return out


def _minus(a: Tally, b: Tally) -> Tally:
    return Tally(a.cells - b.cells, a.n - b.n, a.total - b.total, a.square - b.square)


def _sentence(found: Compared) -> str:
    """The sentence of an alert, without since when: files have no such time."""
    finding = Finding(
        id="", application="", slice=found.slice, signal=found.signal, baseline=found.baseline, comparison="drift",
        horizon="", window=Span(0, 0), since=0, n=found.n, reference_n=found.reference_n, effect=found.effect,
        times_floor=found.times_floor, p=found.p or 0.0, evidence=found.evidence or 0.0, threshold=found.threshold,
        verdict="finding", reasons=found.reasons,
    )  # fmt: skip
    return sentence(finding, {found.signal: declaration(found.signal)}).rpartition(" since ")[0]
