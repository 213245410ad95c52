"""Links to maps inside a text, and what they point at. Nothing is fetched, unless asked for.

Google's short links (``maps.app.goo.gl``, ``goo.gl/maps``) say nothing by themselves. With an
:class:`~placeproof.net.client.HttpClient` they are followed, for which Google learns of it.
"""

import re
from collections.abc import Callable

from placeproof.claims import google_links, osm_links, other_links
from placeproof.claims.candidate import Candidate, Finding, blanked, one_line, with_words
from placeproof.claims.codes import read_plus_code, with_plus
from placeproof.claims.geocoding import Geocoder
from placeproof.claims.links import Link, Point, Reading
from placeproof.errors import LocationError
from placeproof.net.client import HttpClient

_HOSTS = (
    r"(?:www\.)?google\.[a-z.]{2,6}/maps|maps\.google\.[a-z.]{2,6}/|goo\.gl/maps/|maps\.app\.goo\.gl/"
    r"|(?:www\.)?(?:openstreetmap|osm)\.org/|maps\.apple\.com/|maps\.apple/|plus\.codes/"
)
_LINK = re.compile(
    rf"(?:https?://|(?<![\w./@-])(?={_HOSTS}))[^\s<>\"“”\ufffc]+|\bgeo:[+-]?[0-9][^\s<>\"“”\ufffc]*",
    re.IGNORECASE,
)
_SENTENCE_ENDS = ".,;:!?'’»*]}"
_READERS: tuple[tuple[re.Pattern[str], Callable[[Link], Reading | None]], ...] = (
    (google_links.HOSTS, google_links.read_google),
    (osm_links.HOSTS, osm_links.read_osm),
    (other_links.APPLE_HOSTS, other_links.read_apple),
    (other_links.BING_HOSTS, other_links.read_bing),
    (other_links.HERE_HOSTS, other_links.read_here),
)


class NoMapLinkError(LocationError):
    """A link that is none to a map that is known here."""


def read_link(text: str, geocoder: Geocoder | None, client: HttpClient | None) -> list[Candidate]:
    """What a text that is one link means; empty if it is no link.

    Raises:
        LocationError: If the link says no place, or only with a geocoder or a client.
        NetworkError: If a short link cannot be followed, or a name not be looked up.
    """
    url = text.strip()
    if _LINK.fullmatch(url) is None:
        return []
    return _meanings(url, geocoder, client)


def find_links(text: str, geocoder: Geocoder | None, client: HttpClient | None) -> list[Finding]:
    """All links to maps inside a text that can be read, in their order.

    Raises:
        NetworkError: If a short link cannot be followed, or a name not be looked up.
    """
    findings = []
    for match in _LINK.finditer(text):
        url = _without_sentence_end(match[0])
        try:
            candidates = _meanings(url, geocoder, client)
        except LocationError:
            continue
        findings.append(Finding(match.start(), match.start() + len(url), tuple(candidates)))
    return findings


def hide_links(text: str) -> str:
    """The text with links of every kind overwritten: names and numbers in them say nothing."""
    return _LINK.sub(
        lambda match: blanked(len(url := _without_sentence_end(match[0]))) + match[0][len(url) :],
        text,
    )


def _without_sentence_end(url: str) -> str:
    """A link without the full stop or bracket behind it that belongs to the sentence."""
    while url[-1:] in _SENTENCE_ENDS or (url.endswith(")") and url.count(")") > url.count("(")):
        url = url[:-1]
    return url


def _meanings(url: str, geocoder: Geocoder | None, client: HttpClient | None) -> list[Candidate]:
    """What a link points at; at least one candidate.

    Raises:
        LocationError: As :func:`read_link`.
        NetworkError: Likewise.
    """
    address = url if re.match("https?://|geo:", url, re.IGNORECASE) else f"https://{url}"
    try:
        link = Link.of(address)
    except ValueError:
        raise LocationError(f"{one_line(url)!r} is no link") from None
    if link.host == "plus.codes" and link.path:
        candidates = with_words(read_plus_code(link.raw.strip("/"), geocoder), url)
    elif _is_short(link):
        candidates = _followed(address, url, geocoder, client)
    else:
        candidates = _resolved(_reading(address, link), url, geocoder)
    if not candidates:
        raise LocationError(f"the link {one_line(url)!r} says no place")
    return candidates


def _is_short(link: Link) -> bool:
    """Whether a link says nothing until it is followed."""
    return link.host in ("maps.app.goo.gl", "maps.apple") or (
        link.host == "goo.gl" and link.path[:1] == ("maps",)
    )


def _reading(address: str, link: Link) -> Reading:
    """What a link says.

    Raises:
        NoMapLinkError: If it is none to a map.
    """
    reading = other_links.read_geo(address)
    for hosts, read in _READERS:
        if hosts.fullmatch(link.host):
            reading = read(link)
    if reading is None:
        raise NoMapLinkError(f"{one_line(address)!r} is no link to a map that is known here")
    return reading


def _followed(
    address: str, url: str, geocoder: Geocoder | None, client: HttpClient | None
) -> list[Candidate]:
    if client is None:
        raise LocationError(
            f"{one_line(url)!r} is a short link, which has to be followed; "
            "allow that, or open it and copy the long address"
        )
    # The last address may be a page that asks for consent: then one before it says the place.
    for target in reversed(client.follow_redirects(address)[1:]):
        try:
            reading = _reading(target, Link.of(target))
        except (NoMapLinkError, ValueError):
            continue
        if reading.points or reading.names:
            return _resolved(reading, url, geocoder)
    return []


def _resolved(reading: Reading, url: str, geocoder: Geocoder | None) -> list[Candidate]:
    """The places of a reading, its names looked up."""
    candidates = [_candidate(point, reading, url) for point in reading.points]
    for name in reading.names:
        if code := read_plus_code(with_plus(name), geocoder):
            candidates += with_words(code, url)
        elif geocoder is not None:
            candidates += with_words(geocoder.find(name), url)
        elif not candidates:
            raise LocationError(
                f"the link names {one_line(name)!r} and has no coordinates; "
                "allow place names to be looked up"
            )
    return candidates


def _candidate(point: Point, reading: Reading, url: str) -> Candidate:
    title = f"{reading.title}: " if reading.title else ""
    label = f"{title}{point.location} ({reading.service}, {point.what})"
    return Candidate(point.location, label, "map link", point.precision_m, url)
