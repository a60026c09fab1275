"""A reading held in memory: views drawn from seeded numpy, in the shapes that a busy application gives them."""

from dataclasses import replace

import numpy as np

from monitor.page.charts import even_cells
from monitor.page.views import (
    AlertMark,
    AlertRow,
    AlertState,
    ApplicationRow,
    BoardRow,
    Cell,
    CellKind,
    Choice,
    Chrome,
    Course,
    DistributionCell,
    DistributionView,
    Effect,
    Evidence,
    Lane,
    Marker,
    OverviewView,
    Part,
    Period,
    Query,
    SignalView,
    SliceRow,
    StateLine,
    Strip,
    TimeAxis,
    VerdictRow,
)  # fmt: skip
from monitor.page.views_overview import FirstRun, Point, QualityRow, Step

MINUTE = 60_000_000
HOUR = 60 * MINUTE
NOW = 1_763_476_320_000_000  # Tue 18 Nov 2025, 14:32 UTC
DAY = TimeAxis(NOW // (15 * MINUTE) * 15 * MINUTE - 95 * 15 * MINUTE, 15 * MINUTE, 96)
WEEK = TimeAxis(NOW // HOUR * HOUR - 167 * HOUR, HOUR, 168)
RANGES = (("24h", "24 h"), ("7d", "7 days"), ("30d", "30 days"))
GONE = range(51, 53)
STATE = StateLine(212_400, NOW - 14_000_000, 14.0, 0.03, "at most 1 false alarm per 30 days", 0.049)

# family, name, title, unit, reference, now, times floor, alert it moved with, cell it began at
ROWS = [
    ("traffic, errors", "interactions", "requests", "req/min", 281, 294, None, "", 0),
    ("traffic, errors", "error", "error rate", "%", 0.42, 0.51, None, "", 0),
    ("traffic, errors", "finish_reason", "finish reason", "JSD", 0.01, 0.02, None, "", 0),
    ("latency, cost", "duration", "duration", "s", 3.9, 4.6, 1.4, "413", 84),
    ("latency, cost", "time_to_first_token", "time to first token", "s", 0.82, 0.84, None, "", 0),
    ("latency, cost", "tokens_per_second", "tokens per second", "tok/s", 61, 60, None, "", 0),
    ("latency, cost", "cost_usd", "cost per request", "¢", 0.41, 0.58, 2.1, "412", 62),
    ("tokens", "input_tokens", "input tokens", "tok", 812, 826, None, "", 0),
    ("tokens", "output_tokens", "output tokens", "tok", 131, 204, 3.2, "412", 61),
    ("form", "response.words", "response words", "words", 96, 148, 3.3, "412", 61),
    ("form", "response.sentences", "response sentences", "sentences", 6, 9, 2.6, "412", 61),
    ("form", "prompt.words", "prompt words", "words", 41, 42, None, "", 0),
    ("form", "response.lists", "list share", "%", 24, 43, 1.8, "412", 62),
    ("language", "response.type_token_ratio", "type-token ratio", "ratio", 0.71, 0.62, 2.3, "412", 61),
    ("language", "response.repetition", "repetition", "%", 2.2, 3.1, 1.1, "412", 70),
    ("topics", "prompt.topics", "prompt topics", "JSD", 0.04, 0.05, None, "", 0),
    ("safety", "response.refusal", "refusal rate", "%", 2.1, 2.3, None, "", 0),
    ("safety", "response.email", "e-mail in response", "%", 0.02, 0.02, None, "", 0),
    ("judged", "scores.groundedness", "groundedness", "0…1", 0.86, 0.79, 1.4, "414", 94),
    ("judged", "scores.relevance", "answer relevance", "0…1", None, None, None, "", 0),
    ("tools", "tool_errors", "tool errors", "%", 1.2, 6.8, 1.3, "413", 83),
]  # fmt: skip
STRIPS = [
    ("interactions", "traffic", "req/min", 260, 0.5, 369, 386),
    ("error", "errors", "%", 0.5, 0.1, 0.42, 0.51),
    ("duration", "latency, p95", "s", 3.4, 0.15, 3.7, 3.9),
    ("output_tokens", "tokens", "k tok/min", 250, 0.5, 348, 372),
    ("cost_usd", "cost", "$/min", 1.2, 0.5, 1.51, 1.76),
]


def _cells(rng: np.random.Generator, count: int, times: float | None, began: int, gone: range) -> tuple[Cell, ...]:
    out = []
    for i in range(count):
        luck = rng.random()
        if i in gone:
            out.append(Cell("no_data"))
        elif times is not None and i >= began:
            ramp = min(1.0, 0.55 + 0.15 * (i - began))
            out.append(Cell("finding", max(1.0, times * ramp), 6020, "tenant=acme"))
        else:
            kind: CellKind = "noise" if luck < 0.03 else "small" if luck < 0.045 else "quiet"
            out.append(Cell(kind, 1.1 if kind == "noise" else 0.4, 502, "lang=de"))
    return tuple(out)


def _wave(rng: np.random.Generator, axis: TimeAxis, level: float, swing: float, noise: float) -> np.ndarray:
    hours = (axis.start + axis.step * np.arange(axis.count)) / HOUR % 24
    wave: np.ndarray = (
        level * (1 + swing * np.cos((hours - 15) / 24 * 2 * np.pi)) * (1 + noise * rng.standard_normal(axis.count))
    )
    return wave


def chrome(application: str = "support") -> Chrome:
    names = tuple(Choice(row[1], row[2]) for row in ROWS)
    return Chrome(application, ("support", "search"), names, 2, NOW)


def alerts() -> tuple[AlertRow, ...]:
    return (
        AlertRow(
            "412", "firing", "critical",
            (Part("Response words", "strong"), Part(" rose from "), Part("96 to 148", "strong"),
             Part(" (median, +54 %) for "), Part("tags.tenant=acme", "code")),
            (Part("7 other signals moved with it, marked ↳ 412 below."),),
            "response.words", "tags.tenant:acme", NOW - 8 * HOUR - 40 * MINUTE, None, 6020,
            Effect("js", 0.33, 0.1, 3.3, 0.05), Evidence(31.2, 9.4),
        ),
        AlertRow(
            "413", "firing", "warning",
            (Part("Tool errors", "strong"), Part(" rose from "), Part("1.2 % to 6.8 %", "strong"),
             Part(" of calls for "), Part("model=llama-3.1-70b", "code")),
            (Part("1 other signal moved with it, marked ↳ 413 below."),),
            "tool_errors", "model:llama-3.1-70b", NOW - 3 * HOUR - 12 * MINUTE, None, 2740,
            Effect("js", 0.13, 0.1, 1.3), Evidence(12.0, 9.4),
        ),
        AlertRow(
            "414", "pending", "warning",
            (Part("Groundedness fell from 0.86 to 0.79 (mean) for "), Part("model=llama-3.1-70b", "code")), (),
            "scores.groundedness", "model:llama-3.1-70b", NOW - 17 * MINUTE, None, 260,
            Effect("smd", -0.28, 0.2, 1.4), Evidence(9.9, 9.4),
        ),
        AlertRow(
            "411", "resolved", "warning",
            (Part("Refusal rate had risen from 2.1 % to 7.4 % for "), Part("tags.tenant=globex", "code")), (),
            "response.refusal", "tags.tenant:globex", NOW - 16 * HOUR - 24 * MINUTE, NOW - 14 * HOUR - MINUTE, 1210, None, None,
        ),
    )  # fmt: skip


Spec = tuple[str, str, str, str, float | None, float | None, float | None, str, int]


def _row(rng: np.random.Generator, spec: Spec) -> BoardRow:
    family, name, title, unit, reference, now, times, alert, began = spec
    cells = _cells(rng, 96, times, began, GONE)
    periods: tuple[Period, ...] = ()
    mark = None
    if alert:
        leads = name in ("response.words", "tool_errors", "scores.groundedness")
        state: AlertState = "pending" if alert == "414" else "firing"
        mark = AlertMark(alert, state, leads)
        if leads:
            periods = (Period(began, 95, state, "critical" if alert == "412" else "warning", alert),)
    if name == "response.refusal":
        shifted = tuple(Cell("finding", 2.2, 900, "tenant=globex") for _ in range(10))
        cells = cells[:30] + shifted + cells[40:]
        periods = (Period(30, 39, "resolved", "warning", "411", "#411 resolved 00:31"),)
    if name == "scores.relevance":
        cells = (Cell("no_data"),) * 30 + (Cell("too_few", n=38, needs=260),) * 8 + (Cell("calibrating"),) * 58
        return BoardRow(name, title, family, unit, None, None, cells, note="calibrating, 1 of 7 days")
    return BoardRow(name, title, family, unit, reference, now, cells, times, mark, periods)


def overview(application: str = "support", query: Query | None = None) -> OverviewView:
    rng = np.random.default_rng(7)
    strips = []
    for name, title, unit, level, swing, usual, now in STRIPS:
        usual_wave = _wave(rng, DAY, level, swing, 0.0)
        values = usual_wave * (1 + 0.03 * rng.standard_normal(96))
        line = tuple(None if i in GONE else float(v) for i, v in enumerate(values))
        low, high = tuple(map(float, usual_wave * 0.94)), tuple(map(float, usual_wave * 1.06))
        strips.append(Strip(name, title, unit, line, low, high, usual, now))
    against = (query.against if query else "") or "reference"
    baselines = (("reference", "reference"), ("trailing", "trailing week"))
    return OverviewView(
        chrome(application), STATE, alerts(), "", DAY, tuple(strips), tuple(_row(rng, row) for row in ROWS),
        (Marker(DAY.at(61), "prompt v14"), Marker(DAY.at(83), "llama image 2.3")),
        tuple(Choice(value, label, value == against) for value, label in baselines),
        (Choice("worst", "worst of 15", True), Choice("tags.tenant:acme", "tenant=acme")),
        "Cells: 21 signals × 15 slices, held together to at most 1 false alarm per 30 days.", quality(),
    )  # fmt: skip


def quality() -> tuple[QualityRow, ...]:
    """A judge that people correct, one that nobody does, an hour with a single score, and a score without any hour."""

    def points(level: float, half: float, gone: range) -> tuple[Point, ...]:
        waves = ((i, level + 0.03 * np.sin(i / 4)) for i in range(25) if i not in gone)
        return tuple(Point(i, float(v), float(v - half), float(min(v + half, 1.0))) for i, v in waves)

    return (
        QualityRow("scores.groundedness", "score groundedness", 0.79, 0.74, 0.84, "corrected with 42 labels", True, True, 42,
                   2_410, 0.97, 25, points(0.8, 0.09, range(7, 9))),
        QualityRow("scores.relevance", "score relevance", 0.91, 0.9, 0.92, "judge only, not corrected: 3 labels are too few",
                   True, False, 3, 2_380, 0.61, 25, (*points(0.91, 0.03, range(4, 25)), Point(20, 0.88, 0.8, 0.95))),
        QualityRow("scores.rouge_l", "score rouge_l", 0.38, 0.37, 0.39, "mean of all scored", False, False, 0, 9_004, 0.2, 25),
    )  # fmt: skip


def first_run(application: str = "support") -> OverviewView:
    steps = (
        Step("received", "0 interactions", False),
        Step("baseline", "0 of 24 windows of 5 min", False),
        Step("first verdict", "not yet", False),
    )
    command = 'curl -X POST http://127.0.0.1:4000/v1/interactions -d \'{"id": "1"}\''
    calm = replace(chrome(application), open_alerts=0, signals=())
    state = replace(STATE, interactions_today=0, lag=None, watermark=None)
    return OverviewView(calm, state, (), "", DAY, first_run=FirstRun(command, steps))


def distribution(signal: str) -> DistributionView:
    rng = np.random.default_rng(3)
    if signal == "finish_reason":
        shares = (("stop", 0.9, 0.84), ("length", 0.06, 0.11), ("tool_calls", 0.03, 0.03), ("content_filter", 0.01, 0.02))
        cells = tuple(DistributionCell(name, a, b) for name, a, b in shares)
        return DistributionView(cells, "reference 6 Nov", "last hour", 18_000, 6020)
    edges = np.concatenate([[0.0], 2.0 ** (np.arange(0, 180) / 16)])
    reference = np.histogram(rng.lognormal(np.log(96), 0.5, 18_000), edges)[0].astype(float)
    now = np.histogram(rng.lognormal(np.log(148), 0.5, 6020), edges)[0].astype(float)
    return DistributionView(even_cells(edges, reference, now), "reference 6 Nov", "last hour", 18_000, 6020, "median", 96, 148)


def _verdicts() -> tuple[VerdictRow, ...]:
    rows = []
    for horizon, n, value in (("5 min", 502, 0.34), ("1 h", 6020, 0.33), ("1 day", 101_400, 0.17)):
        least, alert = 4 / n**0.5 * 0.9, "412" if horizon == "1 h" else ""
        skew = Effect("js", value, 0.1, value * 10, least)
        drift = Effect("js", value - 0.01, 0.1, value * 10 - 0.1, least)
        rows += [
            VerdictRow(horizon, "skew", "reference 6 Nov", 18_000, n, "finding", skew, Evidence(31.2, 9.4), alert),
            VerdictRow(horizon, "drift", "trailing week", 488_000, n, "finding", drift, Evidence(28.4, 9.4)),
        ]
    return (
        *rows,
        VerdictRow(
            "1 day", "seasonal", "same weekday, 4 weeks", None, 101_400, "calibrating", note="calibrating, 3 of 4 weeks"
        ),
    )


def _slices() -> tuple[SliceRow, ...]:
    rows = (
        ("prompt_version:v14", 0.61, 183, 5.1),
        ("model:gpt-4o-mini", 0.84, 149, 3.4),
        ("tags.lang:en", 0.82, 149, 3.3),
        ("tags.lang:de", 0.17, 141, 3.3),
    )
    found = [
        SliceRow(
            name,
            name.replace(":", "="),
            share,
            int(6020 * share),
            96,
            now,
            Effect("js", times / 10, 0.1, times, 0.06),
            "finding",
        )
        for name, share, now, times in rows
    ]
    quiet = SliceRow(
        "prompt_version:v13", "prompt_version=v13", 0.39, 2347, 96, 97, Effect("js", 0.03, 0.1, 0.3, 0.06), "quiet"
    )
    few = SliceRow("tags.lang:ja", "tags.lang=ja", 0.006, 38, 88, 104, None, "too_few", "can't tell, n 38, needs 260")
    return (*found, quiet, few)


def signal(name: str, query: Query, application: str = "support") -> SignalView | None:
    spec = next((row for row in ROWS if row[1] == name), None)
    if spec is None:
        return None
    rng = np.random.default_rng(5)
    axis, gone = WEEK, range(156, 158)
    usual = _wave(rng, axis, 96, 0.05, 0.0)
    values = usual * (1 + 0.03 * rng.standard_normal(axis.count))
    values[66:70] *= [1.1, 1.25, 1.2, 1.05]
    values[159:] *= np.minimum(1.54, 1 + 0.2 * np.arange(1, axis.count - 158))
    traffic = _wave(rng, axis, 4300, 0.4, 0.02)
    line = tuple(None if i in gone else float(v) for i, v in enumerate(values))
    lanes = tuple(
        Lane(comparison, baseline, _cells(rng, axis.count, 3.3, 159, gone))
        for comparison, baseline in (("skew", "reference"), ("drift", "trailing week"))
    )
    seasonal = (Cell("calibrating"),) * 40 + _cells(rng, axis.count - 40, 3.3, 119, range(116, 118))
    tenant = query.slice.partition(":")[2]
    return SignalView(
        chrome(application), STATE, name, spec[2].capitalize(), spec[3], spec[0],
        "Words in the response text (Unicode word segments). Compared in 10 cells; floor 0.10 JSD. Family: form.",
        query.slice, query.slice.replace(":", "="),
        (Part("Now "), Part("148 words", "strong"), Part(" (median, p10–p90 75–255), reference "), Part("96 words", "strong"),
         Part(": +54 %, effect 0.33 JSD, 3.3 × floor.")),
        axis,
        Course("median", line, tuple(map(float, usual * 0.9)), tuple(map(float, usual * 1.1)), tuple(map(float, usual)),
               tuple(0 if i in gone else int(v) for i, v in enumerate(traffic))),
        (*lanes, Lane("seasonal", "4 weeks, same hour", seasonal)), distribution(name), _verdicts(), _slices(),
        (Period(66, 69, "resolved", "warning", "398", "#398 resolved after 3 h 50 min"),
         Period(159, 167, "firing", "critical", "412", "#412 firing since 05:52")),
        alerts()[0],
        (Choice("", "all traffic", not tenant), Choice("tags.tenant:acme", "tenant=acme", tenant == "acme")),
        tuple(Choice(value, label, query.range == value) for value, label in RANGES),
    )  # fmt: skip


class SampleReading:
    """Two applications, one with a day of incidents and one that nobody has sent anything to."""

    def applications(self) -> tuple[ApplicationRow, ...]:
        return (
            ApplicationRow("search", 0, 0, None, "waiting for the first interaction", None),
            ApplicationRow("support", 5_212_400, 2, "critical", "2 alerts", NOW - 14_000_000),
        )

    def overview(self, application: str, query: Query) -> OverviewView | None:
        return {"support": lambda: overview(application, query), "search": lambda: first_run(application)}.get(
            application, lambda: None
        )()

    def signal(self, application: str, signal_name: str, query: Query) -> SignalView | None:
        return signal(signal_name, query, application) if application == "support" else None
