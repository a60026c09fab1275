"""A month of clean traffic through the real pipeline in embedded mode: alarms against the budget, CPU, memory, disk.

    python -m bench.month [--days 30] [--applications 5] [--seed 1] [--keep DIRECTORY]

Each application is the demonstration's healthy service with draws of its own: 0.6 calls a second, twice as many by day as
by night, topics that swing over the day; 10 slices (all, three models, six tenants), 40 signals, the default baseline
(the last 7 days) and the default budget. Nothing ever changes, so every alert that fires is a false alarm.
It is sent an hour at a time. Decoding, signals, panes, verdicts, alerts, the store and what deletes from it are the
service's own; HTTP and the log before it are left out (`bench.speed` measures those). Progress goes to stderr.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from alerts.numbers import clock
from monitor import retention
from monitor.config import ConfigSource, parse
from monitor.demo.story import Story
from monitor.demo.traffic import APPLICATION, interactions
from monitor.metrics import Metrics
from monitor.pipeline import Pipeline
from monitor.reading.budget import budget, comparisons
from monitor.store import Store, alerts, findings
from records.window import DAY, HOUR, WINDOW
from streams.embedded import LogRecord

START = 1_790_000_000_000_000 // DAY * DAY
APART = 1_000
"""Days by which the applications' stories are shifted: the same texts, other draws."""
_FORM = (
    "characters", "words", "sentences", "lines", "mean_word_length", "words_per_sentence", "type_token_ratio",
    "punctuation_share", "digit_share", "upper_share", "repetition",
)  # fmt: skip
SIGNALS = (
    *(f"{side}.{name}" for side in ("prompt", "response") for name in _FORM), "prompt.code_fences", "prompt.question_marks",
    "response.list_markers", "response.bold_markers", "response.refusal", "input_tokens", "output_tokens", "duration",
    "time_to_first_token", "tokens_per_second", "cost_usd", "error", "finish_reason", "model", "tool_calls", "tool_errors",
    "context_passages", "context_characters",
)  # fmt: skip
CONFIG = f"{{slices: [model, tags.tenant], allowed_lateness: 1m, signals: [{', '.join(SIGNALS)}]}}"
_NAMED = f'"application":"{APPLICATION}"'.encode()


@dataclass
class Spent:
    """CPU seconds of this process: making the traffic, and all that is done with it; interactions taken in."""

    traffic: float = 0.0
    pipeline: float = 0.0
    interactions: int = 0
    by_day: list[float] = field(default_factory=list)


class Month:
    """The run: `names` of the applications, one pipeline on the SQLite file in `directory`."""

    def __init__(self, directory: Path, applications: int, days: int, seed: int):
        self.names = [f"service-{i + 1}" for i in range(applications)]
        self.stories = [Story(seed, START - i * APART * DAY, days + i * APART + 1.0) for i in range(applications)]
        self.days, self.spent = days, Spent()
        listed = "".join(f"  {name}: {CONFIG}\n" for name in self.names)
        self.source = ConfigSource(parse(f"applications:\n{listed}", "month.yaml", {}))
        self.file = directory / "month.db"
        self.store = Store(f"sqlite:///{self.file}")
        self.store.upgrade()
        self.metrics = Metrics()
        self.pipeline = Pipeline(self.store, self.source, self.metrics)

    def records(self, start: int) -> list[LogRecord]:
        """What all applications sent in the window at `start`, accepted as it ended."""
        offset = (start - START) // WINDOW * len(self.names)
        out = []
        for i, (name, story) in enumerate(zip(self.names, self.stories, strict=True)):
            value = b"\n".join(interactions(story, start).lines).replace(_NAMED, b'"application":"%b"' % name.encode())
            out.append(LogRecord(offset + i, "interactions", value, start + WINDOW))
        return out

    def run(self) -> Iterator[int]:
        """Take the whole time in; gives the number of each day when it is over."""
        for start in range(START, START + self.days * DAY, HOUR):
            began = time.process_time()
            records = [record for at in range(start, start + HOUR, WINDOW) for record in self.records(at)]
            made = time.process_time()
            now = start + HOUR
            self.pipeline.ingest(records, now)
            retention.forget(self.store, self.source.current, self.metrics, now)
            retention.merge_ids(self.store, self.source.current, now)
            self.spent.traffic += made - began
            self.spent.pipeline += time.process_time() - made
            self.spent.interactions += sum(record.value.count(b"\n") + 1 for record in records)
            if now % DAY == 0:
                self.spent.by_day.append(self.spent.pipeline - sum(self.spent.by_day))
                yield (now - START) // DAY

    def alarms(self) -> list[str]:
        """When each alert fired and what it said."""
        with self.store.read() as c:
            fired = [alert for name in self.names for alert in alerts.since(c, name, START) if alert.fired_at is not None]
        return [f"{clock(alert.started_at)}  {alert.application}: {alert.sentence}" for alert in fired]

    def compared(self) -> int:
        with self.store.read() as c:
            return sum(comparisons(c, name) for name in self.names)

    def small(self) -> int:
        """Episodes with enough evidence and an effect under the floor: nobody is told."""
        with self.store.read() as c:
            return sum(f.verdict == "small" for name in self.names for f in findings.since(c, name, START))

    def size(self) -> int:
        """Bytes of the database and what is written ahead of it."""
        return sum(path.stat().st_size for path in self.file.parent.glob(f"{self.file.name}*"))

    def report(self) -> str:
        spent, alarms = self.spent, self.alarms()
        with self.store.read() as c:
            allowed = budget(c, self.source.current, START + self.days * DAY)
        cpu, peak = spent.pipeline, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows = (
            ("applications, comparisons", f"{len(self.names)}, {self.compared():,}"),
            ("simulated days, interactions", f"{self.days}, {spent.interactions:,}"),
            ("alarms; the budget allows", f"{len(alarms)}; {allowed.at_most * self.days * DAY / allowed.per:g}"),
            ("small episodes, not told", f"{self.small()}"),
            ("CPU of the pipeline", f"{cpu:,.0f} s, {cpu / self.days:.1f} s a day (the last {spent.by_day[-1]:.1f} s)"),
            ("times real time, one core", f"{self.days * DAY / 1e6 / cpu:,.0f}"),
            ("CPU of making the traffic", f"{spent.traffic:,.0f} s"),
            ("peak memory", f"{peak:,.0f} MiB"),
            ("database", f"{self.size() / 2**20:,.0f} MiB"),
        )
        return "\n".join([*(f"{name:32}{value}" for name, value in rows), *alarms])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.month", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--applications", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="an empty directory for the database, which stays; default: a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        month = Month(options.keep or Path(temporary), options.applications, options.days, options.seed)
        for day in month.run():
            spent = month.spent
            print(
                f"day {day}: {len(month.alarms())} alarms, {spent.pipeline:,.0f} s of CPU, {spent.interactions:,} interactions",
                file=sys.stderr, flush=True,
            )  # fmt: skip
        print(month.report())
        month.store.close()


if __name__ == "__main__":
    main()
