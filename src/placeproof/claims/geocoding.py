"""Places by their names: Nominatim, and Photon where Nominatim fails.

The usage policy of Nominatim is kept for both: at most one request a second and one at a time,
over all processes; a user agent that names placeproof; answers kept on disk; and each candidate
says whose data it is. A person's question is looked up, never a list of them.
"""

from pathlib import Path

from placeproof.claims.candidate import Candidate, merge
from placeproof.claims.geocoding_services import (
    NOMINATIM_URL,
    PHOTON_URL,
    Place,
    Service,
    ServiceError,
    nominatim,
    photon,
)
from placeproof.claims.place_cache import PlaceCache
from placeproof.claims.shared_pace import SharedPace
from placeproof.errors import LocationError, NetworkError, StorageError
from placeproof.net.pace import Clock

ATTRIBUTION = "© OpenStreetMap contributors (ODbL, openstreetmap.org/copyright)"
INTERVAL_S = 1.0
_MOST_CHARACTERS = 300


class Geocoder:
    """Finds places by their names; for any number of threads."""

    def __init__(
        self,
        folder: Path,
        *,
        nominatim_url: str = NOMINATIM_URL,
        photon_url: str = PHOTON_URL,
        _clock: Clock | None = None,
    ) -> None:
        """Asks nothing yet.

        Args:
            folder: Where answers are kept; made where it is missing. Processes that share it
                share the limit of one request a second.
            nominatim_url: Where Nominatim is: an own server, for example.
            photon_url: Where Photon is.

        Raises:
            StorageError: If the folder cannot be made.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make {str(folder)!r}: {error.strerror}") from error
        self._folder = folder
        self._clock = _clock or Clock()
        self._cache = PlaceCache(folder, self._clock)
        self._services = (nominatim(nominatim_url), photon(photon_url))
        self._resting: dict[str, tuple[float, str]] = {}  # name: until when, and why

    def find(self, name: str) -> list[Candidate]:
        """All places of a name or address, best first; empty where none is known.

        Places that are one within their extent are given once. Towns that share a name are not.

        Raises:
            LocationError: If the name is empty or longer than 300 characters.
            NetworkError: If neither service answers.
            StorageError: If the answer cannot be kept.
        """
        query = " ".join("".join(c if c.isprintable() else " " for c in name).split())
        if not 0 < len(query) <= _MOST_CHARACTERS:
            raise LocationError(f"a place's name has 1 to {_MOST_CHARACTERS} characters")
        reasons = []
        for service in self._services:
            try:
                places = self._ask(service, query)
            except ServiceError as failure:
                reasons.append(f"{service.name} {failure}")
                continue
            return merge(_candidate(place, query) for place in places)
        raise NetworkError(f"no place can be looked up: {', and '.join(reasons)}")

    def _ask(self, service: Service, query: str) -> list[Place]:
        """What a service knows, from the cache where it was asked before.

        Raises:
            ServiceError: If it fails, or failed a moment ago.
        """
        if (kept := self._kept(service, query)) is not None:
            return kept
        pace = SharedPace(self._folder / f"{service.name}.last", self._clock, INTERVAL_S)
        with pace.turn():
            if (kept := self._kept(service, query)) is not None:  # another thread has asked
                return kept
            try:
                places = service.ask(query)
            except ServiceError as failure:
                until = self._clock.monotonic() + failure.rest_s
                self._resting[service.name] = (until, str(failure))
                raise
            self._cache.keep(service, query, places)
        return places

    def _kept(self, service: Service, query: str) -> list[Place] | None:
        """The answer that is kept, if any.

        Raises:
            ServiceError: If there is none, and the service rests.
        """
        if (kept := self._cache.find(service, query)) is not None:
            return kept
        until, reason = self._resting.get(service.name, (0.0, ""))
        if self._clock.monotonic() < until:
            raise ServiceError(reason)
        return None


def _candidate(place: Place, query: str) -> Candidate:
    return Candidate(
        place.location, place.label, "place name", place.precision_m, query, ATTRIBUTION
    )
