"""Google Street View, with the user's own key; nothing is written to a disk, as its terms ask."""

import logging
import math

import numpy as np
from numpy.typing import NDArray

from placeproof.errors import NetworkError
from placeproof.location import EARTH_RADIUS_M, Location
from placeproof.net.client import HttpClient
from placeproof.net.failures import HttpError
from placeproof.panoramas.providers.boxes import require_radius
from placeproof.panoramas.providers.fields import (
    UnusableError,
    delivered_size,
    heading,
    member,
    nearest_first,
    place,
    text,
)
from placeproof.panoramas.providers.google_api import (
    METADATA_URL,
    MOST_PLACES,
    SOURCE,
    TILES_URL,
    GoogleApi,
)
from placeproof.panoramas.providers.google_tiles import Level, joined, level_of
from placeproof.panoramas.providers.kept_pictures import scaled
from placeproof.panoramas.source import PanoramaRecord

_LEAST_STEP_M = 15.0  # between places that are asked for; panoramas are about 10 m apart
_STEPS = 5.5  # from the middle to the edge of the circle, at most: 97 places
_GONE = 404
_MOST_RECENT = 8  # panoramas in memory; 6 MB each

_log = logging.getLogger(__name__)


class GoogleStreetView:
    """A :class:`~placeproof.panoramas.source.PanoramaSource` of Google's outdoor panoramas.

    Google does not list what it has. It names the panorama nearest to a place, so it is asked
    for places in a grid, 15 m apart or, beyond a radius of 80 m, more: of a large circle, only a
    part of the panoramas is found.

    Args:
        client: Asks the servers.
        key: The user's key.
        metadata_url: Address of the server of the free metadata.
        tiles_url: Address of the server of the Map Tiles API.
    """

    def __init__(
        self,
        client: HttpClient,
        key: str,
        metadata_url: str = METADATA_URL,
        tiles_url: str = TILES_URL,
    ) -> None:
        self._api = GoogleApi(client, key, metadata_url, tiles_url)
        self._levels: dict[str, Level] = {}
        self._recent: dict[str, NDArray[np.uint8]] = {}

    def search(self, location: Location, radius_m: float) -> list[PanoramaRecord]:
        """Panoramas within ``radius_m`` metres of ``location``, nearest first.

        Where there is none, only the free metadata is asked.

        Raises:
            LocationError: If the radius is negative or not a finite number.
            KeyMissingError: If Google refuses the key.
            NetworkError: If its quota is used up, or Google does not answer as it should.
        """
        require_radius(radius_m)
        nearest = self._api.nearest(location, max(1, math.ceil(radius_m)))
        if nearest is None:
            return []
        step = max(_LEAST_STEP_M, radius_m / _STEPS)
        places = _grid(location, radius_m, step)
        names = dict.fromkeys([nearest, *self._api.panorama_ids(places, math.ceil(step))])
        found = map(self._record, names)
        return nearest_first((record for record in found if record), location, radius_m)

    def fetch(self, record: PanoramaRecord) -> NDArray[np.uint8]:
        """Pixels of one panorama, (H, W, 3) sRGB, joined in memory.

        The last 8 stay in memory, as a verification looks at a panorama more than once and
        every tile is paid for.

        Raises:
            KeyMissingError: If Google refuses the key.
            NetworkError: If the panorama is gone, or one of its tiles missing or damaged.
        """
        pixels = self._recent.get(record.key)
        if pixels is None:
            self._recent[record.key] = pixels = self._joined(record)
            while len(self._recent) > _MOST_RECENT:
                self._recent.pop(next(iter(self._recent)), None)
        return pixels

    def _joined(self, record: PanoramaRecord) -> NDArray[np.uint8]:
        """A panorama of its tiles."""
        level = self._level(record.id)

        def tile(column: int, row: int) -> bytes:
            try:
                return self._api.tile(record.id, level.number, column, row)
            except HttpError as error:
                if error.status != _GONE:
                    raise
            raise NetworkError(f"there is no tile {column},{row}")

        try:
            pixels = joined(level, tile)
        except HttpError:
            raise
        except NetworkError as error:
            raise NetworkError(f"panorama {record.id} of {SOURCE} is incomplete: {error}") from None
        return scaled(pixels, record)

    def _level(self, panorama_id: str) -> Level:
        """At which size to fetch a panorama, also one that another search has found."""
        if panorama_id not in self._levels:
            try:
                self._learn(panorama_id)
            except UnusableError as problem:
                raise NetworkError(f"panorama {panorama_id} of {SOURCE}: {problem}") from None
        return self._levels[panorama_id]

    def _learn(self, panorama_id: str) -> object:
        """Asks for a panorama's metadata and remembers its level; returns them."""
        metadata = self._api.metadata(panorama_id)
        self._levels[panorama_id] = level_of(metadata)
        return metadata

    def _record(self, panorama_id: str) -> PanoramaRecord | None:
        """A panorama's record; None where it is indoors, gone or not whole."""
        try:
            metadata = self._learn(panorama_id)
            if member(metadata, "imageryType") == "indoor":
                return None
            level = self._levels[panorama_id]
            width, height = delivered_size(level.width, level.height)
            rights = text(member(metadata, "copyright")) or "© Google"
            return PanoramaRecord(
                id=panorama_id,
                location=place(member(metadata, "lat"), member(metadata, "lng")),
                heading=heading(member(metadata, "heading")),
                captured=text(member(metadata, "date")),
                source=SOURCE,
                licence=f"{rights}; under the terms of Google Maps Platform, not to be kept",
                content_hash=None,
                width=width,
                height=height,
                page=f"https://www.google.com/maps/@?api=1&map_action=pano&pano={panorama_id}",
                may_keep=False,
            )
        except UnusableError as problem:
            _log.warning("%s: panorama %s is left out: %s", SOURCE, panorama_id, problem)
        except HttpError as error:
            if error.status != _GONE:
                raise
            _log.warning("%s: panorama %s is left out: it is gone", SOURCE, panorama_id)
        return None


def _grid(location: Location, radius_m: float, step_m: float) -> list[Location]:
    """Places in a square grid around a location, not farther than the radius; at most 100."""
    most = math.floor(radius_m / step_m)
    offsets = [
        (east * step_m, north * step_m)
        for north in range(-most, most + 1)
        for east in range(-most, most + 1)
        if math.hypot(east, north) * step_m <= radius_m
    ]
    offsets.sort(key=lambda offset: math.hypot(*offset))
    return [_moved(location, east, north) for east, north in offsets[:MOST_PLACES]]


def _moved(location: Location, east_m: float, north_m: float) -> Location:
    """A place some metres away, near enough for a grid."""
    latitude = location.latitude + math.degrees(north_m / EARTH_RADIUS_M)
    latitude = min(90.0, max(-90.0, latitude))
    scale = max(math.cos(math.radians(location.latitude)), 1e-6)
    east = math.degrees(east_m / EARTH_RADIUS_M / scale)
    longitude = location.longitude + math.fmod(east, 360)
    if abs(longitude) > 180:  # across the date line
        longitude -= math.copysign(360, longitude)
    return Location(latitude, longitude)
