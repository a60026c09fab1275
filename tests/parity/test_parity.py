"""One stream, two runners: the embedded one, and Kafka with four partitions and two workers that die and are held up.

Counts are the same to the bit, and so is what they come to: verdicts, findings, alerts. `traffic` says what is left out.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from monitor.api.app import now_us
from records.window import DAY
from streams.broker import Broker
from tests.kafka.deployment import deployed
from tests.monitor.streaming import opened
from tests.parity.results import Result, differences, read
from tests.parity.running import Run, Trouble
from tests.parity.sending import take_in
from tests.parity.traffic import Part, Traffic

CONFIG = """
content: full
false_alarms: {{at_most: 5, per: 1d}}
applications:
  support: {{slices: [model, tags.tenant], allowed_lateness: 5m, conversations: {{idle: 1h}}, signals: {signals}}}
  sales: {{slices: [model], allowed_lateness: 5m, conversations: {{idle: 1h}}, signals: {signals}}}
"""
DIMENSIONS = {"support": ("model", "tags.tenant"), "sales": ("model",)}
FEW = "[response.characters, response.refusal, output_tokens, duration, error, finish_reason, run_steps, run_tool_calls]"


def embedded(folder: Path, config: str, parts: list[Part], now: int) -> Result:
    """What the embedded runner comes to."""
    with opened(folder / "embedded.db") as store:
        take_in(store, config, parts, now)
        return read(store, DIMENSIONS)


def same(folder: Path, broker: Broker, database: str, signals: str, traffic: Traffic, trouble: Trouble) -> Run:
    """Both runs come to the same, and to what was sent."""
    config, parts = CONFIG.format(signals=signals), list(traffic.parts())
    with deployed(folder, broker, database, config) as made, ThreadPoolExecutor(1) as pool:
        run = Run(made, made.start("worker", "worker"), trouble)
        result = pool.submit(embedded, folder, config, parts, now_us())
        run.go(parts)
        one = result.result()
        run.wait_for({name: through for (name,), through in one.judged.items()})
        other = read(made.store, DIMENSIONS)
    assert differences(one, other) == []
    assert other.interactions == {(name,): n for name, n in traffic.counted.items()}
    assert sum(other.duplicates.values()) == traffic.duplicates
    assert sum(other.letters.values()) == traffic.refused
    assert [key[:2] for key in other.alerts], "an incident of this size is told"
    return run


def history() -> int:
    """Midnight of some days ago: no clock closes windows of then."""
    return now_us() // DAY * DAY - 4 * DAY


def test_a_stream_through_dying_workers_comes_to_the_same_as_through_one_process(
    broker: Broker, database: str, tmp_path: Path
) -> None:
    traffic = Traffic(windows=80, rows=126, incident=range(62, 77), start=history())
    run = same(tmp_path, broker, database, FEW, traffic, Trouble(kills=2, within=1.0, freeze=False, pace=0.05))
    assert run.kills == 2


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_a_hundred_thousand_interactions_under_ten_kills_and_a_frozen_worker(
    broker: Broker, database: str, tmp_path: Path
) -> None:
    began = time.monotonic()
    traffic = Traffic(windows=168, rows=600, incident=range(112, 148), start=history())
    run = same(tmp_path, broker, database, "default", traffic, Trouble(kills=10, within=3.0, freeze=True, pace=1.2))
    assert run.kills == 10 and run.frozen > 15
    total = sum(traffic.counted.values())
    print(f"{total} interactions, {run.kills} kills, frozen for {run.frozen:.0f} s, {time.monotonic() - began:.0f} s in all")
