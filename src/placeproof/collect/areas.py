"""The areas to collect in, and the tiles that they are asked for in.

An area is written ``WEST,SOUTH,EAST,NORTH`` in degrees, as in ``2.29,48.85,2.31,48.87``. A list
of areas is a CSV with the columns ``name``, ``west``, ``south``, ``east`` and ``north``, or a
GeoJSON FeatureCollection of Polygons or MultiPolygons with a property ``name``; of each polygon
its bounding box counts. Where west is more than east, the area crosses the antimeridian.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from placeproof.errors import CollectError
from placeproof.panoramas.providers.boxes import Box
from placeproof.tables import read_table

# Tiles to a degree. The larger a tile, the more of it is listed again after an interruption;
# Mapillary answers for boxes of less than 0.01 square degrees only.
TILES_A_DEGREE = 100
_ROUNDING = 1e-9  # of a tile: where floats mean a tile's very edge
_COLUMNS = ("name", "west", "south", "east", "north")


@dataclass(frozen=True, slots=True)
class Area:
    """A box by name.

    Attributes:
        name: For people.
        west: Longitude in [-180, 180].
        south: Latitude in [-90, 90].
        east: Longitude in [-180, 180]; less than ``west`` across the antimeridian.
        north: Latitude in [-90, 90], more than ``south``.

    Raises:
        CollectError: If a number is out of its range, or the box is empty.
    """

    name: str
    west: float
    south: float
    east: float
    north: float

    def __post_init__(self) -> None:
        bounds = f"{self.west:g},{self.south:g},{self.east:g},{self.north:g}"
        if not all(-180 <= degrees <= 180 for degrees in (self.west, self.east)):
            raise CollectError(f"area {bounds}: a longitude is not between -180 and 180")
        if not all(-90 <= degrees <= 90 for degrees in (self.south, self.north)):
            raise CollectError(f"area {bounds}: a latitude is not between -90 and 90")
        if self.south >= self.north or self.west == self.east:
            raise CollectError(f"area {bounds} is empty; write WEST,SOUTH,EAST,NORTH")

    def tiles(self) -> Iterator[Box]:
        """The area in parts of at most 0.01 degrees, along a grid that all areas share."""
        for west, east in self._parts():
            for south, north in _cuts(self.south, self.north):
                for left, right in _cuts(west, east):
                    yield Box(left, south, right, north)

    def count(self) -> int:
        """How many tiles there are."""
        rows = _last(self.north) - _first(self.south)
        return rows * sum(_last(east) - _first(west) for west, east in self._parts())

    def _parts(self) -> list[tuple[float, float]]:
        if self.west < self.east:
            return [(self.west, self.east)]
        parts = [(self.west, 180.0), (-180.0, self.east)]
        return [(west, east) for west, east in parts if west < east]


def read_areas(text: str) -> list[Area]:
    """The areas that a command line names: one in numbers, or a file's.

    Raises:
        CollectError: If it is neither, or what it says is no area.
    """
    path = Path(text)
    match path.suffix.lower():
        case ".csv":
            return _from_csv(path)
        case ".geojson" | ".json":
            return _from_geojson(path)
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise CollectError(
            f"{text!r} is no area; write WEST,SOUTH,EAST,NORTH in degrees, as in "
            "2.29,48.85,2.31,48.87, or name a .csv or .geojson of areas"
        ) from None
    return [Area(text, west, south, east, north)]


def _from_csv(path: Path) -> list[Area]:
    table = read_table(path, CollectError)
    if missing := [name for name in _COLUMNS if name not in table.columns]:
        raise CollectError(f"{path.name} lacks the column {missing[0]!r}")
    areas = []
    for row in table.rows:
        bounds = [row.number(name) for name in _COLUMNS[1:]]
        west, south, east, north = (math.nan if bound is None else bound for bound in bounds)
        areas.append(_located(row.where, row.required("name"), west, south, east, north))
    return _some(path, areas)


def _from_geojson(path: Path) -> list[Area]:
    try:
        features = json.loads(path.read_text(encoding="utf-8-sig"))["features"]
        named = [(dict(feature["properties"] or {}), feature["geometry"]) for feature in features]
    except OSError as error:
        raise CollectError(f"{path.name} cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise CollectError(f"{path.name} is no GeoJSON FeatureCollection") from error
    areas = []
    for number, (properties, geometry) in enumerate(named, 1):
        where = f"{path.name}, feature {number}"
        name = str(properties.get("name") or f"feature {number}")
        try:
            boxes = [_bounds(polygon) for polygon in _polygons(geometry)]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise CollectError(f"{where} is no Polygon or MultiPolygon") from error
        areas += [_located(where, name, *box) for box in boxes]
    return _some(path, areas)


def _polygons(geometry: Any) -> list[Any]:
    match geometry["type"]:
        case "Polygon":
            return [geometry["coordinates"]]
        case "MultiPolygon":
            return list(geometry["coordinates"])
    raise ValueError(geometry["type"])


def _bounds(polygon: Any) -> tuple[float, float, float, float]:
    """West, south, east and north of the box around a polygon's outer ring."""
    longitudes, latitudes = zip(*((float(x), float(y)) for x, y, *_ in polygon[0]), strict=True)
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def _located(where: str, name: str, west: float, south: float, east: float, north: float) -> Area:
    """An area; an error says where it stands."""
    try:
        return Area(name, west, south, east, north)
    except CollectError as error:
        raise CollectError(f"{where}: {error}") from None


def _some(path: Path, areas: list[Area]) -> list[Area]:
    if not areas:
        raise CollectError(f"{path.name} names no area")
    return areas


def _first(degrees: float) -> int:
    """The tile that begins at or before these degrees."""
    return math.floor(degrees * TILES_A_DEGREE + _ROUNDING)


def _last(degrees: float) -> int:
    """The tile that begins at or behind them."""
    return math.ceil(degrees * TILES_A_DEGREE - _ROUNDING)


def _cuts(low: float, high: float) -> Iterator[tuple[float, float]]:
    """A range of degrees cut along the grid."""
    for tile in range(_first(low), _last(high)):
        begin, end = tile / TILES_A_DEGREE, (tile + 1) / TILES_A_DEGREE
        yield max(low, begin), min(high, end)
