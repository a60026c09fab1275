"""Every expression of dashboards and rules against a real Prometheus, and an alert's whole way to a webhook."""

from typing import Any

import pytest

from tests.deploy.conftest import Watched
from tests.deploy.running import until
from tests.deploy.site import alerting, expressions, metrics

OF_A_WORKER = {
    "plumbline_assigned_partitions",
    "plumbline_batch_interactions",
    "plumbline_batch_seconds",
    "plumbline_commit_seconds",
    "plumbline_lost_records_total",
    "plumbline_partition_stalled",
    "plumbline_published_records_total",
    "plumbline_spooled_bytes",
    "plumbline_store_retries_total",
    "plumbline_topic_restarts_total",
}
"""What the embedded stream need not show. That these names exist is test_dashboards'."""
OF_ITS_TIME = {"plumbline_unmatched_feedback_total"}
"""What shows only when the stream has gone on for longer than a test."""


def shown(watched: Watched) -> dict[str, str]:
    """The expressions that must have values here: of panels and recording rules, for those of alerts are empty."""
    alerts = {f"rules: {name}" for name in alerting()}
    absent = OF_A_WORKER | OF_ITS_TIME
    return {place: e for place, e in expressions().items() if place not in alerts and not metrics(e) & absent}


def test_prometheus_can_scrape_with_the_token(watched: Watched) -> None:
    until(lambda: watched.value('up{job="plumbline-api"} == 1'), lambda: watched.value("up"))
    (target,) = watched.prometheus.get("/api/v1/targets")["data"]["activeTargets"]
    assert target["lastError"] == ""


def test_prometheus_evaluates_every_rule(watched: Watched) -> None:
    def healths() -> set[str]:
        groups = watched.prometheus.get("/api/v1/rules")["data"]["groups"]
        return {rule["health"] for group in groups for rule in group["rules"]}

    until(lambda: healths() == {"ok"}, healths)


@pytest.mark.parametrize("place", sorted(expressions()))
def test_every_expression_is_one_that_prometheus_takes(place: str, watched: Watched) -> None:
    watched.value(expressions()[place])


def test_what_a_run_produces_is_seen_in_every_panel_about_it(watched: Watched) -> None:
    wanted = shown(watched)
    assert len(wanted) > 30

    def blank() -> list[str]:
        watched.traffic()
        for place in [place for place, expression in wanted.items() if watched.value(expression)]:
            del wanted[place]
        return list(wanted)

    until(lambda: not blank(), lambda: f"these show nothing: {wanted}")


def test_a_firing_rule_wakes_who_is_on_call_once_and_in_words(watched: Watched) -> None:
    """There is no worker in this run, which is what the rule is about."""
    heard: list[dict[str, Any]] = []

    def woken() -> bool:
        while not watched.woken.requests.empty():
            heard.append(watched.woken.requests.get().json())
        return any(message["groupLabels"]["alertname"] == "PlumblineNoWorker" for message in heard)

    until(woken, lambda: f"others were woken: {heard}")
    (message,) = [one for one in heard if one["groupLabels"]["alertname"] == "PlumblineNoWorker"]
    assert (message["receiver"], message["status"]) == ("oncall", "firing")
    (alert,) = message["alerts"]
    assert alert["labels"]["severity"] == "critical"
    assert alert["annotations"]["summary"] == "No worker runs"
    for told in heard:
        for one in told["alerts"]:
            assert not any("{{" in text or "error expanding" in text for text in one["annotations"].values())


def test_plumbline_itself_tells_of_the_incident(watched: Watched) -> None:
    (alert,) = watched.told.next().json()["alerts"]
    assert alert["labels"]["application"] == "support"
