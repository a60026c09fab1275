"""The report as one page that can be sent on: it loads nothing, runs nothing, and looks as the service's pages do."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jinja2

import monitor
from alerts.numbers import count, number, share
from alerts.sentence import plain
from monitor.check import drawing, text
from monitor.check.comparing import declaration
from monitor.check.drawing import Histogram, Words
from monitor.check.reading import File
from monitor.check.report import Compared, Report, Verdict
from monitor.page import views
from records.signal import Kind

HERE = Path(__file__).parent
SHEETS = (HERE.parent / "page" / "static" / "app.css", HERE / "templates" / "report.css")
DRAWN, SLICES, RAIL = 30, 8, 4.0
"""Signals whose distributions are drawn, slices of each that are listed, and the end of an effect's bar in floors."""
VERDICTS: dict[Verdict, str] = {
    "small": "sure, but too small to matter", "improved": "better than before", "calm": "no difference",
    "too_few": "too few values", "finding": "differs",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drawing:
    """Both distributions: `shapes` of numbers, bars in a table where there are none; `label` is one sentence."""

    cells: tuple[views.DistributionCell, ...]
    shapes: Histogram | None
    centres: list[Words]
    unit: str
    label: str


@dataclass(frozen=True, slots=True)
class Found:
    """A signal that differs: the comparison that tells most, its drawing, and the other slices in which it differs."""

    lead: Compared
    drawing: Drawing | None
    slices: list[Compared]
    more: int


class Calm(NamedTuple):
    """A signal that is told in one row: of all rows or else of the slice that moved most, and in how many slices it was."""

    row: Compared
    slices: int


def render(report: Report, reference: File, current: File) -> str:
    """The report as HTML; `reference` and `current` are the files that it is of."""
    groups = text.by_signal(report.of("finding"))
    style = "".join(sheet.read_text("utf-8") for sheet in SHEETS)
    return _template().render(
        report=report,
        found=[_found(group, reference, current) for group in groups[:DRAWN]],
        told=[group[0] for group in groups[DRAWN:]],
        asides=[(title, text.by_signal(report.of(verdict))) for verdict, title in ASIDES],
        calm=list(_calm(report)),
        few=sorted({row.signal for row in report.of("too_few")}),
        signals=len({row.signal for row in report.comparisons}),
        slices=len({text.slice_name(row) for row in report.comparisons}),
        seen=" ".join(text.seen(report)),
        style=style,
        digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )


ASIDES: tuple[tuple[Verdict, str], ...] = (("improved", "Better than before"), ("small", "Sure, but too small to matter"))


def _template() -> jinja2.Template:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters.update(
        {f.__name__: f for f in (count, number, share, plain, text.p_value, text.slice_name, text.effects, text.floors,
                                 text.file_name, text.duration, text.cells_moved, typical)}
    )  # fmt: skip
    made.globals.update(verdicts=VERDICTS, rail=RAIL, version=monitor.__version__)
    return made.get_template("report.html")


def typical(row: Compared) -> str:
    """Typical values before and after, where a signal has such."""
    why = row.reasons
    if why.before is None or why.after is None or declaration(row.signal).kind == Kind.CATEGORICAL:
        return "–"
    shown = share if why.statistic == "share" else number
    return f"{shown(why.before)} → {shown(why.after)}"


def _found(group: list[Compared], reference: File, current: File) -> Found:
    lead, *others = group
    return Found(lead, _drawing(lead, reference, current), others[:SLICES], len(others[SLICES:]))


def _drawing(row: Compared, reference: File, current: File) -> Drawing | None:
    where = next(iter(row.slice.items()), ("", ""))
    signal, why = declaration(row.signal), row.reasons
    cells = drawing.distribution(reference.panes[where], current.panes[where], signal)
    if not cells:
        return None
    if signal.kind != Kind.NUMERIC:
        most = max(cells, key=lambda cell: abs(cell.now - cell.reference))
        label = f"Shares of {signal.title}: {most.label} moved most, from {share(most.reference)} to {share(most.now)}."
        return Drawing(cells, None, [], signal.unit, label)
    values = (("reference", why.before), ("current", why.after))
    known = [(name, value) for name, value in values if value is not None]
    centres = []
    for i, (name, value) in enumerate(known):
        x = drawing.place(cells, value)
        words = f"{name}, {why.statistic} {number(value)}"
        centres.append(Words(x, 12.0 + 14 * i, words, "start" if x < 50 else "end"))
    told = " and ".join(f"{number(value)} in the {name} file" for name, value in known)
    label = f"Distribution of {signal.title}" + (f": {why.statistic} {told}." if told else ".")
    return Drawing(cells, drawing.histogram(cells), centres, signal.unit, label)


def _calm(report: Report) -> Iterator[Calm]:
    """Every signal in which nothing differs."""
    differing = {row.signal for row in report.comparisons if row.verdict in ("finding", "small", "improved")}
    rows = [row for row in report.comparisons if row.signal not in differing]
    slices = Counter(row.signal for row in rows)
    for group in text.by_signal(rows):
        yield Calm(group[0], slices[group[0].signal])
