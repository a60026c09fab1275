"""The simulated traffic is healthy where it says so, and its incidents can be seen where it says so."""

import re
from dataclasses import dataclass
from itertools import pairwise

import msgspec
import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy import stats

from monitor.demo.story import DAY, HOUR, WINDOW, Incident, Story
from monitor.demo.texts import pools
from monitor.demo.traffic import TENANTS, TOOLS, batches, daily_rate, feedback, interactions, topic_shares
from records.codec import decode_feedback_records, decode_records
from records.columns import Columns
from signals import compute

START = 1_763_683_200_000_000  # midnight UTC
Row = dict[str, object]


def rows(lines: list[bytes]) -> list[Row]:
    return [msgspec.json.decode(line) for line in lines]


def micros(timestamp: object) -> int:
    return int(np.datetime64(str(timestamp).removesuffix("Z"), "us").astype(np.int64))


@dataclass(frozen=True)
class Traffic:
    """Decoded traffic: its frame, its signals, and of each row the index of its window."""

    frame: pl.DataFrame
    signals: Columns
    window: NDArray[np.int64]

    def names(self) -> list[str]:
        """Signals with at most one value a row."""
        several = {name for name, labels in self.signals.categorical.items() if labels.rows is not None}
        return sorted(set(self.signals.declared) - set(self.signals.text) - several)

    def values(self, name: str) -> NDArray[np.float64]:
        """Values (n,), categories by code; NaN is missing."""
        if name in self.signals.numeric:
            return self.signals.numeric[name]
        labels = self.signals.categorical.get(name)
        codes = labels.codes if labels else self.signals.boolean[name]
        return np.where(codes < 0, np.nan, codes)


def traffic(story: Story, *spans: tuple[int, int]) -> Traffic:
    made = [lines for start, end in spans for _, lines in batches(story, end, since=start)]
    decoded = decode_records([b"\n".join(line for lines in made for line in lines)], [max(end for _, end in spans)])
    assert not decoded.refused and not decoded.unknown
    return Traffic(decoded.frame, compute(decoded.frame), np.repeat(np.arange(len(made)), [len(lines) for lines in made]))


