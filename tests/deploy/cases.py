"""What each alert is about, as series: with those of `fires` it fires after an hour, with those of `quiet` it does not.

Values are promtool's: `0+5x60` rises by 5 a minute for an hour, `_x20` is absent for twenty minutes.
"""

from dataclasses import dataclass, field

Series = dict[str, str]


@dataclass(frozen=True)
class Case:
    """`labels` are what the alert has to say besides its name and severity."""

    alert: str
    fires: Series
    quiet: Series
    labels: dict[str, str] = field(default_factory=dict)


UP_API = 'up{job="plumbline-api", instance="api:4000"}'
UP_WORKER = 'up{job="plumbline-worker", instance="w:4001"}'
LAG = 'plumbline_consumer_lag{partition="interactions-0"}'
WATERMARK = 'plumbline_watermark_timestamp_seconds{partition="interactions-0"}'
INTERACTIONS = 'plumbline_interactions_total{application="a", model="m"}'
LOST = 'plumbline_lost_records_total{partition="interactions-0"}'
TOPIC = 'plumbline_topic_restarts_total{topic="plumbline.interactions"}'
FAILED = 'plumbline_notifications_total{receiver="oncall", outcome="failed"}'
WAITING = 'plumbline_notifications_total{receiver="oncall", outcome="waiting"}'
WHERE = {"partition": "interactions-0"}
ONCALL = {"receiver": "oncall"}

CASES = [
    Case("PlumblineDown", {UP_API: "1x57 0x3"}, {UP_API: "1x58 0 1"}, {"job": "plumbline-api", "instance": "api:4000"}),
    Case("PlumblineNoWorker", {UP_API: "1x60"}, {UP_WORKER: "1x60"}),
    Case("PlumblineNoWorker", {UP_WORKER: "1x50 0x10"}, {UP_WORKER: "0x60", UP_WORKER.replace("w:", "v:"): "1x60"}),
    Case("PlumblineNoApi", {UP_WORKER: "1x60"}, {UP_API: "1x60"}),
    Case(
        "PlumblineRequestsFailing",
        {'plumbline_http_requests_total{status="202"}': "0+90x60", 'plumbline_http_requests_total{status="503"}': "0+10x60"},
        {'plumbline_http_requests_total{status="202"}': "0+9x60", 'plumbline_http_requests_total{status="429"}': "0+10x60"},
    ),
    Case(
        "PlumblineNothingAssigned",
        {'plumbline_assigned_partitions{instance="w"}': "0x60", 'plumbline_assigned_partitions{instance="v"}': "0x60"},
        {'plumbline_assigned_partitions{instance="w"}': "0x60", 'plumbline_assigned_partitions{instance="v"}': "4x60"},
    ),
    Case("PlumblineNotConsuming", {LAG: "5x60", WATERMARK: "100x60"}, {LAG: "5x60", WATERMARK: "0+60x60"}, WHERE),
    Case("PlumblineNotConsuming", {LAG: "0x30 5+5x30", WATERMARK: "100x60"}, {LAG: "0x60", WATERMARK: "100x60"}, WHERE),
    Case("PlumblineLagGrowing", {LAG: "0+1000x60"}, {LAG: "60000-1000x60"}),
    Case("PlumblineLagGrowing", {LAG: "20000+1x60"}, {LAG: "0+100x60"}),
    Case("PlumblineWatermarkDelayed", {LAG: "7x60", WATERMARK: "1+30x60"}, {LAG: "0x60", WATERMARK: "1+30x60"}, WHERE),
    Case("PlumblineWatermarkDelayed", {LAG: "7x60", WATERMARK: "1x60"}, {LAG: "7x60", WATERMARK: "0x60"}, WHERE),
    Case("PlumblineWatermarkDelayed", {LAG: "7x60", WATERMARK: "1+57x60"}, {LAG: "7x60", WATERMARK: "1+59x60"}, WHERE),
    Case(
        "PlumblinePartitionStalled",
        {'plumbline_partition_stalled{partition="interactions-0"}': "0x55 1x5"},
        {'plumbline_partition_stalled{partition="interactions-0"}': "1x55 0x5"},
        WHERE,
    ),
    Case("PlumblineStoreRetries", {"plumbline_store_retries_total": "0+10x60"}, {"plumbline_store_retries_total": "0+1x60"}),
    Case("PlumblineRecordsLost", {LOST: "0x55 40x5"}, {LOST: "40x60"}, WHERE),
    Case("PlumblineRecordsLost", {LOST: "_x55 40x5"}, {LOST: "_x55 0x5"}, WHERE),
    Case("PlumblineTopicRecreated", {TOPIC: "_x55 1x5"}, {TOPIC: "1x60"}, {"topic": "plumbline.interactions"}),
    Case("PlumblineTopicRecreated", {TOPIC: "0x55 1x5"}, {TOPIC: "0x60"}, {"topic": "plumbline.interactions"}),
    Case(
        "PlumblineDeadLetters",
        {'plumbline_dead_letters_total{reason="json"}': "0+2x60", INTERACTIONS: "0+98x60"},
        {'plumbline_dead_letters_total{reason="json"}': "0+1x60", INTERACTIONS: "0+199x60"},
    ),
    Case("PlumblineDeadLetters", {'plumbline_dead_letters_total{reason="json"}': "0+2x60"}, {INTERACTIONS: "0+9x60"}),
    Case(
        "PlumblineLateInteractions",
        {"plumbline_late_interactions_total": "0+6x60", INTERACTIONS: "0+100x60"},
        {"plumbline_late_interactions_total": "0+4x60", INTERACTIONS: "0+100x60"},
    ),
    Case(
        "PlumblineSpoolGrowing",
        {'plumbline_spooled_bytes{instance="api:4000", job="plumbline-api"}': "0x50 1000+1000x10"},
        {'plumbline_spooled_bytes{instance="api:4000", job="plumbline-api"}': "90000-1000x60"},
        {"instance": "api:4000", "job": "plumbline-api"},
    ),
    Case("PlumblineSpoolGrowing", {"plumbline_spooled_bytes": "5x60"}, {"plumbline_spooled_bytes": "0x60"}),
    Case("PlumblineNotificationsFailing", {FAILED: "_x55 1x5"}, {WAITING: "_x55 1x5"}, ONCALL),
    Case(
        "PlumblineNotificationsFailing",
        {'plumbline_notifications_total{receiver="oncall", outcome="disabled"}': "_x55 1x5"},
        {FAILED: "1x60"},
        ONCALL,
    ),
    Case("PlumblineNotificationsRetried", {WAITING: "0x30 0+1x30"}, {WAITING: "0x55 1x5"}, ONCALL),
    Case(
        "PlumblineBudgetSpent",
        {'plumbline_false_alarm_budget_spent_ratio{instance="a"}': "2x60"},
        {'plumbline_false_alarm_budget_spent_ratio{instance="a"}': "1x60"},
    ),
]  # fmt: skip
