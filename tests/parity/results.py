"""What a run came to, whoever did the work: panes, verdicts, incidents and counters as values that can be compared."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from monitor.store import Store, alerts, counters, courses, findings, slices, tables
from records.pane import HIGH, LOW, Pane, merge
from records.pane_codec import decode_pane
from records.summary.buckets import MISSING
from records.window import Code, Window, decode_window

EXACT = ("n", "verdict", "since", "waited")
CLOSE = ("value", "score", "log_p", "evidence", "js", "smd", "floors")
MOMENTS, SCORES, THRESHOLDS = 1e-9, 1e-6, 0.05
"""How much may differ (relative): sums; what is worked out of them in single precision; and thresholds, which rest on how many
comparisons other applications had when a window was judged."""
JUDGED = (Code.CALM, Code.SMALL, Code.FINDING)
"""Verdicts that a threshold has a part in."""
Floats = NDArray[Any]
Values = dict[tuple[Any, ...], Any]
Applications = Mapping[str, tuple[str, ...]]
"""Their dimensions, as configured."""


@dataclass
class Result:
    """By key, what must be equal to the bit; and by key, arrays that must be close. Applications' own alone: what is told of
    the pipeline itself (a partition that stands still) only one of the runners can have.

    Findings that late data took back, and alerts that never fired, are left out: whether something was known too early
    depends on when late data came.
    """

    panes: Values
    windows: Values
    findings: Values
    alerts: Values
    joined: Values
    waiting: Values
    letters: Values
    interactions: Values
    duplicates: Values
    judged: Values
    moments: dict[tuple[Any, ...], Floats]
    numbers: dict[tuple[Any, ...], Floats]
    thresholds: dict[tuple[Any, ...], Floats]


def read(store: Store, applications: Applications) -> Result:
    """All that the store holds of these applications."""
    with store.read() as c:
        panes = _panes(c)
        windows = [row for name in applications for row in _windows(c, name)]
        own = counters.load(c)
        return Result(
            panes={key: _exact(pane) for key, pane in panes.items()},
            windows={key: exact for key, exact, *_ in windows},
            findings=_count(_finding(f) for name in applications for f in findings.since(c, name, 0) if f.verdict != "calm"),
            alerts=_count(
                (a.application, a.signal, tuple(a.slice.items()), a.started_at, a.state, a.sentence)
                for a in alerts.query(c, limit=500)[0]
                if a.application in applications and a.fired_at is not None
            ),
            joined=_joined(c, applications),
            waiting={row[:4]: row[4:6] for row in c.execute(select(tables.waiting_feedback))},
            letters=_count((row.reason, bytes(row.line)) for row in c.execute(select(tables.dead_letters))),
            interactions={(name,): own[name].interactions for name in applications},
            duplicates={(name,): own[name].duplicates for name in applications},
            judged={(name,): courses.judged_through(c, name) for name in applications},
            moments={(*key, name): row for key, pane in panes.items() for name, row in _moments(pane)},
            numbers={key: close for key, _, close, _ in windows},
            thresholds={key: threshold for key, exact, _, threshold in windows if exact[1] in JUDGED},
        )


def differences(one: Result, other: Result) -> list[str]:
    """Where two results differ, in words: how many keys of each kind, and the first of them."""
    said = []
    for part in fields(Result):
        a, b = getattr(one, part.name), getattr(other, part.name)
        alike = _alike(part.name)
        wrong = sorted((key for key in {*a, *b} if key not in a or key not in b or not alike(a[key], b[key])), key=repr)
        if wrong:
            key = wrong[0]
            said.append(f"{part.name}: {len(wrong)} of {len({*a, *b})}, first {key}: {_detail(a.get(key), b.get(key))}")
    return said


def _alike(name: str) -> Callable[[Any, Any], bool]:
    tolerance = {"moments": MOMENTS, "numbers": SCORES, "thresholds": THRESHOLDS}.get(name)
    if tolerance is None:
        return lambda x, y: bool(x == y)
    return lambda x, y: x.shape == y.shape and np.allclose(x, y, rtol=tolerance, atol=0.0, equal_nan=True)


def _detail(a: Any, b: Any) -> str:
    if isinstance(a, dict) and isinstance(b, dict):
        names = [name for name in {**a, **b} if a.get(name) != b.get(name)]
        a, b = ({name: held.get(name) for name in names} for held in (a, b))
    return f"{a!r:.400} and {b!r:.400}"


# -- panes ---------------------------------------------------------------------------------------------------------------


def _panes(c: Connection) -> dict[tuple[Any, ...], Pane]:
    """Merged over topics and partitions."""
    found: dict[tuple[Any, ...], Pane] = {}
    for row in c.execute(select(tables.panes)):
        key, pane = (row.step, row.application, row.dimension, row.value, row.start), decode_pane(row.pane)
        found[key] = merge(found[key], pane) if key in found else pane
    return found


def _exact(pane: Pane) -> dict[str, Any]:
    """What counts, and who: without names of signals that are all taken back."""
    c, s = pane.counts, pane.sample
    counts: dict[str, dict[int, int]] = {}
    for at, key, n in zip(c.signal.tolist(), c.key.tolist(), c.count.tolist(), strict=True):
        counts.setdefault(pane.names[at], {})[key] = n
    sample = {
        id_: (tags, {name: key for name, key in zip(pane.names, keys, strict=True) if key != MISSING})
        for id_, tags, keys in zip(s.ids, s.slices, s.keys.tolist(), strict=True)
    }
    return {"n": pane.n, "counts": counts, "labels": dict(pane.labels), "sample": sample}


def _moments(pane: Pane) -> Iterator[tuple[str, Floats]]:
    """Sums; lowest and highest only where no value can have been replaced: those of one that was stay."""
    for name, row in zip(pane.names, pane.moments, strict=True):
        if pane.cells(name)[0].size:
            yield name, np.delete(row, [LOW, HIGH]) if name.startswith("scores.") else row


# -- verdicts ------------------------------------------------------------------------------------------------------------


def _windows(c: Connection, application: str) -> Iterator[tuple[tuple[Any, ...], Any, Floats, Floats]]:
    """Every comparison of every window, by what it compares: which number it got is a matter of who came first."""
    subjects = [(row.dimension, row.value, row.signal, row.baseline) for row in courses.comparisons(c, application)]
    for start, blob in courses.rows(c, application):
        window = decode_window(blob)
        yield (application, start), (window.traffic, window.calibration), np.empty(0), np.empty(0)
        exact = zip(*(_plain(window, name) for name in EXACT), strict=True)
        close = np.column_stack([getattr(window, name).astype(float) for name in CLOSE])
        for subject, values, numbers, threshold in zip(subjects, exact, close, window.threshold, strict=False):
            if any(values[:2]):
                yield (application, start, *subject), values, numbers, np.array([threshold])


def _plain(window: Window, name: str) -> list[Any]:
    """Missing is 0."""
    found: list[Any] = np.nan_to_num(getattr(window, name)).tolist()
    return found


def _finding(f: Any) -> tuple[Any, ...]:
    return (f.application, tuple(f.slice.items()), f.signal, f.baseline, f.since, f.verdict, f.ended)


# -- the rest ------------------------------------------------------------------------------------------------------------


def _joined(c: Connection, applications: Applications) -> Values:
    """By interaction, name and source: value, window, and slices by name."""
    values = {key: {code: value for value, code in known.items()} for key, known in slices.load(c).items()}
    found = {}
    for row in c.execute(select(tables.joined_feedback)):
        codes = msgspec.msgpack.decode(row.codes)
        own = [values[row.application, d].get(code) for d, code in zip(applications[row.application], codes, strict=True)]
        found[row.application, row.id_hash, row.name, row.source] = (row.value, row.start, own)
    return found


def _count(keys: Iterator[tuple[Any, ...]]) -> Values:
    return dict(Counter(keys))
