"""Places on Earth: coordinates, distances and compass bearings."""

import math
import re
from dataclasses import dataclass

from placeproof.errors import LocationError

EARTH_RADIUS_M = 6_371_008.8  # mean radius of WGS 84
METRES_PER_DEGREE = math.radians(EARTH_RADIUS_M)  # of latitude, and of longitude at the equator
_RADIUS = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*(m|km)?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Location:
    """A point on Earth in WGS 84 degrees.

    Args:
        latitude: Degrees north, in [-90, 90].
        longitude: Degrees east, in [-180, 180].

    Raises:
        LocationError: If either is out of its range or not a finite number.
    """

    latitude: float
    longitude: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.latitude) and -90 <= self.latitude <= 90):
            raise LocationError(f"latitude {self.latitude:g} is not between -90 and 90")
        if not (math.isfinite(self.longitude) and -180 <= self.longitude <= 180):
            raise LocationError(f"longitude {self.longitude:g} is not between -180 and 180")

    def __str__(self) -> str:
        return f"{self.latitude:.6f},{self.longitude:.6f}"

    def distance_m(self, other: "Location") -> float:
        """Great-circle distance in metres (haversine)."""
        lat1, lat2 = math.radians(self.latitude), math.radians(other.latitude)
        half_dlat = (lat2 - lat1) / 2
        half_dlon = math.radians(other.longitude - self.longitude) / 2
        h = math.sin(half_dlat) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(half_dlon) ** 2
        return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, h)))

    def bearing_to(self, other: "Location") -> float:
        """Initial compass bearing of the great circle to ``other``, degrees in [0, 360)."""
        lat1, lat2 = math.radians(self.latitude), math.radians(other.latitude)
        dlon = math.radians(other.longitude - self.longitude)
        east = math.sin(dlon) * math.cos(lat2)
        north = math.cos(lat1) * math.sin(lat2) - math.sin(lat1) * math.cos(lat2) * math.cos(dlon)
        # A tiny negative angle's remainder rounds to 360 itself; hence a second.
        return math.degrees(math.atan2(east, north)) % 360.0 % 360.0


def parse_location(text: str) -> Location:
    """Reads ``"LAT,LON"`` in decimal degrees.

    Raises:
        LocationError: If the text is not two numbers, or they are out of range.
    """
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        raise LocationError(
            f"{text!r} is no location; write LATITUDE,LONGITUDE in decimal degrees, "
            "for example 48.8584,2.2945"
        ) from None
    return Location(latitude, longitude)


def parse_radius(text: str) -> float:
    """Reads a search radius such as ``"50m"``, ``"0.2km"`` or ``"50"``; returns metres.

    Raises:
        LocationError: If the text is no positive length of at most 100 km.
    """
    match = _RADIUS.fullmatch(text)
    metres = float(match[1]) * (1000 if (match[2] or "").lower() == "km" else 1) if match else 0.0
    if not 0 < metres <= 100_000:
        raise LocationError(f"{text!r} is no radius; write metres above 0 up to 100km, as in 50m")
    return metres
