"""Thresholds, and skew beside drift, in one plain sentence each."""

from collections.abc import Mapping

from alerts.numbers import count, number
from monitor.config.duration import format_duration
from monitor.reading.budget import Budget
from monitor.reading.calibrations import declaration
from monitor.reading.comparisons import Change, Explained, Past, Threshold
from records.window import DAY, Code

CHANGES: Mapping[Change, str] = {
    "since_launch": "bad since launch",
    "newly": "newly bad",
    "since_launch_and_newly": "bad since launch, and changed anew",
}


_NUMBERS = {2: "two", 3: "three"}


def why(one: Explained, shared: Budget) -> str:
    """Why this comparison alarms where it does, or what it still needs before it may."""
    if one.verdict == Code.CALIBRATING:
        return _needed(one.past)
    words = threshold(one.threshold, shared)
    if (lender := one.past.lender) is not None:
        whose = "all traffic" if lender.signal == one.signal else declaration(lender.signal).title
        words += f"; {_needed(one.past)}, until then those of {whose} stand in"
    return words


def threshold(found: Threshold, shared: Budget) -> str:
    """The decades that an alarm needs, and where they come from."""
    words = f"alarms at {decades(found.decades)} decades: {_often(shared)} over {count(max(shared.comparisons, 1))} comparisons"
    if found.ways > 1:
        words += f", in any of {_NUMBERS[found.ways]} ways"
    if found.vif >= 1.05:
        words += f", stretched {decades(found.vif)} times because neighbouring windows resemble each other"
    if found.factor >= 1.05:
        words += f", raised {decades(found.factor)} times by what luck reached lately"
    return words


def decades(value: float) -> str:
    """One digit after the point, none where it is 0."""
    return number(round(value, 1))


def _often(shared: Budget) -> str:
    span = f"{shared.per // DAY} days" if shared.per % DAY == 0 and shared.per > DAY else format_duration(shared.per)
    times = "once" if shared.at_most == 1 else f"{number(shared.at_most)} times"
    return f"{times} in {span}"


def _needed(past: Past) -> str:
    alike = ", for neighbours resemble each other" if past.v >= 1.05 else ""
    day = " of this time of day" if past.by_day else ""
    return f"has {count(past.windows)} of the {count(past.needs)} healthy windows{day} that a verdict of its own needs{alike}"
