"""What a batch and a verdict show on /metrics: counts by batch, never by event."""

import numpy as np
import polars as pl
from sqlalchemy import Connection

from detectors.calibration import ALL
from monitor.reading.quality import Scored, lately
from monitor.stages.batch import Batch
from monitor.stages.judging import Judge
from monitor.state import State
from records.window import WINDOW


def count(state: State, batch: Batch) -> None:
    """Add a committed batch to the counters."""
    metrics = state.metrics
    for reason, n in pl.Series([r.reason for r in batch.refused], dtype=pl.String).value_counts().iter_rows():
        metrics.dead_letters.labels(reason=reason).inc(n)
    for name, n in batch.unknown.items():
        metrics.unknown.labels(**metrics.capped(field=name)).inc(n)
    metrics.duplicates.inc(sum(batch.duplicates.values()))
    metrics.late.inc(sum(batch.late.values()))
    if watermarks := batch.partition.watermarks:
        metrics.watermark.labels(partition=batch.partition.label).set(max(watermarks.values()) / 1e6)
    if not len(batch.frame):
        return
    grouped = batch.frame.group_by("application", "model").agg(
        pl.len(), pl.col("input_tokens", "output_tokens", "cost_usd").sum(), "duration", pl.col("error").drop_nulls()
    )
    for application, model, n, tokens_in, tokens_out, cost, durations, errors in grouped.iter_rows():
        labels = metrics.capped(application=application, model=model or "")
        metrics.interactions.labels(**labels).inc(n)
        for direction, tokens in (("input", tokens_in), ("output", tokens_out)):
            metrics.tokens.labels(**labels, direction=direction).inc(max(tokens, 0))
        metrics.cost.labels(**labels).inc(max(cost, 0.0))
        metrics.duration.observe_many(labels, [d for d in durations if d is not None])
        for error, times in pl.Series(errors, dtype=pl.String).value_counts().iter_rows():
            metrics.errors.labels(**metrics.capped(**labels, error=error)).inc(times)


def show(state: State, judge: Judge) -> None:
    """Replace an application's gauges: effects and evidence of all traffic and of open findings only."""
    window, calibration, application = judge.course.last, judge.course.calibration, judge.application
    if window is None or calibration is None or window.start + WINDOW < state.judged[application]:
        return
    open_rows = set(judge.episodes.open)
    effects, evidence = [], []
    for row in calibration.index.tolist():
        subject = judge.course.registry[row]
        if subject.dimension and row not in open_rows:
            continue
        where = f"{subject.dimension}={subject.value}" if subject.dimension else "all"
        labels = {"application": application, "slice": where, "signal": subject.signal, "baseline": subject.baseline}
        means = "mahalanobis" if np.isnan(window.js[row]) else "smd"  # vectors have no cells
        effects += [
            ({**labels, "measure": "js"}, float(window.js[row])),
            ({**labels, "measure": means}, float(window.smd[row])),
        ]
        evidence.append((labels, float(window.evidence[row] / window.threshold[row])))
    state.metrics.effect.replace(application, [(labels, value) for labels, value in effects if value == value])
    state.metrics.evidence.replace(application, [(labels, value) for labels, value in evidence if value == value])


def show_scores(state: State, c: Connection, judge: Judge, end: int) -> None:
    """Replace an application's gauges of scores: what the day before `end` says of their true means, of all traffic and of the
    slices where a score has an open finding."""
    application, rows = judge.application, []
    told = (next(iter(finding.slice.items()), ALL) for finding in judge.lasting() if finding.signal.startswith("scores."))
    for where in sorted({ALL, *told}):
        for one in lately(c, state.config(), Scored(application=application, slice=where), end):
            labels = {"slice": f"{where[0]}={where[1]}" if where[0] else "all", "evaluation": one.evaluation}
            rows.append((labels, float(one.value[-1])))
    state.metrics.score.replace(application, rows)
