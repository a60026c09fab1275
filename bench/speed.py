"""Speed: the columnar stage, `serve` over HTTP, its memory and latency, `plumbline check`; as one table.

    python -m bench.speed [--only PART ...] [--runs 3]

PART is columnar, serve, memory, latency or check; on a real broker and PostgreSQL kafka, worker-memory, verdicts (waits for
a window to end) or stored. Progress goes to stderr. Ratios are of one run on one machine; absolute
figures are this machine's, as busy as the load average says. Memory takes some minutes, everything else one or two.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from bench.checking import check
from bench.serving import latency, memory, throughput

Row = tuple[str, str, str, str]
"""What, measured, target, and their ratio in words."""
PER_SECOND, TIMES, SERVED, FLAT, SECONDS = 50_000, 8, 15_000, 0.1, 8.0
PEERS = (("faust", "stock Faust, which only counts"), ("river", "per event into River"))
SINGLE, PACKED, BOTH, MORE, VISIBLE, STORED = 25_000, 40_000, 1.3, 0.15, 3.0, 5


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _at_least(value: float, target: float) -> str:
    return f"{value / target:.2f} x"


def _best(runs: int, work: Callable[[], dict[str, Any]], key: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    for index in range(runs):
        found.append(work())
        _say(f"run {index + 1} of {runs}: {json.dumps(found[-1])}")
    return max(found, key=lambda result: result[key])


def columnar(runs: int) -> list[Row]:
    """In a process of its own: threads are decided at import."""
    environ = {**os.environ, "POLARS_MAX_THREADS": "1"}
    command = [sys.executable, "-m", "bench.columnar"]

    def once() -> dict[str, Any]:
        result = json.loads(subprocess.run(command, env=environ, stdout=subprocess.PIPE, check=True).stdout)
        return {**result, "rate": 1e6 / sum(result["stages"].values())}

    result = _best(runs, once, "rate")
    each, long = (sum(result[name].values()) for name in ("stages", "long_stages"))
    size, long_size = result["bytes"], result["long_bytes"]
    return [
        (f"columnar stage, one core, {size:,.0f} B a record, batches of {result['batch']:,}",
         f"{1e6 / each:,.0f}/s ({each:.1f} us each)", f"{PER_SECOND:,}/s", _at_least(1e6 / each, PER_SECOND)),
        (f"the same, {long_size:,.0f} B a record", f"{1e6 / long:,.0f}/s ({long:.1f} us each)", "", ""),
        ("per-event Python into River's ADWIN, the same rows", f"{result['alternative']:,.0f} us each",
         f"{TIMES} times slower", f"{result['alternative'] / each:.0f} times slower"),
        *((f"- {name}", f"{us:.2f} us", "", f"{us / sum(result['parts'].values()):.0%}")
          for name, us in result["parts"].items()),
        *((f"- stage `{name}`", f"{us:.2f} us", "", f"{us / each:.0%}") for name, us in result["stages"].items()),
    ]  # fmt: skip


def serve(runs: int) -> list[Row]:
    result = _best(runs, throughput, "rate")
    words = f"load average {result['load']:.1f}"
    return [
        ("`serve` over HTTP, bodies of 100, accepted and committed", f"{result['rate']:,.0f}/s", f"{SERVED:,}/s",
         _at_least(result["rate"], SERVED)),
        ("- CPU of the service per 1,000 interactions", f"{result['cpu'] * 1000:.0f} ms", "", words),
        ("- CPU of the client per 1,000 interactions", f"{result['client'] * 1000:.0f} ms", "", ""),
    ]  # fmt: skip


def flat_memory(runs: int) -> list[Row]:
    result = memory()
    growth = result["large"] / result["small"] - 1
    words = ", ".join(f"{int(count) / 1e6:g} M: {size:.0f} MiB" for count, size in result["resident"].items())
    return [("memory of `serve`, four slices", words, f"+{FLAT:.0%}", f"{growth:+.1%}")]


def late(runs: int) -> list[Row]:
    result = _best(runs, lambda: {"early": -(found := latency())["p50"], **found}, "early")
    words = f"p50 {result['p50']:.0f} ms, p99 {result['p99']:.0f} ms"
    return [("from sent to committed, 1,000/s in bodies of 10", words, "", f"load average {result['load']:.1f}")]


def two_files(runs: int) -> list[Row]:
    result = check()
    return [
        ("`plumbline check`, 100,000 rows of 1 KB against 100,000", f"{result['wall']:.1f} s ({result['cpu']:.1f} s of CPU)",
         f"{SECONDS:g} s", f"{result['wall'] / SECONDS:.2f} x"),
        ("- the first time, before kernels are compiled", f"{result['cold']:.1f} s", "", f"load average {result['load']:.1f}"),
    ]  # fmt: skip


def kafka(runs: int) -> list[Row]:
    """Broker, PostgreSQL and workers share the two cores; peers consume the same topic in the same run."""
    from bench import streaming

    rows: list[Row] = []
    with streaming.site() as made:
        for each, target in ((1, SINGLE), (100, PACKED)):
            made.load(streaming.COUNT, each)
            one = _best(runs, lambda: streaming.rate(made, streaming.COUNT, 1), "rate")
            two = _best(runs, lambda: streaming.rate(made, streaming.COUNT, 2), "rate")
            bare = streaming.other(made, "aiokafka", streaming.COUNT)
            rows += [
                (f"one worker, records of {each}, from topic to committed panes", f"{one['rate']:,.0f}/s", f"{target:,}/s",
                 _at_least(one["rate"], target)),
                ("- two workers", f"{two['rate']:,.0f}/s", f"{BOTH} times one", f"{two['rate'] / one['rate']:.2f} times one"),
                ("- CPU an interaction costs a worker", f"{one['cpu']:.1f} us, two workers {two['cpu']:.1f} us",
                 f"+{MORE:.0%}", f"{two['cpu'] / one['cpu'] - 1:+.0%}"),
                ("- aiokafka alone", f"{bare['rate']:,.0f}/s", "", f"one worker is {one['rate'] / bare['rate']:.2f} of it"),
            ]  # fmt: skip
            for kind, words in PEERS if each == 1 else ():
                peer = streaming.other(made, kind, streaming.COUNT)
                times = f"one worker is {one['rate'] / peer['rate']:.1f} times it"
                rows.append((f"- {words}", f"{peer['rate']:,.0f}/s", "", times))
    return rows


def worker_memory(runs: int) -> list[Row]:
    from bench import streaming

    with streaming.site() as made:
        result = streaming.memory(made)
    words = ", ".join(f"{int(count) / 1e6:g} M: {size:.0f} MiB" for count, size in result["resident"].items())
    return [("memory of a worker, four slices", words, f"+{FLAT:.0%}", f"{result['growth']:+.1%}")]


def verdicts(runs: int) -> list[Row]:
    from bench.streaming import site
    from bench.verdict_latency import latency

    with site() as made:
        result = latency(made)
    words = "from the end of a window and its lateness to verdicts that can be read"
    return [(words, f"{result['seconds']:.1f} s", f"{VISIBLE:g} s", f"{result['seconds'] / VISIBLE:.2f} x")]


def stored(runs: int) -> list[Row]:
    from bench.storing import RATES, measured

    rows: list[Row] = []
    judged = 0.0  # known of the rate whose windows are enough to judge
    for per_second, windows in RATES:
        result = measured(per_second, windows)
        judged = max(judged, result["verdicts"])
        size = (sum(result[name] for name in ("windows", "hour", "day_share")) + judged) / 2**20
        words = f"PostgreSQL for an hour of stream, {result['slices']} slices, {per_second:,}/s"
        rows.append((words, f"{size:.2f} MiB, and {result['ids_each']:.1f} B of ids an interaction", f"{STORED} MiB",
                     f"{size / STORED:.2f} x"))  # fmt: skip
    return rows


PARTS: dict[str, Callable[[int], list[Row]]] = {
    "columnar": columnar, "serve": serve, "memory": flat_memory, "latency": late, "check": two_files,
    "kafka": kafka, "worker-memory": worker_memory, "verdicts": verdicts, "stored": stored,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.speed", description="Speed, as one table.")
    parser.add_argument("--only", action="append", choices=tuple(PARTS), help="a part alone; may be repeated")
    parser.add_argument("--runs", type=int, default=3, help="how often each is measured; the best counts")
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    rows: list[Row] = []
    for name in options.only or PARTS:
        _say(f"{name}, load average {os.getloadavg()[0]:.1f}")
        rows += PARTS[name](options.runs)
    print("| | measured | target | ratio |\n|---|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
