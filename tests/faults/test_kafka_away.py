"""A broker that dies, is frozen or comes back late: captured all the while, said in /readyz, and then counted once.

None of these outages is longer than the allowed lateness (2 minutes): what was captured in a longer one is late where a
window ended in it, since Kafka stamps it when it comes.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kafka.broker import Kafka
from tests.kafka.deployment import calls, deployed
from tests.kafka.traffic import traffic

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
PER_SECOND = 50


@pytest.mark.parametrize(
    ("harm", "heal", "seconds"),
    [
        pytest.param(Kafka.kill, Kafka.start, 30, id="killed for 30 s"),
        pytest.param(Kafka.freeze, Kafka.thaw, 20, id="frozen for longer than the session"),
        pytest.param(Kafka.stop, Kafka.start, 75, id="stopped for longer than all timeouts"),
    ],
)
def test_what_is_captured_while_the_broker_is_away_is_counted_once_when_it_is_back(
    kafka: Kafka,
    database: str,
    tmp_path: Path,
    harm: Callable[[Kafka], None],
    heal: Callable[[Kafka], None],
    seconds: float,
) -> None:
    with deployed(tmp_path, kafka.broker, database) as made:
        api, worker = made.start("api", "worker")
        with traffic(made, PER_SECOND, api) as live:
            made.until(lambda: made.counted() > 5 * PER_SECOND)
            harm(kafka)
            made.until(lambda: "stream" in worker.problems(), worker.problems)
            made.passes(seconds)
            assert "stream" in worker.problems()
            before = live.sent
            heal(kafka)
            made.until(lambda: made.counted() > before + 5 * PER_SECOND, lambda: (made.counted(), live, worker.problems()), 120)
        made.counts(live.sent, 120)
        assert live.refused == []
        assert [f.id for f in made.findings() if f.revision] == []
        assert made.counters()["support"].late == 0
        made.until(lambda: not worker.problems() and not api.problems(), lambda: (worker.problems(), api.problems()))
        assert api.metrics()["plumbline_spooled_bytes"] == 0
        assert [name for name, n in worker.metrics().items() if name.startswith("plumbline_lost_records_total") and n] == []


def test_roles_stop_soon_while_the_broker_is_away(kafka: Kafka, database: str, tmp_path: Path) -> None:
    with deployed(tmp_path, kafka.broker, database) as made:
        api, worker = made.start("api", "worker")
        made.spread(calls(range(100)))
        made.counts(100)
        kafka.kill()
        made.until(lambda: "stream" in worker.problems())
        assert worker.stop() < 3
        assert api.stop() < 3
