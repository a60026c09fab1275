"""Other tools' default rules over the windows of a file: `python peers_rules.py evidently|nannyml|river|alibi FILE`, in the
interpreter of an environment that has the package. Imports nothing of Plumbline.

The file is bench.peers' npz: `past_`, `reference_` and `windows_` of `numeric` and `category`, (streams, windows, n). Prints
JSON: by rule and kind, windows flagged and of how many. No connection leaves the process.
"""

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

KINDS = ("numeric", "category")
SILENT = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "MPLBACKEND": "Agg"}
"""The packages' telemetry, switched off before they are imported."""
CHUNKS = 10
"""What NannyML's DefaultChunker makes of a reference."""
KSWIN_STREAMS, KSWIN_WINDOWS = 5, 10
"""Its test runs for every event: so many streams and windows are enough."""
Job = dict[str, Any]
Flagged = dict[str, dict[str, tuple[int, int]]]


def refuse_connections(event: str, args: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        raise PermissionError(f"{event}: a benchmark has no use for a network")


def frame(job: Job, part: str, windows: slice = slice(None)) -> Any:
    """One column a stream, n0... numeric and c0... category, the windows one after the other."""
    import pandas as pd

    columns = {f"n{i}": values[windows].ravel() for i, values in enumerate(job[f"{part}_numeric"])}
    levels = np.array([f"level {i}" for i in range(job["past_category"].max() + 1)], object)
    columns |= {f"c{i}": levels[values[windows].ravel()] for i, values in enumerate(job[f"{part}_category"])}
    return pd.DataFrame(columns)


def counted(flags: list[tuple[str, bool]]) -> dict[str, tuple[int, int]]:
    """Flags of columns by kind."""
    kinds = {"n": "numeric", "c": "category"}
    out = {}
    for first, kind in kinds.items():
        mine = [flag for name, flag in flags if name.startswith(first)]
        out[kind] = (sum(mine), len(mine))
    return out


def evidently(job: Job) -> Flagged:
    """What ValueDrift asks with nothing configured (a Report takes 25 times as long, to draw): Evidently chooses test and
    threshold by the reference's rows, over 1,000 or not."""
    from evidently.legacy.calculations.stattests import get_stattest

    rows = frame(job, "reference")
    few = rows.sample(1_000, random_state=1)
    windows = [frame(job, "windows", slice(i, i + 1)) for i in range(job["windows_numeric"].shape[1])]

    def flags(reference: Any) -> Iterator[tuple[str, bool]]:
        for window in windows:
            for name in reference.columns:
                kind = "num" if name[0] == "n" else "cat"
                rule = get_stattest(reference[name], window[name], kind, None)
                yield name, bool(rule(reference[name], window[name], kind, None).drifted)

    return {
        "Evidently, reference of 5,000 rows": counted(list(flags(rows))),
        "Evidently, reference of 1,000 rows": counted(list(flags(few))),
    }


def nannyml(job: Job) -> Flagged:
    """UnivariateDriftCalculator with nothing configured but the chunk's size: Jensen-Shannon, mean + 3 sigma of the chunks."""
    from nannyml import UnivariateDriftCalculator

    past, n = job["past_numeric"].shape[1:]
    out = {}
    for chunks in (CHUNKS, past):
        reference = frame(job, "past", slice(None, None, past // chunks))
        names = list(reference.columns)
        calculator = UnivariateDriftCalculator(column_names=names, chunk_size=n).fit(reference)
        result = calculator.calculate(frame(job, "windows")).filter(period="analysis").to_df()
        flags = [(name, bool(flag)) for name in names for flag in result[(name, "jensen_shannon", "alert")]]
        out[f"NannyML, reference of {chunks} chunks"] = counted(flags)
    return out


def river(job: Job) -> Flagged:
    """Detectors of a stream of values with nothing configured: windows in which each saw a change at least once. They take
    no categories, and have thresholds in the signal's unit: values come as standard deviations from the reference's mean."""
    from river.drift import ADWIN, KSWIN, PageHinkley

    def flags(make: Callable[[], Any], streams: int, count: int) -> dict[str, tuple[int, int]]:
        hits = 0
        for known, later in zip(job["reference_numeric"][:streams], job["windows_numeric"][:streams], strict=True):
            detector, mean, sd = make(), known.mean(), known.std()
            for value in ((known - mean) / sd).ravel().tolist():
                detector.update(value)
            for window in ((later[:count] - mean) / sd).tolist():
                hit = False
                for value in window:
                    detector.update(value)
                    hit |= bool(detector.drift_detected)
                hits += int(hit)
        return {"numeric": (hits, streams * count)}

    streams, count = job["windows_numeric"].shape[:2]
    return {
        "River ADWIN": flags(ADWIN, streams, count),
        "River KSWIN": flags(lambda: KSWIN(seed=1), min(streams, KSWIN_STREAMS), min(count, KSWIN_WINDOWS)),
        "River Page-Hinkley": flags(PageHinkley, streams, count),
    }


def alibi(job: Job) -> Flagged:
    """KSDrift and ChiSquareDrift with nothing configured (p < 0.05), each feature by itself."""
    from alibi_detect.cd import ChiSquareDrift, KSDrift

    def flags(detector: Any, kind: str) -> tuple[int, int]:
        found = [
            detector.predict(window, drift_type="feature")["data"]["is_drift"]
            for window in job[f"windows_{kind}"].transpose(1, 2, 0)
        ]
        return int(np.sum(found)), np.size(found)

    known = {kind: job[f"reference_{kind}"].reshape(len(job[f"reference_{kind}"]), -1).T for kind in KINDS}
    detectors = {"numeric": KSDrift(known["numeric"]), "category": ChiSquareDrift(known["category"])}
    return {"Alibi Detect 0.11.4, K-S and chi-square": {kind: flags(detector, kind) for kind, detector in detectors.items()}}


def main() -> None:
    tool, file = sys.argv[1:]
    os.environ |= SILENT
    sys.addaudithook(refuse_connections)
    warnings.simplefilter("ignore")
    with np.load(file) as job:
        windows = dict(job)
    rules = {"evidently": evidently, "nannyml": nannyml, "river": river, "alibi": alibi}
    print(json.dumps(rules[tool](windows)))


if __name__ == "__main__":
    main()
