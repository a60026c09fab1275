"""The pipeline as a whole: batches, duplicates, late records, silence, slices, strange timestamps."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.store import dead_letters, slices
from records.window import DAY, HOUR, MINUTE, WINDOW, Code, decode_window
from streams.embedded import LogRecord
from tests.monitor.streaming import (
    ACCEPTED,
    APPLICATION,
    START,
    Change,
    Left,
    differing,
    feed,
    interaction,
    left,
    opened,
    pipeline,
    record,
    records,
    windows,
)
from tests.monitor.test_judging_rewind import GENEROUS


def mixed() -> list[LogRecord]:
    """Eight windows of two applications in records of ten: with duplicates, late rows, feedback and lines nobody can read."""
    out = []
    for window, rows in enumerate(windows(8, rows=30)):
        rng = np.random.default_rng([3, window])
        other = [{**row, "application": "other"} for row in rows[:10]]
        out += [record(0, part) for part in (rows[:10], rows[10:20], [*rows[5:15], {"id": "torn"}], other, rows[20:])]
        if window % 4 == 3:
            out.append(record(0, [interaction(window - 3, 400 + i, rng, None) for i in range(5)]))
            told = {"application": APPLICATION, "timestamp": START / 1e6, "name": "rating", "source": "human"}
            out.append(record(0, [{**told, "interaction_id": f"{window}-{i}", "value": i} for i in range(4)], topic="feedback"))
    return [r._replace(offset=i + 1) for i, r in enumerate(out)]


@dataclass(repr=False)
class Outcome:
    """What two applications leave, and the refused lines."""

    support: Left
    other: Left
    letters: list[tuple[int, str, bytes]]


def outcome(path: Path, cuts: list[int]) -> Outcome:
    stream = mixed()
    with opened(path) as store:
        pipe = pipeline(store)
        for a, b in pairwise([0, *sorted(set(cuts)), len(stream)]):
            pipe.ingest(stream[a:b], ACCEPTED)
        with store.read() as c:
            letters = [(x.index, x.reason, x.line) for x in dead_letters.list_(c, limit=100)[0]]
        return Outcome(left(store), left(store, "other"), sorted(letters))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return outcome(tmp_path_factory.mktemp("whole") / "a.db", [])


@given(st.one_of(st.just(list(range(1, 44))), st.lists(st.integers(1, 43), max_size=12)))
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_records_are_cut_into_batches_the_outcome_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, whole: Outcome, cuts: list[int]
) -> None:
    parts = outcome(tmp_path_factory.mktemp("cut") / "a.db", cuts)
    assert differing(whole.support, parts.support) == []
    assert differing(whole.other, parts.other) == []
    assert whole.letters == parts.letters
    assert whole.support.counters[APPLICATION] == (250, 80, 10, 0)
    assert whole.support.counters["other"] == (80, 0, 0, 0)


def test_the_same_id_counts_once_in_a_batch_across_batches_and_after_a_restart(tmp_path: Path) -> None:
    call = windows(1)[0][0]
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store)
        pipe.ingest([record(1, [call, call]), record(2, [call])], ACCEPTED)
        pipe.ingest([record(3, [call, {**call, "response": "another answer"}])], ACCEPTED)
        pipeline(store).ingest([record(4, [call, {**call, "application": "other"}])], ACCEPTED)
        counted = left(store).counters
        assert counted[APPLICATION][:2] == (1, 5)
        assert counted["other"][:2] == (1, 0)
        pipeline(store).ingest([record(5, [call], ACCEPTED + 3 * HOUR)], ACCEPTED)  # long after: an interaction of its own
        assert left(store).counters[APPLICATION][:2] == (2, 5)


def test_records_that_were_taken_in_already_are_passed_over(tmp_path: Path) -> None:
    stream = records(windows(8))
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store)
        feed(pipe, stream[:6])
        before = left(store)
        pipe.ingest(stream[2:6], ACCEPTED)
        assert differing(before, left(store)) == []
        pipe.ingest(stream, ACCEPTED)
        assert left(store).counters[APPLICATION] == (480, 0, 0, 0)


def test_late_records_join_their_pane_and_take_back_an_alert_whose_evidence_is_gone(tmp_path: Path) -> None:
    """An incident in which the ordinary half of the traffic was held back: with it the change is under the floor."""
    batches = windows(100, Change(60, 90))
    held = [[row for row in rows if row["model"] == "b"] for rows in batches]
    rest = range(60, 90)
    more = [[interaction(w, 100 + i, np.random.default_rng([4, w]), None, model="b") for i in range(600)] for w in rest]
    config = re.sub("signals: .*", "signals: [error]", GENEROUS.replace("[model]", "[]"))
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store, config)
        feed(pipe, records(held[:90]))
        fired = [alert for alert in left(store).alerts if alert.state == "firing"]
        assert fired
        panes_before = left(store).panes
        pipe.ingest([record(91 + i, rows) for i, rows in enumerate(more)], ACCEPTED)
        feed(pipe, records(held[90:], 121))
        after = left(store)
        key = next(k for k in panes_before if k[0] == WINDOW and k[1].start == START + 70 * WINDOW)
        assert after.panes[key]["n"] == panes_before[key]["n"] + 600
        assert after.counters[APPLICATION].late == 29 * 600
        taken_back = [a for a in after.alerts if a.resolution == "revised: late data removed the evidence"]
        assert taken_back
        assert all(f.revision >= 1 for f in after.findings.values() if f.verdict == "calm")
        assert any(f.verdict == "calm" for f in after.findings.values())


def test_what_is_older_than_the_panes_that_are_kept_is_refused_with_its_bytes(tmp_path: Path) -> None:
    old = {**windows(1)[0][0], "id": "old", "timestamp": (ACCEPTED - 91 * DAY) / 1e6}
    with opened(tmp_path / "a.db") as store:
        pipeline(store).ingest([record(1, [*windows(1)[0][:3], old])], ACCEPTED)
        with store.read() as c:
            (letter,) = dead_letters.list_(c, limit=5)[0]
        assert (letter.reason, letter.index, letter.line) == ("too_old", 3, json.dumps(old).encode())
        assert left(store).counters[APPLICATION].interactions == 3


def silent(path: Path, late_by: int) -> Iterator[Any]:
    with opened(path) as store:
        pipe = pipeline(store)
        for i, rows in enumerate(windows(40)):
            at = START + (i + 1) * WINDOW + late_by
            pipe.ingest([record(i + 1, rows, at)], at)
        yield store, pipe


def test_a_live_stream_that_falls_silent_is_found_by_the_clock_and_over_when_traffic_is_back(tmp_path: Path) -> None:
    for store, pipe in silent(tmp_path / "a.db", 0):
        for minute in range(30):
            pipe.tick(START + 40 * WINDOW + minute * MINUTE)
        (finding,) = left(store).findings.values()
        assert (finding.verdict, finding.since, finding.ended) == ("no_data", START + 40 * WINDOW, None)
        (alert,) = left(store).alerts
        assert alert.state == "firing"
        at = START + 48 * WINDOW
        pipe.ingest(records(windows(8, first=46), 41, at), at)
        pipe.tick(START + 60 * WINDOW)
        first = next(f for f in left(store).findings.values() if f.id == finding.id)
        assert first.ended == START + 46 * WINDOW
        assert next(a for a in left(store).alerts if a.id == alert.id).state == "resolved"


def test_a_replayed_history_is_not_found_silent(tmp_path: Path) -> None:
    for store, pipe in silent(tmp_path / "a.db", 3 * DAY):
        pipe.tick(START + 5 * DAY)
        assert left(store).findings == {}
        assert len(left(store).windows) == 39


def test_a_silence_of_weeks_is_one_finding_and_no_work_for_each_window(tmp_path: Path) -> None:
    stream = [*records(windows(30)), *records(windows(2, first=30 + 28 * 288), 31)]
    with opened(tmp_path / "a.db") as store:
        feed(pipeline(store), stream)
        after = left(store)
        assert len(after.windows) < 50
        assert [f.verdict for f in after.findings.values()].count("no_data") == 1
        days = {key.start for (step, key) in after.panes if step == DAY}
        assert {START}.issuperset(days)


def test_a_day_that_ends_in_a_long_silence_is_rolled_up(tmp_path: Path) -> None:
    stream = [*records(windows(30)), *records(windows(2, first=300), 31)]
    with opened(tmp_path / "a.db") as store:
        feed(pipeline(store), stream)
        panes = left(store).panes
        assert {key.start for (step, key) in panes if step == DAY} == {START}


@pytest.mark.parametrize("cut", [1, 50, 1000])
def test_a_dimension_has_200_values_of_its_own_and_the_rest_together(tmp_path: Path, cut: int) -> None:
    rng = np.random.default_rng(1)
    rows = [interaction(0, i, rng, None, model=f"model {i % 250}") for i in range(750)]
    stream = records([rows[i : i + 30] for i in range(0, 750, 30)])
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store)
        feed(pipe, stream, cut)
        pipeline(store).ingest([record(99, [interaction(0, 900, rng, None, model="model 249")])], ACCEPTED)
        counts = {key.value: pane["n"] for (step, key), pane in left(store).panes.items() if key.dimension == "model"}
        assert counts == {f"model {i}": 3 for i in range(200)} | {"__other__": 151}
        with store.read() as c:
            registry = slices.load(c)[APPLICATION, "model"]
        assert registry == {f"model {i}": i for i in range(200)} | {"__other__": 200}


@pytest.mark.parametrize("away", [-1_000_000, -25_000, 25_000, 1_000_000, 10**9])
def test_a_timestamp_far_away_stops_nothing(tmp_path: Path, away: int) -> None:
    batches = windows(40)
    strange = {**interaction(0, 700, np.random.default_rng(1), None), "timestamp": (START + away * WINDOW) / 1e6}
    now = START + 40 * WINDOW
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store)
        feed(pipe, records(batches[:30], 1, now), 5, now)
        pipe.ingest([record(31, [strange], now)], now)
        feed(pipe, records(batches[30:], 32, now), 5, now)
        pipe.tick(now)
        after = left(store)
        assert len([w for w in after.windows.values() if decode_window(w).traffic]) == 40
        assert after.counters[APPLICATION].interactions == 2400 + (away == -25_000)


def test_a_first_record_of_long_ago_costs_no_work_for_each_window(tmp_path: Path) -> None:
    old = {**interaction(0, 700, np.random.default_rng(1), None), "timestamp": (START - 25_000 * WINDOW) / 1e6}
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store)
        pipe.ingest([record(1, [old], START + HOUR), *records(windows(5), 2, START + HOUR)], START + HOUR)
        assert len(left(store).windows) < 30


def test_a_slice_with_few_rows_waits_for_more_and_is_judged(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    rare = ([interaction(w, 500 + i, rng, None, model="rare") for i in range(5)] for w in range(60))
    batches = [[*rows, *few] for rows, few in zip(windows(60), rare, strict=True)]
    with opened(tmp_path / "a.db") as store:
        pipe = pipeline(store)
        feed(pipe, records(batches))
        course = pipe.verdicts.judges[APPLICATION].course
        at = next(i for s, i in course.rows.items() if s.value == "rare" and s.signal == "response.characters")
        rows = [decode_window(w) for w in left(store).windows.values()]
        waited = [int(w.waited[at]) for w in rows if at < len(w.waited) and w.calibration == rows[-1].calibration]
        assert waited == ([-1, -2, -3, -4, -5, 6] * 9)[: len(waited)]
        judged = [w for w in rows if at < len(w.waited) and w.waited[at]]
        assert all((w.verdict[at] == Code.TOO_FEW) == (w.waited[at] < 0) for w in judged)


def test_signals_that_one_application_asks_for_never_show_in_another(tmp_path: Path) -> None:
    rows = windows(1)[0]
    with opened(tmp_path / "a.db") as store:
        pipeline(store).ingest([record(1, [*rows, *({**row, "application": "other"} for row in rows)])], ACCEPTED)
        asked = {name for pane in left(store).panes.values() for name in pane["moments"]}
        assert asked == {"response.characters", "output_tokens", "duration", "error", "response.refusal"}
        assert len({name for pane in left(store, "other").panes.values() for name in pane["moments"]}) > 20


def test_an_application_without_any_change_in_config_is_watched_with_the_defaults(tmp_path: Path) -> None:
    with opened(tmp_path / "a.db") as store:
        feed(pipeline(store, ""), records(windows(26)))
        assert {key.dimension for _, key in left(store).panes} == {"", "model"}
        assert len(left(store).windows) == 24  # two minutes of lateness
