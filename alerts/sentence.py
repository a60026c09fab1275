"""One sentence that a person on call understands, and a longer description with the figures behind it.

Response words rose from 96 to 148 (median, +54 %) for tenant=acme since 05:52 UTC
Refusals rose from 2.1 % to 7.4 % of calls for tenant=globex since 05:52 UTC
Model changed: gpt-x 0 % -> 40 %, gpt-y 100 % -> 60 % since 05:52 UTC
Response words stood at 148 against 96 in evalset (median, +54 %) since 2026-11-19 05:52 UTC
Performance decay: score numeric_match fell from 0.391 to 0.222 (mean, -43 %) since 05:45 UTC
No data from support since 03:15 UTC
"""

import unicodedata
from collections.abc import Mapping, Sequence

from alerts.baselines import phrase
from alerts.numbers import change, clock, count, number, share
from alerts.rules import slice_text
from records.finding import CellReason, Finding, Reasons, SliceReason
from records.signal import Kind, Signal, score_signal, tag_signal

PERCENT = frozenset({"share", "ratio"})
LONGEST = 80
"""Values that come with the traffic are cut to this many characters."""

TELLING = 0.01
"""A typical value that moved by less than this share of itself says less than the cells do."""

_ITS_PAST = ("drift", "decay")
IN_SENTENCE = 2
"""Cells that a sentence names."""


def sentence(finding: Finding, titles: Mapping[str, Signal]) -> str:
    """What changed, from what to what, where and since when; a date only where it is not the day of the last window."""
    tail = _where(finding) + f" since {clock(finding.since, finding.window.end)}"
    if finding.verdict == "no_data":
        return f"No data from {plain(finding.application)}{tail}"
    what = _what(finding, _declared(finding.signal, titles))
    return (f"Performance decay: {what[:1].lower()}{what[1:]}" if finding.comparison == "decay" else what) + tail


def until(text: str, since: int, end: int, *, withdrawn: bool) -> str:
    """A sentence of an alert that is over: with its end, or marked as withdrawn. Times are microseconds."""
    return f"{text} (withdrawn: late data removed the evidence)" if withdrawn else f"{text} until {clock(end, since)}"


def explain(finding: Finding) -> str:
    """The figures behind a finding, one statement a line: effect, n, evidence against its threshold, cells, slices, words,
    exemplars."""
    reasons = finding.reasons
    lines = [
        f"{plain(finding.signal)}, {_slice(finding) or 'all traffic'}: {finding.comparison} against "
        f"{plain(finding.baseline)} since {clock(finding.since)}"
    ]
    if finding.effect:
        effects = ", ".join(f"{measure} {number(value)}" for measure, value in sorted(finding.effect.items()))
        lines.append(f"effect {effects} ({number(finding.times_floor)} times the floor)")
    lines.append(f"n {count(finding.n)} against {count(finding.reference_n)}")
    lines.append(f"evidence {number(finding.evidence)} of {number(finding.threshold)} decades")
    if reasons.spoke:
        lines[-1] += f", by {reasons.spoke}"
    if finding.detectable is not None:
        lines.append(f"smallest effect this n detects: {number(finding.detectable)}")
    lines.extend(_cell(cell) for cell in reasons.cells)
    lines.extend(f"{without(one)} ({share(one.before)} -> {share(one.after)} of calls)" for one in reasons.slices)
    whose = "" if not finding.slice else " in all traffic"
    lines.extend(f"{words}{whose}" for words in moved_words(reasons, shares=True))
    if reasons.exemplars:
        lines.append("for example " + ", ".join(plain(id_) for id_ in reasons.exemplars))
    return "\n".join(lines)


def without(reason: SliceReason) -> str:
    """`74 % of it vanishes without tenant=acme`."""
    where = plain(slice_text({name.removeprefix("tags."): value for name, value in reason.slice.items()}))
    return f"{share(round(reason.vanishes, 2))} of it vanishes without {where}"


def moved_words(reasons: Reasons, shares: bool = False) -> list[str]:
    """`prompts more often: refund 0.3 % -> 9 %, sorry 1 % -> 4 %`: a statement for each side and way, with shares or not."""
    said = []
    for way, words in (("more", reasons.risen), ("less", reasons.fallen)):
        for side in sorted({word.side for word in words}):
            moved = ((share(word.before), share(word.after), word) for word in words if word.side == side)
            told = ", ".join(plain(word.word) + (f" {before} -> {after}" if shares else "") for before, after, word in moved)
            said.append(f"{side}s {way} often: {told}")
    return said


