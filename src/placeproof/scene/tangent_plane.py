"""Metres on a plane that touches the Earth, and WGS 84 degrees."""

import math
from dataclasses import dataclass

from placeproof.location import EARTH_RADIUS_M, Location


@dataclass(frozen=True, slots=True)
class TangentPlane:
    """A plane that touches the Earth at ``origin``; x is east and y is north, in metres.

    Good for a street: one kilometre from the origin, outside the polar regions, positions are
    within a metre of the sphere.
    """

    origin: Location

    def location(self, east: float, north: float) -> Location:
        """The place that a point of the plane stands for."""
        latitude = self.origin.latitude + math.degrees(north / EARTH_RADIUS_M)
        longitude = self.origin.longitude + math.degrees(east / self._parallel_radius())
        return Location(latitude, (longitude + 180.0) % 360.0 - 180.0)

    def point(self, location: Location) -> tuple[float, float]:
        """East and north of a place, metres; the inverse of :meth:`location`."""
        turn = (location.longitude - self.origin.longitude + 180.0) % 360.0 - 180.0
        north = math.radians(location.latitude - self.origin.latitude) * EARTH_RADIUS_M
        return math.radians(turn) * self._parallel_radius(), north

    def _parallel_radius(self) -> float:
        return EARTH_RADIUS_M * math.cos(math.radians(self.origin.latitude))
