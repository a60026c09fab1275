"""The drawings of scores, in the rows of their table on the overview."""

from monitor.page.figures import figure
from monitor.page.views_overview import Point, QualityRow

WIDTH, HEIGHT = 150, 26
"""Of a drawing, in px."""


def quality_range(row: QualityRow) -> tuple[float, float]:
    """What a row's drawing spans: it may be cut, so it is printed."""
    ends = [(point.low, point.high) for point in row.points] or [(row.low, row.high)]
    return min(low for low, _ in ends), max(high for _, high in ends)


def quality_words(row: QualityRow) -> str:
    """The course of a row in one sentence."""
    low, high = quality_range(row)
    values = [point.value for point in row.points]
    if not values:
        return f"{row.title} over the last day: no scores in any hour."
    return (
        f"{row.title} every hour of the last day: between {figure(min(values))} and {figure(max(values))}, "
        f"the last {figure(values[-1])}; the 95 % intervals lie between {figure(low)} and {figure(high)}."
    )


def band_path(row: QualityRow) -> str:
    """The intervals as an SVG path, broken where a step has no score."""
    parts = []
    for run in _runs(row):
        top = [_at(row, point.index, point.high) for point in run]
        bottom = [_at(row, point.index, point.low) for point in reversed(run)]
        parts.append(f"M{'L'.join([*_widened(top), *_widened(bottom)])}Z")
    return "".join(parts)


def line_path(row: QualityRow) -> str:
    """The estimates as an SVG path, broken where a step has no score."""
    runs = ([_at(row, point.index, point.value) for point in run] for run in _runs(row))
    return "".join(f"M{'L'.join(_widened(run))}" for run in runs)


def _runs(row: QualityRow) -> list[list[Point]]:
    runs: list[list[Point]] = []
    for point in row.points:
        if runs and runs[-1][-1].index + 1 == point.index:
            runs[-1].append(point)
        else:
            runs.append([point])
    return runs


def _at(row: QualityRow, index: int, value: float) -> tuple[float, float]:
    low, high = quality_range(row)
    inside = (value - low) / (high - low) if high > low else 0.5
    return (index + 0.5) / row.count * WIDTH, HEIGHT - 2 - inside * (HEIGHT - 4)


def _widened(points: list[tuple[float, float]]) -> list[str]:
    """Points as texts; one alone is drawn 3 px wide."""
    if len(points) == 1:
        ((x, y),) = points
        points = [(x - 1.5, y), (x + 1.5, y)]
    return [f"{x:.1f} {y:.1f}" for x, y in points]
