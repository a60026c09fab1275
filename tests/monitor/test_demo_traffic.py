"""The simulated traffic is healthy where it says so, and its incidents can be seen where it says so."""

import re
from collections.abc import Callable
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from monitor.demo.story import DAY, HOUR, WINDOW, Incident, Story
from monitor.demo.texts import pools
from monitor.demo.traffic import MODELS, TENANTS, TOOLS, batches, daily_rate, feedback, interactions, topic_shares

START = 1_763_683_200_000_000  # midnight UTC
Row = dict[str, object]
Measure = Callable[[Row], float]


def rows(lines: list[bytes]) -> list[Row]:
    return [msgspec.json.decode(line) for line in lines]


def between(story: Story, start: int, end: int) -> list[list[Row]]:
    return [rows(lines) for _, lines in batches(story, end, since=start)]


def micros(timestamp: object) -> int:
    return int(np.datetime64(str(timestamp).removesuffix("Z"), "us").astype(np.int64))


def text(row: Row, field: str) -> str:
    return str(row.get(field) or "")


REFUSING = re.compile(r"can't help|cannot (assist|help)|unable to|not able to")
MEASURES: dict[str, Measure] = {
    "prompt.words": lambda row: len(text(row, "prompt").split()),
    "prompt.lines": lambda row: text(row, "prompt").count("\n"),
    "prompt.digit_share": lambda row: sum(c.isdigit() for c in text(row, "prompt")) / len(text(row, "prompt")),
    "response.words": lambda row: len(text(row, "response").split()),
    "response.bold_markers": lambda row: text(row, "response").count("**"),
    "response.question_marks": lambda row: text(row, "response").count("?"),
    "response.refusal": lambda row: bool(
        re.search(r"can't help|cannot (assist|help)|unable to|not able to", text(row, "response"))
    ),
    "error": lambda row: "error" in row,
    "input_tokens": lambda row: float(str(row["input_tokens"])),
    "output_tokens": lambda row: float(str(row.get("output_tokens", 0))),
    "duration": lambda row: float(str(row["duration"])),
    "cost_usd": lambda row: float(str(row["cost_usd"])),
    "tool_calls": lambda row: "tool_calls" in row,
    "context": lambda row: "context" in row,
    "model": lambda row: [model.name for model in MODELS].index(str(row["model"])),
    "tags.tenant": lambda row: list(TENANTS).index(str(msgspec.convert(row["tags"], dict[str, str])["tenant"])),
}
SHARES = {"response.refusal", "error"}


def values(batch: list[Row], name: str) -> NDArray[np.float64]:
    return np.array([MEASURES[name](row) for row in batch], float)


