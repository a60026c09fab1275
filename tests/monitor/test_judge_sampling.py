"""The sample of a judge: the same interactions however the stream is cut, small slices included, and nobody twice."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from monitor.store import judgements
from monitor.store.engine import Store
from monitor.store.judgements import Claimed
from records.window import WINDOW
from tests.monitor.judged import CONFIG, NAME
from tests.monitor.streaming import ACCEPTED, START, opened, pipeline, record


def rows(n: int = 400) -> list[dict[str, Any]]:
    """Interactions of two windows; one in forty is of a small tenant."""
    return [
        {
            "id": f"i-{i}", "application": "support", "timestamp": (START + (i * 2 // n) * WINDOW + i) / 1e6,
            "prompt": f"Where is {i}?", "response": None if i % 10 == 9 else f"There: {i}.",
            "tags": {"tenant": "small" if i % 40 == 0 else "large"},
        }
        for i in range(n)
    ]  # fmt: skip


def sampled(folder: Path, cuts: Sequence[int], more: str) -> list[Claimed]:
    """What is to be judged of the interactions, fetched in batches that end at `cuts`."""
    text = CONFIG.format(endpoint="http://127.0.0.1:9/v1", more=more)
    with opened(folder / f"{len(cuts)}.db") as store:
        pipe = pipeline(store, text)
        for offset, (first, last) in enumerate(zip([0, *cuts], [*cuts, 400], strict=True), 1):
            pipe.ingest([record(offset, rows()[first:last], ACCEPTED)], ACCEPTED)
        pipe.ingest([record(offset + 1, rows(), ACCEPTED)], ACCEPTED)  # again: nothing
        return taken(store)


def taken(store: Store) -> list[Claimed]:
    with store.begin() as c:
        return sorted(judgements.take(c, *NAME, 1_000))


@pytest.fixture(params=["none", "tags.tenant"])
def stratify(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.param


def test_where_batches_end_changes_no_sample(tmp_path: Path, stratify: str) -> None:
    more = f"sample: 0.1, stratify: {stratify}"
    found = [sampled(tmp_path, cuts, more) for cuts in ((), (1, 2, 250))]
    assert found[0] == found[1]
    assert 20 < len(found[0]) < 70
    assert all(claimed.texts[1] is not None for claimed in found[0])


def test_every_value_of_a_slice_is_heard_of_in_every_window(tmp_path: Path) -> None:
    found = sampled(tmp_path, (), "sample: 0.001, stratify: tags.tenant")
    tenants = {(claimed.start, int(claimed.interaction_id.removeprefix("i-")) % 40 == 0) for claimed in found}
    assert tenants == {(START, True), (START, False), (START + WINDOW, True), (START + WINDOW, False)}


def test_nothing_is_sampled_where_there_is_no_judge(tmp_path: Path) -> None:
    with opened(tmp_path / "p.db") as store:
        pipeline(store, "applications: {support: {}}").ingest([record(1, rows(), ACCEPTED)], ACCEPTED)
        assert taken(store) == []


def test_what_nobody_judged_in_time_is_given_up_with_its_texts(tmp_path: Path) -> None:
    with opened(tmp_path / "p.db") as store:
        pipe = pipeline(store, CONFIG.format(endpoint="http://127.0.0.1:9/v1", more="sample: 1.0"))
        pipe.ingest([record(1, rows(40), ACCEPTED)], ACCEPTED)
        with store.begin() as c:
            assert judgements.expire(c, ACCEPTED) == 0
            assert judgements.expire(c, ACCEPTED + 1, limit=20) == 20
            assert judgements.expire(c, ACCEPTED + 1) == 16
            counted = judgements.counts(c, *NAME, 0, 2**62)
            assert [(found["sampled"], found["expired"]) for found in counted.values()] == [(18, 18), (18, 18)]
            judgements.delete_before(c, ACCEPTED + 1)
            assert judgements.held(c, *NAME, [claimed.id_hash for claimed in taken_of(c)]) == set()


def taken_of(c: Any) -> list[Claimed]:
    return judgements.take(c, *NAME, 1_000)
