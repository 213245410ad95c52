"""Which bearings explain a photo equally well, as along a street with two like sides.

Measured by ``tools/measure_tricks.py PAIRS.csv --pairs 40``: where a panorama showed the same
twice, the second time as another camera would have, both were reported in 8 of 10 cases; of 119
true photos, 8 had a second bearing, found by eight views.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from placeproof.geometry import wrap_degrees

SAME_BEARING = 30.0  # degrees; looks closer than that see the same
AS_GOOD = 0.8  # of the best look's matched points
LEAST_POINTS = 12  # so many are found elsewhere by chance
MOST_BEARINGS = 3


@dataclass(frozen=True, slots=True)
class Bearing:
    """Where a photo's camera looks, by one look of several.

    Attributes:
        yaw: Degrees from where they are all counted from.
        inliers: How many matched points passed the geometric check.
    """

    yaw: float
    inliers: int


def equal_bearings(looks: Sequence[Bearing]) -> list[Bearing]:
    """The bearings that are as good as the best.

    A look less than 30 degrees from a better one says the same as that. Of equal looks, the
    first counts.

    Args:
        looks: In any order, overlapping or not.

    Returns:
        At most 3, 30 degrees apart at least, the best of them first; more than one says that the
        match is ambiguous. None where no look has 12 matched points.
    """
    ranked = sorted(looks, key=lambda look: -look.inliers)
    bearings: list[Bearing] = []
    for look in ranked:
        if look.inliers < max(LEAST_POINTS, AS_GOOD * ranked[0].inliers):
            break
        if all(abs(wrap_degrees(look.yaw - other.yaw)) >= SAME_BEARING for other in bearings):
            bearings.append(look)
    return bearings[:MOST_BEARINGS]
