"""The false-alarm budget, shared out over everything that is compared, and the floor an effect must pass.

A budget is an expected count, so it adds up without any independence (statistics.md, section 6).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats

CAP = 1.5
"""Evidence is kept up to so many times its threshold, so that recovery is quick."""


@dataclass(frozen=True, slots=True)
class Floor:
    """The smallest effects worth telling anybody: one of them is enough."""

    js: float = 0.1  # Jensen-Shannon distance
    smd: float = 0.2  # standard deviations between means
    ratio: float = 1.5  # of shares, either way
    events: float = 10.0  # that a ratio needs, observed or expected
    mahalanobis: float = 0.5  # standard deviations between the means of vectors


DEFAULT_FLOOR = Floor()


def thresholds(vif: Floats, comparisons: int, windows_in_period: float, at_most: float, ways: ArrayLike = 1) -> Floats:
    """Decades of evidence h (..., C) = VIF log10(windows in the period x comparisons x ways / at_most) that an alarm needs.

    vif (..., C): `evidence.inflation` of the healthy bets; at_most: false alarms accepted in the period, over all
    comparisons together; ways (C,): in how many ways each is judged, which have equal parts of its share.
    Never under one decade, however large the budget: a single ordinary window would do.
    """
    luck = np.maximum(1.0, np.log10(windows_in_period * comparisons * np.asarray(ways) / at_most))
    return np.maximum(np.asarray(vif, np.float64), 1.0) * luck


def times_floor(js: ArrayLike, smd: ArrayLike, ratio: ArrayLike, events: ArrayLike, floor: Floor = DEFAULT_FLOOR) -> Floats:
    """The effect in units of the floor (C,): at least 1 passes. Any one measure suffices; nan is not measured.

    js: distance; smd: signed or not; ratio: of shares, for signals that are shares, else nan; events: the larger of
    those observed in the window and those expected there from the baseline. A ratio r counts as ln r / ln floor.
    """
    ratio, enough = np.asarray(ratio, np.float64), np.asarray(events, np.float64) >= floor.events
    with np.errstate(divide="ignore"):
        fold = np.abs(np.log(np.where(ratio >= 0, ratio, np.nan))) / np.log(floor.ratio)
    by_share = np.where(enough, fold, np.nan)
    by_mean = np.abs(np.asarray(smd, np.float64)) / floor.smd
    out: Floats = np.fmax(np.fmax(np.fmax(np.asarray(js, np.float64) / floor.js, by_mean), by_share), 0.0)
    return out


def vector_floors(distance: Floats, floor: Floor = DEFAULT_FLOOR) -> Floats:
    """The distance of the means of vectors, less what chance adds to it, in units of the floor (V,); 0 where there is none."""
    return np.nan_to_num(distance / floor.mahalanobis, nan=0.0)
