"""Google's two interfaces to Street View: the free metadata, and the Map Tiles API."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from placeproof.errors import KeyMissingError, NetworkError
from placeproof.location import Location
from placeproof.net.client import HttpClient
from placeproof.net.failures import HttpError
from placeproof.net.keys import mask
from placeproof.panoramas.providers.fields import is_identifier, member, members, text

SOURCE = "Google Street View"
METADATA_URL = "https://maps.googleapis.com"
TILES_URL = "https://tile.googleapis.com"
MOST_PLACES = 100  # in a request for panoramas
_NOTHING_THERE = ("ZERO_RESULTS", "NOT_FOUND")
_USED_UP = ("OVER_QUERY_LIMIT", "OVER_DAILY_LIMIT")
_REFUSED = (400, 401, 403)  # what the Map Tiles API answers to a key that does not count
_EARLY_S = 60.0  # a session is given up this long before it ends
_REMEDY = (
    "check GOOGLE_MAPS_API_KEY, and that the Street View Static API and the Map Tiles API are "
    "enabled for it"
)

_T = TypeVar("_T")


class GoogleApi:
    """Asks Google; keeps a session as long as it lasts. Nothing is written to a disk.

    Args:
        client: Asks the servers.
        key: The user's key. It travels as a parameter: these interfaces know no header for it.
        metadata_url: Address of the server of the free metadata.
        tiles_url: Address of the server of the Map Tiles API.
    """

    def __init__(
        self,
        client: HttpClient,
        key: str,
        metadata_url: str = METADATA_URL,
        tiles_url: str = TILES_URL,
        *,
        _now: Callable[[], float] = time.time,
    ) -> None:
        client.hide(key)
        self._client = client
        self._key = key
        self._metadata_url = metadata_url.rstrip("/")
        self._tiles_url = tiles_url.rstrip("/")
        self._now = _now
        self._session = ""
        self._session_ends = 0.0

    def nearest(self, location: Location, radius_m: int) -> str | None:
        """Id of the panorama nearest to a place, or None where there is none; free of charge.

        Raises:
            KeyMissingError: If Google refuses the key.
            NetworkError: If the key's quota is used up, or the answer is no sensible one.
        """
        answer = self._ask(
            lambda: self._client.get_json(
                f"{self._metadata_url}/maps/api/streetview/metadata",
                params={
                    "location": f"{location.latitude:.7f},{location.longitude:.7f}",
                    "radius": str(radius_m),
                    "source": "outdoor",
                    "key": self._key,
                },
            )
        )
        status = text(member(answer, "status"))
        if status in _NOTHING_THERE:
            return None
        if status == "OK":
            name = member(answer, "pano_id")
            if is_identifier(name):
                return name
            raise NetworkError(f"{SOURCE} finds a panorama and does not name it")
        said = text(member(answer, "error_message")) or "no reason given"
        said = f"{status}: {mask(said, [self._key])}"
        if status == "REQUEST_DENIED":
            raise KeyMissingError(f"{SOURCE} refuses the key ({said}); {_REMEDY}")
        if status in _USED_UP:
            raise NetworkError(f"the quota of the key for {SOURCE} is used up ({said})")
        raise NetworkError(f"{SOURCE} cannot be searched ({said})")

    def panorama_ids(self, places: Sequence[Location], radius_m: int) -> list[str]:
        """Ids of the panoramas nearest to some places, each once; places without one are left out.

        Args:
            places: At most 100.
            radius_m: How far from its place a panorama may be, metres.

        Raises:
            KeyMissingError: If Google refuses the key.
            NetworkError: If it does not answer as it should.
        """
        body = {
            "locations": [{"lat": place.latitude, "lng": place.longitude} for place in places],
            "radius": radius_m,
        }
        answer = self._ask(
            lambda: self._client.post_json(
                f"{self._tiles_url}/v1/streetview/panoIds", body, params=self._identity()
            )
        )
        if answer == {}:  # no place has one
            return []
        names = members(answer, "panoIds", SOURCE)  # "" where a place has none
        return list(dict.fromkeys(name for name in names if is_identifier(name)))

    def metadata(self, panorama_id: str) -> object:
        """What Google says of a panorama, as JSON; not checked.

        Raises:
            KeyMissingError: If Google refuses the key.
            HttpError: If there is none; its status is 404 then.
        """
        return self._ask(
            lambda: self._client.get_json(
                f"{self._tiles_url}/v1/streetview/metadata",
                params={**self._identity(), "panoId": panorama_id},
            )
        )

    def tile(self, panorama_id: str, level: int, column: int, row: int) -> bytes:
        """The file of one tile of a panorama.

        Raises:
            KeyMissingError: If Google refuses the key.
            HttpError: If there is no such tile.
        """
        data: bytes = self._ask(
            lambda: self._client.get_picture(
                f"{self._tiles_url}/v1/streetview/tiles/{level}/{column}/{row}",
                params={**self._identity(), "panoId": panorama_id},
            )
        )
        return data

    def _identity(self) -> Mapping[str, str]:
        """The parameters that every request for tiles needs; opens a session where none is open."""
        if self._now() >= self._session_ends:
            answer = self._client.post_json(
                f"{self._tiles_url}/v1/createSession",
                {"mapType": "streetview", "language": "en-US", "region": "US"},
                params={"key": self._key},
            )
            session = text(member(answer, "session"))
            try:
                ends = float(str(member(answer, "expiry")))  # seconds since 1970, as a text
            except ValueError:
                session = None
            if session is None:
                raise NetworkError(f"{SOURCE} opens no session: its answer names none")
            self._client.hide(session)
            self._session, self._session_ends = session, ends - _EARLY_S
        return {"session": self._session, "key": self._key}

    def _ask(self, request: Callable[[], _T]) -> _T:
        try:
            return request()
        except HttpError as error:
            if error.status not in _REFUSED:
                raise
            refusal = str(error)
        raise KeyMissingError(f"{SOURCE} refuses the request ({refusal}); {_REMEDY}")
