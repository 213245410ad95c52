"""Names of pictures that say where they were taken: ``@UTM_east@UTM_north@...@.jpg``.

The convention of gmberton's VPR-datasets-downloader and of what builds on it. The fields are

    @east@north@zone@band@latitude@longitude@id@tile@heading@pitch@roll@height@time@note@.jpg

of which all but the first two may be empty or missing. Of the others only zone, band and heading
are read here: latitude and longitude are those of the UTM position, to five decimals.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from placeproof.errors import LocationError, SuiteError
from placeproof.evaluation.suites.utm_grid import location_on_grid
from placeproof.location import Location

BANDS = "CDEFGHJKLMNPQRSTUVWX"  # of 8 degrees from 80 S; those from N on are north of the equator
_ZONE, _BAND, _HEADING = 3, 4, 9  # fields, counted from the empty one before the first @


@dataclass(frozen=True, slots=True)
class UtmName:
    """What a picture's name says.

    Attributes:
        path: Absolute path of the picture.
        east: UTM easting, metres.
        north: UTM northing, metres.
        grid: Zone, and whether it is the northern half; None where the name does not say. East
            and north are then of a plane of the set's own, such as one that was made up for
            pictures without positions.
        location: The same position in degrees; None without a grid.
        heading: Compass bearing of the optical axis, degrees, as it stands there; None where it
            does not.
    """

    path: Path
    east: float
    north: float
    grid: tuple[int, bool] | None
    location: Location | None
    heading: float | None


def parse_utm_name(path: Path) -> UtmName:
    """Reads a picture's name.

    Raises:
        SuiteError: If it does not begin with ``@east@north``, or a field is not what it should
            be.
    """
    fields = path.stem.split("@")
    if len(fields) < 3 or fields[0]:
        raise SuiteError(f"'{path.name}' is no name of the form @UTM_east@UTM_north@...")
    fields += [""] * (_HEADING + 1 - len(fields))
    east, north = (_number(path, name, fields[i]) for i, name in ((1, "east"), (2, "north")))
    heading = _number(path, "heading", fields[_HEADING]) if fields[_HEADING].strip() else None
    grid = _grid(path, fields[_ZONE].strip(), fields[_BAND].strip().upper())
    location = None
    if grid is not None:
        try:
            location = location_on_grid(east, north, *grid)
        except LocationError as problem:
            raise SuiteError(f"'{path.name}': {problem}") from problem
    return UtmName(path, east, north, grid, location, heading)


def _number(path: Path, field: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SuiteError(f"'{path.name}': {field} {text!r} is no number")
    return number


def _grid(path: Path, zone: str, band: str) -> tuple[int, bool] | None:
    if not zone and not band:
        return None
    if not (zone.isdecimal() and 1 <= int(zone) <= 60 and len(band) == 1 and band in BANDS):
        raise SuiteError(
            f"'{path.name}': zone {zone!r} and band {band!r} are no UTM zone (1 to 60) and "
            "latitude band (C to X), nor both empty"
        )
    return int(zone), band >= "N"
