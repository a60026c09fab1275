"""Metrics: names of the contract, bounded series, bulk observations equal single ones."""

import numpy as np
import prometheus_client
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.metrics import DURATION_BUCKETS, OTHER, Board, Capped, Histogram, Metrics

CONTRACT = {
    "plumbline_interactions_total": ("application", "model"),
    "plumbline_tokens_total": ("application", "model", "direction"),
    "plumbline_cost_usd_total": ("application", "model"),
    "plumbline_duration_seconds": ("application", "model"),
    "plumbline_errors_total": ("application", "model", "error"),
    "plumbline_effect": ("application", "slice", "signal", "baseline", "measure"),
    "plumbline_evidence_ratio": ("application", "slice", "signal", "baseline"),
    "plumbline_score": ("application", "slice", "evaluation"),
    "plumbline_alerts": ("application", "severity", "state"),
    "plumbline_false_alarm_budget_spent_ratio": (),
    "plumbline_late_interactions_total": (),
    "plumbline_dead_letters_total": ("reason",),
    "plumbline_watermark_timestamp_seconds": ("partition",),
    "plumbline_consumer_lag": ("partition",),
    "plumbline_notifications_total": ("receiver", "outcome"),
}


def filled() -> Metrics:
    metrics = Metrics()
    labels = {"application": "a", "model": "m", "direction": "input", "error": "e"}
    for counter in (metrics.interactions, metrics.cost, metrics.tokens, metrics.errors):
        counter.labels(*(labels[name] for name in counter._labelnames)).inc(2)
    metrics.dead_letters.labels("wrong_type").inc()
    metrics.notifications.labels("oncall", "delivered").inc()
    metrics.watermark.labels("0").set(1)
    metrics.lag.labels("0").set(1)
    metrics.duration.observe_many(labels, [1.0])
    row = {
        "slice": "",
        "signal": "s",
        "baseline": "b",
        "measure": "js",
        "evaluation": "x",
        "severity": "info",
        "state": "firing",
    }
    for board in (metrics.effect, metrics.evidence, metrics.score, metrics.alerts):
        board.replace("a", [(row, 0.5)])
    return metrics


@pytest.mark.parametrize(("name", "labels"), CONTRACT.items(), ids=list(CONTRACT))
def test_names_and_labels_are_the_contracts(name: str, labels: tuple[str, ...]) -> None:
    found = {
        sample.name: set(sample.labels)
        for family in filled().registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }
    assert found.get(name, found.get(f"{name}_count")) == set(labels)


def test_the_exposition_is_prometheus_text() -> None:
    text = filled().render().decode()
    assert 'plumbline_interactions_total{application="a",model="m"} 2.0' in text
    assert "# TYPE plumbline_duration_seconds histogram" in text


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=50))
def test_many_observations_equal_prometheus_clients_own_histogram(values: list[float]) -> None:
    """Second source: prometheus_client.Histogram, one observation at a time."""
    ours, registry = prometheus_client.CollectorRegistry(), prometheus_client.CollectorRegistry()
    many = Histogram("seconds", "text", ("model",), DURATION_BUCKETS)
    ours.register(many)
    single = prometheus_client.Histogram("seconds", "text", ["model"], registry=registry, buckets=DURATION_BUCKETS)
    many.observe_many({"model": "m"}, values[:20])
    many.observe_many({"model": "m"}, np.array(values[20:], np.float64))
    child = single.labels("m")
    for value in values:
        if np.isfinite(value):
            child.observe(value)
    for edge in [*map(str, DURATION_BUCKETS), "+Inf"]:
        labels = {"model": "m", "le": edge}
        assert ours.get_sample_value("seconds_bucket", labels) == registry.get_sample_value("seconds_bucket", labels)
    assert ours.get_sample_value("seconds_sum", {"model": "m"}) == pytest.approx(
        registry.get_sample_value("seconds_sum", {"model": "m"})
    )


def test_labels_beyond_the_limit_are_folded_and_known_ones_stay() -> None:
    capped = Capped(2)
    seen = [capped(model=model)["model"] for model in ("a", "b", "c", "a", "d")]
    assert seen == ["a", "b", OTHER, "a", OTHER]
    assert capped(model="x" * 500, error="e") == {"model": OTHER, "error": "e"}


def test_a_board_forgets_what_has_ended() -> None:
    board = Board("ratio", "text", ("application", "signal"))
    registry = prometheus_client.CollectorRegistry()
    registry.register(board)
    board.replace("a", [({"signal": "s"}, 1.0), ({"signal": "t"}, 2.0)])
    board.replace("b", [({"signal": "s"}, 3.0)])
    board.replace("a", [({"signal": "t"}, 4.0)])
    assert registry.get_sample_value("ratio", {"application": "a", "signal": "s"}) is None
    assert registry.get_sample_value("ratio", {"application": "a", "signal": "t"}) == 4.0
    assert registry.get_sample_value("ratio", {"application": "b", "signal": "s"}) == 3.0
