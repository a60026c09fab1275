"""Runs NannyML over one job and ends: `python worker.py DIRECTORY MEBIBYTES SECONDS`, in the interpreter that has it.

job.npz in, result.json out, both in the directory; `{"error": type}` where it could not be done. The process bounds
itself, refuses every connection, and ends when whoever started it closes its standard input.
"""

import contextlib
import json
import os
import resource
import sys
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SEED = 1
FILE_SIZE = 64 << 20


def _bound(mebibytes: int, seconds: int) -> None:
    """Memory that is written to, processor time, files; and the last place in the queue for the processor."""
    resource.setrlimit(resource.RLIMIT_DATA, (mebibytes << 20, mebibytes << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(10)


def _refuse_connections(event: str, args: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        raise PermissionError(f"{event}: estimation has no use for a network")


def _end_with_parent() -> None:
    def watch() -> None:
        sys.stdin.buffer.read()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _frame(job: dict[str, NDArray[Any]]) -> Any:
    """numeric (n, p), nan missing; categorical (n, q) codes, -1 missing."""
    import pandas as pd

    columns: dict[str, Any] = {f"n{i}": column for i, column in enumerate(job["numeric"].T)}
    for i, codes in enumerate(job["categorical"].T):
        columns[f"c{i}"] = np.array([np.nan, *map(str, range(codes.max(initial=0) + 1))], object)[codes + 1]
    return pd.DataFrame(columns)


def drift(job: dict[str, NDArray[Any]]) -> dict[str, list[float]]:
    """Each day against all other days: values (D,) that are exchangeable where the days are.

    day (n,): 0 to D - 1, ascending. `reconstruction_error` is a mean over the day's rows with its standard error,
    `domain_classifier` the AUROC of a gradient-boosted classifier of five folds: NannyML's `fit` asks it of each chunk
    of its reference against the rest. PCA is fitted again without each day, always with the components that explain 65 %
    of the variance of all days: one component more or less would be a jump.
    """
    from nannyml import DataReconstructionDriftCalculator, DomainClassifierCalculator
    from nannyml.chunk import Chunk, Chunker
    from nannyml.drift.multivariate.domain_classifier.calculator import DEFAULT_LGBM_HYPERPARAMS

    frame, day = _frame(job), job["day"]
    names = list(frame.columns)
    edges = np.searchsorted(day, np.arange(day[-1] + 2)).tolist()
    days = list(pairwise(edges))

    class Days(Chunker):  # type: ignore[misc]
        def _split(self, data: Any) -> list[Any]:
            return [Chunk(f"{start}", data.iloc[start:stop], start, stop - 1) for start, stop in days]

    quiet = {**DEFAULT_LGBM_HYPERPARAMS, "n_jobs": 1, "random_state": SEED, "verbose": -1}
    classifier = DomainClassifierCalculator(names, chunker=Days(), hyperparameters=quiet)
    found = classifier.fit(frame).result.data["domain_classifier_auroc"]["value"].tolist()
    components = int(DataReconstructionDriftCalculator(names, chunk_number=1).fit(frame)._pca.n_components_)
    errors, deviations = [], []
    for start, stop in days:
        others = frame.drop(index=frame.index[start:stop]).reset_index(drop=True)
        calculator = DataReconstructionDriftCalculator(names, n_components=components, chunk_number=1).fit(others)
        result = calculator.calculate(frame.iloc[start:stop].reset_index(drop=True)).data["reconstruction_error"].iloc[-1]
        errors.append(float(result["value"]))
        deviations.append(float(result["sampling_error"]))
    return {"reconstruction_error": errors, "standard_error": deviations, "domain_classifier": found}


def performance(job: dict[str, NDArray[Any]]) -> dict[str, list[float]]:
    """CBPE of a binary outcome: accuracy and AUROC of `probability` (n,) as NannyML estimates them without knowing it.

    The first `known` rows have their `outcome` (0 or 1) and calibrate; the rest is estimated as one chunk.
    """
    import pandas as pd
    from nannyml import CBPE

    probability, outcome, known = job["probability"], job["outcome"], int(job["known"])
    frame = pd.DataFrame({"p": probability, "predicted": (probability >= 0.5).astype(int), "outcome": outcome})
    estimator = CBPE(
        metrics=["accuracy", "roc_auc"], y_pred_proba="p", y_pred="predicted", y_true="outcome",
        problem_type="classification_binary", chunk_number=1,
    )  # fmt: skip
    result = estimator.fit(frame[:known]).estimate(frame[known:].reset_index(drop=True).drop(columns="outcome"))
    last = result.filter(period="analysis").data.iloc[-1]
    return {metric: [float(last[metric]["value"])] for metric in ("accuracy", "roc_auc")}


TASKS = {"drift": drift, "performance": performance}


def main(directory: Path, mebibytes: int, seconds: int) -> None:
    """Do the job of a directory."""
    _bound(mebibytes, seconds)
    _end_with_parent()
    sys.addaudithook(_refuse_connections)
    result: dict[str, Any]
    try:
        with np.load(directory / "job.npz", allow_pickle=False) as stored:
            job = dict(stored)
        result = TASKS[str(job["task"])](job)
    except BaseException as error:  # its text may repeat data
        result = {"error": type(error).__name__}
    with contextlib.suppress(OSError):
        (directory / "result.json").write_text(json.dumps(result), encoding="utf-8")
    os._exit(0)  # threads of libraries have nothing to finish


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
