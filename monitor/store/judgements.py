"""Interactions that a judge is to score, and what became of each: one row, one outcome.

pending -> calling (committed before the call) -> an outcome. Nobody calls for a row again that was being called when its
process died: it becomes `interrupted`. The texts go with the outcome; the row stays for a while, so that the same
interaction is not judged twice. Rows of a golden set are the same with `golden`, the time of their run, and are not counted.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import zstandard
from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, delete, select, update

from monitor.store.dialect import chunks, insert_new, signed, unsigned, upsert
from monitor.store.tables import judgement_counts as counted
from monitor.store.tables import judgements as table

PENDING, CALLING, SAMPLED = "pending", "calling", "sampled"
JUDGED = "judged"
Judged = tuple[str | None, str | None, list[str], str | None]
"""Prompt, response, context and reference answer."""
_texts = msgspec.msgpack.Decoder(Judged)
_KEY = ("application", "judge", "id_hash")


class Wanted(NamedTuple):
    """An interaction to be judged; `id_hash` is the unsigned 64-bit hash of its id, `start` that of its window."""

    id_hash: int
    interaction_id: str
    start: int
    stratum: str
    texts: Judged
    golden: int = 0


class Claimed(NamedTuple):
    """A row that is to be called for."""

    id_hash: int
    interaction_id: str
    start: int
    golden: int
    texts: Judged


class Settled(NamedTuple):
    """What became of a row; `held` is the `claimed_until` of whoever speaks, 0 for a row that still waited."""

    id_hash: int
    held: int
    outcome: str
    score: float | None = None


def put(c: Connection, application: str, judge: str, rows: Sequence[Wanted], created_at: int) -> int:
    """Add what was sampled; a row that is there stays as it is. How many were new."""
    known = held(c, application, judge, [row.id_hash for row in rows])
    new = [row for row in rows if row.id_hash not in known]
    compress = zstandard.ZstdCompressor().compress
    stored = [
        {
            **dict(zip(_KEY, (application, judge, signed(row.id_hash)), strict=True)), "interaction_id": row.interaction_id,
            "start": row.start, "stratum": row.stratum, "golden": row.golden, "state": PENDING, "created_at": created_at,
            "claimed_until": 0, "day": 0, "reserved": 0, "texts": compress(msgspec.msgpack.encode(row.texts)), "score": None,
        }
        for row in new
    ]  # fmt: skip
    insert_new(c, table, stored, _KEY)
    count(c, application, judge, Counter((row.start, SAMPLED) for row in new if not row.golden))
    return len(new)


def held(c: Connection, application: str, judge: str, id_hashes: Collection[int]) -> set[int]:
    """Those of the interactions that are or were to be judged."""
    found: set[int] = set()
    for chunk in chunks([signed(id_hash) for id_hash in id_hashes]):
        statement = _of(application, judge, select(table.c.id_hash)).where(table.c.id_hash.in_(chunk))
        found |= {unsigned(row.id_hash) for row in c.execute(statement)}
    return found


def strata(c: Connection, application: str, judge: str, starts: Collection[int]) -> set[tuple[int, str]]:
    """The windows and strata that have an interaction to be judged."""
    statement = _of(application, judge, select(table.c.start, table.c.stratum).distinct())
    return {(row.start, row.stratum) for row in c.execute(statement.where(table.c.start.in_(starts), table.c.golden == 0))}


def waiting(c: Connection, application: str, judge: str) -> bool:
    """Whether anything is to be called for."""
    return (
        c.execute(_of(application, judge, select(table.c.id_hash)).where(table.c.state == PENDING).limit(1)).first() is not None
    )


def take(c: Connection, application: str, judge: str, limit: int) -> list[Claimed]:
    """The first that wait, locked until the transaction ends: golden sets first, then the oldest."""
    wanted = _of(application, judge, select(table)).where(table.c.state == PENDING)
    ordered = wanted.order_by(table.c.created_at, table.c.id_hash).limit(limit).with_for_update(skip_locked=True)
    decompress = zstandard.ZstdDecompressor().decompress
    return [
        Claimed(unsigned(row.id_hash), row.interaction_id, row.start, row.golden, _texts.decode(decompress(row.texts)))
        for row in c.execute(ordered)
    ]


def claim(c: Connection, application: str, judge: str, rows: Sequence[tuple[int, int, int, int]]) -> None:
    """These (id_hash, until, day, reserved) are being called for until `until`, for micro-dollars of the budget of a day."""
    if rows:
        named = ("claimed_until", "day", "reserved")
        values: dict[str, Any] = {"state": CALLING, **{name: bindparam(f"of_{name}") for name in named}}
        given = [{"of_id": signed(row[0]), **dict(zip((f"of_{name}" for name in named), row[1:], strict=True))} for row in rows]
        c.execute(update(table).where(*_row(application, judge)).values(values), given)


def settle(c: Connection, application: str, judge: str, outcomes: Sequence[Settled]) -> set[int]:
    """Write outcomes down and forget the texts; the interactions for which that was still to be done by who speaks."""
    if not outcomes:
        return set()
    said = {outcome.id_hash: outcome for outcome in outcomes}
    mine: list[Row[tuple[int, ...]]] = []
    for chunk in chunks([signed(id_hash) for id_hash in said]):
        columns = select(table.c.id_hash, table.c.start, table.c.golden, table.c.claimed_until)
        statement = _of(application, judge, columns).where(table.c.id_hash.in_(chunk), table.c.state.in_((PENDING, CALLING)))
        mine += c.execute(statement.with_for_update())
    mine = [row for row in mine if row.claimed_until == said[unsigned(row.id_hash)].held]
    if mine:
        gone = {"texts": None, "interaction_id": "", "claimed_until": 0, "reserved": 0}
        values: dict[str, Any] = {"state": bindparam("of_state"), "score": bindparam("of_score"), **gone}
        found = [(row.id_hash, said[unsigned(row.id_hash)]) for row in mine]
        became = [{"of_id": id_, "of_state": one.outcome, "of_score": one.score} for id_, one in found]
        c.execute(update(table).where(*_row(application, judge)).values(values), became)
    outcome_of = {unsigned(row.id_hash): said[unsigned(row.id_hash)].outcome for row in mine}
    count(c, application, judge, Counter((row.start, outcome_of[unsigned(row.id_hash)]) for row in mine if not row.golden))
    return set(outcome_of)


def calling(c: Connection, application: str, judge: str, until: Mapping[int, int]) -> set[int]:
    """Those of the rows that are still called for by whoever claimed them until then."""
    found: set[int] = set()
    for chunk in chunks([signed(id_hash) for id_hash in until]):
        statement = _of(application, judge, select(table.c.id_hash, table.c.claimed_until)).where(table.c.id_hash.in_(chunk))
        rows = c.execute(statement.where(table.c.state == CALLING).with_for_update())
        found |= {unsigned(row.id_hash) for row in rows if until[unsigned(row.id_hash)] == row.claimed_until}
    return found


def left(c: Connection, application: str, judge: str, now: int) -> bool:
    """Whether anything is being called for by nobody any more."""
    abandoned_ = (table.c.state == CALLING, table.c.claimed_until < now)
    return c.execute(_of(application, judge, select(table.c.id_hash)).where(*abandoned_).limit(1)).first() is not None


def abandoned(c: Connection, application: str, judge: str, now: int) -> list[tuple[int, int, int, int]]:
    """What is being called for by nobody any more: (id_hash, claimed_until, day, reserved)."""
    columns = select(table.c.id_hash, table.c.claimed_until, table.c.day, table.c.reserved)
    statement = _of(application, judge, columns).where(table.c.state == CALLING, table.c.claimed_until < now)
    rows = c.execute(statement.with_for_update(skip_locked=True))
    return [(unsigned(row.id_hash), row.claimed_until, row.day, row.reserved) for row in rows]


def count(c: Connection, application: str, judge: str, found: Mapping[tuple[int, str], int]) -> None:
    """Add to the counts of windows and outcomes."""
    rows = [
        {"application": application, "judge": judge, "start": start, "outcome": outcome, "n": n}
        for (start, outcome), n in sorted(found.items())  # in one order, so that no two wait for each other
    ]
    upsert(c, counted, rows, {"n": lambda held, new: held + new})


def counts(c: Connection, application: str, judge: str, since: int, until: int) -> dict[int, dict[str, int]]:
    """By window: how many were sampled, and how many had each outcome; what is left of the sampled is pending."""
    statement = select(counted.c.start, counted.c.outcome, counted.c.n).where(
        counted.c.application == application, counted.c.judge == judge, counted.c.start >= since, counted.c.start < until
    )
    found: dict[int, dict[str, int]] = {}
    for row in c.execute(statement.order_by(counted.c.start, counted.c.outcome)):
        found.setdefault(row.start, {})[row.outcome] = row.n
    return found


def of_run(c: Connection, application: str, judge: str, golden: int) -> dict[int, tuple[str, float | None]]:
    """State and score of a golden run's rows, by hash."""
    statement = _of(application, judge, select(table.c.id_hash, table.c.state, table.c.score))
    rows = c.execute(statement.where(table.c.golden == golden))
    return {unsigned(row.id_hash): (row.state, row.score) for row in rows}


