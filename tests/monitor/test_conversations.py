"""Runs on the stream: the interactions of a conversation count together, once, in the window in which it was idle."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor import retention
from monitor.config import InvalidConfigError
from monitor.config.loader import parse
from monitor.metrics import Metrics
from monitor.pipeline import Pipeline
from monitor.store import Store, counters, runs
from records.pane import TOTAL
from records.window import DAY, MINUTE, WINDOW
from signals.catalogue import BY_NAME
from streams.broker import INTERACTIONS
from streams.embedded import LogRecord
from tests.monitor.streaming import (
    ACCEPTED,
    APPLICATION,
    START,
    differing,
    feed,
    interaction,
    left,
    opened,
    pipeline,
    record,
    records,
)
from tests.monitor.test_partitions import PLACES, Topics, Worker, server, store

__all__ = ["server", "store"]

RUNS = "[run_steps, run_seconds, run_tool_calls, run_tool_errors, run_repeated_calls, run_unknown_calls, duration, scores.*]"
BY_CONVERSATION = f"""
applications:
  support:
    slices: [model]
    allowed_lateness: 0s
    conversations: {{idle: 10m}}
    tools: [{{name: search, arguments: [a, b]}}]
    signals: {RUNS}
"""
SEARCH = {"name": "search", "arguments": '{"a":1,"b":2}'}
AGAIN = {"name": "search", "arguments": '{"b":2,"a":1}', "error": "timeout"}
OTHER = {"name": "buy", "arguments": "{}"}


def call(window: int, row: int, conversation: str | None, *calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    rng = np.random.default_rng([window, row])
    return interaction(window, row, rng, None, conversation_id=conversation, tool_calls=list(calls), **more)


def counted(store: Store, dimension: str = "") -> dict[int, dict[str, tuple[int, float]]]:
    """Number and sum of the run signals of each window that has any."""
    out: dict[int, dict[str, tuple[int, float]]] = {}
    for (step, key), pane in left(store).panes.items():
        if step == WINDOW and key.dimension == dimension:
            for name, moments in pane["moments"].items():
                n = sum(count for signal, _, count in pane["counts"] if signal == name)
                if name.startswith("run_") and n:
                    window = (key.start - START) // WINDOW
                    out.setdefault(window, {})[name] = (n, round(moments[TOTAL] * BY_NAME[name].resolution, 6))
    return out


@pytest.mark.parametrize(
    ("section", "idle"), [("off", None), ("on", 30), ("", None), ("{}", 30), ("{idle: 1h}", 60), ("{idle: 5m}", 5)]
)
def test_conversations_are_followed_where_that_is_said(section: str, idle: int | None) -> None:
    found = parse(f"applications: {{support: {{conversations: {section}}}}}", "test", {}).application("support").conversations
    assert (found.idle // MINUTE if found else None) == idle


@pytest.mark.parametrize("idle", ["4m", "0", "25h", "soon"])
def test_a_pause_shorter_than_a_window_or_longer_than_a_day_is_refused_in_words(idle: str) -> None:
    with pytest.raises(InvalidConfigError, match=r"applications\.support\.conversations\.idle: expected"):
        parse(f"applications: {{support: {{conversations: {{idle: {idle}}}}}}}", "test", {})


ROWS = [
    [call(0, 1, "x", SEARCH), call(0, 2, "y"), call(0, 3, "x", AGAIN, OTHER)],
    [call(1, 1, "x", SEARCH)],
    [],
    [call(3, 1, "x"), call(3, 2, None, SEARCH)],
    *([] for _ in range(3)),
    [call(7, 1, "x", OTHER)],
    *([] for _ in range(3)),
    [call(11, 1, None)],
]
"""`x` pauses for exactly ten minutes, then for longer; nobody hears of `y` again."""
EXPECTED = {
    2: {"run_steps": (1, 1.0), "run_seconds": (1, 0.0), "run_tool_calls": (1, 0.0)},
    5: {
        "run_steps": (1, 4.0), "run_seconds": (1, 900.0), "run_tool_calls": (1, 4.0), "run_tool_errors": (1, 0.25),
        "run_repeated_calls": (1, 0.5), "run_unknown_calls": (1, 0.25),
    },
    9: {
        "run_steps": (1, 1.0), "run_seconds": (1, 0.0), "run_tool_calls": (1, 1.0), "run_tool_errors": (1, 0.0),
        "run_repeated_calls": (1, 0.0), "run_unknown_calls": (1, 1.0),
    },
}  # fmt: skip


def test_a_run_counts_in_the_window_in_which_it_was_idle_and_what_comes_later_is_another(tmp_path: Path) -> None:
    with opened(tmp_path / "a.db") as store:
        feed(pipeline(store, BY_CONVERSATION), records([rows for rows in ROWS if rows]))
        assert counted(store) == EXPECTED
        assert {w: found["run_steps"] for w, found in counted(store, "model").items()} == {
            2: (1, 1.0),
            5: (1, 4.0),
            9: (1, 1.0),
        }
        with store.read() as c:
            assert runs.oldest(c, APPLICATION) is None


def test_nothing_is_kept_of_conversations_unless_that_is_configured(tmp_path: Path) -> None:
    with opened(tmp_path / "a.db") as store:
        feed(pipeline(store, BY_CONVERSATION.replace("conversations: {idle: 10m}", "conversations: off")), records(ROWS))
        assert counted(store) == {}
        with store.begin() as c:
            assert runs.take(c, APPLICATION, START + DAY) == ([], 0)


def conversing(seed: int, count: int = 16) -> list[list[dict[str, Any]]]:
    """Windows of interactions of a few conversations that pause for long and short."""
    chance = random.Random(seed)
    tools = [SEARCH, AGAIN, OTHER]
    return [
        [
            call(window, row, chance.choice([None, *"abcdefgh"]), *chance.choices(tools, k=chance.randrange(3)))
            for row in sorted(chance.sample(range(999), chance.randrange(6)))
        ]
        for window in range(count)
    ]


def crash(pipe: Pipeline, batch: LogRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a batch in up to what a transaction does last."""

    def fail(*_: Any) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(counters, "add", fail)
        with pytest.raises(OSError):
            pipe.ingest([batch], ACCEPTED)


