"""How far apart two pictures surely show the same place, and surely do not."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from placeproof.location import EARTH_RADIUS_M, Location

SAME_M = 20.0  # two panoramas nearer than this show the same place
ELSEWHERE_M = 60.0  # two farther apart do not; in between it depends on the street


def points(locations: Sequence[Location]) -> NDArray[np.float64]:
    """Places as points in space, (N, 3) metres from the Earth's centre.

    A straight line is never longer than the way over the ground: all places within some metres
    are found among the points within as many.
    """
    angles = np.radians([(place.latitude, place.longitude) for place in locations])
    latitude, longitude = angles.reshape(-1, 2).T
    level = np.cos(latitude)
    unit = (level * np.cos(longitude), level * np.sin(longitude), np.sin(latitude))
    return EARTH_RADIUS_M * np.stack(unit, axis=-1)
