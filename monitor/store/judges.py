"""What judges cost, which texts they have judged already, whether they pause, and how they scored their golden sets."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, delete, select

from monitor.store.dialect import chunks, hold, upsert
from monitor.store.tables import golden_runs, judge_cache, judge_spending, judge_states

MOST_CACHED = 100_000


class Spending(NamedTuple):
    """Calls of a day, and micro-dollars that are reserved for calls under way and that were spent."""

    calls: int = 0
    reserved: int = 0
    spent: int = 0


class Known(NamedTuple):
    """A score from 0 to 1, its label in the rubric's scale, and when it was given (wall clock, microseconds)."""

    score: float
    label: str
    at: int


class Pause(NamedTuple):
    """A judge is not called before `until` (wall clock, microseconds), and why."""

    until: int
    why: str


class GoldenRun(msgspec.Struct, frozen=True, kw_only=True):
    """One scoring of a golden set, begun at `at` (wall clock, microseconds; `done_at` 0 while it runs).

    `items`: hashes of the answers; `scores` of those that were judged, by the same order, None where one was not. The rest
    compares it with the first run of the same definition: n pairs, mean difference (now - then), decades of p, threshold,
    and whether the judge counts as moved.
    """

    at: int
    definition: str
    done_at: int = 0
    items: list[int] = []
    scores: list[float | None] = []
    n: int = 0
    difference: float = 0.0
    before: float = 0.0
    decades: float = 0.0
    threshold: float = 0.0
    times_floor: float = 0.0
    moved: bool = False
    since: int = 0


_runs = msgspec.msgpack.Decoder(GoldenRun)


def alone(c: Connection, application: str, judge: str) -> None:
    """Until the transaction ends nobody else claims for this judge, spends or begins a golden run."""
    hold(c, f"plumbline/judge/{application}/{judge}")


def spending(c: Connection, application: str, judge: str, day: int) -> Spending:
    """What was spent in a day (days since 1970)."""
    table = judge_spending
    mine = (table.c.application == application, table.c.judge == judge, table.c.day == day)
    row = c.execute(select(table.c.calls, table.c.reserved, table.c.spent).where(*mine)).one_or_none()
    return Spending(*row) if row else Spending()


def spend(c: Connection, application: str, judge: str, day: int, more: Spending) -> None:
    """Add to it; what is taken back is negative."""
    row = {"application": application, "judge": judge, "day": day, **more._asdict()}
    upsert(c, judge_spending, [row], dict.fromkeys(Spending._fields, lambda held, new: held + new))


def cached(c: Connection, keys: Sequence[bytes]) -> dict[bytes, Known]:
    """Scores of texts that were judged before, by their key."""
    found = {}
    for chunk in chunks([key.hex() for key in keys]):
        for row in c.execute(select(judge_cache).where(judge_cache.c.key.in_(chunk))):
            found[bytes.fromhex(row.key)] = Known(row.score, row.label, row.at)
    return found


def cache(c: Connection, scores: Mapping[bytes, Known]) -> None:
    """Remember scores by the key of their texts."""
    upsert(c, judge_cache, [{"key": key.hex(), **known._asdict()} for key, known in scores.items()])


def forget_cached(c: Connection, before: int) -> None:
    """Forget scores from before a time, and the oldest of too many."""
    oldest = c.execute(select(judge_cache.c.at).order_by(judge_cache.c.at.desc()).offset(MOST_CACHED).limit(1)).scalar()
    c.execute(delete(judge_cache).where(judge_cache.c.at < max(before, oldest or 0)))


def pause(c: Connection, application: str, judge: str, found: Pause) -> None:
    """Tell that a judge pauses."""
    row = {"application": application, "judge": judge, "paused_until": found.until, "why": found.why}
    upsert(c, judge_states, [row])


def paused(c: Connection, application: str, judge: str) -> Pause:
    """Until when a judge pauses."""
    table = judge_states
    row = c.execute(select(table).where(table.c.application == application, table.c.judge == judge)).one_or_none()
    return Pause(row.paused_until, row.why) if row else Pause(0, "")


def put_run(c: Connection, application: str, judge: str, run: GoldenRun) -> None:
    """Insert or replace."""
    row: dict[str, Any] = {"application": application, "judge": judge, "at": run.at, "definition": run.definition}
    upsert(c, golden_runs, [row | {"done_at": run.done_at, "body": msgspec.msgpack.encode(run)}])


def newest_runs(c: Connection, application: str, judge: str, definition: str, limit: int = 2) -> list[GoldenRun]:
    """The last runs of a definition, the newest first."""
    table = golden_runs
    mine = (table.c.application == application, table.c.judge == judge, table.c.definition == definition)
    statement = select(table.c.body).where(*mine).order_by(table.c.at.desc()).limit(limit)
    return [_runs.decode(row.body) for row in c.execute(statement)]


def first_run(c: Connection, application: str, judge: str, definition: str, fewest: int) -> GoldenRun | None:
    """The first run of a definition in which at least so many answers were judged: what later ones are compared with."""
    table = golden_runs
    mine = (table.c.application == application, table.c.judge == judge, table.c.definition == definition)
    for row in c.execute(select(table.c.body).where(*mine, table.c.done_at > 0).order_by(table.c.at).limit(20)):
        run = _runs.decode(row.body)
        if sum(score is not None for score in run.scores) >= fewest:
            return run
    return None


def delete_before(c: Connection, at: int, day: int, fewest: int) -> None:
    """Forget golden runs from before a time, but for those that others are compared with (`first_run`), and what was spent
    before a day."""
    table = golden_runs
    of_judge = (table.c.application, table.c.judge, table.c.definition)
    for row in c.execute(select(*of_judge).where(table.c.at < at).distinct()).all():
        first = first_run(c, *row, fewest)
        mine = [column == value for column, value in zip(of_judge, row, strict=True)]
        c.execute(delete(table).where(*mine, table.c.at < at, table.c.at != (first.at if first else at)))
    c.execute(delete(judge_spending).where(judge_spending.c.day < day))
