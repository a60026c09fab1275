"""A process that accepts interactions while Kafka is away, and says after each one that it is durable: to be killed.

Run as `python -m tests.kafka.accepting SPOOL`.
"""

import asyncio
import itertools
import sys
from pathlib import Path

from monitor.intake_kafka import KafkaIntake
from streams.broker import Broker
from streams.publisher import Publisher


def line(n: int) -> bytes:
    return b'{"id":"id-%d","timestamp":1,"application":"support","input_tokens":%d}' % (n % 7, n)


def main() -> None:
    intake = KafkaIntake(Publisher(Broker(("127.0.0.1:1",))), Path(sys.argv[1]), 64 << 20)
    intake.start()
    for n in itertools.count():
        asyncio.run(intake.accept("interactions", [line(n)], n))
        print(n, flush=True)


if __name__ == "__main__":
    main()
