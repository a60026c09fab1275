"""How signals and slices are called on the page: order, families, display units, labels."""

from dataclasses import dataclass
from functools import cache

from monitor.reading.calibrations import KNOWN, declaration
from records.pane import Pane
from records.signal import Kind, Signal

FAMILIES = {
    "traffic": "traffic",
    "latency and cost": "latency, cost",
    "tokens": "tokens",
    "form": "form",
    "language": "language",
    "safety": "safety",
    "judged": "judged",
    "tools and retrieval": "tools",
    "quality": "quality",
}
"""Families in the order of the page, as it writes them."""
PERCENT = ("_share", ".repetition", "run_tool_errors", "run_repeated_calls", "run_unknown_calls")
UNITS = {"seconds": "s", "characters": "chars", "tokens": "tok", "tokens/s": "tok/s", "USD": "¢"}
LONGEST = 24
FEW = 10.0
"""Counts whose usual value is below this are told by their mean: a median of 2 hides most of what can happen."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A signal as the page shows it: figures are multiplied by `scale` and stand in `unit`."""

    signal: Signal
    title: str
    family: str
    unit: str
    scale: float
    place: tuple[int, int, str]

    @property
    def name(self) -> str:
        """The signal's name."""
        return self.signal.name

    def scaled(self, value: float | None) -> float | None:
        """A value in the display unit."""
        return None if value is None or value != value else value * self.scale


_ORDER = {name: place for place, name in enumerate(KNOWN)}


@cache
def shown(name: str) -> Shown:
    """How a signal is shown."""
    signal = declaration(name)
    share = signal.kind == Kind.BOOLEAN or name.endswith(PERCENT)
    unit, scale = UNITS.get(signal.unit, signal.unit), 1.0
    if share or signal.unit == "USD":
        unit, scale = ("%" if share else unit), 100.0
    family = FAMILIES.get(signal.family, signal.family)
    families = list(FAMILIES.values())
    first = families.index(family) if family in families else len(families)
    return Shown(signal, signal.title, family, unit, scale, (first, _ORDER.get(name, len(_ORDER)), name))


def statistic(signal: Signal, median: float | None) -> str:
    """What a signal's typical value is: a median, a mean where medians say little, a share."""
    if signal.kind != Kind.NUMERIC:
        return "share"
    few = median is not None and (median == 0 or (signal.resolution >= 1 and median < FEW))
    return "mean" if few or signal.name.startswith("scores.") else "median"


def short(text: str, most: int = LONGEST) -> str:
    """A value that came with the traffic, cut."""
    return text if len(text) <= most else text[: most - 1] + "…"


def slice_key(dimension: str, value: str) -> str:
    """A slice as addresses name it, "tags.tenant:acme"; all traffic is empty."""
    return f"{dimension}:{value}" if dimension else ""


def slice_label(dimension: str, value: str) -> str:
    """A slice as the page writes it, "tenant=acme"."""
    return f"{dimension.removeprefix('tags.')}={value}" if dimension else "all traffic"


def category(pane: Pane, key: int) -> str:
    """The value of a categorical key."""
    label = pane.label(key)
    return "any other value" if label == "__other__" else label
