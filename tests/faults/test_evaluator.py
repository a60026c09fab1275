"""The evaluator on a real broker and database, killed again and again: each of the sample has one outcome, and is paid once."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from monitor.api.app import now_us
from monitor.store import judgements, judges
from records.window import DAY
from streams.broker import FEEDBACK, Broker
from tests.judge_server import Reply, Request, judging, says
from tests.kafka.consumed import consumed
from tests.kafka.deployment import Deployment, Role, calls, deployed

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
SENT, KILLS = 600, 5
CONFIG = """
applications:
  support:
    slices: [model]
    evaluations:
      - judge: {{name: helpful, rubric: "Is it of help?", endpoint: "{endpoint}", model: large, sample: 0.5, timeout: 5s,
                 concurrency: 8, prices: {{input: 0, output: 10}}, max_tokens: 100}}
"""


def outcomes(made: Deployment) -> Counter[str]:
    """How many of the sample had each outcome."""
    with made.store.read() as c:
        counted = judgements.counts(c, "support", "helpful", 0, 2**62)
    return sum((Counter(one) for one in counted.values()), Counter())


def pending(made: Deployment) -> int:
    found = outcomes(made)
    return 2 * found["sampled"] - found.total()


def behind(evaluator: Role) -> float:
    """Records that it has not sampled yet; until it knows, one."""
    lags = [n for name, n in evaluator.metrics().items() if name.startswith("plumbline_consumer_lag{evaluator-")]
    return sum(lags) if len(lags) == 4 else 1.0


def test_an_evaluator_that_is_killed_loses_none_of_the_sample_and_pays_for_none_twice(
    broker: Broker, database: str, tmp_path: Path
) -> None:
    with judging(tokens=(100, 20)) as judge:
        slowly = judge.ended  # set at the end of the test: until then it waits

        def answer(request: Request) -> Reply:
            slowly.wait(0.1)
            return says(5, tokens=(100, 20))

        judge.always = answer
        with deployed(tmp_path, broker, database, CONFIG.format(endpoint=judge.endpoint)) as made:
            made.spread(calls(range(SENT)))
            evaluator, _ = made.start("evaluator", "worker")
            for n in range(KILLS):
                more = len(judge.requests) + 20
                made.until(lambda more=more: len(judge.requests) >= more)  # type: ignore[misc]
                evaluator.kill()
                if n == 2:
                    made.spread(calls(range(SENT)))  # a producer's retry while nobody is there
                evaluator = made.launch("evaluator")
            made.started(evaluator)
            made.until(lambda: not evaluator.problems() and not behind(evaluator), evaluator.problems)
            made.until(lambda: not pending(made) and outcomes(made)["sampled"], lambda: outcomes(made), 240)
            made.counts(SENT)
            found = outcomes(made)
            told = [msgspec.json.decode(record.value) for record in consumed(made.broker, FEEDBACK)]
            with made.store.read() as c:
                today = now_us() // DAY
                days = [judges.spending(c, "support", "helpful", day) for day in (today - 1, today)]
            asked = judge.asked()
            print(f"{dict(found)}; {len(judge.requests)} calls, {len(told)} messages")
            assert 0.4 * SENT < found["sampled"] < 0.6 * SENT
            assert set(found) <= {"sampled", "judged", "interrupted"}
            assert 0 < found["interrupted"] <= KILLS * 8
            assert set(asked.values()) == {1}
            assert found["judged"] <= len(asked) <= found["sampled"]
            assert {row["interaction_id"] for row in told} == {row["interaction_id"] for row in told if row["value"] == 1.0}
            assert len({row["interaction_id"] for row in told}) == found["judged"]
            assert sum(day.reserved for day in days) == 0
            assert sum(day.calls for day in days) == found["sampled"]


def test_one_process_on_kafka_has_its_sample_judged_with_what_it_takes_in(
    broker: Broker, database: str, tmp_path: Path
) -> None:
    with judging() as judge, deployed(tmp_path, broker, database, CONFIG.format(endpoint=judge.endpoint)) as made:
        (serve,) = made.start("serve")
        made.spread(calls(range(200)))
        made.until(lambda: not pending(made) and outcomes(made)["sampled"], lambda: outcomes(made))
        found = outcomes(made)
        assert found["judged"] == found["sampled"] == len(judge.requests)
        shown = serve.metrics()
        assert shown["plumbline_judgements_total{support,helpful,sampled}"] == found["sampled"]
        assert shown["plumbline_judgements_total{support,helpful,judged}"] == found["judged"]


def test_evaluators_that_work_together_stop_at_the_number_of_calls_that_a_day_has(
    broker: Broker, database: str, tmp_path: Path
) -> None:
    with judging() as judge:
        config = CONFIG.format(endpoint=judge.endpoint).replace("sample: 0.5", "sample: 1.0, daily_calls: 100")
        with deployed(tmp_path, broker, database, config) as made:
            made.start("evaluator", "evaluator")
            made.spread(calls(range(SENT)))
            made.until(lambda: not pending(made) and outcomes(made)["sampled"] == SENT, lambda: outcomes(made))
            assert outcomes(made) == {"sampled": SENT, "judged": 100, "over_budget": SENT - 100}
            assert set(judge.asked().values()) == {1} and len(judge.requests) == 100
