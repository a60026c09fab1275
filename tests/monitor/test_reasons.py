"""A finding of a stream says which words and slices came with it; of texts nothing else is kept."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from monitor.stages.explaining import StoredPanes, stretches
from monitor.store import findings, words
from monitor.store.engine import Store
from records.finding import Finding, Reasons
from records.window import DAY, HOUR, WINDOW
from tests.monitor.streaming import APPLICATION, START, feed, interaction, opened, pipeline, record

CONFIG = """
applications:
  support:
    slices: [model]
    allowed_lateness: 0s
    signals: [response.words, response.text]
false_alarms: {at_most: 500, per: 1d}
"""
COUNT, FIRST, ROWS = 84, 72, 60
ALWAYS = ("thanks", "order", "arrives", "soon", "today", "track", "parcel", "number", "depot", "carrier")


def response(rng: np.random.Generator, window: int, row: int) -> str:
    """Ten of the usual words; from window FIRST on model b apologises at length. Rare words and ones with digits in each."""
    said = [
        *rng.choice(ALWAYS, 10).tolist(),
        "Invoice20231234",
        "B2Bpartner",
        "Hildegard" + "abcdefghij"[window % 10] * (window // 10 + 1) + "klmnop"[row % 6],
    ]
    if window >= FIRST and row % 2:
        said = [word for word in said if word != "thanks"] + ["Sorry,"] * 4 + ["refund"] * int(rng.integers(1, 9))
    return " ".join(said)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reasons") / "plumbline.db"


@pytest.fixture(scope="module")
def store(path: Path) -> Iterator[Store]:
    with opened(path) as store:
        pipe, batches = pipeline(store, CONFIG), []
        for window in range(COUNT):
            rng = np.random.default_rng([3, window])
            rows = [interaction(window, i, rng, None, response=response(rng, window, i)) for i in range(ROWS)]
            batches.append(record(window + 1, rows))
        feed(pipe, batches, size=3)
        yield store


def explained(store: Store, where: dict[str, str]) -> Reasons:
    with store.read() as c:
        found: list[Finding] = findings.since(c, APPLICATION, 0)
    return next(f.reasons for f in found if f.signal == "response.words" and f.slice == where and f.verdict == "finding")


def test_a_finding_names_the_words_that_came_and_went_with_it(store: Store) -> None:
    why = explained(store, {})
    assert {word.word for word in why.risen} == {"sorry", "refund"}
    assert [word.word for word in why.fallen] in (["thanks"], [])
    assert all(word.side == "response" and word.before == 0.0 and 0.2 < word.after <= 0.5 for word in why.risen)
    assert explained(store, {"model": "b"}).risen == why.risen


def test_a_finding_of_all_traffic_names_the_slice_that_it_comes_from(store: Store) -> None:
    (reason,) = explained(store, {}).slices
    assert reason.slice == {"model": "b"}
    assert reason.vanishes > 0.9
    assert (reason.before, reason.after) == (0.5, 0.5)
    assert explained(store, {"model": "b"}).slices == []


def test_of_texts_only_words_are_kept_that_many_used_and_that_hold_no_digit(store: Store, path: Path) -> None:
    with store.read() as c:
        known = words.known(c, APPLICATION)
    assert {"refund", "sorry", "where", "is", "my", *ALWAYS} == set(known)
    with closing(sqlite3.connect(path)) as c:
        tables = [name for (name,) in c.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        kept = "\n".join(str(value) for name in tables for row in c.execute(f"SELECT * FROM {name}") for value in row)
    assert not re.search(r"(?i)invoice2023|b2bpart|hildegard", kept)


def test_what_was_rolled_up_is_what_its_windows_were(store: Store) -> None:
    with store.read() as c:
        stored = StoredPanes(c, APPLICATION)
        until = START + 70 * WINDOW
        for since in (START, START + 5 * WINDOW, START + 30 * WINDOW, START + 69 * WINDOW):
            panes = stored.slices(since, until)
            n = ROWS * (until - since) // WINDOW
            assert {where: pane.n for where, pane in panes.items()} == {
                ("", ""): n,
                ("model", "a"): n // 2,
                ("model", "b"): n // 2,
            }
        assert stored.before(START + 40 * WINDOW).n == 36 * ROWS


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (0, WINDOW, [(WINDOW, 0, WINDOW)]),
        (0, HOUR, [(WINDOW, 0, HOUR)]),
        (0, HOUR + WINDOW, [(HOUR, 0, HOUR), (WINDOW, HOUR, HOUR + WINDOW)]),
        (HOUR - WINDOW, 3 * HOUR + WINDOW, [(WINDOW, HOUR - WINDOW, HOUR), (HOUR, HOUR, 3 * HOUR),
         (WINDOW, 3 * HOUR, 3 * HOUR + WINDOW)]),
        (DAY - HOUR, 2 * DAY + HOUR, [(HOUR, DAY - HOUR, DAY), (DAY, DAY, 2 * DAY), (WINDOW, 2 * DAY, 2 * DAY + HOUR)]),
        (5, 5, []),
    ],
)  # fmt: skip
def test_a_stretch_is_read_from_the_fewest_panes(since: int, until: int, expected: list[tuple[int, int, int]]) -> None:
    assert list(stretches(since, until, until - WINDOW)) == expected
