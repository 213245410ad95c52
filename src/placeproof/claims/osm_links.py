"""Links of OpenStreetMap, its short ones too: those hold the place itself.

https://wiki.openstreetmap.org/wiki/Browsing, https://wiki.openstreetmap.org/wiki/Shortlink
"""

import re

from osm_shortlink import shortlink_decode

from placeproof.claims.links import (
    NUMBER,
    VIEW_PIXELS,
    Link,
    Point,
    Reading,
    number,
    pair,
    pin,
    view,
    view_m,
    widened,
)

HOSTS = re.compile(r"(?:openstreetmap|osm)\.org")

_MAP = re.compile(rf"(?:.*&)?map=([0-9.]+)/({NUMBER})/({NUMBER}).*", re.DOTALL)


def read_osm(link: Link) -> Reading:
    """What a link of OpenStreetMap points at; its marker before its view."""
    query = link.query
    points = pair(query.get("mlat"), query.get("mlon"), "marker")
    if not points and link.path[:1] == ("go",) and len(link.path) == 2:
        points = _short(link.path[1], is_marker="m" in query)
    if not points:
        stops = [*query.get("route", "").split(";"), query.get("from"), query.get("to")]
        points = [point for stop in stops for point in pin(stop, "stop of a route")]
    points = points or _view(link)
    name = query.get("query", "")
    if points or not name:
        return Reading("OpenStreetMap", points, title=name)
    return Reading("OpenStreetMap", [], [name])


def _view(link: Link) -> list[Point]:
    if match := _MAP.fullmatch(link.fragment):
        return view(pair(match[2], match[3], ""), number(match[1]))
    middle = pair(link.query.get("lat"), link.query.get("lon"), "")
    return view(middle, number(link.query.get("zoom")))


def _short(code: str, *, is_marker: bool) -> list[Point]:
    try:
        longitude, latitude, zoom = shortlink_decode(code)
    except ValueError:
        return []
    points = pair(f"{latitude:.9f}", f"{longitude:.9f}", "marker")
    if is_marker:  # the code has steps of about a pixel
        return widened(points, "marker", lambda p: view_m(p.location.latitude, zoom) / VIEW_PIXELS)
    return view(points, zoom)
