"""Whatever client writes, and however it compresses, every interaction is counted once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from streams.broker import INTERACTIONS
from tests.kafka import clients
from tests.kafka.clients import COMPRESSIONS, OF_KAFKA_PYTHON, Client
from tests.kafka.deployment import Running

EACH = 50
"""Interactions that a client writes with each compression, single or together."""


@pytest.mark.parametrize("client", [clients.kafka_python, clients.aio, clients.confluent, clients.java])
def test_every_client_can_write_with_every_compression(running: Running, client: Client) -> None:
    before, kinds = running.made.counted(), OF_KAFKA_PYTHON if client is clients.kafka_python else COMPRESSIONS

    def write(compression: str, single: list[bytes], together: list[bytes]) -> None:
        values = single if client is clients.java else [*single, b"\n".join(together)]
        client(running.made.broker, INTERACTIONS, values, compression)

    with ThreadPoolExecutor(2) as pool:
        work = [pool.submit(write, kind, running.calls(EACH), running.calls(EACH)) for kind in kinds]
        for one in work:
            one.result()
    running.made.counts(before + len(kinds) * EACH * (1 if client is clients.java else 2))


def test_a_transactions_end_is_no_gap_and_what_it_took_back_is_not_counted(running: Running) -> None:
    before = running.made.counted()
    parts = [running.calls(20), running.calls(20)]
    clients.transactions(running.made.broker, INTERACTIONS, parts, running.calls(10))
    running.made.counts(before + 40)
    metrics = running.worker.metrics()
    assert [name for name, value in metrics.items() if name.startswith("plumbline_lost_records_total") and value] == []
    assert {name: value for name, value in metrics.items() if name.startswith("plumbline_consumer_lag{") and value} == {}
