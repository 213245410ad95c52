"""Everything in the text of a post that may say where it was. Nothing is chosen."""

from placeproof.claims.candidate import Candidate, Finding, blank, merge, with_words
from placeproof.claims.codes import find_codes
from placeproof.claims.coordinates import find_coordinates
from placeproof.claims.geocoding import Geocoder
from placeproof.claims.map_links import find_links, hide_links
from placeproof.claims.place_names import PlaceName, find_names
from placeproof.net.client import HttpClient

MOST_LOOKUPS = 12  # a post is one question of a person's; geocoders forbid lists of them


def read_post(
    text: str, *, geocoder: Geocoder | None = None, client: HttpClient | None = None
) -> list[Candidate]:
    """All places that a post may mean, each with the words that it was read from.

    Coordinates, links and codes come first, the most precise one before the others; then what
    a geocoder knows under its names, in the order of :func:`find_names`, after at most twelve
    look-ups. What is the same place within its precision is given once.

    Args:
        text: The post.
        geocoder: Looks names up; without one, names count for nothing. It learns the names, and
            nothing else of the post.
        client: Follows short links; without one, they say nothing.

    Returns:
        Nothing where the post says no place.

    Raises:
        NetworkError: If a name cannot be looked up, or a short link not be followed.
    """
    exact, rest = find_exact(text, geocoder, client)
    candidates = [c for finding in exact for c in finding.candidates]
    candidates.sort(key=lambda c: (c.origin == "place name", c.precision_m))
    if geocoder is not None:
        look_ups = _LookUps(geocoder, MOST_LOOKUPS)
        for name in find_names(rest):
            candidates += _places(name, text[name.start : name.end], look_ups)
    return merge(candidates)


def find_exact(
    text: str, geocoder: Geocoder | None, client: HttpClient | None
) -> tuple[list[Finding], str]:
    """The links to maps, coordinates and codes in a text, and the text without them and links.

    Raises:
        NetworkError: If a name in a link cannot be looked up, or a short link not be followed.
    """
    findings = find_links(text, geocoder, client)
    rest = hide_links(text)
    found = find_coordinates(rest)
    findings, rest = findings + found, blank(rest, found)
    found = find_codes(rest, geocoder)
    return findings + found, blank(rest, found)


class _LookUps:
    """A geocoder that is asked so many times, and then knows nothing."""

    def __init__(self, geocoder: Geocoder, left: int) -> None:
        self._geocoder = geocoder
        self._left = left

    def find(self, name: str) -> list[Candidate]:
        if self._left == 0:
            return []
        self._left -= 1
        return self._geocoder.find(name)


def _places(name: PlaceName, words: str, look_ups: _LookUps) -> list[Candidate]:
    """What the first of a name's spellings that is known means, or else its parts."""
    for spelling in name.spellings:
        if found := look_ups.find(spelling):
            return with_words(found, words)
    return [candidate for part in name.parts for candidate in look_ups.find(part)]
