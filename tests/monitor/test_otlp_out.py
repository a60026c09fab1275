"""Scores leave as OpenTelemetry events (second source: OTLP's JSON mapping in opentelemetry-proto's documentation)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest

from monitor.config import ConfigSource, parse
from monitor.evaluator.desk import Final
from monitor.evaluator.export import AT_ONCE, Exporter
from monitor.metrics import Metrics

NOW = 1_790_000_000_000_000
MOST = 2 * AT_ONCE


@dataclass
class Collector:
    """What it was sent, and what it answers."""

    port: int = 0
    status: int = 200
    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def records(self) -> list[dict[str, Any]]:
        return [one for _, body in self.received for one in body["resourceLogs"][0]["scopeLogs"][0]["logRecords"]]


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = msgspec.json.decode(self.rfile.read(int(self.headers["Content-Length"])))
            if collector.status == 200:
                collector.received.append((self.path, body))
            self.send_response(collector.status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def exporter(port: int, content: str = "full") -> tuple[Exporter, Metrics]:
    metrics = Metrics()
    text = f"content: {content}\notlp_endpoint: http://127.0.0.1:{port}/\n" if port else f"content: {content}\n"
    return Exporter(ConfigSource(parse(text, "otlp.yaml", {})), metrics, lambda: NOW, MOST), metrics


SCORED = Final("i-1", "judged", 0.75, "4", "It solves what was asked.")


def attributes(record: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: next(iter(one["value"].values())) for one in record["attributes"]}


@pytest.mark.parametrize(("content", "explained"), [("full", True), ("redacted", True), ("digest", False)])
def test_a_score_is_an_event_that_says_why_only_where_content_may_leave(content: str, explained: bool) -> None:
    with collecting() as collector:
        sent, _ = exporter(collector.port, content)
        sent.tell("support", "helpful", SCORED)
        assert sent.step() == 1
        ((path, _),) = collector.received
        (event,) = collector.records
        assert path == "/v1/logs"
        assert (event["eventName"], event["timeUnixNano"]) == ("gen_ai.evaluation.result", str(NOW * 1000))
        expected = {
            "gen_ai.evaluation.name": "helpful", "gen_ai.evaluation.score.value": 0.75, "gen_ai.evaluation.score.label": "4",
            "gen_ai.response.id": "i-1", "plumbline.application": "support", "event.name": "gen_ai.evaluation.result",
        }  # fmt: skip
        why = {"gen_ai.evaluation.explanation": "It solves what was asked."} if explained else {}
        assert attributes(event) == expected | why


def test_what_is_no_score_and_what_is_golden_stays() -> None:
    with collecting() as collector:
        sent, _ = exporter(collector.port)
        for final in (Final("i-1", "timeout"), Final("", "judged", 0.5, "3", "", True)):
            sent.tell("support", "helpful", final)
        assert sent.step() == 0


def test_without_an_endpoint_nothing_is_kept() -> None:
    sent, _ = exporter(0)
    sent.tell("support", "helpful", SCORED)
    assert sent.step() == 0


def test_a_collector_that_is_away_costs_events_that_are_counted_and_no_time() -> None:
    with collecting() as collector:
        sent, metrics = exporter(collector.port)
        collector.status = 503
        for _ in range(MOST + 7):
            sent.tell("support", "helpful", SCORED)
        assert count(metrics, "dropped") == 7
        assert sent.step() == AT_ONCE
        assert count(metrics, "dropped") == 7 + AT_ONCE
        collector.status = 200
        while sent.step():
            pass
        assert len(collector.records) == count(metrics, "sent") == MOST - AT_ONCE


def test_what_waits_is_sent_when_it_stops() -> None:
    with collecting() as collector:
        sent, _ = exporter(collector.port)
        sent.start()
        sent.tell("support", "helpful", SCORED)
        sent.stop(30)
        assert len(collector.records) == 1


def count(metrics: Metrics, outcome: str) -> float:
    found = metrics.registry.get_sample_value("plumbline_otlp_results_total", {"outcome": outcome})
    return found or 0.0
