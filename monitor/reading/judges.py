"""What judges say of themselves: how much of their samples they judged, what that cost, whether they pause, and their golden
sets."""

from collections import Counter
from typing import Any

from sqlalchemy import Connection

from monitor.config.judges import Judge
from monitor.config.models import Config
from monitor.reading.fields import time_field
from monitor.store import judgements, judges
from monitor.store.judges import GoldenRun
from records.window import DAY

SCORED = (judgements.JUDGED, "cached")
"""Outcomes that are a score; all others are missing."""
GOLDEN_RUNS = 10
Item = dict[str, Any]


def judging(c: Connection, config: Config, application: str | None, since: int, until: int, now: int) -> list[Item]:
    """Every configured judge, of one application or of all: coverage of the windows that begin in [since, until)."""
    names = sorted(config.applications) if application is None else [application]
    return [_item(c, name, judge, since, until, now) for name in names for judge in config.application(name).judges]


def _item(c: Connection, application: str, judge: Judge, since: int, until: int, now: int) -> Item:
    windows = judgements.counts(c, application, judge.name, since, until)
    spent = judges.spending(c, application, judge.name, now // DAY)
    pause = judges.paused(c, application, judge.name)
    runs = [r for r in judges.newest_runs(c, application, judge.name, judge.definition, GOLDEN_RUNS) if r.done_at]
    return {
        "application": application,
        "judge": judge.name,
        "signal": f"scores.{judge.name}",
        "model": judge.model,
        "definition": judge.definition,
        "sample": judge.sample,
        "since": time_field(since),
        "until": time_field(until),
        "coverage": _coverage(sum((Counter(found) for found in windows.values()), Counter())),
        "windows": [{"start": time_field(start), **_coverage(Counter(found))} for start, found in windows.items()],
        "today": {
            "calls": spent.calls, "daily_calls": judge.daily_calls, "cost_usd": spent.spent / 1e6,
            "reserved_usd": spent.reserved / 1e6, "daily_cost_usd": judge.daily_cost_usd,
        },
        "paused": {"until": time_field(pause.until), "why": pause.why} if pause.until > now else None,
        "golden": None if judge.golden is None else {"on_drift": judge.golden.on_drift, "runs": [_run(run) for run in runs]},
    }  # fmt: skip


def _coverage(found: Counter[str]) -> Item:
    """How many were sampled and judged, why the others are missing, and how many are still to come."""
    ended = {name: n for name, n in sorted(found.items()) if name != judgements.SAMPLED}
    judged = sum(ended.get(name, 0) for name in SCORED)
    sampled = found[judgements.SAMPLED]
    return {
        "sampled": sampled, "judged": judged, "missing": {name: n for name, n in ended.items() if name not in SCORED},
        "pending": max(sampled - sum(ended.values()), 0), "ratio": judged / sampled if sampled else None,
    }  # fmt: skip


def _run(run: GoldenRun) -> Item:
    return {
        "at": time_field(run.at), "scored": sum(score is not None for score in run.scores), "of": len(run.items),
        "pairs": run.n, "difference": run.difference, "decades": run.decades, "threshold": run.threshold, "moved": run.moved,
        "since": time_field(run.since) if run.moved else None,
    }  # fmt: skip
