"""Durations as people write them (90s, 2m, 1h, 30d, 1h30m), kept as whole microseconds."""

import re
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, ValidationInfo, WithJsonSchema

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
UNITS = {"w": 7 * DAY, "d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND, "ms": 1_000}

PATTERN = r"^([0-9]+(\.[0-9]+)?(ms|[wdhms]))+$"
_LONGEST = 3_660 * DAY


def parse_duration(text: Any) -> int:
    """Microseconds of `text`: numbers with the units ms, s, m, h, d, w, as in 90s or 1h30m; a plain 0 needs no unit.

    Raises ValueError, which says what is expected.
    """
    if text in (0, "0") and not isinstance(text, bool):
        return 0
    if not isinstance(text, str) or not re.fullmatch(PATTERN, text):
        raise ValueError("expected a duration such as 90s, 2m, 1h or 30d")
    total = sum(float(number) * UNITS[unit] for number, _, unit in re.findall(r"([0-9]+(\.[0-9]+)?)(ms|[wdhms])", text))
    if total > _LONGEST:
        raise ValueError("expected a duration of at most ten years")
    return round(total)


def format_duration(microseconds: int) -> str:
    """The shortest text that `parse_duration` reads back: 604800000000 -> 7d, 5400000000 -> 1h30m."""
    parts = []
    rest = microseconds
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", 1_000)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0"


def _any(value: Any, info: ValidationInfo) -> int:
    """Code may give microseconds; a bare 30 in a file says no unit and is refused."""
    from_code = info.context is None and isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if from_code else parse_duration(value)


def _positive(text: Any, info: ValidationInfo) -> int:
    value = _any(text, info)
    if value <= 0:
        raise ValueError("expected a duration longer than 0, such as 30d")
    return value


_SHAPE = (
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": PATTERN, "examples": ["90s", "2m", "1h", "30d"]}),
)
Duration = Annotated[int, PlainValidator(_positive), *_SHAPE]
"""Microseconds, more than 0."""
DurationOrZero = Annotated[int, PlainValidator(_any), *_SHAPE]
"""Microseconds, 0 allowed."""