def cells(column: NDArray[np.float64], groups: NDArray[np.int64], edges_of: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Counts (groups, cells) of a column: its own values where it has few, else the deciles of the rows `edges_of`."""
    known = column[edges_of & ~np.isnan(column)]
    few = np.unique(known)
    edges = few if len(few) <= 8 else np.unique(np.quantile(known, np.arange(1, 10) / 10))
    kept = ~np.isnan(column)
    cell = np.searchsorted(edges, column[kept])
    counts = np.zeros((int(groups.max()) + 1, len(edges) + 1), np.int64)
    np.add.at(counts, (groups[kept], cell), 1)
    return np.asarray(counts[:, counts.sum(axis=0) > 0])


def times_floor(data: Traffic, name: str, after: NDArray[np.bool_], slice_: NDArray[np.bool_]) -> float:
    """The largest effect in units of the floor of findings: Jensen-Shannon distance (base 2) of 0.1, 0.2 standard
    deviations between means, and for shares a ratio of 1.5 with at least ten events."""
    column, late = data.values(name)[slice_], after[slice_]
    old, new = (part[~np.isnan(part)] for part in (column[~late], column[late]))
    if min(len(old), len(new)) < 30:
        return 0.0
    counts = cells(column, late.astype(np.int64), ~late)
    p, q = counts / counts.sum(axis=1, keepdims=True)
    effects = [
        np.sqrt(max(0.0, float(stats.entropy(p, (p + q) / 2, base=2) + stats.entropy(q, (p + q) / 2, base=2)) / 2)) / 0.1
    ]
    if name in data.signals.numeric and old.std() > 0:
        effects.append(abs(new.mean() - old.mean()) / old.std() / 0.2)
    if name in data.signals.boolean and old.sum() + new.sum() >= 10:
        old_share, new_share = ((part.sum() + 0.5) / (len(part) + 1) for part in (old, new))
        effects.append(max(new_share / old_share, old_share / new_share) / 1.5)
    return float(max(effects))


def in_slice(frame: pl.DataFrame, incident: Incident) -> NDArray[np.bool_]:
    ((key, wanted),) = incident.slice.items()
    if key == "model":
        return (frame["model"] == wanted).to_numpy()
    tag = pl.element().filter(pl.element().struct.field("key") == key.removeprefix("tags.")).struct.field("value").first()
    return (frame["tags"].list.eval(tag).list.first() == wanted).to_numpy()


@pytest.mark.parametrize(("seed", "offset"), [(0, 0), (2**40, 900)])
def test_the_same_seed_gives_the_same_bytes_in_any_order_of_windows(seed: int, offset: int) -> None:
    story, at = Story(seed, START), START + offset * WINDOW
    later, asked_first = interactions(story, at + WINDOW).lines, interactions(story, at).lines
    ratings = feedback(story, at + WINDOW)
    pools.cache_clear()
    again = Story(seed, START)
    assert [lines for _, lines in batches(again, at + 2 * WINDOW, since=at)] == [asked_first, later]
    assert feedback(again, at + WINDOW) == ratings
    assert interactions(Story(seed + 1, START), at).lines != asked_first


def test_incidents_follow_each_other_after_the_stated_quiet_time() -> None:
    story = Story(1, START + 123)
    assert story.start == START
    assert story.history_end == START + 2 * DAY
    marks = [story.history_end, *(t for i in story.incidents for t in (i.start, i.end)), story.continues]
    assert [(b - a) / HOUR for a, b in pairwise(marks)] == [2, 3, 3, 3, 3, 3, 3]
    assert [i.kind for i in story.incidents] == ["model_change", "topic_change", "refusals_and_errors"]
    assert all(i.signals and len(i.slice) == 1 for i in story.incidents)


def test_batches_are_whole_windows_in_order_of_time_with_unique_ids_and_a_little_disorder() -> None:
    story = Story(2, START)
    made = list(batches(story, START + 12 * HOUR + WINDOW - 1))
    assert [start for start, _ in made] == list(range(START, START + 12 * HOUR, WINDOW))
    assert list(batches(story, START + 2 * WINDOW, since=START + 1)) == made[1:2]
    ids: list[object] = []
    backwards = 0
    for start, lines in made:
        batch = rows(lines)
        times = np.array([micros(row["timestamp"]) for row in batch])
        assert times.min() >= start and times.max() < start + WINDOW
        assert np.all(times >= np.maximum.accumulate(times) - 5_000_000)
        backwards += int((np.diff(times) < 0).sum())
        arrivals = interactions(story, start).arrivals
        assert np.all(np.diff(arrivals) >= 0) and np.all(arrivals >= times) and arrivals[-1] < start + WINDOW
        ids += [row["id"] for row in batch]
    assert len(set(ids)) == len(ids)
    assert 0.05 < backwards / len(ids) < 0.5


def test_every_call_has_the_fields_of_the_contract_and_failed_ones_have_no_answer() -> None:
    batch = [row for _, lines in batches(Story(3, START), START + 6 * HOUR) for row in rows(lines)]
    always = {
        "id", "timestamp", "application", "prompt", "system", "prompt_name", "prompt_version", "provider", "model",
        "operation", "input_tokens", "duration", "cost_usd", "conversation_id", "user", "tags", "tool_calls", "context",
    }  # fmt: skip
    answered = {"response", "output_tokens", "time_to_first_token", "finish_reason"}
    for row in batch:
        assert set(row) - {"scores"} == always | ({"error"} if "error" in row else answered)
        assert None not in row.values()
    assert 0.1 < sum("scores" in row for row in batch) / len(batch) < 0.2
    assert {row["prompt_version"] for row in batch} == {"v13"}
    assert {row["application"] for row in batch} == {"support"}
    assert {row["model"] for row in batch} == {"atlas-large", "atlas-small", "heron-2"}
    assert {msgspec.convert(row["tags"], dict[str, str])["tenant"] for row in batch} == set(TENANTS)
    calls = [call for row in batch for call in msgspec.convert(row["tool_calls"], list[dict[str, object]])]
    assert {call["name"] for call in calls} == set(TOOLS)


def test_the_rate_doubles_from_night_to_day_and_averages_180_a_window() -> None:
    story = Story(4, START)
    sizes = np.array([len(lines) for _, lines in batches(story, START + DAY)])
    expected = 180 * np.array([daily_rate(START + i * WINDOW + WINDOW // 2) for i in range(288)])
    assert expected.max() / expected.min() == pytest.approx(2, rel=0.01)
    assert expected.mean() == pytest.approx(180)
    assert stats.chi2.sf(float(((sizes - expected) ** 2 / expected).sum()), 288) > 1e-4


def test_ratings_come_in_the_window_after_and_name_calls_that_exist() -> None:
    story = Story(5, START)
    assert feedback(story, START) == []
    rated, calls, up = 0, 0, 0
    for start in range(START + WINDOW, START + 10 * HOUR, WINDOW):
        known = {row["id"]: micros(row["timestamp"]) for row in rows(interactions(story, start - WINDOW).lines)}
        given_now = rows(feedback(story, start))
        assert not decode_feedback_records([b"\n".join(feedback(story, start))], [start + WINDOW]).refused
        for row in given_now:
            at = micros(row["timestamp"])
            assert start <= at < start + WINDOW and 0 < at - known[row["interaction_id"]] < 2 * WINDOW
            assert (row["name"], row["source"], row["application"]) == ("rating", "human", "support")
        rated, calls, up = rated + len(given_now), calls + len(known), up + sum(row["value"] is True for row in given_now)
    assert rated / calls == pytest.approx(0.05, abs=0.01)
    assert up / rated == pytest.approx(0.84, abs=0.06)


def test_prompts_ask_about_one_thing_and_no_text_is_unfilled_or_empty() -> None:
    texts = pools(6)
    assert len(texts.prompts) == len(texts.prompt_length) and len(texts.responses) == len(texts.response_length)
    for some in (*texts.prompts, *texts.responses, *(passage for passages in texts.contexts for passage in passages)):
        assert some and not re.search(r"\{\w+\}", some)


def test_topic_shares_swing_by_a_tenth_and_are_shares() -> None:
    course = np.array([topic_shares(START + i * HOUR) for i in range(24)])
    np.testing.assert_allclose(course.sum(axis=1), 1)
    assert np.all(course.max(axis=0) / course.min(axis=0) < 1.3)


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_healthy_windows_scatter_no_more_than_independent_draws(seed: int) -> None:
    """Chi-square of each window's cells against their shares in the same eight hours: no overdispersion, uniform p."""
    data = traffic(Story(seed, START), (START + 6 * HOUR, START + 14 * HOUR))
    judged = 0
    for name in data.names():
        counts = cells(data.values(name), data.window, np.full(len(data.window), True))
        if counts.shape[1] < 2 or counts.sum(axis=0).min() < 40:
            continue
        judged += 1
        expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
        scores = ((counts - expected) ** 2 / expected).sum(axis=1)
        freedom = counts.shape[1] - 1
        total = stats.chi2.sf(float(scores.sum()), (len(counts) - 1) * freedom)
        assert 1e-5 < total < 1 - 1e-5, name
        if expected.min() >= 5:
            p = stats.chi2.sf(scores * len(counts) / (len(counts) - 1), freedom)
            assert stats.kstest(p, "uniform").pvalue > 1e-5, name
    assert judged >= 30


@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize("seed", [21, 22])
def test_each_incident_moves_its_signals_in_its_slice_and_all_traffic_less(seed: int, index: int) -> None:
    story = Story(seed, START)
    incident = story.incidents[index]
    data = traffic(story, (incident.start - 3 * HOUR, incident.end))
    after = data.frame["timestamp"].to_numpy() >= incident.start
    part, everything = in_slice(data.frame, incident), np.full(len(after), True)
    inside = {name: times_floor(data, name, after, part) for name in data.names()}
    everywhere = {name: times_floor(data, name, after, everything) for name in data.names()}
    weak = {name: inside[name] for name in incident.signals if inside[name] < 2}
    assert not weak
    assert not {name for name in incident.signals if everywhere[name] > 0.7 * inside[name]}
    others = {name: effect for name, effect in inside.items() if name not in incident.signals}
    assert max(others.values()) < max(2.0, max(inside.values()) / 3), others


def test_after_the_last_incident_the_traffic_is_as_it_was_before_the_first() -> None:
    story = Story(31, START)
    late = story.continues // DAY * DAY + 40 * DAY
    data = traffic(story, (START + DAY, START + DAY + 4 * HOUR), (late, late + 4 * HOUR))
    after = data.frame["timestamp"].to_numpy() >= late
    for name in data.names():
        assert stats.ks_2samp(data.values(name)[~after], data.values(name)[after], nan_policy="omit").pvalue > 1e-5, name
