"""Scores to whoever collects OpenTelemetry: OTLP/HTTP log records in JSON, one event gen_ai.evaluation.result for each.

In batches, from a bounded queue: a collector that is away costs the scores that find no room, which are counted, and nothing
else.
"""

import logging
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import msgspec

import monitor
from alerts.notify.client import open_client
from monitor import logs
from monitor.api.app import now_us
from monitor.config import ConfigSource
from monitor.evaluator.desk import Final
from monitor.metrics import Metrics

EVENT = "gen_ai.evaluation.result"
MOST, AT_ONCE = 10_000, 500
"""Events that wait, and events of one request."""
EVERY, AFTER_FAILURE, WITHIN = 1.0, 5.0, 5.0
"""Seconds between requests, after one that failed, and for an answer."""
_INFO = 9
"""OpenTelemetry's severity number."""
_log = logging.getLogger(__name__)


class Exporter:
    """A thread that sends, from `start` to `stop`; `tell` never waits. Without an `otlp_endpoint` nothing is kept."""

    def __init__(self, source: ConfigSource, metrics: Metrics, clock: Callable[[], int] = now_us, most: int = MOST):
        self._source, self._metrics, self._clock, self._most = source, metrics, clock, most
        self._waiting: deque[dict[str, Any]] = deque()
        self._stop, self._more = threading.Event(), threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="otlp", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self, within: float) -> None:
        """Send what waits, as far as that takes so many seconds."""
        self._stop.set()
        self._more.set()
        self._thread.join(within)

    def tell(self, application: str, judge: str, final: Final) -> None:
        """A judgement came to its end; a score is sent on."""
        config = self._source.current
        if config.otlp_endpoint is None or final.score is None or final.golden:
            return
        if len(self._waiting) >= self._most:
            self._metrics.exported.labels(outcome="dropped").inc()
            return
        explained = final.reason if config.content != "digest" else ""
        self._waiting.append(record(application, judge, final, explained, self._clock()))
        if len(self._waiting) >= AT_ONCE:
            self._more.set()

    def step(self) -> int:
        """Send one request of what waits; how many events there were. Those that are not taken are dropped and counted."""
        endpoint = self._source.current.otlp_endpoint
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), AT_ONCE))]
        if not batch or endpoint is None:
            return 0
        taken = _send(endpoint, batch)
        self._metrics.exported.labels(outcome="sent" if taken else "dropped").inc(len(batch))
        if taken == self._failing:
            logs.event(_log, logging.INFO if taken else logging.WARNING, "otlp_works_again" if taken else "otlp_failed")
        self._failing = not taken
        return len(batch)

    def _run(self) -> None:
        while not self._stop.is_set():
            if self.step() < AT_ONCE:
                self._more.wait(AFTER_FAILURE if self._failing else EVERY)
                self._more.clear()
        until = time.monotonic() + WITHIN
        while self._waiting and time.monotonic() < until:
            self.step()


def record(application: str, judge: str, final: Final, explanation: str, now: int) -> dict[str, Any]:
    """A score as a log record of OTLP (opentelemetry-proto, JSON mapping: 64-bit integers are text)."""
    named: Mapping[str, str | float] = {
        "gen_ai.evaluation.name": judge,
        "gen_ai.evaluation.score.value": final.score or 0.0,
        "gen_ai.evaluation.score.label": final.label,
        "gen_ai.evaluation.explanation": explanation,
        "gen_ai.response.id": final.interaction_id,
        "plumbline.application": application,
    }
    attributes = [
        {"key": key, "value": {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}}
        for key, value in named.items()
        if value != ""
    ]
    stamp = str(now * 1000)
    return {
        "timeUnixNano": stamp, "observedTimeUnixNano": stamp, "severityNumber": _INFO, "eventName": EVENT,
        "attributes": [*attributes, {"key": "event.name", "value": {"stringValue": EVENT}}],
    }  # fmt: skip


def _send(endpoint: str, batch: list[dict[str, Any]]) -> bool:
    """Whether the collector took them."""
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "plumbline"}}]}
    scope = {"name": "plumbline", "version": monitor.__version__}
    logs_ = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": scope, "logRecords": batch}]}]}
    try:
        tls = ssl.create_default_context() if endpoint.startswith("https:") else False
        with open_client(WITHIN, WITHIN, verify=tls) as client:
            body, head = msgspec.json.encode(logs_), {"Content-Type": "application/json", "User-Agent": "plumbline"}
            return client.post(f"{endpoint}/v1/logs", content=body, headers=head).is_success
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
