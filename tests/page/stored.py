"""A store that the real pipeline filled with five hours of simulated traffic, and an incident put into its last windows."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np

from detectors.calibration import Subject
from detectors.episodes import finding_id
from monitor.config import Config, ConfigSource, parse
from monitor.demo import traffic
from monitor.demo.story import Story
from monitor.metrics import Metrics
from monitor.pipeline import Pipeline
from monitor.store import Store, alerts, courses, findings
from records.alert import Alert, State
from records.finding import Finding, Reasons, Span
from records.window import HOUR, WINDOW, Code, Window, decode_window, encode_window
from streams.embedded import LogRecord

START = 1_763_424_000_000_000  # Tue 18 Nov 2025, 00:00 UTC
WINDOWS = 62
NOW = START + (WINDOWS - 1) * WINDOW
"""The last window that the watermark lets close is the one before the last sent."""
SIGNAL, DIMENSION, VALUE, BASELINE = "response.words", "tags.tenant", "acme", "trailing 7d"
LASTING = 6
"""Windows that the incident has lasted."""
SINCE = NOW - LASTING * WINDOW


def config() -> Config:
    """Three slices of two tags, and an application that never sends anything."""
    return parse("applications: {support: {slices: [model, tags.tenant]}, silent: {}}", "plumbline.yaml", {})


def fill(path: Path) -> Store:
    """Five hours of healthy traffic through the pipeline."""
    store = Store(f"sqlite:///{path}")
    store.upgrade()
    pipeline = Pipeline(store, ConfigSource(config()), Metrics())
    story = Story(1, START, history_days=1)
    end = START + WINDOWS * WINDOW
    for offset, (start, lines) in enumerate(traffic.batches(story, end), 1):
        accepted = start + WINDOW
        pipeline.ingest([LogRecord(offset, "interactions", b"\n".join(lines), accepted)], accepted)
    return store


def revise(store: Store, start: int, row: int, floors: float, evidence: float, verdict: Code) -> None:
    """Judge one comparison of one window otherwise."""
    with store.begin() as c:
        ((_, blob),) = courses.rows(c, "support", start, start + WINDOW)
        window: Window = decode_window(blob)
        for name, value in (("floors", floors), ("evidence", evidence), ("threshold", 6.8), ("verdict", verdict)):
            values = np.array(getattr(window, name))
            values[row] = value
            setattr(window, name, values)
        courses.put_row(c, "support", start, 1, encode_window(window))


def row_of(store: Store, signal: str, dimension: str, value: str) -> int:
    """The place of a comparison in the registry."""
    with store.read() as c:
        rows = courses.comparisons(c, "support")
    return next(r.index for r in rows if (r.signal, r.dimension, r.value) == (signal, dimension, value))


def finding(signal: str, dimension: str = DIMENSION, value: str = VALUE, ended: int | None = None) -> Finding:
    """A change of SINCE."""
    where = {dimension: value} if dimension else {}
    return Finding(
        id=finding_id("support", Subject(dimension, value, signal, BASELINE), SINCE), application="support", slice=where,
        signal=signal, baseline=BASELINE, comparison="drift", horizon="5m", window=Span(NOW - WINDOW, NOW), since=SINCE,
        ended=ended, n=320, reference_n=9_000, effect={"js": 0.33, "smd": 0.4}, times_floor=3.3, p=1e-4, evidence=9.1,
        threshold=6.8, verdict="finding", detectable=0.1, reasons=Reasons(before=96.0, after=148.0, unit="words"),
    )  # fmt: skip


def alert(signal: str, told: Iterable[Finding], state: State = "firing", ended: int | None = None, **changes: object) -> Alert:
    """An alert that `signal` leads."""
    told = list(told)
    made = Alert(
        id=f"a-{signal}-{ended}", application="support", rule="large_change", severity="critical", state=state,
        started_at=SINCE, fired_at=SINCE + WINDOW, ended_at=ended, slice=told[0].slice, signal=signal,
        sentence=f"Response words rose from 96 to 148 (median, +54 %) for tenant={VALUE} since 04:35 UTC",
        findings=[f.id for f in told],
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def break_out(store: Store) -> None:
    """An incident that lasts: response words lead for one tenant, response characters moved with them; an older one is over."""
    led, moved = finding(SIGNAL), finding("response.characters")
    over = finding("input_tokens", "model", "heron-2", SINCE + WINDOW)
    with store.begin() as c:
        findings.put(c, [led, moved, over])
        alerts.put(c, [alert(SIGNAL, [led, moved])])
        old = alert("input_tokens", [over], "resolved", SINCE + WINDOW, started_at=SINCE - HOUR, severity="warning")
        alerts.put(c, [old])
    for told in (led, moved):
        row = row_of(store, told.signal, DIMENSION, VALUE)
        for start in range(SINCE, NOW, WINDOW):
            revise(store, start, row, 3.3, 9.1, Code.FINDING)
