"""`plumbline check` as a whole process: 100,000 rows of 1 KB against 100,000."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.records_simulated import lines
from bench.serving import first_time

ROWS = 100_000
RUNS = 3
START = "import sys; from monitor.cli import main; main(sys.argv[1:])"


def _run(directory: Path, **environ: str) -> tuple[float, float]:
    """Wall and CPU seconds of one process."""
    command = [sys.executable, "-c", START, "check", str(directory / "current.jsonl")]
    before, began = os.times(), time.perf_counter()
    done = subprocess.run(
        [*command, "--reference", str(directory / "reference.jsonl")],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **environ},
    )  # fmt: skip
    seconds, after = time.perf_counter() - began, os.times()
    if done.returncode not in (0, 1):
        raise RuntimeError(f"check ended with {done.returncode}: {done.stderr[-500:]!r}")
    return seconds, after.children_user - before.children_user + after.children_system - before.children_system


def check() -> dict[str, Any]:
    """Seconds with compiled kernels in the cache (the best of RUNS), and the first time of all."""
    with tempfile.TemporaryDirectory() as name:
        directory, start = Path(name), first_time()
        for index, file in enumerate(("reference.jsonl", "current.jsonl")):
            with (directory / file).open("wb") as out:
                out.writelines(line + b"\n" for line in lines(ROWS, start, index * (ROWS + ROWS // 3)))
        _run(directory)
        warm = min(_run(directory) for _ in range(RUNS))
        load = os.getloadavg()[0]
        cold = _run(directory, NUMBA_CACHE_DIR=str(directory / "cache"))
    return {"wall": warm[0], "cpu": warm[1], "cold": cold[0], "load": load}
