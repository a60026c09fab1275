"""The calibration in force, decoded once: what each comparison has learned of healthy traffic."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from detectors.calibration import Calibration, Subject
from detectors.calibration_codec import decode_calibration
from detectors.course import Course
from detectors.history import History
from monitor.config.models import ApplicationConfig
from monitor.reading.kept import Kept
from monitor.state import DERIVED
from monitor.store import courses
from monitor.store.courses import Comparison
from records.signal import Signal
from records.window import WINDOW
from signals.catalogue import BY_NAME
from signals.dynamic import declare

KNOWN = BY_NAME | {signal.name: signal for signal in DERIVED}
"""The declarations that do not depend on an application, in the order of the catalogue."""
_kept = Kept(16)


class Known(NamedTuple):
    """A calibration, what was measured of the history that was known then (no scores), and whose scores each comparison of
    the registry (R,) borrows while it has too few."""

    calibration: Calibration
    history: History
    lender: NDArray[np.int64]


def declaration(name: str) -> Signal:
    """The declaration of a signal of any kind, also of one that the application named."""
    return KNOWN.get(name) or declare(name)


def calibration(
    c: Connection, application: str, config: ApplicationConfig, registry: Sequence[Comparison], now: int
) -> Known | None:
    """The calibration in force for the window before `now`; None while there is none."""
    blob = courses.calibrations(c, application, now - WINDOW)
    if blob is None:
        return None
    subjects = [Subject(row.dimension, row.value, row.signal, row.baseline) for row in registry]
    rows = {subject: i for i, subject in enumerate(subjects)}
    baselines = {baseline.name: baseline.compared() for baseline in config.baselines}

    def read() -> Known:
        history = History()
        learned = decode_calibration(blob, declaration, rows.__getitem__, baselines, history)
        return Known(learned, history, Course(subjects).parent)

    return _kept.get((application, len(registry), tuple(baselines), hash(blob)), read)
