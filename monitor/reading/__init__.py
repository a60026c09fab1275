"""What the store says, as plain values: shared by the reading endpoints, the page and the gauges.

Functions take a Connection of a read transaction. Times are microseconds since 1970 UTC.
"""

from monitor.reading.applications import Application, applications
from monitor.reading.budget import Budget, budget
from monitor.reading.comparisons import Asked, Explained, comparisons
from monitor.reading.courses import Course, Wanted, courses, windows
from monitor.reading.quality import Quality, Scored, lately, quality
from monitor.reading.stretches import stretches
from monitor.reading.told import Told, with_notifications

__all__ = [
    "Application",
    "Asked",
    "Budget",
    "Course",
    "Explained",
    "Quality",
    "Scored",
    "Told",
    "Wanted",
    "applications",
    "budget",
    "comparisons",
    "courses",
    "lately",
    "quality",
    "stretches",
    "windows",
    "with_notifications",
]
