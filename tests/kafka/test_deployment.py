"""A deployment from end to end: what is posted is counted, shown, told and refused as it should be."""

import json
from pathlib import Path
from typing import Any

from monitor.api.app import now_us
from records.window import DAY, HOUR, WINDOW
from streams.broker import ALERTS, DEAD_LETTER, FINDINGS, INTERACTIONS, Broker
from tests.kafka.broker import Kafka
from tests.kafka.consumed import consumed
from tests.kafka.deployment import Deployment, calls, deployed
from tests.monitor.receiver import receiving
from tests.monitor.streaming import START, Change, windows

STOPS_WITHIN = 2.0
INCIDENT = """
listen: 127.0.0.1:0
false_alarms: {{at_most: 500, per: 1d}}
applications:
  support: {{slices: [model], allowed_lateness: 1h, signals: [response.characters, output_tokens, error]}}
alerts:
  receivers: [{{name: oncall, webhook: {{url: "http://127.0.0.1:{port}/hook"}}}}]
"""


def letters(made: Deployment) -> list[tuple[bytes, dict[str, str]]]:
    """What is in the dead-letter topic: bytes and headers."""
    return [(r.value, {name: text.decode() for name, text in r.headers}) for r in consumed(made.broker, DEAD_LETTER)]


def told(made: Deployment, topic: str) -> list[Any]:
    return [json.loads(record.value) for record in consumed(made.broker, topic)]


def test_what_is_posted_is_counted_once_and_bad_lines_are_dead_letters(broker: Broker, database: str, tmp_path: Path) -> None:
    with deployed(tmp_path, broker, database) as made:
        api, worker = made.start("api", "worker")
        lines = calls(range(1_000))
        for i in range(0, 1_000, 100):
            assert api.client.post("/v1/interactions", content=b"\n".join(lines[i : i + 100])).status_code == 202
        torn = b'{"id": "torn'
        answer = api.client.post("/v1/interactions", content=b"\n".join([*lines[:5], torn])).json()
        assert (answer["accepted"], [r["reason"] for r in answer["rejected"]]) == (5, ["invalid_json"])
        rating = {
            "interaction_id": "call-7",
            "application": "support",
            "name": "rating",
            "value": 1,
            "timestamp": now_us() / 1e6,
        }
        assert api.client.post("/v1/feedback", json=rating).status_code == 202
        (ahead,) = calls([1_001], at=now_us() + HOUR)
        made.send(b"\n".join([*calls([1_000]), b'{"id": 7}', ahead]), partition=2)
        made.counts(1_001)
        made.until(lambda: made.counters()["support"].duplicates == 5, made.counters)
        shown = {item["application"]: item for item in api.client.get("/api/applications").json()["items"]}
        assert (shown["support"]["interactions"], shown["support"]["duplicates"]) == (1_001, 5)
        # feedback is counted in a batch of its own
        made.until(lambda: worker.metrics()["plumbline_batch_interactions_sum"] == 1_002, worker.metrics)
        made.until(lambda: "plumbline_consumer_lag{feedback-3}" in worker.metrics(), worker.metrics)
        metrics = worker.metrics()
        assert metrics["plumbline_interactions_total{support,m}"] == 1_001
        assert metrics["plumbline_duplicate_interactions_total"] == 5
        assert metrics["plumbline_late_interactions_total"] == 0
        assert metrics["plumbline_dead_letters_total{future_timestamp}"] == 1
        assert metrics["plumbline_dead_letters_total{wrong_type}"] == 1
        assert metrics["plumbline_commit_seconds_count"] == metrics["plumbline_batch_seconds_count"] > 0
        assert {
            metrics[f"plumbline_consumer_lag{{{kind}-{p}}}"] for kind in ("interactions", "feedback") for p in range(4)
        } == {0}
        assert abs(metrics["plumbline_watermark_timestamp_seconds{interactions-2}"] - now_us() / 1e6) < 120
        here = {"topic": INTERACTIONS, "partition": "2", "offset": str(made.positions()[INTERACTIONS, 2].next_offset - 1)}
        assert letters(made) == [
            (torn, {"reason": "invalid_json", "field": "", "topic": INTERACTIONS, "partition": "", "offset": "", "index": "5"}),
            (b'{"id": 7}', {"reason": "wrong_type", "field": "id", **here, "index": "1"}),
            (ahead, {"reason": "future_timestamp", "field": "timestamp", **here, "index": "2"}),
        ]
        assert worker.stop() < STOPS_WITHIN
        api.stop()


def test_one_process_with_both_roles_finds_a_change_and_tells_topics_and_receivers(
    broker: Broker, database: str, tmp_path: Path
) -> None:
    """History of five days ago, so that no clock closes its windows."""
    ago = (now_us() // DAY - 5) * DAY - START
    with receiving() as site, deployed(tmp_path, broker, database, INCIDENT.format(port=site.port)) as made:
        (service,) = made.start("serve")
        rows = windows(90, Change(60, 90))
        for i in range(0, len(rows), 5):
            some = [{**row, "timestamp": row["timestamp"] + ago / 1e6} for window in rows[i : i + 5] for row in window]
            assert service.client.post("/v1/interactions", content=b"\n".join(json.dumps(r).encode() for r in some)).is_success
        made.counts(90 * 60)
        last = START + ago + 76 * WINDOW  # the newest that is an hour before the newest interaction
        made.until(lambda: made.windows()[-1:] == [last], lambda: len(made.windows()))
        firing = site.next().json()
        made.until(lambda: any(alert["state"] == "firing" for alert in told(made, ALERTS)), lambda: told(made, ALERTS))
        found, alerts = told(made, FINDINGS), told(made, ALERTS)
        assert "b" in {f["slice"].get("model") for f in found if f["verdict"] == "finding"}
        assert {f["id"] for f in found} == {f.id for f in made.findings()}
        assert {alert["id"] for alert in alerts} == {alert.id for alert in made.alerts()}
        assert firing["alerts"][0]["labels"]["application"] == "support"
        assert len(made.windows()) == 77
        assert made.counters()["support"].late == 0
        assert service.stop() < 2 * STOPS_WITHIN  # two publishers and a spool more


def test_both_roles_reach_a_broker_that_wants_tls_and_a_password(secure_kafka: Kafka, database: str, tmp_path: Path) -> None:
    secrets = tmp_path / "password"
    secrets.write_text("plumbline-secret")
    more = f"tls: {{ca: {secure_kafka.certificates}/ca.pem}}\n"
    more += f"sasl: {{mechanism: SCRAM-SHA-512, username: plumbline, password_file: {secrets}}}\n"
    with deployed(tmp_path, secure_kafka.with_sasl("SCRAM-SHA-512"), database, more) as made:
        (service,) = made.start("serve")
        assert service.client.post("/v1/interactions", content=b"\n".join(calls(range(100)))).status_code == 202
        made.counts(100)
        service.stop()
        assert "plumbline-secret" not in service.log.read_text()