def js_distance(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """Jensen-Shannon distance, base 2, over the deciles of `before`."""
    edges = np.unique(np.quantile(before, np.arange(1, 10) / 10))
    p, q = (np.bincount(np.searchsorted(edges, v), minlength=len(edges) + 1) / len(v) for v in (before, after))
    middle = (p + q) / 2
    return float(np.sqrt(max(0.0, (stats.entropy(p, middle, base=2) + stats.entropy(q, middle, base=2)) / 2)))


def times_floor(name: str, before: list[Row], after: list[Row]) -> float:
    """The largest effect in units of the floor of findings: JS distance 0.1, 0.2 standard deviations, for shares 1.5."""
    old, new = values(before, name), values(after, name)
    if name in SHARES:
        return float(max(new.mean() / old.mean(), old.mean() / max(new.mean(), 1e-9)) / 1.5)
    smd = float(abs(new.mean() - old.mean())) / max(float(old.std()), 1e-9)
    return max(js_distance(old, new) / 0.1, smd / 0.2)


def in_slice(batch: list[Row], incident: Incident) -> list[Row]:
    ((key, wanted),) = incident.slice.items()
    if key.startswith("tags."):
        return [row for row in batch if msgspec.convert(row["tags"], dict[str, str])[key[5:]] == wanted]
    return [row for row in batch if row[key] == wanted]


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
    assert story.history_end == START + 3 * DAY
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
    story = Story(3, START)
    batch = [row for made in between(story, START, START + 6 * HOUR) for row in made]
    always = {
        "id", "timestamp", "application", "prompt", "system", "prompt_name", "prompt_version", "provider", "model",
        "operation", "input_tokens", "duration", "cost_usd", "conversation_id", "user", "tags",
    }  # fmt: skip
    answered = {"response", "output_tokens", "time_to_first_token", "finish_reason"}
    sometimes = {"tool_calls", "context", "scores"}
    seen: set[str] = set()
    for row in batch:
        failed = {"error"} if "error" in row else answered
        assert set(row) - sometimes == always | failed
        seen |= set(row)
        assert None not in row.values()
    assert seen == always | answered | sometimes | {"error"}
    assert {row["prompt_version"] for row in batch} == {"v13"}
    assert {row["application"] for row in batch} == {"support"}
    assert len({row["model"] for row in batch}) == 3 and values(batch, "tags.tenant").max() == 5
    tools = [call for row in batch for call in msgspec.convert(row.get("tool_calls", []), list[dict[str, object]])]
    assert {call["name"] for call in tools} == set(TOOLS)


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


def cells(windows: list[list[Row]], name: str) -> NDArray[np.int64]:
    """Counts (windows, cells) of a measure: its own values where it has few, else the deciles of all windows."""
    column = [values(batch, name) for batch in windows]
    pooled = np.concatenate(column)
    edges = np.unique(pooled if len(np.unique(pooled)) <= 6 else np.quantile(pooled, np.arange(1, 10) / 10))
    counts = np.array([np.bincount(np.searchsorted(edges, v), minlength=len(edges) + 1) for v in column])
    return np.asarray(counts[:, counts.sum(axis=0) > 0])


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_healthy_windows_scatter_no_more_than_independent_draws(seed: int) -> None:
    """Chi-square of each window's cells against their shares in the same eight hours: no overdispersion, uniform p."""
    story = Story(seed, START)
    windows = between(story, START + 6 * HOUR, START + 14 * HOUR)
    for name in MEASURES:
        counts = cells(windows, name)
        expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
        scores = ((counts - expected) ** 2 / expected).sum(axis=1)
        freedom = (len(counts) - 1) * (counts.shape[1] - 1)
        assert 1e-4 < stats.chi2.sf(float(scores.sum()), freedom) < 1 - 1e-4, name
        if expected.min() >= 5:
            p = stats.chi2.sf(scores * len(counts) / (len(counts) - 1), counts.shape[1] - 1)
            assert stats.kstest(p, "uniform").pvalue > 1e-4, name


@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize("seed", [21, 22])
def test_each_incident_moves_its_signals_in_its_slice_and_all_traffic_less(seed: int, index: int) -> None:
    story = Story(seed, START)
    incident = story.incidents[index]
    before = [row for batch in between(story, incident.start - 3 * HOUR, incident.start) for row in batch]
    after = [row for batch in between(story, incident.start, incident.end) for row in batch]
    inside = {name: times_floor(name, in_slice(before, incident), in_slice(after, incident)) for name in MEASURES}
    everywhere = {name: times_floor(name, before, after) for name in MEASURES}
    named = incident.signals & set(MEASURES)
    assert len(named) >= 2
    for name in named:
        assert inside[name] >= 2, (name, inside[name])
        assert everywhere[name] < inside[name] / 1.5, (name, everywhere[name], inside[name])
    assert max(inside, key=lambda name: inside[name]) in named
    assert all(inside[name] < 2 for name in set(MEASURES) - named), inside


def test_after_the_last_incident_the_traffic_is_as_it_was_before_the_first() -> None:
    story = Story(31, START)
    before = [row for batch in between(story, START + 2 * DAY, START + 2 * DAY + 4 * HOUR) for row in batch]
    late = story.continues // DAY * DAY + 40 * DAY
    after = [row for batch in between(story, late, late + 4 * HOUR) for row in batch]
    for name in MEASURES:
        assert stats.ks_2samp(values(before, name), values(after, name)).pvalue > 1e-4, name
