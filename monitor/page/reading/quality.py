"""Scores of the last day, with what is known of their true means."""

import numpy as np

from monitor import reading
from monitor.page.reading.names import shown
from monitor.page.reading.sight import Sight
from monitor.page.views_overview import Point, QualityRow
from monitor.reading.quality import METHODS, Quality, words
from records.window import DAY, HOUR

STEPS = 24


def read_quality(sight: Sight) -> tuple[QualityRow, ...]:
    """Every score of all traffic, those that a judge gives first."""
    asked = reading.Scored(application=sight.application)
    first = sight.now // HOUR * HOUR - DAY
    rows = (_row(one, first) for one in reading.lately(sight.c, sight.config, asked, sight.now))
    return tuple(sorted(rows, key=lambda row: (not row.judged, row.title)))


def _row(one: Quality, first: int) -> QualityRow:
    index = (one.start - first) // HOUR
    columns = zip(index.tolist(), one.value.tolist(), one.low.tolist(), one.high.tolist(), strict=False)
    method, labels, judged = int(one.method[-1]), int(one.n_labels[-1]), int(one.n_judged[-1])
    signal = f"scores.{one.evaluation}"
    return QualityRow(
        signal, shown(signal).title, float(one.value[-1]), float(one.low[-1]), float(one.high[-1]), words(method, labels),
        one.judged, METHODS[method] in ("prediction_powered", "labels_only"), labels, judged,
        float(np.nan_to_num(one.coverage[-1])), STEPS + 1, tuple(Point(*point) for point in columns),
    )  # fmt: skip
