"""How far the points that a geometry explains are beyond chance.

Desolneux, Moisan and Morel, Meaningful Alignments, IJCV 2000; Moisan and Stival, A Probabilistic
Criterion to Detect Rigid Point Matches between Two Images and Estimate the Fundamental Matrix,
IJCV 2004. Geometries of different strictness are compared on one scale: that a direction lies at
a ray is rarer than that it lies somewhere along an epipolar line.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

_TESTS = 2  # kinds of geometry that are tried


def log_surprise(explained: int, matches: int, free: int, chance: float) -> float:
    """-log10 of how many geometries of so many points are expected among wrong matches.

    0 or less: such a geometry is found among wrong matches, too. At 2, it is found in one of a
    hundred sets of wrong matches.

    Args:
        explained: How many matches the geometry explains.
        matches: Of how many.
        free: How many matches fix a geometry; it explains these, right or wrong.
        chance: The probability in (0, 1] that it explains a wrong match.
    """
    if explained <= free:
        return 0.0
    alarms = (
        math.log(_TESTS * (matches - free))
        + _log_choices(matches, explained)
        + _log_choices(explained, free)
        + (explained - free) * math.log(chance)
    )
    return -alarms / math.log(10)


def chance_of(explains: NDArray[np.bool_]) -> float:
    """The probability that a geometry explains a wrong match of the same points.

    Args:
        explains: (K, K), whether it explains a match of each point of the photo with each
            direction of the panorama. All but the diagonal are wrong ones.
    """
    wrong = len(explains) * (len(explains) - 1)
    return float((explains.sum() - explains.trace() + 1) / (wrong + 1))


def _log_choices(of: int, chosen: int) -> float:
    return float(gammaln(of + 1) - gammaln(chosen + 1) - gammaln(of - chosen + 1))
