"""The named numbers that the two looks at one panorama yield (``placeproof/fusion.py``)."""

import math

from placeproof.geometry import wrap_degrees
from placeproof.results import Comparison, SecondLook

PATCHES = "patches"  # what the network's log-odds are called
AGREEMENT = 45.0  # degrees; parallax turns the bearing of near things by as much
# Of the network's; beyond e^5 to 1, a few hundred development pairs cannot say how often it errs,
# and no second look that finds nothing could raise a doubt.
MOST_LOG_ODDS = 5.0


def first_evidence(comparison: Comparison) -> dict[str, float]:
    """What the network says of one panorama.

    Returns:
        ``patches``: its calibrated log-odds, in [-5, 5]. It is a function of both masks' means.
    """
    return {PATCHES: min(max(comparison.logit, -MOST_LOG_ODDS), MOST_LOG_ODDS)}


def second_evidence(comparison: Comparison, look: SecondLook) -> dict[str, float]:
    """That, and what local features say.

    Returns:
        Beside :func:`first_evidence`, ``points``: how little chance would explain the points that
        one geometry explains, as the natural logarithm of 1 more than their surprise. ``spread``:
        the share of the photo's textured parts in which they lie, in [0, 1].
    """
    return first_evidence(comparison) | {
        "points": math.log1p(look.surprise),
        "spread": look.spread,
    }


def yaws_agree(first: float, second: float) -> bool:
    """Whether two directions in degrees are the same but for parallax."""
    return abs(wrap_degrees(first - second)) <= AGREEMENT
