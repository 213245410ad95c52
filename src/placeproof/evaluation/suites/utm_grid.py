"""From the Universal Transverse Mercator grid to degrees."""

import utm

from placeproof.errors import LocationError
from placeproof.geometry import wrap_degrees
from placeproof.location import Location


def location_on_grid(east: float, north: float, zone: int, northern: bool) -> Location:
    """The place at a UTM position on WGS 84.

    Args:
        east: Metres, the central meridian at 500 000.
        north: Metres from the equator; in the southern half from 10 000 km south of it.
        zone: 1 to 60.
        northern: Whether it is the northern half.

    Raises:
        LocationError: If there is no such position on the grid.
    """
    if not (0 < east < 1_000_000 and 0 <= north <= 10_000_000):
        raise LocationError(f"UTM east {east:g} and north {north:g} are not on the grid")
    # Not strict: a town on the border of two zones keeps to one.
    latitude, longitude = utm.to_latlon(east, north, zone, northern=northern, strict=False)
    return Location(float(latitude), wrap_degrees(float(longitude)))
