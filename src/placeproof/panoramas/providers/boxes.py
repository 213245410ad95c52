"""Boxes of longitude and latitude, which servers search in."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from placeproof.errors import LocationError
from placeproof.location import EARTH_RADIUS_M, Location

# Servers measure on the ellipsoid, placeproof on a sphere: up to 0.6 % apart.
_MARGIN = 1.01
_MARGIN_M = 1.0


class Area(Protocol):
    """Anything with four edges in degrees; one with ``west > east`` lies across the date line."""

    @property
    def west(self) -> float: ...  # noqa: D102
    @property
    def south(self) -> float: ...  # noqa: D102
    @property
    def east(self) -> float: ...  # noqa: D102
    @property
    def north(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Box:
    """A box in WGS 84 degrees, with ``west <= east`` and ``south <= north``."""

    west: float
    south: float
    east: float
    north: float

    def __str__(self) -> str:
        """``west,south,east,north`` with 7 decimals (1 cm), as servers want it."""
        return ",".join(f"{edge:.7f}" for edge in (self.west, self.south, self.east, self.north))

    @property
    def side(self) -> float:
        """The longer side in degrees."""
        return max(self.east - self.west, self.north - self.south)

    def contains(self, location: Location) -> bool:
        """Whether a place lies in the box or on its edge."""
        return (
            self.west <= location.longitude <= self.east
            and self.south <= location.latitude <= self.north
        )

    def parts(self, side: float) -> Iterator["Box"]:
        """Boxes with sides of at most ``side`` degrees that cover this one; one after another."""
        columns = max(1, math.ceil((self.east - self.west) / side))
        rows = max(1, math.ceil((self.north - self.south) / side))
        return self._grid(columns, rows)

    def quarters(self) -> Iterator["Box"]:
        """The four quarters."""
        return self._grid(2, 2)

    def _grid(self, columns: int, rows: int) -> Iterator["Box"]:
        def longitude(column: int) -> float:
            return self.west + (self.east - self.west) * (column / columns)

        def latitude(row: int) -> float:
            return self.south + (self.north - self.south) * (row / rows)

        for row in range(rows):
            for column in range(columns):
                yield Box(
                    longitude(column), latitude(row), longitude(column + 1), latitude(row + 1)
                )


def boxes_of(area: Area) -> list[Box]:
    """An area as one box, or as two where it lies across the date line.

    Raises:
        LocationError: If an edge is no place on Earth, or the south lies north of the north.
    """
    Location(area.south, area.west), Location(area.north, area.east)  # on Earth, or an error
    if area.south > area.north:
        raise LocationError(f"an area from latitude {area.south:g} up to {area.north:g} is empty")
    if area.west <= area.east:
        return [Box(area.west, area.south, area.east, area.north)]
    return [
        Box(area.west, area.south, 180.0, area.north),
        Box(-180.0, area.south, area.east, area.north),
    ]


def boxes_around(location: Location, radius_m: float) -> list[Box]:
    """One or two boxes that hold all places within ``radius_m`` metres, and few others.

    Raises:
        LocationError: If the radius is negative or not a finite number.
    """
    require_radius(radius_m)
    angle = min((radius_m * _MARGIN + _MARGIN_M) / EARTH_RADIUS_M, math.pi)
    south = location.latitude - math.degrees(angle)
    north = location.latitude + math.degrees(angle)
    if south <= -90 or north >= 90:  # around a pole, every longitude is near
        return [Box(-180.0, max(south, -90.0), 180.0, min(north, 90.0))]
    # The circle is widest not at its centre's latitude, but where a meridian touches it.
    widest = math.sin(angle) / math.cos(math.radians(location.latitude))
    half = math.degrees(math.asin(min(widest, 1.0)))
    west, east = location.longitude - half, location.longitude + half
    if west < -180:
        return [Box(west + 360, south, 180.0, north), Box(-180.0, south, east, north)]
    if east > 180:
        return [Box(west, south, 180.0, north), Box(-180.0, south, east - 360, north)]
    return [Box(west, south, east, north)]


def require_radius(radius_m: float) -> None:
    """Raises LocationError unless this is a length in metres."""
    if not 0 <= radius_m < math.inf:
        raise LocationError(f"a radius of {radius_m:g} m is no length")
