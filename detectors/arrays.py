"""Small array helpers that every formula needs."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def divide(numerator: ArrayLike, denominator: ArrayLike, otherwise: float = np.nan) -> Floats:
    """numerator / denominator where the denominator is positive, `otherwise` elsewhere; broadcasts, never warns."""
    top, bottom = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    positive = bottom > 0
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(positive, top / np.where(positive, bottom, 1.0), otherwise)