def expire(c: Connection, before: int, limit: int = 500) -> int:
    """Give up what was sampled before a time and has no outcome yet, so many at once: it becomes `expired`. How many."""
    old = select(table.c.application, table.c.judge, table.c.id_hash, table.c.claimed_until).where(
        table.c.state.in_((PENDING, CALLING)), table.c.created_at < before, table.c.golden == 0
    )
    by_judge: dict[tuple[str, str], list[Settled]] = {}
    for row in c.execute(old.limit(limit).with_for_update(skip_locked=True)):
        gone = Settled(unsigned(row.id_hash), row.claimed_until, "expired")
        by_judge.setdefault((row.application, row.judge), []).append(gone)
    for (application, judge), rows in sorted(by_judge.items()):
        settle(c, application, judge, rows)
    return sum(map(len, by_judge.values()))


def delete_before(c: Connection, created_at: int) -> None:
    """Forget rows from before a time, whatever became of them."""
    c.execute(delete(table).where(table.c.created_at < created_at, table.c.golden == 0))


def delete_runs(c: Connection, application: str, judge: str) -> None:
    """Forget the rows of golden runs, but for those that are being called for."""
    mine = (table.c.application == application, table.c.judge == judge, table.c.golden > 0, table.c.state != CALLING)
    c.execute(delete(table).where(*mine))


def delete_counts_before(c: Connection, application: str, start: int) -> None:
    """Forget the counts of an application's windows before `start`."""
    c.execute(delete(counted).where(counted.c.application == application, counted.c.start < start))


def _of(application: str, judge: str, statement: Select[Any]) -> Select[Any]:
    return statement.where(table.c.application == application, table.c.judge == judge)


def _row(application: str, judge: str) -> tuple[ColumnElement[bool], ...]:
    return table.c.application == application, table.c.judge == judge, table.c.id_hash == bindparam("of_id")
