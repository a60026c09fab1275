"""Numbers as people read them: three significant digits, narrow spaces between thousands, shares in per cent."""

import math
from datetime import UTC, datetime

THIN = "\u202f"
"""Narrow no-break space, between thousands."""

DIGITS = 3


def number(value: float) -> str:
    """Three significant digits: 96, 0.0213, 1 230 (with a narrow space); outside 1e-4 to 1e15 as 2.1e-05; NaN is `unknown`."""
    if not math.isfinite(value):
        return "unknown" if math.isnan(value) else "infinity" if value > 0 else "-infinity"
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e15:
        return f"{value:.{DIGITS}g}"
    places = DIGITS - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    text = f"{rounded:,.{max(0, places)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace(",", THIN)


def count(value: int) -> str:
    """A whole number, every digit: 12 345 (with a narrow space)."""
    return f"{value:,}".replace(",", THIN)


def share(value: float) -> str:
    """A share (0 to 1) in per cent: 7.4 %."""
    return f"{number(value * 100)} %" if math.isfinite(value) else number(value)


def change(before: float, after: float) -> str:
    """The relative change: +54 %, -3.2 %; from tenfold on as a factor, ×12; empty where there is none to speak of."""
    if not (math.isfinite(before) and math.isfinite(after)) or before == 0 or before == after:
        return ""
    if before * after > 0 and after / before >= 10:
        return f"×{number(after / before)}"
    percent = (after - before) / abs(before) * 100
    text = number(round(percent)) if abs(percent) >= 10 else f"{percent:.2g}"
    return f"{'+' if percent > 0 else ''}{text} %"


def clock(at: int, seen_from: int | None = None) -> str:
    """An instant (microseconds since 1970 UTC) as 05:52 UTC; with its date where `seen_from` is another day or not given."""
    moment = _moment(at)
    same_day = seen_from is not None and moment.date() == _moment(seen_from).date()
    return moment.strftime("%H:%M UTC" if same_day else "%Y-%m-%d %H:%M UTC")


def rfc3339(at: int) -> str:
    """An instant (microseconds since 1970 UTC) as RFC 3339 with milliseconds."""
    return _moment(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at // 1_000_000, UTC).replace(microsecond=at % 1_000_000)
