"""Links of Google Maps, as its pages, its apps and its documented addresses make them.

https://developers.google.com/maps/documentation/urls/get-started; the ``data=`` part is not
documented: ``!3d…!4d…`` are a pin's latitude and longitude, ``!1d…!2d…`` the longitude and
latitude of a stop on a route, ``!2d…!3d…`` those of an embedded map.
"""

import re

from placeproof.claims.links import (
    NUMBER,
    Link,
    Point,
    Reading,
    number,
    pair,
    pairs,
    pin,
    view,
    widened,
)

HOSTS = re.compile(r"(?:maps\.)?google\.(?:[a-z]{2,3}|com?\.[a-z]{2})")

_PIN = re.compile(rf"!3d({NUMBER})!4d({NUMBER})")
_STOP = re.compile(rf"!1d({NUMBER})!2d({NUMBER})")
_EMBEDDED = re.compile(rf"!2d({NUMBER})!3d({NUMBER})")
_CAMERA = re.compile(rf"@({NUMBER}),({NUMBER})(?:,([0-9.]+)([amz]))?(?:,.*)?")
_MARKED = re.compile(r"(?:loc:)?\s*(.*)", re.DOTALL)


def read_google(link: Link) -> Reading | None:
    """What a link of Google Maps points at; None for other pages of Google's."""
    if not (link.host.startswith("maps.") or link.path[:1] == ("maps",)):
        return None
    words = _words(link)
    typed = [point for text in words for point in pin(text, "pin")]
    names = [text for text in words if not pin(text, "pin")]
    # Stops that were typed as coordinates are not in the data part again.
    if stops := pairs(((lat, lon) for lon, lat in _STOP.findall(link.raw)), "stop of a route"):
        return Reading("Google Maps", typed + stops)
    points = pairs(_PIN.findall(link.raw), "pin") or typed or _views(link)
    if len(words) > 1:  # a route
        return Reading("Google Maps", typed, names)
    if points:
        return Reading("Google Maps", points, title=" ".join(names))
    return Reading("Google Maps", [], names)


def _words(link: Link) -> list[str]:
    """What the link says in words: places, addresses, and coordinates as people typed them."""
    texts = [link.query.get(name, "") for name in ("saddr", "origin", "daddr", "destination")]
    if "dir" in link.path:
        texts += link.path[link.path.index("dir") + 1 :]
    for word in ("place", "search"):
        if word in link.path:
            texts += link.path[link.path.index(word) + 1 :][:1]
    if not any(texts):
        texts = [link.first("query", "q") or ""]
    found = (_MARKED.fullmatch(text) for text in texts if not text.startswith(("@", "data=")))
    return [match[1] for match in found if match and match[1]]


def _views(link: Link) -> list[Point]:
    if panorama := pin(link.first("viewpoint", "cbll"), "street view"):
        return panorama
    if middle := pin(link.first("ll", "center", "sll"), ""):
        return view(middle, number(link.first("z", "zoom")))
    for part in link.path:
        if match := _CAMERA.fullmatch(part):
            return _camera(match)
    embedded = _EMBEDDED.search(link.query.get("pb", ""))
    return view(pair(embedded[2], embedded[1], ""), None) if embedded else []


def _camera(match: re.Match[str]) -> list[Point]:
    middle = pair(match[1], match[2], "street view")
    size, unit = number(match[3]), match[4]
    if unit == "a":  # the number is no zoom
        return middle
    if unit == "m" and size is not None:  # the height of what a satellite picture shows
        return widened(middle, "middle of the view", lambda _: size / 2)
    return view(middle, size)
