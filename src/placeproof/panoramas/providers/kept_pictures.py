"""A provider's pictures, from the cache or from its server, at addresses that may expire."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from placeproof.errors import PlaceproofError
from placeproof.images import read_picture
from placeproof.net.client import HttpClient
from placeproof.net.failures import HttpError
from placeproof.panoramas.intake import require_equirectangular
from placeproof.panoramas.providers.picture_cache import PictureCache
from placeproof.panoramas.source import PanoramaRecord

EXPIRED = (403, 404, 410)  # what servers answer to an address that no longer counts
MOST_ADDRESSES = 4096  # that are remembered; others are looked up again


class KeptPictures:
    """Delivers pictures of one provider.

    Args:
        cache: Where they are kept.
        client: Fetches them.
        look_up: Asks the provider for the address of a picture, by its id.
    """

    def __init__(
        self, cache: PictureCache, client: HttpClient, look_up: Callable[[str], str]
    ) -> None:
        self._cache = cache
        self._client = client
        self._look_up = look_up
        self._addresses: dict[str, str] = {}

    def learn(self, picture_id: str, address: str) -> None:
        """Remembers an address that a search has told."""
        self._addresses[picture_id] = address
        while len(self._addresses) > MOST_ADDRESSES:
            del self._addresses[next(iter(self._addresses))]

    def pixels(self, record: PanoramaRecord) -> NDArray[np.uint8]:
        """A panorama's pixels, (H, W, 3) sRGB, of the size that its record states.

        Raises:
            NetworkError: If the picture cannot be fetched.
            PlaceproofError: If it is no full panorama, or cannot be read or kept.
        """
        path = self._cache.find(record)
        if path is None:
            path = self._cache.put(record, self._download(record.id))
        try:
            picture = read_picture(path)
            require_equirectangular(picture)
        except PlaceproofError as error:
            self._cache.forget(record)
            raise type(error)(
                f"panorama {record.id} of {record.source} cannot be used: {error}"
            ) from error
        return scaled(picture.pixels, record)

    def _download(self, picture_id: str) -> bytes:
        """Fetches a picture; an address that has expired is asked for again, once."""
        if address := self._addresses.get(picture_id):
            try:
                return self._client.get_picture(address)
            except HttpError as error:
                if error.status not in EXPIRED:
                    raise
        self._addresses[picture_id] = address = self._look_up(picture_id)
        return self._client.get_picture(address)


def scaled(pixels: NDArray[np.uint8], record: PanoramaRecord) -> NDArray[np.uint8]:
    """A panorama at the size that its record states."""
    size = (record.width, record.height)
    if pixels.shape[1::-1] == size:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
