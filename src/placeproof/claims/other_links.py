"""Links of Apple Maps, Bing Maps and HERE, and ``geo:`` links of any app.

https://developer.apple.com/documentation/mapkit/unified-map-urls and the older
https://developer.apple.com/library/archive/featuredarticles/iPhoneURLScheme_Reference/MapLinks;
https://learn.microsoft.com/bingmaps/articles/create-a-custom-map-url; RFC 5870 for ``geo:``.
"""

import re
from urllib.parse import parse_qsl

from placeproof.claims.links import NUMBER, Link, Point, Reading, number, pair, pin, view, widened

APPLE_HOSTS = re.compile(r"maps\.apple\.com")
BING_HOSTS = re.compile(r"(?:maps\.)?bing\.com")
HERE_HOSTS = re.compile(r"(?:wego|share)\.here\.com")

_GEO = re.compile(
    rf"geo:({NUMBER}),({NUMBER})(?:,[+-]?[0-9.]+)?((?:;[^;?]*)*)(?:\?(.*))?",
    re.IGNORECASE | re.DOTALL,
)
_FRAME = re.compile(r";crs=([^;]*)", re.IGNORECASE)
_UNCERTAINTY = re.compile(r";u=([0-9.]+)", re.IGNORECASE)
_NAMED_POINT = re.compile(rf"\s*({NUMBER}\s*,\s*{NUMBER})\s*(?:\((.*)\))?\s*", re.DOTALL)
_BING_POINT = re.compile(rf"point\.({NUMBER})_({NUMBER})(?:_.*)?", re.DOTALL)
_HERE_POINT = re.compile(rf"({NUMBER}),({NUMBER})(?:,.*)?", re.DOTALL)


def read_apple(link: Link) -> Reading:
    """What a link of Apple Maps points at."""
    points = pin(link.first("coordinate", "ll"), "pin")
    ends = [link.query.get(name, "") for name in ("saddr", "source", "daddr", "destination")]
    points += [point for end in ends for point in pin(end, "stop of a route")]
    names = [end for end in ends if end and not pin(end, "")]
    name = link.first("name", "q", "address", "query") or ""
    points = points or pin(name, "pin")
    if points or names:
        return Reading("Apple Maps", points, names, "" if pin(name, "") else name)
    middle = pin(link.first("center", "sll"), "")
    return _seen_or_named("Apple Maps", view(middle, number(link.first("z"))), name)


def read_bing(link: Link) -> Reading | None:
    """What a link of Bing Maps points at; None for Bing's other pages."""
    if not (link.host.startswith("maps.") or link.path[:1] == ("maps",)):
        return None
    marked = _BING_POINT.match(link.query.get("sp", ""))
    name = link.first("where1", "q") or ""
    if points := pair(marked[1], marked[2], "pin") if marked else pin(name, "pin"):
        return Reading("Bing Maps", points)
    latitude, _, longitude = link.query.get("cp", "").partition("~")
    seen = view(pair(latitude, longitude, ""), number(link.first("lvl")))
    return _seen_or_named("Bing Maps", seen, name)


def read_here(link: Link) -> Reading:
    """What a link of HERE WeGo points at."""
    if link.host.startswith("share.") and link.path[:1] == ("l",) and len(link.path) > 1:
        match = _HERE_POINT.fullmatch(link.path[1])
        return Reading("HERE", pair(match[1], match[2], "pin") if match else [])
    latitude, longitude, zoom, *_ = [*link.query.get("map", "").split(","), "", "", ""]
    return Reading("HERE", view(pair(latitude, longitude, ""), number(zoom)))


def _seen_or_named(service: str, seen: list[Point], name: str) -> Reading:
    """The view where there is one; a name alone has to be looked up."""
    if seen or not name:
        return Reading(service, seen, title=name)
    return Reading(service, [], [name])


def read_geo(uri: str) -> Reading | None:
    """What a ``geo:`` link points at; None if it is none. ``q`` is Android's addition."""
    match = _GEO.fullmatch(uri)
    if match is None:
        return None
    frame = _FRAME.search(match[3])
    if frame is not None and frame[1].lower() != "wgs84":  # another planet, perhaps
        return Reading("geo link", [])
    query = dict(parse_qsl(match[4] or ""))
    name = query.get("q", "")
    if named := _NAMED_POINT.fullmatch(name):
        return Reading("geo link", pin(named[1], "pin"), title=named[2] or "")
    if name and not float(match[1]) and not float(match[2]):  # geo:0,0?q=… only asks for the name
        return Reading("geo link", [], [name])
    points = pair(match[1], match[2], "point")
    stated = _UNCERTAINTY.search(match[3])
    uncertainty_m = (number(stated[1]) if stated else None) or 0.0
    return Reading("geo link", widened(points, "point", lambda _: uncertainty_m), title=name)
