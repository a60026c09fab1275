"""What else can consume the topic: aiokafka alone, stock Faust one event at a time, per-event Python into River.

    python -m bench.streaming_peers aiokafka|faust|river HOST:PORT COUNT

Prints interactions a second and microseconds of CPU for each, as JSON. aiokafka and River read what is there; Faust is told
to stop after COUNT / 10 (it takes minutes otherwise). River's detectors see AT_ONCE rows: they are slower still.
"""

import asyncio
import json
import sys
import time
from tempfile import gettempdir
from typing import Any

from aiokafka import AIOKafkaConsumer

from bench.alternative import Alternative
from streams.broker import INTERACTIONS

AT_ONCE = 2_000


def _told(counted: int, began: float, used: float) -> dict[str, float]:
    seconds, each = time.monotonic() - began, (time.process_time() - used) / counted * 1e6
    return {"rate": counted / seconds, "cpu": each, "counted": counted}


async def bare(servers: str, count: int) -> dict[str, float]:
    """aiokafka's getmany, nothing done with the records."""
    consumer = AIOKafkaConsumer(
        INTERACTIONS, bootstrap_servers=servers, auto_offset_reset="earliest", max_partition_fetch_bytes=4 << 20
    )
    await consumer.start()
    counted = 0
    try:
        began, used = time.monotonic(), time.process_time()
        while counted < count:
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                counted += sum([record.value.count(b"\n") + 1 for record in records])
    finally:
        await consumer.stop()
    return _told(counted, began, used)


async def river(servers: str, count: int) -> dict[str, float]:
    """Each event decoded, measured and fed to ADWIN, as one would write it."""
    consumer = AIOKafkaConsumer(INTERACTIONS, bootstrap_servers=servers, auto_offset_reset="earliest")
    await consumer.start()
    taker, counted = Alternative(), 0
    try:
        began, used = time.monotonic(), time.process_time()
        while counted < min(count, AT_ONCE):
            for records in (await consumer.getmany(timeout_ms=1_000, max_records=500)).values():
                taker.take([record.value for record in records])
                counted += len(records)
    finally:
        await consumer.stop()
    return _told(counted, began, used)


async def stock_faust(servers: str, count: int) -> dict[str, float]:
    """An agent that counts events and does nothing else."""
    import faust

    app = faust.App(
        f"bench-{time.time_ns()}", broker=f"kafka://{servers}", value_serializer="raw", store="memory://", web_enabled=False,
        topic_allow_declare=False, topic_disable_leader=True, consumer_auto_offset_reset="earliest",
        datadir=f"{gettempdir()}/plumbline-bench",
    )  # fmt: skip
    seen: list[float] = []
    enough, wanted = asyncio.Event(), count // 10

    async def take(stream: Any) -> None:
        async for _ in stream:
            seen.append(0.0)
            if len(seen) == 1:
                seen[0] = time.monotonic()
                used.append(time.process_time())
            if len(seen) == wanted:
                enough.set()

    used: list[float] = []
    app.agent(app.topic(INTERACTIONS), name="counting")(take)
    await app.start()
    await enough.wait()
    told = _told(len(seen), seen[0], used[0])
    await app.stop()
    return told


def main() -> None:
    kind, servers, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    work = {"aiokafka": bare, "faust": stock_faust, "river": river}[kind]
    print(json.dumps(asyncio.run(work(servers, count))))


if __name__ == "__main__":
    main()
