"""The report for people."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from alerts.numbers import count, number, share
from alerts.sentence import plain
from detectors.power import smallest_detectable
from monitor.check.comparing import declaration
from monitor.check.report import Compared, Read, Report

DETAILED, SLICES, LISTED = 10, 3, 12
"""Signals that are told with all that is known of them, slices of each; names in a list before it is cut."""
INDENT = "  "
MEASURES = {"js": "Jensen-Shannon distance", "smd": "standard deviations between means", "ratio": "times the share"}


def render(report: Report) -> str:
    """The report as lines of text."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    findings = by_signal(report.of("finding"))
    names = f"{file_name(report.current)} against {file_name(report.reference)}"
    if findings:
        signals = f"{len(findings)} signal{'s' if len(findings) > 1 else ''}"
        yield f"{names}: {signals} differ{'' if len(findings) > 1 else 's'}"
    else:
        yield f"{names}: no difference that matters"
    for group in findings[:DETAILED]:
        yield ""
        yield from _finding(group)
    if findings[DETAILED:]:
        yield ""
        yield f"{len(findings) - DETAILED} more:"
        yield from (f"{INDENT}{group[0].sentence} ({floors(group[0])})" for group in findings[DETAILED:])
    yield from _aside(report, "improved", "Better than before, so no finding:")
    yield from _aside(report, "small", "Sure, but too small to matter:")
    yield ""
    yield from _compared(report)


def by_signal(rows: Sequence[Compared]) -> list[list[Compared]]:
    """Rows of one signal together: all rows first, else the slice that moved most; the largest effect first."""
    groups: dict[str, list[Compared]] = {}
    for row in rows:
        groups.setdefault(row.signal, []).append(row)
    led = [sorted(group, key=lambda row: (bool(row.slice), -row.times_floor)) for group in groups.values()]
    return sorted(led, key=lambda group: -group[0].times_floor)


def _finding(group: list[Compared]) -> Iterator[str]:
    lead = group[0]
    yield lead.sentence
    yield f"{INDENT}how much  {effects(lead)}: {floors(lead)}"
    yield (
        f"{INDENT}how sure  p {p_value(lead)}, {number(10.0**-lead.threshold)} needed; "
        f"{count(lead.n)} values against {count(lead.reference_n)}"
    )
    if cells := cells_moved(lead):
        yield f"{INDENT}why       {'; '.join(cells)}"
    yield f"{INDENT}where     {where(group)}"
    if lead.reasons.exemplars:
        yield f"{INDENT}see       {', '.join(plain(id_) for id_ in lead.reasons.exemplars)}"


def cells_moved(row: Compared) -> list[str]:
    """The cells that moved most, each with its share before and after."""
    title = declaration(row.signal).title + " "
    return [f"{plain(cell.text.removeprefix(title))} {share(cell.before)} -> {share(cell.after)}" for cell in row.reasons.cells]


def where(group: list[Compared]) -> str:
    """The slice of a group's first row, what explains it, and the slices of the others."""
    lead, *others = group
    words = [slice_name(lead) if lead.slice else "all rows"]
    words += [f"{share(part)} of it gone without {plain(name)}" for name, part in lead.explained_by.items()]
    words += [f"{slice_name(row)} ({floors(row)})" for row in others[:SLICES]]
    words += [f"{len(others) - SLICES} more slices"] if others[SLICES:] else []
    return "; ".join(words)


def slice_name(row: Compared) -> str:
    """The slice as `name=value`; all rows are empty."""
    return ", ".join(f"{plain(name)}={plain(value)}" for name, value in row.slice.items())


def effects(row: Compared) -> str:
    """The effects that have a floor, with their units."""
    shown = [f"{number(row.effect[name])} {words}" for name, words in MEASURES.items() if name in row.effect]
    return ", ".join(shown) or "not measured"


def floors(row: Compared) -> str:
    """The effect over its floor."""
    return f"{number(row.times_floor)} times the floor"


def p_value(row: Compared) -> str:
    """The p of one comparison, also where it is smaller than a double can be."""
    decades = row.evidence or 0.0
    return number(10.0**-decades) if decades < 300 else f"1e-{decades:.0f}"


def _aside(report: Report, verdict: str, title: str) -> Iterator[str]:
    groups = by_signal([row for row in report.comparisons if row.verdict == verdict])
    if not groups:
        return
    yield ""
    yield title
    yield from _cut([f"{INDENT}{group[0].sentence} ({floors(group[0])})" for group in groups], INDENT)


def _compared(report: Report) -> Iterator[str]:
    signals, slices = ({row.signal for row in report.comparisons}, {slice_name(row) for row in report.comparisons})
    yield (
        f"Compared: {count(report.compared)} comparisons of {len(signals)} signals in {len(slices)} "
        f"slice{'s' if len(slices) > 1 else ''}. Files of one source show a finding in {share(report.false_alarms)} of checks"
        + (
            f"; what varies by itself was learned from {report.wobble_windows} windows of {duration(report.wobble_window)} "
            "of the reference."
            if report.wobble_windows
            else "."
        )
    )
    yield from seen(report)
    yield from _read(report.current)
    yield from _read(report.reference)
    few = sorted({row.signal for row in report.comparisons if row.verdict == "too_few"})
    if few:
        yield f"Too few values in some slice: {_names(few)}"
    for mine, other in ((report.current, report.reference), (report.reference, report.current)):
        if mine.only:
            yield f"Not compared, {file_name(other)} has no values: {_names(mine.only)}"
    if report.too_many_values:
        yield f"Not compared, too many different values: {_names(report.too_many_values)}"
    if report.slices_in_one_file:
        yield f"Not compared: {report.slices_in_one_file} slices that only one of the files has"


def seen(report: Report) -> Iterator[str]:
    """The smallest changes that such files would have shown."""
    whole = [row for row in report.comparisons if not row.slice and row.detectable is not None and row.verdict != "too_few"]
    if not whole:
        return
    distance = float(np.median([row.detectable for row in whole if row.detectable is not None]))
    words = f"Smallest change that 8 of 10 such checks find: Jensen-Shannon distance {number(distance)}"
    if not report.wobble_windows:
        n = float(np.median([row.n * row.reference_n / (row.n + row.reference_n) for row in whole]))
        sd = float(smallest_detectable(n, 10, 10.0 ** -whole[0].threshold, "smd"))
        words += f", or {number(sd)} standard deviations between means"
    yield words


def _read(file: Read) -> Iterator[str]:
    rejected = ""
    if file.rejected:
        reasons = ", ".join(f"{reason} {count(n)}" for reason, n in file.reasons.items())
        rejected = f", {count(file.rejected)} rejected ({reasons})"
    yield f"{file_name(file)}: {count(file.rows)} rows{rejected}"
    yield from (f"{INDENT}{_printable(text)}" for text in file.examples)


def file_name(file: Read) -> str:
    """A file without its folders."""
    return _printable(Path(file.file).name)


def _printable(text: str) -> str:
    return "".join(letter if unicodedata.category(letter)[0] != "C" else "?" for letter in text)


def _names(names: Sequence[str]) -> str:
    return ", ".join(_cut([plain(name) for name in names]))


def _cut(items: Iterable[str], indent: str = "") -> list[str]:
    every = list(items)
    return every if len(every) <= LISTED else [*every[:LISTED], f"{indent}{len(every) - LISTED} more"]


def duration(seconds: float) -> str:
    """Minutes, or hours from two on."""
    minutes = seconds / 60
    return f"{number(minutes)} minutes" if minutes < 120 else f"{number(minutes / 60)} hours"
