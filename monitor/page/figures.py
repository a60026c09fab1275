"""Numbers, times and durations as the page writes them: thousands by a space that never breaks, the unit always beside, UTC."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from monitor.page.views import Cell, Effect, Evidence, Part, Sentence

SPACE = "\u00a0"
MEASURES = {"js": "JSD", "smd": "SD", "mahalanobis": "SD", "ratio": "ratio", "share": "points", "ks": "KS", "psi": "PSI"}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
KINDS = {
    "quiet": "quiet",
    "noise": "noise, not significant",
    "small": "significant, below the floor",
    "finding": "shifted",
    "calibrating": "calibrating",
    "too_few": "can't tell",
    "no_data": "no data",
}
VALUES = re.compile(r"\S.*? to \S.*?(?= \(| for | of | since |$)")
STEPS = (4.0, 3.0, 2.0, 1.5)


def moment(at: int) -> datetime:
    """Microseconds since 1970 as a UTC time."""
    return datetime.fromtimestamp(at / 1e6, UTC)


def clock(at: int) -> str:
    """Hours and minutes, "05:52"."""
    return moment(at).strftime("%H:%M")


def date(at: int) -> str:
    """Weekday, day and month, "Tue 18 Nov"."""
    when = moment(at)
    return f"{DAYS[when.weekday()]} {when.day} {MONTHS[when.month - 1]}"


def stamp(at: int) -> str:
    """Date and time for a page's corner, "Tue 18 Nov 2025, 14:32 UTC"."""
    return f"{date(at)} {moment(at).year}, {clock(at)} UTC"


def iso(at: int) -> str:
    """For a machine, "2025-11-18T14:32:00Z"."""
    return moment(at).strftime("%Y-%m-%dT%H:%M:%SZ")


def since(at: int, now: int) -> str:
    """A past time as a person says it at `now`: "05:52 today", "22:08 yesterday", "22:08 on Sun 16 Nov"."""
    days = (moment(now).date() - moment(at).date()).days
    day = "today" if days == 0 else "yesterday" if days == 1 else f"on {date(at)}"
    return f"{clock(at)} {day}"


def duration(seconds: float) -> str:
    """Two units at most: "14 s", "3 min", "8 h 40 min", "2 d 3 h"."""
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 2 * 86400:
        hours, minutes = whole // 3600, whole % 3600 // 60
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = whole // 86400, whole % 86400 // 3600
    return f"{days} d {hours} h" if hours else f"{days} d"


def count(value: int) -> str:
    """A whole number with its thousands apart, "6 020"."""
    return f"{value:,}".replace(",", SPACE)


def short(value: int) -> str:
    """A large count in three digits, "212 k"."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**4, "k")):
        if value >= size:
            return f"{figure(value / (1000 if letter == 'k' else size))}{SPACE}{letter}"
    return count(value)


def figure(value: float | None) -> str:
    """Three significant digits (two below 1), thousands apart, a real minus sign; "–" where there is no value."""
    if value is None or value != value:
        return "–"
    size = abs(value)
    if size >= 99.95 or (size == int(size) and size >= 10):
        text = f"{size:,.0f}".replace(",", SPACE)
    elif size >= 9.995:
        text = f"{size:.1f}"
    elif size >= 1 or size == 0:
        text = f"{size:.2f}"
    else:
        text = f"{size:.2g}"
    if "." in text and "e" not in text:
        text = text.rstrip("0").rstrip(".")
    return f"−{text}" if value < 0 else text


def percent(share: float | None) -> str:
    """A share as per cent with its sign, "4.9 %"."""
    if share is None:
        return "–"
    if 0 < share < 0.01:
        return "< 1 %" if share < 0.0005 else f"{share * 100:.1f}{SPACE}%"
    return f"{figure(round(share * 100, 1))}{SPACE}%"


def change(reference: float | None, now: float | None) -> str:
    """Relative change with its sign, "+54 %", from tenfold on as a factor, "×14"; empty where it means nothing."""
    if not reference or now is None:
        return ""
    if now / reference >= 10:
        return f"×{figure(float(f'{now / reference:.2g}'))}"
    rounded = round((now / reference - 1) * 100)
    return f"{'−' if rounded < 0 else '+'}{abs(rounded)}{SPACE}%"


def direction(reference: float | None, now: float | None) -> str:
    """Which way it went: "up", "down" or ""."""
    if reference is None or now is None or reference == now:
        return ""
    return "up" if now > reference else "down"


def measure(name: str) -> str:
    """An effect's measure as the literature writes it."""
    return MEASURES.get(name, name)


def effect(value: Effect) -> str:
    """An effect with its measure, "0.33 JSD"."""
    return f"{value.value:.2f} {measure(value.measure)}".replace("-", "−")


def times(value: float | None) -> str:
    """Multiples of the floor, "3.3 ×"."""
    return "" if value is None else f"{value:.1f}{SPACE}×"


def evidence(value: Evidence) -> str:
    """Evidence against its threshold, in decades."""
    return f"evidence {figure(round(value.decades, 1))} of {figure(round(value.threshold, 1))} decades"


def ratio(value: Evidence) -> str:
    """Evidence over its threshold, "1.4 ×": from 1 on it is an alarm's."""
    return times(value.decades / value.threshold) if value.threshold > 0 else "–"


def plain(sentence: Sentence) -> str:
    """A sentence without its styles."""
    return "".join(part.text for part in sentence)


def parts(sentence: str, codes: Sequence[str] = ()) -> Sentence:
    """A plain sentence with its styles: `codes` (slices) set in mono, "from … to …" in bold up to the next bracket or "for"."""
    found: list[Part] = []
    code = "|".join(re.escape(text) for text in sorted(codes, key=len, reverse=True) if text)
    for index, piece in enumerate(re.split(f"({code})", sentence) if code else [sentence]):
        if index % 2:
            found.append(Part(piece, "code"))
            continue
        before, word, rest = piece.partition(" from ")
        values = VALUES.match(rest) if word else None
        if values is None:
            found.append(Part(piece))
        else:
            found += [Part(before + word), Part(values[0], "strong"), Part(rest[values.end() :])]
    return tuple(part for part in found if part.text)


def heat(times_floor: float) -> int:
    """Colour step 1 to 5 of a significant cell: effect over floor from 1, 1.5, 2, 3, 4."""
    return next((5 - i for i, least in enumerate(STEPS) if times_floor >= least), 1)


def cell_class(cell: Cell) -> str:
    """The style class of a cell's swatch."""
    return f"heat-{heat(cell.times_floor)}" if cell.kind == "finding" else cell.kind.replace("_", "-")
