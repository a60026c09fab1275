"""How long after the end of a window and its allowed lateness its verdicts are visible: live traffic through Kafka.

    python -m bench.speed --only verdicts

It lasts until the clock has passed the end of a window, at most six minutes.
"""

import time

import psycopg
from confluent_kafka import Producer

from bench.records_simulated import lines
from bench.streaming import Site, workers
from records.window import WINDOW
from streams.broker import INTERACTIONS
from streams.topics import create
from tests.store.databases import name

PER_SECOND, LATENESS = 500, 10_000_000
BEFORE = 20_000_000
"""The window must last so long yet when traffic begins, microseconds."""
_JUDGED = "SELECT coalesce(max(through), 0) FROM judged"


def latency(made: Site) -> dict[str, float]:
    """Seconds from when a window may close until its verdicts can be read."""
    create(made.kafka.broker, 4)
    config, url = made.configured()
    text = config.read_text(encoding="utf-8").replace("{slices:", f"{{allowed_lateness: {LATENESS // 1_000_000}s, slices:")
    config.write_text(text, encoding="utf-8")
    producer = Producer({"bootstrap.servers": made.kafka.broker.servers[0], "linger.ms": 5})
    with workers(config, 1), psycopg.connect(
        host=str(made.server.folder), user=made.server.user, dbname=name(url), autocommit=True
    ) as c:  # fmt: skip
        end = (_now() + BEFORE + WINDOW) // WINDOW * WINDOW
        sent = 0
        while True:
            for line in lines(PER_SECOND // 20, _now(), sent, per_second=1e9):
                producer.produce(INTERACTIONS, line, key=line[7:18])
            sent += PER_SECOND // 20
            producer.poll(0.05)
            (judged,) = c.execute(_JUDGED).fetchone() or (0,)
            if judged >= end:
                return {"seconds": (_now() - end - LATENESS) / 1e6, "sent": sent}
            if _now() > end + LATENESS + 60_000_000:
                raise TimeoutError("the window was not judged within a minute")


def _now() -> int:
    return time.time_ns() // 1000
