"""Mapillary: street-level pictures under CC BY-SA. The user's token is free."""

import logging
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from placeproof.location import Location
from placeproof.net.client import HttpClient
from placeproof.net.failures import HttpError
from placeproof.panoramas.providers.boxes import Area, boxes_around, boxes_of
from placeproof.panoramas.providers.fields import UnusableError, delivered_size, nearest_first
from placeproof.panoramas.providers.kept_pictures import EXPIRED, KeptPictures
from placeproof.panoramas.providers.mapillary_images import BASE_URL, MapillaryImages
from placeproof.panoramas.providers.mapillary_photo import SOURCE, MapillaryPhoto
from placeproof.panoramas.providers.picture_cache import PictureCache
from placeproof.panoramas.providers.search_cache import SearchCache
from placeproof.panoramas.source import PanoramaRecord

_EQUIRECTANGULAR = ("spherical", "equirectangular", None)  # kinds of cameras; None: not said

_log = logging.getLogger(__name__)


class Mapillary:
    """A :class:`~placeproof.panoramas.source.PanoramaSource`: Mapillary's panoramas.

    Args:
        cache: Keeps pictures, and the answers of searches for a day.
        client: Asks the server.
        token: The user's token.
        base_url: The server's address.
    """

    def __init__(
        self, cache: PictureCache, client: HttpClient, token: str, base_url: str = BASE_URL
    ) -> None:
        self._images = MapillaryImages(client, token, base_url)
        self._searches = SearchCache(cache.folder / "searches")
        self._pictures = KeptPictures(cache, client, lambda name: self._images.image(name).url)

    def search(self, location: Location, radius_m: float) -> list[PanoramaRecord]:
        """All panoramas within ``radius_m`` metres of ``location``, nearest first.

        Raises:
            LocationError: If the radius is negative or not a finite number.
            NetworkError: If the server does not answer as it should.
            KeyMissingError: If it refuses the token.
        """
        boxes = boxes_around(location, radius_m)
        server = self._images.base_url
        known = self._searches.get(server, location, radius_m)
        if known is not None:
            return known
        images = (image for box in boxes for image in self._images.within(box, panoramas=True))
        found = map(self._record, images)
        records = nearest_first((record for record in found if record), location, radius_m)
        self._searches.put(server, location, radius_m, records)
        return records

    def fetch(self, record: PanoramaRecord) -> NDArray[np.uint8]:
        """Pixels of one panorama, (H, W, 3) sRGB.

        Raises:
            NetworkError: If the picture cannot be fetched.
            KeyMissingError: If the server refuses the token.
            PlaceproofError: If it is no full panorama, or cannot be read or kept.
        """
        return self._pictures.pixels(record)

    def _record(self, image: MapillaryPhoto) -> PanoramaRecord | None:
        """A panorama's record; None where its picture is not equirectangular or not whole."""
        try:
            if image.camera not in _EQUIRECTANGULAR:
                raise UnusableError(f"its camera is {image.camera}")
            width, height = delivered_size(image.width, image.height)
        except UnusableError as problem:
            _log.warning("%s: panorama %s is left out: %s", SOURCE, image.id, problem)
            return None
        self._pictures.learn(image.id, image.url)
        return PanoramaRecord(
            id=image.id,
            location=image.location,
            heading=image.compass,
            captured=image.captured,
            source=SOURCE,
            licence=image.licence,
            content_hash=None,
            width=width,
            height=height,
            page=image.page,
        )


class MapillaryPhotos:
    """Mapillary's photos that are no panoramas, to collect data from.

    Args:
        client: Asks the server.
        token: The user's token.
        base_url: The server's address.
    """

    def __init__(self, client: HttpClient, token: str, base_url: str = BASE_URL) -> None:
        self._client = client
        self._images = MapillaryImages(client, token, base_url)

    def photos(self, area: Area) -> Iterator[MapillaryPhoto]:
        """All photos in an area, in no order; a few may come twice.

        They come as they are asked for, so that an area of any size needs little memory.

        Raises:
            LocationError: If the area is none on Earth.
            NetworkError: If the server does not answer as it should.
            KeyMissingError: If it refuses the token.
        """
        for box in boxes_of(area):
            yield from self._images.within(box, panoramas=False)

    def fetch(self, photo: MapillaryPhoto) -> bytes:
        """A photo's picture file; an address that has expired is asked for again, once.

        Raises:
            NetworkError: If it cannot be fetched.
            KeyMissingError: If the server refuses the token.
        """
        try:
            return self._client.get_picture(photo.url)
        except HttpError as error:
            if error.status not in EXPIRED:
                raise
        return self._client.get_picture(self._images.image(photo.id).url)
