"""A change of topics that leaves every length as it was, through the real pipeline: found by the embeddings, and told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.config import ConfigSource
from monitor.config.loader import parse
from monitor.page.reading.stored import StoreReading
from monitor.page.views import Query
from monitor.store import alerts, courses, findings
from monitor.store.engine import Store
from records.window import WINDOW, decode_window
from tests.monitor.streaming import APPLICATION, START, feed, left, opened, pipeline, records

CONFIG = """
false_alarms: {at_most: 10, per: 1d}
applications:
  support:
    slices: [model]
    allowed_lateness: 0s
    embeddings: static
    signals: [prompt.embedding, prompt.text, prompt.words, prompt.characters, model]
"""
ORDERS = ("order", "parcel", "refund", "invoice", "delivery", "payment", "courier", "account", "receipt", "voucher")
HEALTH = ("doctor", "tablet", "fever", "allergy", "therapy", "symptom", "dosage", "vaccine", "surgery", "patient")
PADDED = 9
"""Letters to which every word is filled up, so that no length tells topics apart."""
CHANGE, LAST = 120, 130


def windows(shift: float, first: int = 0, last: int = LAST) -> Iterator[list[dict[str, Any]]]:
    """Prompts of eight words; from CHANGE on a share of them is about something else."""
    for window in range(first, last):
        rng = np.random.default_rng([11, window])
        rows = []
        for row in range(60):
            topic = HEALTH if rng.random() < (0.1 if window < CHANGE else shift) else ORDERS
            text = " ".join(word.ljust(PADDED, "s") for word in rng.choice(topic, 8))
            at = (START + window * WINDOW + row * 1000) / 1e6
            rows.append({"id": f"{window}-{row}", "application": APPLICATION, "timestamp": at, "prompt": text, "model": "a"})
        yield rows


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with opened(tmp_path_factory.mktemp("shifted") / "a.db") as store:
        feed(pipeline(store, CONFIG), records(windows(0.6)))
        yield store


def test_a_shift_of_topics_with_equal_lengths_is_found_by_the_embeddings_alone(shifted: Store) -> None:
    with shifted.read() as c:
        (finding,) = findings.since(c, APPLICATION, 0)
        (alert,) = alerts.query(c)[0]
    assert (finding.signal, finding.verdict, finding.baseline) == ("prompt.embedding", "finding", "trailing 7d")
    since = (finding.since - START) // WINDOW
    assert CHANGE - 12 <= since <= CHANGE and finding.n == (LAST - 1 - since) * 60
    assert finding.effect.keys() == {"mahalanobis"} and 0.8 < finding.effect["mahalanobis"] < 2.5
    assert finding.times_floor == pytest.approx(finding.effect["mahalanobis"] / 0.5, rel=0.05)
    assert finding.detectable is not None and finding.detectable < 0.5
    assert finding.reasons.spoke == "the mean of the embeddings" and not finding.reasons.cells
    risen, fallen = ({word.word.rstrip("s") for word in moved} for moved in (finding.reasons.risen, finding.reasons.fallen))
    assert risen and risen <= set(HEALTH) and fallen and fallen <= set(ORDERS)
    assert alert.sentence.startswith("Prompt topics changed by ")


def test_a_judged_window_keeps_the_distance_of_vectors(shifted: Store) -> None:
    with shifted.read() as c:
        registry = [comparison.signal for comparison in courses.comparisons(c, APPLICATION)]
        last = decode_window(dict(courses.rows(c, APPLICATION))[START + (LAST - 2) * WINDOW])
    i = registry.index("prompt.embedding")
    assert last.n[i] == 60 and last.value[i] == last.smd[i] > 1 and np.isnan(last.js[i])
    assert last.score[i] > 5 and last.evidence[i] > last.threshold[i]


@pytest.mark.faults
def test_after_a_restart_the_course_goes_on_as_it_was(shifted: Store, tmp_path: Path) -> None:
    stream = records(windows(0.6))
    with opened(tmp_path / "b.db") as store:
        for piece in (stream[:110], stream[110:125], stream[125:]):
            feed(pipeline(store, CONFIG), piece)
        assert left(store) == left(shifted)


def test_the_page_draws_the_distance_and_no_distribution(shifted: Store) -> None:
    source = ConfigSource(parse(CONFIG, "test", {}))
    reading = StoreReading(shifted, source, lambda: START + LAST * WINDOW)
    page = reading.signal(APPLICATION, "prompt.embedding", Query())
    assert page is not None and page.distribution is None and page.unit == "sd"
    assert page.course.statistic == "distance from the baseline"
    assert "".join(part.text for part in page.sentence).startswith("Now 1.")
    shown = [row.effect for row in page.verdicts if row.effect is not None]
    assert shown and all(effect.measure == "mahalanobis" and effect.times_floor >= 0 for effect in shown)
