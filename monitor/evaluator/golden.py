"""The golden set of a judge: scored again on schedule like any sample, and compared with how it was scored first."""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import msgspec
from sqlalchemy import Connection

from detectors.golden import FEWEST, Compared, Move, compare, moves, needed
from monitor import logs
from monitor.config.judges import Judge
from monitor.config.models import Config
from monitor.reading.budget import comparisons
from monitor.store import counters, judgements, judges
from monitor.store.judgements import CALLING, PENDING, Wanted
from monitor.store.judges import GoldenRun
from signals.evaluation.judging import Texts

LOOK_EVERY = 5_000_000
"""Microseconds between two looks whether a run is over, or due."""
REMEDIES = {"correct": "its scores are corrected by {:+.2g}", "hold": "its scores are withheld"}
_log = logging.getLogger(__name__)


class _Item(msgspec.Struct):
    response: str
    prompt: str | None = None
    context: list[str] = []
    reference_answer: str | None = None


def read(path: str) -> dict[int, Texts]:
    """The answers of a golden set by their hash; lines that are none are left out, and the log has how many."""
    found: dict[int, Texts] = {}
    bad = 0
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        logs.event(_log, logging.ERROR, "golden_set_unreadable", reason=error.strerror or "")
        return found
    for line in filter(bytes.strip, lines):
        try:
            item = msgspec.json.decode(line, type=_Item)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            bad += 1
            continue
        texts = Texts(item.prompt, item.response, tuple(item.context), item.reference_answer)
        found[int.from_bytes(texts.key("golden")[:8], "big")] = texts
    if bad:
        logs.event(_log, logging.ERROR, "golden_set_lines_left_out", lines=bad, of=len(lines))
    return found


def row_hash(at: int, item: int) -> int:
    """The hash of the row that one run has for an answer."""
    return int.from_bytes(hashlib.sha256(f"{at} {item}".encode()).digest()[:8], "big")


def follow(c: Connection, application: str, judge: Judge, config: Config, now: int) -> GoldenRun | None:
    """Begin a run that is due, end one that is over; the newest that is over. The judge is the caller's alone meanwhile."""
    if judge.golden is None:
        return None
    newest = judges.newest_runs(c, application, judge.name, judge.definition)
    running = newest[0] if newest and not newest[0].done_at else None
    done = next((run for run in newest if run.done_at), None)
    if running is not None:
        return _finished(c, application, judge, config, running, done, now) or done
    if done is None or now - done.at >= judge.golden.every:
        _begin(c, application, judge, now)
    return done


def _begin(c: Connection, application: str, judge: Judge, now: int) -> None:
    items = read(judge.golden.file) if judge.golden else {}
    if not items:
        return
    judgements.delete_runs(c, application, judge.name)
    judges.put_run(c, application, judge.name, GoldenRun(at=now, definition=judge.definition, items=list(items)))
    rows = [
        Wanted(row_hash(now, item), "", now, "", (t.prompt, t.response, list(t.context), t.reference_answer), now)
        for item, t in items.items()
    ]
    judgements.put(c, application, judge.name, rows, 0)


def _finished(
    c: Connection, application: str, judge: Judge, config: Config, run: GoldenRun, before: GoldenRun | None, now: int
) -> GoldenRun | None:
    """The run with what it says, once every answer has its outcome."""
    rows = judgements.of_run(c, application, judge.name, run.at)
    if any(state in (PENDING, CALLING) for state, _ in rows.values()):
        return None
    scores = [rows.get(row_hash(run.at, item), ("", None))[1] for item in run.items]
    over = msgspec.structs.replace(run, done_at=now, scores=scores)
    first = judges.first_run(c, application, judge.name, judge.definition, FEWEST)
    if first is not None:
        found = compare(*_pairs(first, over))
        threshold = needed(*_share(c, config, judge), config.false_alarms.at_most)
        held = before is not None and before.moved
        moved = moves(found, threshold, held) if found.n >= FEWEST else held
        since = before.since if before is not None and held else run.at
        over = msgspec.structs.replace(
            over, n=found.n, before=found.before, difference=found.difference, decades=found.decades, threshold=threshold,
            times_floor=found.times_floor, moved=moved, since=since if moved else 0,
        )  # fmt: skip
        if found.n < FEWEST and before is not None:  # nothing new is known
            over = msgspec.structs.replace(before, at=over.at, done_at=now, items=over.items, scores=scores)
    judges.put_run(c, application, judge.name, over)
    return over


def _pairs(first: GoldenRun, now: GoldenRun) -> tuple[list[float], list[float]]:
    """Scores of the answers that were judged both times."""
    then = dict(zip(first.items, first.scores, strict=True))
    pairs = [(then.get(item), score) for item, score in zip(now.items, now.scores, strict=True)]
    both = [(a, b) for a, b in pairs if a is not None and b is not None]
    return [a for a, _ in both], [b for _, b in both]


def _share(c: Connection, config: Config, judge: Judge) -> tuple[int, float]:
    """What draws on the budget, golden sets included, and how many runs a period has."""
    golden = sum(one.golden is not None for app in config.applications.values() for one in app.judges)
    every = judge.golden.every if judge.golden else config.false_alarms.per
    return sum(comparisons(c, name) for name in counters.load(c)) + golden, config.false_alarms.per / every


def said(c: Connection, application: str, configured: Sequence[Judge]) -> dict[str, Move]:
    """What the newest golden run of each judge says."""
    found = {}
    for judge in configured:
        if judge.golden is None:
            continue
        done = next((r for r in judges.newest_runs(c, application, judge.name, judge.definition) if r.done_at), None)
        if done is not None:
            compared = Compared(done.n, done.before, done.difference, done.decades, done.times_floor)
            remedy = REMEDIES[judge.golden.on_drift].format(-done.difference)
            found[judge.name] = Move(compared, done.at, done.moved, done.since, done.threshold, remedy)
    return found
