"""Baselines in words, after the names that findings give them."""

import re

REST = "rest"
"""Whom a cohort is compared with where no value is named."""
_SEASONAL = re.compile(r"seasonal (\d+)d x(\d+)")
_COHORT = re.compile(r"cohort (\S+)(?: .+)? against (.+)")
_DAYS = re.compile(r"(?<=\d)d$")


def label(name: str) -> str:
    """A baseline in a table: "evalset", "trailing 7d", "same hour, 4 earlier weeks", "rest of tenant, same time"."""
    if found := _SEASONAL.fullmatch(name):
        return f"same hour, {_earlier(*map(int, found.groups()))}"
    if found := _COHORT.fullmatch(name):
        return f"{_others(*found.groups())}, same time"
    return name.removeprefix("reference ").removeprefix("period ")


def phrase(name: str) -> str:
    """A baseline in a sentence, after "from" or "in": "its own last 7 days", "the rest of tenant at the same time"."""
    kind, _, rest = name.partition(" ")
    if found := _SEASONAL.fullmatch(name):
        return f"the same hour of {_earlier(*map(int, found.groups()))}"
    if found := _COHORT.fullmatch(name):
        others = _others(*found.groups())
        return f"{'the ' if found[2] == REST else ''}{others} at the same time"
    if kind == "trailing":
        return f"its own last {_DAYS.sub(' days', rest)}"
    return f"itself from {rest}" if kind == "period" else name.removeprefix("reference ")


def _earlier(days: int, count: int) -> str:
    size, unit = (days // 7, "week") if days % 7 == 0 else (days, "day")
    if size > 1:
        return f"{count} times {size} {unit}s before"
    return f"{count} earlier {unit}{'s' if count > 1 else ''}"


def _others(dimension: str, against: str) -> str:
    short = dimension.removeprefix("tags.")
    return f"rest of {short}" if against == REST else f"{short}={against}"
