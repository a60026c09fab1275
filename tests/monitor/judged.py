"""A judge at work by hand: a store, a sample put into it, and an evaluator whose clock the test moves."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from monitor.config import ConfigSource, parse
from monitor.evaluator.evaluator import Evaluator
from monitor.metrics import Metrics
from monitor.store import judgements, judges
from monitor.store.engine import Store
from monitor.store.judgements import Wanted
from monitor.store.judges import Spending
from records.window import DAY, HOUR
from tests.judge_server import Judge

NOW = 1_790_000_000_000_000 // DAY * DAY + HOUR
START = NOW - HOUR
NAME = ("support", "helpful")
CONFIG = """
applications:
  support:
    evaluations: [{{judge: {{name: helpful, rubric: "Is it of help?", endpoint: "{endpoint}", model: large, {more}}}}}]
"""


def source(judge: Judge, more: str = "") -> ConfigSource:
    """`more`: further keys of the judge."""
    return ConfigSource(parse(CONFIG.format(endpoint=judge.endpoint, more=more or "sample: 1.0"), "judge.yaml", {}))


def wanted(responses: Sequence[str], start: int = START) -> list[Wanted]:
    return [Wanted(10 + i, f"i-{i}", start, "", ("Where?", text, [], None)) for i, text in enumerate(responses)]


@dataclass
class Work:
    """An evaluator of one store; every look is a second later than the one before."""

    store: Store
    judge: Judge
    more: str = ""
    now: int = NOW
    told: list[Any] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.evaluator = self.anew()

    def anew(self, alone: bool = False) -> Evaluator:
        """Another evaluator of the same store, as after a restart."""
        return Evaluator(
            self.store, source(self.judge, self.more), self.metrics, self._failed, alone,
            lambda application, judge, final: self.told.append(final),
        )  # fmt: skip

    def _failed(self, error: BaseException) -> None:
        raise error

    def put(self, responses: Sequence[str], start: int = START) -> None:
        with self.store.begin() as c:
            judgements.put(c, *NAME, wanted(responses, start), self.now)

    def look(self) -> bool:
        """One step, a second after the one before; whether there is more to do at once."""
        self.evaluator.woken.clear()
        more = self.evaluator.step(self.now)
        self.now += 1_000_000
        return more

    def until(self, holds: Callable[[], bool], looks: int = 400) -> None:
        """Works until it holds."""
        for _ in range(looks):
            if not self.look():
                if holds():
                    return
                self.evaluator.woken.wait(0.05)
        raise AssertionError(f"did not come: {self.outcomes()}")

    def finish(self) -> dict[str, int]:
        """Works until every interaction has its outcome; how many have each."""
        self.until(lambda: not self.pending())
        return {name: n for name, n in self.outcomes().items() if name != judgements.SAMPLED}

    def pending(self) -> int:
        found = self.outcomes()
        return 2 * found.get(judgements.SAMPLED, 0) - sum(found.values())

    def outcomes(self) -> dict[str, int]:
        with self.store.read() as c:
            found = judgements.counts(c, *NAME, 0, 2**62)
        return dict(sum((Counter(one) for one in found.values()), Counter[str]()))

    def spending(self) -> Spending:
        with self.store.read() as c:
            return judges.spending(c, *NAME, NOW // DAY)
