"""One judge at work: what is being called for, and the transaction that writes down what came back and claims what is next.

A call is committed, with its cost reserved, before it is made. Whatever happens to the process then, it is not made again.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from monitor.config.judges import Judge
from monitor.config.models import Config
from monitor.evaluator.breaker import Breaker
from monitor.evaluator.client import OF_THE_JUDGE, RETRIED, Asked, Client
from monitor.evaluator.golden import LOOK_EVERY, follow
from monitor.store import judgements, judges, messages
from monitor.store.judgements import JUDGED, Claimed, Settled
from monitor.store.judges import Known, Pause, Spending
from records.window import DAY
from signals.evaluation.judging import Texts
from streams.broker import FEEDBACK

ATTEMPTS = 3
FIRST_WAIT, LONGEST_WAIT, MARGIN = 0.5, 10.0, 10.0
"""Seconds before another attempt, doubling; and how long after its last moment a judgement counts as abandoned."""
MANY, MOST, ROUNDS = 50, 500, 20
"""Rows looked at in one go where rows need no call (those are many in a row), where all wait for the score of the same text,
and how often in one transaction."""
ALONE = 2**62
CACHED = "cached"


@dataclass(frozen=True)
class Task:
    """A judgement that is being called for: `until` is the claim (wall clock, microseconds), `day` whose budget pays,
    `reserved` of it in micro-dollars, `attempt` counts from 1, `at` is when the next one is due (seconds), after `failure`."""

    row: Claimed
    texts: Texts
    key: bytes
    until: int
    day: int
    reserved: int
    attempt: int = 1
    at: float = 0.0
    failure: str = ""


class Final(NamedTuple):
    """What became of a row, for metrics and whoever else is told; `score` as it counts, after any correction."""

    interaction_id: str
    outcome: str
    score: float | None = None
    label: str = ""
    reason: str = ""
    golden: bool = False


@dataclass
class Turn:
    """What one transaction decided; memory changes once it is committed."""

    calls: list[Task] = field(default_factory=list)
    again: list[Task] = field(default_factory=list)
    finals: list[Final] = field(default_factory=list)
    over: list[int] = field(default_factory=list)
    cost: int = 0
    more: bool = False
    looked_at: int = 0


class Purse:
    """What one transaction spends, by day: written at its end, a row each. `today` is what it may go by."""

    def __init__(self, today: Spending, day: int):
        self.today, self.day = today, day
        self.spent: dict[int, Spending] = {}

    def add(self, day: int, calls: int, reserved: int, spent: int) -> None:
        """What is taken back is negative."""
        more = (calls, reserved, spent)
        self.spent[day] = Spending(*map(sum, zip(self.spent.get(day, Spending()), more, strict=True)))
        if day == self.day:
            self.today = Spending(*map(sum, zip(self.today, more, strict=True)))


class Standing(NamedTuple):
    """What the golden set says of a judge now: its scores are withheld, or `shift` is taken off those since a time."""

    held: bool = False
    shift: float = 0.0
    since: int = 0


class Desk:
    """One judge of one application, as it is configured. Only the thread of the evaluator comes here."""

    def __init__(self, application: str, judge: Judge, config: Config):
        self.application, self.judge, self.config, self.definition = application, judge, config, judge.definition
        self.client, self.breaker = Client(judge), Breaker()
        self.busy: dict[int, Task] = {}
        self.back: list[tuple[Task, Asked]] = []
        self.waiting: list[Task] = []
        self.standing = Standing()
        self.looked_at = 0
        self.told = Pause(0, "")

    @property
    def name(self) -> tuple[str, str]:
        """Application and judge."""
        return self.application, self.judge.name

    @property
    def pause(self) -> Pause:
        """Until when nothing is asked, and why."""
        return Pause(int(self.breaker.until * 1e6), self.breaker.why)

    def room(self, now: float, ended: int = 0) -> int:
        """How many calls may begin at `now` (seconds), when so many have `ended`."""
        return self.breaker.room(now, len(self.busy) - ended, self.judge.concurrency)

    def turn(self, c: Connection, now: int, alone: bool, claiming: bool = True) -> Turn:
        """One transaction at `now`; run again from the start where it fails. `alone`: nobody else calls for this store, so
        that whatever is being called for was left by a process that died. Without `claiming` nothing new begins."""
        turn = Turn()
        judges.alone(c, *self.name)
        purse = Purse(judges.spending(c, *self.name, now // DAY), now // DAY)
        self._give_up(c, ALONE if alone else now, purse, turn)
        self._write_down(c, now, self.back, purse, turn)
        self._tell_pause(c)
        if claiming:
            self._heed_golden_set(c, now, turn)
            room = self._begin_again(c, now, purse, self.room(now / 1e6, len(self.back)), turn)
            self._claim(c, now, purse, room, turn)
        for day, more in sorted(purse.spent.items()):
            judges.spend(c, *self.name, day, more)
        return turn

    def _heed_golden_set(self, c: Connection, now: int, turn: Turn) -> None:
        """What is done with scores from now on."""
        golden = self.judge.golden
        if golden is not None:
            run = follow(c, self.application, self.judge, self.config, now)
            moved = run is not None and run.moved
            held = moved and golden.on_drift == "hold"
            self.standing = Standing(held, run.difference, run.since) if run and moved else Standing()
            turn.looked_at = now

    # -- what came back ----------------------------------------------------------------------------------------------

    def _give_up(self, c: Connection, before: int, purse: Purse, turn: Turn) -> None:
        """Nobody knows what became of these calls: they are paid for, and never made again."""
        mine = self.busy.keys() | {task.row.id_hash for task in self.waiting}
        lost = [row for row in judgements.abandoned(c, *self.name, before) if row[0] not in mine]
        judgements.settle(c, *self.name, [Settled(id_hash, until, "interrupted") for id_hash, until, _, _ in lost])
        for _, _, day, reserved in lost:
            purse.add(day, 0, -reserved, reserved)
            turn.cost += reserved
        turn.finals += [Final("", "interrupted")] * len(lost)

    def _write_down(self, c: Connection, now: int, finished: Sequence[tuple[Task, Asked]], purse: Purse, turn: Turn) -> None:
        again = [(task, asked) for task, asked in finished if self._may_try_again(task, asked, now / 1e6)]
        last = [(task, asked) for task, asked in finished if not self._may_try_again(task, asked, now / 1e6)]
        ids = judgements.calling(c, *self.name, {task.row.id_hash: task.until for task, _ in again})
        mine = ids | judgements.settle(c, *self.name, [_settled(task, asked) for task, asked in last])
        for task, asked in finished:
            if task.row.id_hash in mine:
                purse.add(task.day, 0, -task.reserved, asked.cost)
                turn.cost += asked.cost
        again = [(task, asked) for task, asked in again if task.row.id_hash in ids]
        judgements.claim(c, *self.name, [(task.row.id_hash, task.until, task.day, 0) for task, _ in again])
        turn.again += [
            replace(task, reserved=0, at=now / 1e6 + _pause(task, asked), failure=asked.outcome) for task, asked in again
        ]
        verdicts = [(task.key, asked.verdict) for task, asked in last if asked.outcome == JUDGED]
        judges.cache(c, {key: Known(v.score, v.label, now) for key, v in verdicts if v and v.score is not None})
        finals = [(t.row, self._final(t.row, a.outcome, a)) for t, a in last if t.row.id_hash in mine]
        self._publish(c, now, finals, turn)

    def _may_try_again(self, task: Task, asked: Asked, now: float) -> bool:
        if asked.outcome not in RETRIED or task.attempt >= ATTEMPTS or now < self.breaker.until:
            return False
        return (asked.retry_after or 0.0) <= LONGEST_WAIT

    def _final(self, row: Claimed, outcome: str, asked: Asked) -> Final:
        verdict = asked.verdict
        if outcome != JUDGED or verdict is None or verdict.score is None:
            return Final(row.interaction_id, outcome, golden=bool(row.golden))
        return self._scored(row, JUDGED, verdict.score, verdict.label, None, verdict.reason)

    def _scored(self, row: Claimed, outcome: str, score: float, label: str, at: int | None, reason: str = "") -> Final:
        """A score as it counts: 0 to 1, less what the judge moved by before it gave it (`at`, None: now)."""
        shift = self.standing.shift if at is None or at >= self.standing.since else 0.0
        counts = score if row.golden else min(max(score - shift, 0.0), 1.0)
        return Final(row.interaction_id, outcome, counts, label, reason, bool(row.golden))

    def _publish(self, c: Connection, now: int, finals: Sequence[tuple[Claimed, Final]], turn: Turn) -> None:
        """Scores become feedback."""
        turn.finals += [final for _, final in finals]
        rows = []
        for _, final in finals:
            if final.score is not None and not final.golden:
                feedback = {
                    "interaction_id": final.interaction_id, "application": self.application, "timestamp": now / 1e6,
                    "name": self.judge.name, "value": final.score, "source": "judge",
                }  # fmt: skip
                rows.append((FEEDBACK, final.interaction_id, msgspec.json.encode(feedback)))
        messages.put(c, rows)

    def _tell_pause(self, c: Connection) -> None:
        if self.pause != self.told:
            judges.pause(c, *self.name, self.pause)

    # -- what is next ------------------------------------------------------------------------------------------------

    def _begin_again(self, c: Connection, now: int, purse: Purse, room: int, turn: Turn) -> int:
        """Another attempt for what waited for one; what the budget no longer pays, or a pause, ends as it failed."""
        claims, ended = [], []
        held = judgements.calling(c, *self.name, {task.row.id_hash: task.until for task in self.waiting})
        turn.over += [task.row.id_hash for task in self.waiting if task.row.id_hash not in held]  # others gave them up
        for task in [task for task in self.waiting if task.row.id_hash in held]:
            need, late = self.client.bound(task.texts), now > task.until - self.judge.timeout
            if late or now / 1e6 < self.breaker.until or _over(self.judge, purse.today, need):
                ended.append(Settled(task.row.id_hash, task.until, task.failure))
                turn.finals.append(Final(task.row.interaction_id, task.failure, golden=bool(task.row.golden)))
            elif task.at <= now / 1e6 and room and not _full(self.judge, purse.today, need):
                purse.add(purse.day, 1, need, 0)
                claims.append((task.row.id_hash, task.until, purse.day, need))
                turn.calls.append(replace(task, attempt=task.attempt + 1, day=purse.day, reserved=need))
                room -= 1
        judgements.settle(c, *self.name, ended)
        judgements.claim(c, *self.name, claims)
        turn.over += [one.id_hash for one in ended] + [claim[0] for claim in claims]
        return room

    def _claim(self, c: Connection, now: int, purse: Purse, room: int, turn: Turn) -> None:
        """The oldest that wait: what needs no call has its outcome at once, for the others money is reserved."""
        until = now + int((ATTEMPTS * (self.judge.timeout / 1e6 + LONGEST_WAIT) + MARGIN) * 1e6)
        asked = {task.key for task in (*self.busy.values(), *self.waiting, *turn.calls)}
        limit = room
        for _ in range(ROUNDS if room else 0):
            rows = [self._read(row) for row in judgements.take(c, *self.name, limit)]
            known = judges.cached(c, [key for row, _, key in rows if not row.golden])
            done: list[tuple[Claimed, Final, float | None]] = []
            claims = []
            for row, text, key in rows:
                need = self.client.bound(text)
                if final := self._without_call(row, known.get(key), purse.today, need):
                    done.append((row, final, known[key].score if final.outcome == CACHED else None))
                elif _full(self.judge, purse.today, need) or not room:
                    break
                elif row.golden or key not in asked:  # the same text is asked about once: the others find its score
                    asked.add(key)
                    purse.add(purse.day, 1, need, 0)
                    claims.append((row.id_hash, until, purse.day, need))
                    turn.calls.append(Task(row, text, key, until, purse.day, need))
                    room -= 1
            judgements.claim(c, *self.name, claims)
            judgements.settle(c, *self.name, [Settled(row.id_hash, 0, final.outcome, raw) for row, final, raw in done])
            self._publish(c, now, [(row, final) for row, final, _ in done], turn)
            turn.more = bool(done)
            if not room or (not (done or claims) and (limit >= MOST or len(rows) < limit)):
                return
            limit = max(room, MANY) if done or claims else MOST

    def _read(self, row: Claimed) -> tuple[Claimed, Texts, bytes]:
        prompt, response, context, answer = row.texts
        texts = Texts(prompt, response, tuple(context), answer)
        return row, texts, texts.key(self.definition)

    def _without_call(self, row: Claimed, known: Known | None, spent: Spending, need: int) -> Final | None:
        """What becomes of a row for which nobody is to be asked; None where somebody is."""
        if not row.golden and self.standing.held:
            return Final(row.interaction_id, "judge_moved")
        if not row.golden and known is not None:
            return self._scored(row, CACHED, *known)
        if _over(self.judge, spent, need):
            return Final(row.interaction_id, "over_budget", golden=bool(row.golden))
        return None

    # -- memory ------------------------------------------------------------------------------------------------------

    def committed(self, turn: Turn) -> None:
        """What the transaction decided holds."""
        for task, _ in self.back:
            self.busy.pop(task.row.id_hash, None)
        self.back = []
        over = set(turn.over)
        self.waiting = [task for task in self.waiting if task.row.id_hash not in over] + turn.again
        self.busy |= {task.row.id_hash: task for task in turn.calls}
        self.told = self.pause
        self.looked_at = max(self.looked_at, turn.looked_at)

    def golden_due(self, now: int) -> bool:
        """Whether to look after the golden set."""
        return self.judge.golden is not None and now - self.looked_at >= LOOK_EVERY

    def heard(self, task: Task, asked: Asked, now: float) -> None:
        """A call ended at `now`, seconds; it is to be written down."""
        self.back.append((task, asked))
        if asked.outcome in OF_THE_JUDGE:
            patience = asked.retry_after if asked.retry_after and asked.retry_after > LONGEST_WAIT else None
            self.breaker.failed(asked.outcome, now, patience)
        else:
            self.breaker.worked()


def _settled(task: Task, asked: Asked) -> Settled:
    score = asked.verdict.score if asked.verdict and asked.outcome == JUDGED else None
    return Settled(task.row.id_hash, task.until, asked.outcome, score)


def _over(judge: Judge, spent: Spending, need: int) -> bool:
    """Whether the day's budget does not pay for a call, whatever the calls under way will cost."""
    return spent.calls + 1 > judge.daily_calls or spent.spent + need > round(judge.daily_cost_usd * 1e6)


def _full(judge: Judge, spent: Spending, need: int) -> bool:
    """Whether it may not pay for it, as much as is reserved."""
    return spent.spent + spent.reserved + need > round(judge.daily_cost_usd * 1e6)


def _pause(task: Task, asked: Asked) -> float:
    """Seconds until the next attempt."""
    if asked.retry_after is not None:
        return asked.retry_after
    return min(FIRST_WAIT * 2.0 ** (task.attempt - 1) * random.uniform(0.5, 1.5), LONGEST_WAIT)
