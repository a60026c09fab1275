"""Prometheus metrics of one process. Names are contract.md's; series stay bounded whatever traffic brings.

The hot path never observes single events: it adds counts of a batch. Gauges that describe open findings are replaced
as a whole per application, so that what has ended disappears.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

import monitor

OTHER = "other"
MOST_VALUES = 200
DURATION_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0)
BATCH_BUCKETS = (1.0, 10.0, 100.0, 1_000.0, 3_000.0, 10_000.0, 30_000.0, 100_000.0)
AGE_BUCKETS = (60.0, 3_600.0, 21_600.0, 86_400.0, 259_200.0, 604_800.0, 1_209_600.0, 2_592_000.0)
SECONDS_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
Labels = tuple[str, ...]


class Capped:
    """Keeps the first `most` values of each label, and folds the rest into `other`. Safe between threads."""

    def __init__(self, most: int = MOST_VALUES):
        self._most = most
        self._seen: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def __call__(self, **labels: str) -> dict[str, str]:
        """The labels to use. A missing value is the empty string; values are cut at 128 characters."""
        return {name: self._value(name, value[:128]) for name, value in labels.items()}

    def _value(self, name: str, value: str) -> str:
        with self._lock:
            seen = self._seen.setdefault(name, set())
            if value not in seen and len(seen) >= self._most:
                return OTHER
            seen.add(value)
            return value


class Histogram(Collector):
    """A histogram that takes many observations at once."""

    def __init__(self, name: str, text: str, labels: Labels, buckets: tuple[float, ...]):
        self._name, self._text, self._labels = name, text, labels
        self._edges = np.array(buckets)
        self._counts: dict[Labels, np.ndarray[tuple[int], np.dtype[np.int64]]] = {}
        self._sums: dict[Labels, float] = {}
        self._lock = threading.Lock()

    def observe_many(self, labels: Mapping[str, str], values: ArrayLike) -> None:
        """Adds values (n,); what is not finite is left out."""
        array = np.asarray(values, np.float64)
        array = array[np.isfinite(array)]
        counts = np.bincount(np.searchsorted(self._edges, array, side="left"), minlength=len(self._edges) + 1)
        key = tuple(labels[name] for name in self._labels)
        with self._lock:
            self._counts[key] = self._counts.get(key, np.zeros(len(self._edges) + 1, np.int64)) + counts
            self._sums[key] = self._sums.get(key, 0.0) + float(array.sum())

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """For the registry."""
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        with self._lock:
            rows = [(key, counts.cumsum().tolist(), self._sums[key]) for key, counts in sorted(self._counts.items())]
        names = [*(str(edge) for edge in self._edges.tolist()), "+Inf"]
        for key, below, total in rows:
            family.add_metric(key, list(zip(names, below, strict=True)), total)
        yield family


class Board(Collector):
    """A gauge whose series are replaced together, one application at a time."""

    def __init__(self, name: str, text: str, labels: Labels):
        self._name, self._text, self._labels = name, text, labels
        self._rows: dict[str, dict[Labels, float]] = {}
        self._lock = threading.Lock()

    def replace(self, application: str, rows: Iterable[tuple[Mapping[str, str], float]]) -> None:
        """The series of `application` are these from now on; `rows` name the labels other than application."""
        fresh = {
            tuple(application if name == "application" else labels[name] for name in self._labels): value
            for labels, value in rows
        }
        with self._lock:
            self._rows[application] = fresh

    def has(self, application: str) -> bool:
        """Whether its series were ever told, be it that there are none."""
        with self._lock:
            return application in self._rows

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """For the registry."""
        family = GaugeMetricFamily(self._name, self._text, labels=self._labels)
        with self._lock:
            series = [item for rows in self._rows.values() for item in rows.items()]
        for key, value in sorted(series):
            family.add_metric(key, value)
        yield family


class Metrics:
    """All metrics of a process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.capped = Capped()
        model = ("application", "model")
        self.interactions = self._counter("plumbline_interactions", "Interactions counted.", model)
        self.tokens = self._counter("plumbline_tokens", "Tokens by direction, input or output.", (*model, "direction"))
        self.cost = self._counter("plumbline_cost_usd", "Cost in US dollars.", model)
        self.errors = self._counter("plumbline_errors", "Interactions that failed.", (*model, "error"))
        self.duplicates = self._counter("plumbline_duplicate_interactions", "Interactions that came again.", ())
        self.late = self._counter("plumbline_late_interactions", "Interactions after their window had closed.", ())
        self.dead_letters = self._counter("plumbline_dead_letters", "Lines refused.", ("reason",))
        self.unknown = self._counter("plumbline_unknown_fields", "Fields that the schema does not name.", ("field",))
        self.not_embedded = self._counter("plumbline_not_embedded", "Sampled texts without an embedding.", ("application",))
        self.unmatched = self._counter("plumbline_unmatched_feedback", "Feedback not counted.", ("application", "reason"))
        self.notifications = self._counter("plumbline_notifications", "Notifications.", ("receiver", "outcome"))
        self.requests = self._counter("plumbline_http_requests", "HTTP requests.", ("path", "status"))
        self.duration = Histogram("plumbline_duration_seconds", "Duration of the monitored calls.", model, DURATION_BUCKETS)
        where = ("application", "slice", "signal", "baseline")
        self.effect = Board("plumbline_effect", "Effect size by measure.", (*where, "measure"))
        self.evidence = Board("plumbline_evidence_ratio", "Evidence over its threshold; 1 is an alarm.", where)
        self.score = Board("plumbline_score", "Estimated mean of a score, last day.", ("application", "slice", "evaluation"))
        self.alerts = Board("plumbline_alerts", "Alerts.", ("application", "severity", "state"))
        reasons = ("application", "reason")
        self.unmatched_age = Histogram("plumbline_unmatched_feedback_age_seconds", "How late it came.", reasons, AGE_BUCKETS)
        for collector in (self.duration, self.effect, self.evidence, self.score, self.alerts, self.unmatched_age):
            self.registry.register(collector)
        self.budget_spent = self._gauge("plumbline_false_alarm_budget_spent_ratio", "Alerts of the period over at_most.", ())
        self.watermark = self._gauge("plumbline_watermark_timestamp_seconds", "Event time reached.", ("partition",))
        self.lag = self._gauge("plumbline_consumer_lag", "Records accepted and not yet counted.", ("partition",))
        self.stalled = self._gauge("plumbline_partition_stalled", "1 where nobody takes a partition in.", ("partition",))
        self.assigned = self._gauge("plumbline_assigned_partitions", "Partitions that this process takes in.", ())
        self.spooled = self._gauge("plumbline_spooled_bytes", "Accepted while Kafka is away, and not yet sent.", ())
        self.lost = self._counter("plumbline_lost_records", "Records gone before they were taken in.", ("partition",))
        self.restarts = self._counter("plumbline_topic_restarts", "Topics that were created anew.", ("topic",))
        self.retries = self._counter("plumbline_store_retries", "Transactions that had to be run again.", ())
        self.estimations = self._counter("plumbline_estimations", "Days compared over all signals.", ("outcome",))
        self.published = self._counter("plumbline_published_records", "Records sent to Kafka.", ("topic", "outcome"))
        self.batch_size = Histogram("plumbline_batch_interactions", "Interactions in a transaction.", (), BATCH_BUCKETS)
        self.batch_time = Histogram("plumbline_batch_seconds", "From records to panes.", (), SECONDS_BUCKETS)
        self.commit_time = Histogram("plumbline_commit_seconds", "Duration of a transaction.", (), SECONDS_BUCKETS)
        of_judge = ("application", "judge")
        self.judgements = self._counter("plumbline_judgements", "Interactions sampled for a judge.", (*of_judge, "outcome"))
        self.judge_cost = self._counter("plumbline_judge_cost_usd", "What judges cost in US dollars, at most.", of_judge)
        self.judge_paused = self._gauge("plumbline_judge_paused", "1 where a judge is not asked after failures.", of_judge)
        self.judge_seconds = Histogram("plumbline_judge_seconds", "Duration of calls of judges.", of_judge, DURATION_BUCKETS)
        self.registry.register(self.judge_seconds)
        self.exported = self._counter("plumbline_otlp_results", "Scores for the OTLP endpoint, sent or dropped.", ("outcome",))
        for histogram in (self.batch_size, self.batch_time, self.commit_time):
            self.registry.register(histogram)
        self._gauge("plumbline_build_info", "The version that runs.", ("version",)).labels(monitor.__version__).set(1)

    def count_unmatched(self, application: str, reason: str, ages: Sequence[float]) -> None:
        """Feedback that was not counted, with its ages in seconds."""
        if ages:
            labels = self.capped(application=application, reason=reason)
            self.unmatched.labels(**labels).inc(len(ages))
            self.unmatched_age.observe_many(labels, ages)

    def forget_partition(self, label: str) -> None:
        """No series of a partition that this process no longer takes in."""
        for gauge in (self.lag, self.watermark):
            gauge.remove_by_labels({"partition": label})

    def _counter(self, name: str, text: str, labels: Labels) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: Labels) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def render(self) -> bytes:
        """The exposition in Prometheus's text format."""
        return generate_latest(self.registry)