def test_order_and_cuts_within_a_window_duplicates_and_crashes_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = [*conversing(1), [call(40, 0, None)]]
    with opened(tmp_path / "a.db") as store:
        feed(pipeline(store, BY_CONVERSATION), records(batches), 5)
        expected = left(store)
        assert sum(found["run_steps"][0] for found in counted(store).values()) > 15
        steps = sum(found["run_steps"][1] for found in counted(store).values())
        assert steps == sum(row["conversation_id"] is not None for rows in batches for row in rows)
    chance = random.Random(1)
    with opened(tmp_path / "b.db") as store:
        pipe, offset = pipeline(store, BY_CONVERSATION), 1
        for rows in batches:
            shuffled = chance.sample([*rows, *rows[:2]], len(rows) + len(rows[:2]))
            cut = chance.randrange(len(shuffled) + 1)
            for part in (shuffled[:cut], shuffled[cut:]):
                if part and chance.random() < 0.3:
                    crash(pipe, record(offset, part), monkeypatch)
                    pipe = pipeline(store, BY_CONVERSATION)
                pipe.ingest([record(offset, part)], ACCEPTED)
                offset += 1
        found = left(store)
    assert differing(expected._replace(counters={}), found._replace(counters={})) == []


def test_a_run_that_ends_in_a_long_silence_counts_where_it_ended(tmp_path: Path) -> None:
    config = BY_CONVERSATION.replace("idle: 10m", "idle: 3h")
    with opened(tmp_path / "a.db") as store:
        feed(pipeline(store, config), records([[call(0, 1, "x"), call(0, 2, "x")], [call(100, 1, "y")]]))
        assert counted(store).keys() == {36}
        pane = next(
            pane for (step, key), pane in left(store).panes.items() if step == WINDOW and key.start == START + 36 * WINDOW
        )
        assert pane["n"] == 0


