"""How far a vector is from what a reference holds: the Mahalanobis distance from its mean."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from records.summary.vectors import DIMENSIONS, VectorMoments

ENOUGH = 8 * DIMENSIONS
"""Vectors that a reference needs: of fewer the covariance is too uncertain."""


class Known(NamedTuple):
    """A reference's mean (DIMENSIONS,) and what makes its covariance the identity (DIMENSIONS, DIMENSIONS)."""

    mean: NDArray[np.float64]
    whiten: NDArray[np.float64]


def known(moments: VectorMoments) -> Known | None:
    """What a reference knows; None where it holds too few vectors."""
    if moments.n < ENOUGH:
        return None
    root = np.linalg.cholesky(moments.covariance())
    return Known(moments.total / moments.n, np.linalg.inv(root))


def novelty(vectors: NDArray[np.float64], reference: Known) -> NDArray[np.float64]:
    """Distances (m,) in standard deviations of the reference; the square of a known vector's is DIMENSIONS on average."""
    whitened = np.einsum("ij,mj->mi", reference.whiten, vectors - reference.mean)
    distance: NDArray[np.float64] = np.sqrt((whitened**2).sum(axis=1))
    return distance
