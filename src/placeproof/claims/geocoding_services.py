"""The two geocoding services that are asked, both with data of OpenStreetMap.

Nominatim: https://nominatim.org/release-docs/latest/api/Search/, under the usage policy
https://operations.osmfoundation.org/policies/nominatim/. Photon: https://photon.komoot.io.
"""

import functools
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from geopy import exc
from geopy.adapters import RequestsAdapter
from geopy.geocoders import Nominatim, Photon

from placeproof import __version__
from placeproof.errors import LocationError, NetworkError
from placeproof.location import Location

NOMINATIM_URL = "https://nominatim.openstreetmap.org"
PHOTON_URL = "https://photon.komoot.io"
USER_AGENT = f"placeproof/{__version__} (+https://pypi.org/project/placeproof/)"
MOST_PLACES = 10
TIMEOUT_S = 20.0
REST_S = 60.0
LEAST_PRECISION_M = 10.0  # a mapped point is no better than the GPS that it was mapped with
UNKNOWN_PRECISION_M = 100.0


@dataclass(frozen=True, slots=True)
class Place:
    """What a service knows under a name: its middle, and half of its extent in metres."""

    location: Location
    label: str
    precision_m: float


class ServiceError(NetworkError):
    """No answer; the message is the reason. ``rest_s`` is for how long not to ask again."""

    def __init__(self, reason: str, rest_s: float = REST_S) -> None:
        super().__init__(reason)
        self.rest_s = rest_s


class Service:
    """A geocoding service.

    Attributes:
        name: What to call it.
        url: Where it is.
    """

    def __init__(
        self, name: str, url: str, kind: type[Any], read: Callable[[Any], tuple[Location, float]]
    ) -> None:
        parts = urlsplit(url)
        self.name = name
        self.url = url
        self._read = read
        self._geocoder = kind(
            scheme=parts.scheme,
            domain=parts.netloc + parts.path,
            user_agent=USER_AGENT,
            timeout=TIMEOUT_S,
            ssl_context=_tls(),
            # With retries, it would ask again at once, or sleep for as long as Retry-After says.
            adapter_factory=functools.partial(RequestsAdapter, max_retries=0),
        )

    def ask(self, query: str) -> list[Place]:
        """Places of that name, best first, at most ten; one request.

        Raises:
            ServiceError: If it gives no answer, or none that can be read.
        """
        try:
            found = self._geocoder.geocode(
                query, exactly_one=False, limit=MOST_PLACES, language="en"
            )
            return [self._place(place) for place in found or []]
        except exc.GeocoderServiceError as error:
            failure = _failure(error)
        except (ValueError, TypeError, LookupError, AttributeError, LocationError):
            failure = ServiceError("answers what cannot be read")
        raise failure  # outside of the handlers: the other error's text holds the whole query

    def _place(self, place: Any) -> Place:
        # geopy takes a place without coordinates for one at 0,0; hence the answer itself.
        location, precision_m = self._read(place.raw)
        return Place(location, str(place.address), max(precision_m, LEAST_PRECISION_M))


def nominatim(url: str = NOMINATIM_URL) -> Service:
    """The geocoder of OpenStreetMap."""
    return Service("Nominatim", url, Nominatim, _read_nominatim)


def photon(url: str = PHOTON_URL) -> Service:
    """The geocoder of Komoot's."""
    return Service("Photon", url, Photon, _read_photon)


@functools.cache
def _tls() -> ssl.SSLContext:
    """Trusts what the system trusts; one for all, as reading the certificates takes a while."""
    return ssl.create_default_context()


def _failure(error: exc.GeocoderServiceError) -> ServiceError:
    reasons: dict[type[Exception], str] = {
        exc.GeocoderTimedOut: "does not answer in time",
        exc.GeocoderQuotaExceeded: "takes no more requests for now",
        exc.GeocoderInsufficientPrivileges: "refuses the request",
        exc.GeocoderAuthenticationFailure: "refuses the request",
        exc.GeocoderParseError: "answers what cannot be read",
        exc.GeocoderQueryError: "does not accept the query",
        exc.GeocoderUnavailable: "cannot be reached",
    }
    reason = next((text for kind, text in reasons.items() if isinstance(error, kind)), "fails")
    asked_for = getattr(error, "retry_after", None) or 0
    return ServiceError(reason, max(REST_S, float(asked_for)))


def _read_nominatim(raw: Mapping[str, Any]) -> tuple[Location, float]:
    """Where a place of Nominatim's is, and half of its extent in metres."""
    location = Location(float(raw["lat"]), float(raw["lon"]))
    if "boundingbox" not in raw:
        return location, UNKNOWN_PRECISION_M
    south, north, west, east = (float(side) for side in raw["boundingbox"])
    return location, _half_diagonal_m(south, north, west, east)


def _read_photon(raw: Mapping[str, Any]) -> tuple[Location, float]:
    """Where a place of Photon's is, and half of its extent in metres."""
    longitude, latitude = (float(number) for number in raw["geometry"]["coordinates"])
    location = Location(latitude, longitude)
    if "extent" not in raw["properties"]:
        return location, UNKNOWN_PRECISION_M
    west, north, east, south = (float(side) for side in raw["properties"]["extent"])
    return location, _half_diagonal_m(south, north, west, east)


def _half_diagonal_m(south: float, north: float, west: float, east: float) -> float:
    return Location(south, west).distance_m(Location(north, east)) / 2