def plain(text: str) -> str:
    """Text that came with the traffic on one line: no control or formatting characters, at most 80 characters."""
    spaced = " ".join(text[: 10 * LONGEST].split())
    kept = "".join(letter for letter in spaced if unicodedata.category(letter)[0] != "C")
    return kept if len(kept) <= LONGEST else kept[: LONGEST - 1] + "…"


def _declared(name: str, titles: Mapping[str, Signal]) -> Signal | None:
    """A signal's declaration: handed in, or made for a score or tag that comes with the traffic."""
    for prefix, declare in (("scores.", score_signal), ("tags.", tag_signal)):
        if name not in titles and name.startswith(prefix):
            return declare(name.removeprefix(prefix))
    return titles.get(name)


def _what(finding: Finding, signal: Signal | None) -> str:
    title = plain(signal.title if signal else finding.signal)
    title = title[:1].upper() + title[1:]
    reasons = finding.reasons
    if reasons.before is not None and reasons.after is not None and not _categorical(signal):
        moved = _moved(finding, signal, title, reasons.before, reasons.after)
        if moved:
            return moved
    if reasons.cells:
        differs = " changed" if finding.comparison in _ITS_PAST else f", unlike {plain(phrase(finding.baseline))}"
        return f"{title}{differs}: " + ", ".join(_cell(cell, title) for cell in _largest(reasons.cells))
    if finding.effect and finding.times_floor > 0:
        return f"{title} changed by {number(finding.times_floor)} times the smallest change that counts"
    return f"{title} changed"


def _moved(finding: Finding, signal: Signal | None, title: str, before: float, after: float) -> str:
    """`Title rose from 96 to 148 (median, +54 %)`, or empty where both are as good as the same."""
    unit = finding.reasons.unit or (signal.unit if signal else "")
    of_calls = finding.reasons.statistic == "share" or (signal is not None and signal.kind is Kind.BOOLEAN)
    percent = of_calls or unit in PERCENT
    shown = share if percent else number
    low, high = shown(before), shown(after)
    same = low == high or (bool(finding.reasons.cells) and not percent and abs(after - before) < TELLING * abs(before))
    if same:
        return ""
    suffix = " of calls" if of_calls else "" if percent or not unit or unit.lower() in title.lower() else f" {unit}"
    note = [] if of_calls else [finding.reasons.statistic]
    if not percent and (relative := change(before, after)):
        note.append(relative)
    if finding.comparison == "drift" and finding.baseline.startswith(("seasonal ", "period ")):
        note.append(f"against {plain(phrase(finding.baseline))}")
    aside = f" ({', '.join(note)})" if note else ""
    if finding.comparison in _ITS_PAST:
        return f"{title} {'rose' if after > before else 'fell'} from {low} to {high}{suffix}{aside}"
    return f"{title} stood at {high} against {low}{suffix} in {plain(phrase(finding.baseline))}{aside}"


def _categorical(signal: Signal | None) -> bool:
    return signal is not None and signal.kind is Kind.CATEGORICAL


def _cell(cell: CellReason, title: str = "") -> str:
    """`gpt-x 0 % -> 40 %`; the signal's title is left out where it was said before."""
    text = plain(cell.text)
    if title and text.lower().startswith(f"{title.lower()} "):
        text = text[len(title) + 1 :]
    return f"{text} {share(cell.before)} -> {share(cell.after)}"


def _largest(cells: Sequence[CellReason]) -> list[CellReason]:
    """The cells that moved most; of two that moved as much, the one that grew first."""
    return sorted(cells, key=lambda cell: (-round(abs(cell.after - cell.before), 6), cell.before - cell.after, cell.text))[
        :IN_SENTENCE
    ]


def _slice(finding: Finding) -> str:
    return plain(slice_text({name.removeprefix("tags."): value for name, value in finding.slice.items()}))


def _where(finding: Finding) -> str:
    return f" for {where}" if (where := _slice(finding)) else ""
