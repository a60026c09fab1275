"""Has `worker` do a job in another process: bounded in memory and time, without our environment, ended when we end."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from records.errors import PlumblineError

WORKER = Path(__file__).with_name("worker.py")
LOOK = 0.1
"""Seconds between two looks whether it is done."""
_KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")
"""What of our environment it sees; there may be secrets in the rest."""


class EstimationError(PlumblineError):
    """An estimate that could not be made; the text says why."""


class Limits(NamedTuple):
    """`python` is the interpreter that has NannyML; memory in MiB, time in seconds (of the clock, and of the processor)."""

    python: str = sys.executable
    memory: int = 2048
    seconds: int = 900


def run(job: Mapping[str, Any], limits: Limits, stop: Callable[[], bool] = lambda: False) -> dict[str, list[float]]:
    """What the worker found; `job` holds its arrays and the name of its task. EstimationError where it found nothing."""
    with tempfile.TemporaryDirectory(prefix="plumbline-estimation-") as name:
        directory = Path(name)
        np.savez(directory / "job.npz", **job)
        status = _wait(_start(directory, limits), limits.seconds, stop)
        try:
            result = json.loads((directory / "result.json").read_bytes())
        except (OSError, ValueError):
            raise EstimationError(f"its process ended with status {status} and no result") from None
    if "error" in result:
        raise EstimationError(f"{result['error']} in its process")
    found: dict[str, list[float]] = {key: [float(value) for value in values] for key, values in result.items()}
    if not all(np.isfinite(values).all() for values in found.values()):
        raise EstimationError("its result is not finite")
    return found


def _start(directory: Path, limits: Limits) -> subprocess.Popen[bytes]:
    environment = {key: os.environ[key] for key in _KEPT if key in os.environ} | {
        "NML_DISABLE_USAGE_LOGGING": "1", "PYTHON_DOTENV_DISABLED": "1", "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2",
        "HOME": str(directory), "TMPDIR": str(directory), "MPLCONFIGDIR": str(directory),
    }  # fmt: skip
    command = [limits.python, "-I", str(WORKER), str(directory), str(limits.memory), str(limits.seconds)]
    try:
        return subprocess.Popen(
            command, cwd=directory, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise EstimationError(f"estimation.python cannot be run: {error.strerror}") from None


def _wait(process: subprocess.Popen[bytes], seconds: int, stop: Callable[[], bool]) -> int:
    """Its status once it has ended by itself; otherwise it is ended here."""
    until = time.monotonic() + seconds
    with process:
        try:
            while time.monotonic() < until and not stop():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return process.wait(LOOK)
            raise EstimationError("the service stops" if stop() else f"it took longer than {seconds} s")
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
