"""Live traffic: interactions of now, at a steady rate, posted to an api or written into Kafka."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.kafka.deployment import Deployment, Role, calls


@dataclass
class Traffic:
    """`sent`: interactions that were accepted; `refused`: answers that were none."""

    sent: int = 0
    refused: list[str] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def run(self, send: Callable[[list[bytes]], object], per_second: int, every: float) -> None:
        """Sends a part of a second's interactions each time, until it is done."""
        began, rounds, each = time.monotonic(), 0, round(per_second * every)
        while not self.done.wait(max(0.0, began + rounds * every - time.monotonic())):
            rounds += 1
            try:
                send(calls(range(self.sent, self.sent + each)))
            except Exception as error:
                self.refused.append(repr(error))
            else:
                self.sent += each


@contextmanager
def traffic(
    made: Deployment, per_second: int, api: Role | None = None, every: float = 0.1, first: int = 0
) -> Iterator[Traffic]:
    """Until the end of the block. What was not accepted is sent again with the next."""

    def post(lines: list[bytes]) -> None:
        assert api is not None
        answer = api.client.post("/v1/interactions", content=b"\n".join(lines))
        assert answer.status_code == 202, answer.text

    running = Traffic(first)
    thread = threading.Thread(target=running.run, args=(post if api else made.spread, per_second, every))
    thread.start()
    try:
        yield running
    finally:
        running.done.set()
        thread.join()
