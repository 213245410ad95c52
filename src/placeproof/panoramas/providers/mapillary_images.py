"""Images of Mapillary: what is asked of its Graph API, version 4."""

import logging
from collections.abc import Iterator

from placeproof.errors import KeyMissingError, NetworkError
from placeproof.net.client import HttpClient
from placeproof.net.failures import HttpError
from placeproof.panoramas.providers.boxes import Box
from placeproof.panoramas.providers.fields import UnusableError, member, members, text
from placeproof.panoramas.providers.mapillary_photo import (
    FIELDS,
    SOURCE,
    MapillaryPhoto,
    read_photo,
)

BASE_URL = "https://graph.mapillary.com"
PAGE_LIMIT = 1000  # images in an answer; the server allows 2000
_MOST_SIDE = 0.05  # degrees; boxes have to be smaller than 0.01 square degrees
_LEAST_SIDE = 1e-4  # degrees; 11 m. A box of this size is not divided further
_OVERLOADED = 500  # also the answer where a box holds more than the server can look through
_DIVISIONS = 2  # how often a box is divided for that reason
_REFUSED = (400, 401, 403)  # what the server answers to a token that does not count

_log = logging.getLogger(__name__)


class MapillaryImages:
    """Asks Mapillary for images.

    Args:
        client: Asks the server.
        token: The user's token; it travels in a header.
        base_url: The server's address.
    """

    def __init__(self, client: HttpClient, token: str, base_url: str = BASE_URL) -> None:
        client.hide(token)
        self.client = client
        self.base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"OAuth {token}"}

    def within(self, box: Box, *, panoramas: bool) -> Iterator[MapillaryPhoto]:
        """All panoramas, or all other images, in a box of any size; in no order.

        An image on an edge between two requests may come twice. Only one answer is held at a
        time, however many images there are.

        Raises:
            NetworkError: If the server does not answer as it should.
            KeyMissingError: If it refuses the token.
        """
        for part in box.parts(_MOST_SIDE):
            for item in self._items(part, panoramas, _DIVISIONS):
                image = _usable(item)
                if image is not None and image.panorama == panoramas:
                    yield image

    def image(self, image_id: str) -> MapillaryPhoto:
        """One image, with a new address of its picture.

        Raises:
            NetworkError: If there is none of this name.
            KeyMissingError: If the server refuses the token.
        """
        try:
            return read_photo(self._ask(f"{self.base_url}/{image_id}", {"fields": FIELDS}))
        except UnusableError as problem:
            raise NetworkError(f"image {image_id} of {SOURCE} cannot be used: {problem}") from None

    def _items(self, box: Box, panoramas: bool, divisions: int) -> Iterator[object]:
        search = {
            "fields": FIELDS,
            "bbox": str(box),
            "is_pano": "true" if panoramas else "false",
            "limit": str(PAGE_LIMIT),
        }
        divisible = box.side > _LEAST_SIDE
        try:
            answer = self._ask(f"{self.base_url}/images", search)
        except HttpError as error:
            if error.status != _OVERLOADED or not divisible or not divisions:
                raise
            divisions -= 1
            answer = None
        following = _next_page(answer)
        page = [] if answer is None else members(answer, "data", SOURCE)
        # The server does not say that there is more than it tells; a full answer shows it.
        full = len(page) >= PAGE_LIMIT and following is None
        if answer is None or (full and divisible):
            for quarter in box.quarters():
                yield from self._items(quarter, panoramas, divisions)
            return
        if full:
            _log.warning("%s has more images in %s than it tells", SOURCE, box)
        yield from page
        while following is not None:
            before = following
            answer = self._ask(f"{self.base_url}/images", {**search, "after": following})
            yield from members(answer, "data", SOURCE)
            following = _next_page(answer)
            if following == before:
                return

    def _ask(self, url: str, params: dict[str, str]) -> object:
        try:
            answer: object = self.client.get_json(url, params=params, headers=self._headers)
        except HttpError as error:
            if error.status not in _REFUSED:
                raise
            refusal = str(error)
        else:
            return answer
        raise KeyMissingError(
            f"{SOURCE} refuses the request, probably for its token in MAPILLARY_TOKEN: {refusal}"
        )


def _next_page(answer: object) -> str | None:
    """What names the next page. Its ready-made address is not used: it holds the token."""
    if member(answer, "paging", "next") is None:
        return None
    after = member(answer, "paging", "cursors", "after")
    return after if isinstance(after, str) else None


def _usable(item: object) -> MapillaryPhoto | None:
    try:
        return read_photo(item)
    except UnusableError as problem:
        _log.warning("%s: image %s is left out: %s", SOURCE, text(member(item, "id")), problem)
        return None
