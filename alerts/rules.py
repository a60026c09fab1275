"""Rules: which findings somebody is told of, how urgently, and after how long.

The first rule that matches decides. The default rules, in order; all but `no_data` fire after SETTLING:

| rule | matches | severity |
|---|---|---|
| no_data | an application or slice that fell silent | critical |
| error | the signal `error` | critical |
| large_change | an effect of at least 3 times its floor | critical |
| change | every other finding | warning |
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from records.finding import Finding

ALERTING = ("finding", "no_data")
"""Verdicts that can alert; every other verdict (`small`, `calm`, …) pages nobody."""

SEVERITIES = ("critical", "warning", "info")
"""From worst to least; a severity of the user's own ranks below them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Globs (`*`, `?`, `[abc]`, case matters) over what a finding is about, all of which must match.

    `slice` is matched against `dimension=value` (several joined by `,`; all traffic is the empty string, so `?*` is
    any named slice), `signal` against the signal's name, and against `no_data` where that is the verdict.
    `effect_at_least` is in multiples of the effect's floor and does not apply to `no_data`.
    `for_`: how long it must last before it fires; `keep_firing_for`: how long it fires on after the end (both event
    time, microseconds).
    """

    name: str
    application: str = "*"
    slice: str = "*"
    signal: str = "*"
    comparison: str = "*"
    effect_at_least: float = 0.0
    for_: int = 0
    keep_firing_for: int = 0
    severity: str = "warning"
    runbook_url: str = ""


SETTLING = 900_000_000
"""Three windows, in microseconds: what is found first is often not what tells most; the sentence is chosen after this."""

DEFAULT_RULES = (
    Rule("no_data", signal="no_data", severity="critical"),
    Rule("error", signal="error", for_=SETTLING, severity="critical"),
    Rule("performance_decay", comparison="decay", severity="critical"),
    Rule("large_change", effect_at_least=3.0, for_=SETTLING, severity="critical"),
    Rule("change", for_=SETTLING, severity="warning"),
)


def slice_text(slice_: dict[str, str]) -> str:
    """`{"tags.tenant": "acme"}` as `tags.tenant=acme`, sorted by dimension; all traffic as the empty string."""
    return ",".join(f"{dimension}={value}" for dimension, value in sorted(slice_.items()))


def match_rule(finding: Finding, rules: Sequence[Rule]) -> Rule | None:
    """The first rule that matches a finding, or None; only the verdicts `finding` and `no_data` ever match."""
    if finding.verdict not in ALERTING:
        return None
    return next((rule for rule in rules if _matches(rule, finding)), None)


def _matches(rule: Rule, finding: Finding) -> bool:
    silent = finding.verdict == "no_data"
    signals = (finding.signal, "no_data") if silent else (finding.signal,)
    return (
        fnmatchcase(finding.application, rule.application)
        and fnmatchcase(slice_text(finding.slice), rule.slice)
        and any(fnmatchcase(signal, rule.signal) for signal in signals)
        and fnmatchcase(finding.comparison, rule.comparison)
        and (silent or rule.effect_at_least <= 0 or finding.times_floor >= rule.effect_at_least)
    )


def severity_rank(severity: str) -> int:
    """0 for the worst."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
