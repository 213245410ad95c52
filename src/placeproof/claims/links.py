"""What a link to a map points at, and the parts of one that services have in common."""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit

from placeproof.claims.coordinates import read_coordinates
from placeproof.errors import LocationError
from placeproof.location import METRES_PER_DEGREE, Location

NUMBER = r"[+-]?[0-9]{1,3}(?:\.[0-9]{1,20})?"
VIEW_PIXELS = 500  # from the middle of a map on a screen to its sides
_TILE_PIXELS = 256


@dataclass(frozen=True, slots=True)
class Point:
    """A place that a link gives by its coordinates.

    Attributes:
        location: The place.
        precision_m: Metres around it that the link leaves open.
        what: What it is there: ``pin``, ``view``…; in words.
    """

    location: Location
    precision_m: float
    what: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a link says.

    Attributes:
        service: Whose link it is.
        points: Places that it gives by their coordinates.
        names: Names of other places that it points at, to be looked up.
        title: What it calls the points, or nothing.
    """

    service: str
    points: list[Point]
    names: list[str] = field(default_factory=list)
    title: str = ""


@dataclass(frozen=True)
class Link:
    """The parts of a link, decoded.

    Attributes:
        host: In lower case, without ``www.``.
        path: The path's parts, without empty ones.
        query: Names and values; of a name that stands there twice, the first value.
        fragment: What follows ``#``.
        raw: The path as it stands in the link.
    """

    host: str
    path: tuple[str, ...]
    query: dict[str, str]
    fragment: str
    raw: str

    @classmethod
    def of(cls, url: str) -> "Link":
        """Takes a link apart.

        Raises:
            ValueError: If it is none.
        """
        parts = urlsplit(url)
        path = tuple(unquote_plus(part) for part in parts.path.split("/") if part)
        query = dict(reversed(parse_qsl(parts.query, keep_blank_values=True)))
        host = (parts.hostname or "").removeprefix("www.")
        return cls(host, path, query, unquote(parts.fragment), unquote(parts.path))

    def first(self, *names: str) -> str | None:
        """The first of these values of the query that is there and not empty."""
        return next((self.query[name] for name in names if self.query.get(name)), None)


def pin(text: str | None, what: str) -> list[Point]:
    """A pair of coordinates, in any spelling, as a point; empty where the text is no such pair."""
    try:
        return [Point(c.location, c.precision_m, what) for c in read_coordinates(text or "")]
    except LocationError:
        return []


def pair(latitude: str | None, longitude: str | None, what: str) -> list[Point]:
    """Two numbers in degrees as a point; empty where they are none of a place on Earth."""
    return pin(f"{latitude},{longitude}", what)


def pairs(found: Iterable[tuple[str, str]], what: str) -> list[Point]:
    """Several pairs of a latitude and a longitude."""
    return [point for latitude, longitude in found for point in pair(latitude, longitude, what)]


def view(points: list[Point], zoom: float | None) -> list[Point]:
    """Points as the middle of a map's view; what the map shows is somewhere in the view."""
    return widened(points, "middle of the view", lambda p: view_m(p.location.latitude, zoom))


def widened(points: list[Point], what: str, reach_m: Callable[[Point], float]) -> list[Point]:
    """The points under another name, and with at least that much left open."""
    return [Point(p.location, max(p.precision_m, reach_m(p)), what) for p in points]


def view_m(latitude: float, zoom: float | None) -> float:
    """Metres from the middle of a map to its sides, at a zoom of the usual tiles.

    A zoom of 0 shows the Earth in one tile of 256 pixels. Without a zoom, a town's.
    """
    zoom = min(max(zoom if zoom is not None else 14.0, 0.0), 22.0)
    earth_m = 360 * METRES_PER_DEGREE * max(math.cos(math.radians(latitude)), 0.01)
    return earth_m * VIEW_PIXELS / (_TILE_PIXELS * 2**zoom)


def number(text: str | None) -> float | None:
    """A number of a link, or None."""
    return float(text) if text and re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,20})?", text) else None
