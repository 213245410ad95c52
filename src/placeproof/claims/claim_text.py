"""What a claim in words may mean: coordinates, a link to a map, a code, or a place's name.

All meanings are given, the best first. :func:`only_candidate` refuses to choose among them.
"""

from collections.abc import Sequence

from placeproof.claims.candidate import Candidate, Origin, merge, one_line
from placeproof.claims.codes import read_geohash, read_plus_code
from placeproof.claims.coordinates import read_coordinates
from placeproof.claims.geocoding import Geocoder
from placeproof.claims.map_links import read_link
from placeproof.claims.post import find_exact
from placeproof.errors import AmbiguousClaimError, LocationError
from placeproof.net.client import HttpClient

__all__ = ["Candidate", "Origin", "only_candidate", "read_claim"]

_MOST_SHOWN = 5


def read_claim(
    text: str, *, geocoder: Geocoder | None, client: HttpClient | None = None
) -> list[Candidate]:
    """All places that a claim may mean, best first; at least one.

    Args:
        text: The claim, for example ``48°51'30"N 2°17'40"E``, ``8FW4V75V+8Q``, a link, or
            ``Springfield, Illinois``.
        geocoder: Looks names of places up; None where that is not allowed.
        client: Follows short links; None where that is not allowed.

    Raises:
        LocationError: If it means no place, or only one that may not be looked up.
        NetworkError: If a name cannot be looked up, or a short link not be followed.
    """
    if not text.strip():
        raise LocationError("the claimed place is empty")
    candidates = (
        read_link(text, geocoder, client)
        or read_coordinates(text)
        or read_plus_code(text, geocoder)
        or _inside(text, geocoder, client)
        or _code_or_name(text, geocoder)
    )
    if not candidates:
        raise LocationError(_nothing(text, geocoder))
    return merge(candidates)


def only_candidate(candidates: Sequence[Candidate]) -> Candidate:
    """The one candidate that there is.

    Raises:
        AmbiguousClaimError: If there are more; its line lists them.
        LocationError: If there is none.
    """
    if not candidates:
        raise LocationError("no place is claimed")
    if len(candidates) == 1:
        return candidates[0]
    shown = [f"{c.label} at {c.location}" for c in candidates[:_MOST_SHOWN]]
    if (more := len(candidates) - len(shown)) > 0:
        shown.append(f"{more} more")
    sources = dict.fromkeys(c.attribution for c in candidates if c.attribution)
    raise AmbiguousClaimError(
        f"{candidates[0].words!r} may mean {len(candidates)} places; name one of them by its "
        f"coordinates: {'; '.join(shown)}" + "".join(f" ({source})" for source in sources)
    )


def _inside(text: str, geocoder: Geocoder | None, client: HttpClient | None) -> list[Candidate]:
    """Places that are stated exactly inside of other words, as in ``Louvre (48.8606, 2.3376)``."""
    findings, _ = find_exact(text, geocoder, client)
    return [candidate for finding in findings for candidate in finding.candidates]


def _code_or_name(text: str, geocoder: Geocoder | None) -> list[Candidate]:
    """A bare geohash, and what a geocoder knows: some postcodes could be geohashes."""
    return read_geohash(text) + (geocoder.find(text) if geocoder is not None else [])


def _nothing(text: str, geocoder: Geocoder | None) -> str:
    if geocoder is not None:
        return f"no place is known as {one_line(text)!r}; write it in another way, or LAT,LON"
    return (
        f"{one_line(text)!r} is no location; write LATITUDE,LONGITUDE, a link to a map, a plus "
        "code or a geohash, or allow names of places to be looked up"
    )
