"""What a window could have seen: the smallest effect that n events detect with 80 % power."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from detectors.arrays import Floats

POWER = 0.8


def smallest_detectable(
    n: ArrayLike, k: ArrayLike, alpha: ArrayLike, measure: Literal["js", "smd", "mahalanobis"], power: float = POWER
) -> Floats:
    """The smallest effect that a window of n events shows at level alpha with the given power; broadcasts.

    "js": Jensen-Shannon distance over k cells. For small changes G is noncentral chi-square with k - 1 degrees of
    freedom and noncentrality n sum (q - p)^2 / p = 8 n ln 2 JS^2 (Cohen 1988, chapter 7).
    "smd": standard deviations between means, two-sided, (z_{1 - alpha/2} + z_power) / sqrt(n).
    "mahalanobis": distance of the means of vectors of k dimensions; n times its square is the noncentrality of a
    chi-square with k degrees of freedom.
    n is what the window is worth: where the wobble's variance is lambda beyond sampling, n / (1 + n lambda).
    At most 1 for "js"; nan without events, with fewer than two cells, or an alpha outside (0, 1).
    """
    n, k, alpha = np.broadcast_arrays(*(np.asarray(part, np.float64) for part in (n, k, alpha)))
    sound = (n > 0) & (alpha > 0) & (alpha < 1)
    events, level = np.where(sound, n, 1.0), np.where(sound, alpha, 0.5)
    if measure == "smd":
        effect = (special.ndtri(power) - special.ndtri(level / 2)) / np.sqrt(events)
        return np.where(sound, effect, np.nan)
    df = k if measure == "mahalanobis" else np.where(k >= 2, k - 1, 1.0)
    noncentral = special.chndtrinc(special.chdtri(df, level), df, 1 - power)
    if measure == "mahalanobis":
        return np.where(sound, np.sqrt(noncentral / events), np.nan)
    distance = np.minimum(np.sqrt(noncentral / (8 * np.log(2) * events)), 1.0)
    return np.where(sound & (k >= 2), distance, np.nan)