def test_the_clock_ends_runs_of_a_live_stream_that_fell_silent(tmp_path: Path) -> None:
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store, BY_CONVERSATION)
        pipe.ingest([record(1, [call(0, 1, "x")], START + WINDOW)], START + WINDOW)
        pipe.tick(START + 2 * WINDOW)
        assert counted(store) == {}
        pipe.tick(START + 4 * WINDOW)
        assert counted(store).keys() == {2}


def test_what_is_late_for_its_window_joins_the_run_that_is_open_or_is_one_of_its_own(tmp_path: Path) -> None:
    late = [
        [call(0, 1, "x")],
        [call(2, 0, None)],
        [call(0, 9, "x")],
        [call(8, 0, None)],
        [call(0, 10, "x")],
        [call(20, 0, None)],
    ]
    with opened(tmp_path / "a.db") as store:
        feed(pipeline(store, BY_CONVERSATION), records(late), 1)
        assert {w: found["run_steps"] for w, found in counted(store).items()} == {2: (1, 2.0), 8: (1, 1.0)}


@pytest.mark.parametrize("sent", ["with the last interaction", "as feedback on it"])
def test_success_is_a_score_of_the_last_interaction(tmp_path: Path, sent: str) -> None:
    told = {"interaction_id": "1-1", "application": APPLICATION, "timestamp": START / 1e6, "name": "success", "value": True}
    scores = {"scores": {"success": 1.0}} if sent.startswith("with") else {}
    rows = [[call(0, 1, "x"), call(1, 1, "x", **scores)], [call(9, 0, None)]]
    with opened(tmp_path / "a.db") as store:
        batch = records(rows)
        if not scores:
            batch.append(record(3, [{**told, "source": "application"}], topic="feedback"))
        feed(pipeline(store, BY_CONVERSATION), batch)
        panes = left(store).panes
        scored = [key.start for (step, key), pane in panes.items() if step == WINDOW and "scores.success" in pane["moments"]]
        assert set(scored) == {START + WINDOW}


def test_two_workers_whose_partitions_are_apart_count_the_runs_of_one_pipeline(tmp_path: Path, store: Store) -> None:
    batches = [*conversing(4, 12), [call(40, i, None) for i in range(40)]]
    with opened(tmp_path / "one.db") as one:
        feed(pipeline(one, BY_CONVERSATION), records(batches), 4)
        expected, sliced = counted(one), counted(one, "model")
    topics, chance = Topics(), random.Random(4)
    workers = [Worker(store, BY_CONVERSATION, name) for name in "ab"]
    for rows in batches:
        topics.add(INTERACTIONS, [*rows, *rows[:1]])
        cut = chance.randrange(len(PLACES) + 1)
        shuffled = chance.sample(PLACES, len(PLACES))
        workers[0].own(shuffled[:cut])
        workers[1].own(shuffled[cut:])
        if chance.random() < 0.5:  # else what is judged next is of several windows
            while any(worker.step(topics, chance.randrange(1, 9)) for worker in workers):
                pass
            chance.choice(workers).judging.step(ACCEPTED)
    for worker in workers:
        worker.step(topics, 99)
        worker.judging.step(ACCEPTED)
    assert counted(store) == expected and counted(store, "model") == sliced


def test_runs_of_an_application_that_fell_silent_are_forgotten(tmp_path: Path) -> None:
    config = parse(BY_CONVERSATION + "retention: {content: 1h}\n", "test", {})
    with opened(tmp_path / "a.db") as store:
        feed(pipeline(store, BY_CONVERSATION), records([[call(0, 1, "x")], [call(1, 1, "y")]]))
        for now, kept in ((ACCEPTED + DAY, True), (ACCEPTED + 3 * DAY, False)):
            retention.forget(store, config, Metrics(), now)
            with store.read() as c:
                assert (runs.oldest(c, APPLICATION) is not None) == kept
