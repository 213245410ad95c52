"""Panoramax: open street-level pictures of many servers, found through one; needs no key."""

import logging
import math
from collections.abc import Iterator, Mapping
from urllib.parse import urljoin

import numpy as np
from numpy.typing import NDArray

from placeproof.errors import NetworkError
from placeproof.location import Location
from placeproof.net.client import HttpClient
from placeproof.panoramas.providers.boxes import Box, boxes_around, require_radius
from placeproof.panoramas.providers.fields import (
    UnusableError,
    member,
    members,
    nearest_first,
    text,
)
from placeproof.panoramas.providers.kept_pictures import KeptPictures
from placeproof.panoramas.providers.panoramax_items import (
    SOURCE,
    is_panorama,
    picture_address,
    read_record,
)
from placeproof.panoramas.providers.picture_cache import PictureCache
from placeproof.panoramas.providers.search_cache import SearchCache
from placeproof.panoramas.source import PanoramaRecord

PAGE_LIMIT = 1000  # items in an answer
_MOST_PAGES = 5  # of one search; what has more is searched by smaller boxes
_FARTHEST_PLACE_M = 1000.0  # larger circles are searched by boxes
_LEAST_SIDE = 1e-4  # degrees; 11 m. A box of this size is not divided further

_log = logging.getLogger(__name__)


class Panoramax:
    """A :class:`~placeproof.panoramas.source.PanoramaSource` on a server of Panoramax.

    Pictures come in the size "sd", 2048 pixels wide, and "hd" only where there is no other.

    Args:
        cache: Keeps pictures, and the answers of searches for a day.
        client: Asks the server.
        base_url: Its address; by default that of the catalogue of all servers.
    """

    def __init__(
        self,
        cache: PictureCache,
        client: HttpClient,
        base_url: str = "https://api.panoramax.xyz",
    ) -> None:
        self._client = client
        self._base_url = base_url.rstrip("/")
        self._searches = SearchCache(cache.folder / "searches")
        self._pictures = KeptPictures(cache, client, self._look_up)

    def search(self, location: Location, radius_m: float) -> list[PanoramaRecord]:
        """All panoramas within ``radius_m`` metres of ``location``, nearest first.

        Raises:
            LocationError: If the radius is negative or not a finite number.
            NetworkError: If the server does not answer as it should.
        """
        require_radius(radius_m)
        known = self._searches.get(self._base_url, location, radius_m)
        if known is not None:
            return known
        found = (self._record(item) for item in self._items(location, radius_m))
        records = nearest_first((record for record in found if record), location, radius_m)
        self._searches.put(self._base_url, location, radius_m, records)
        return records

    def fetch(self, record: PanoramaRecord) -> NDArray[np.uint8]:
        """Pixels of one panorama, (H, W, 3) sRGB.

        Raises:
            NetworkError: If the picture cannot be fetched.
            PlaceproofError: If it is no full panorama, or cannot be read or kept.
        """
        return self._pictures.pixels(record)

    def _items(self, location: Location, radius_m: float) -> Iterator[object]:
        if radius_m <= _FARTHEST_PLACE_M:
            place = {
                "place_position": f"{location.longitude:.7f},{location.latitude:.7f}",
                # From 0: the default leaves out what is nearer than 3 m. The server's circle is
                # a polygon, and smaller by up to 0.5 %.
                "place_distance": f"0-{math.ceil(radius_m * 1.02) + 1}",
                "place_fov_tolerance": "2",  # leaves out most pictures that are no panoramas
            }
            items, complete = self._answer(place)
            if complete:
                yield from items
                return
        for box in boxes_around(location, radius_m):
            yield from self._items_in(box)

    def _items_in(self, box: Box) -> Iterator[object]:
        """The pictures in a box, asked for in smaller boxes where one answer cannot hold all."""
        items, complete = self._answer({"bbox": str(box)})
        if complete or box.side <= _LEAST_SIDE:
            if not complete:
                _log.warning("%s has more pictures in %s than it tells", SOURCE, box)
            yield from items
            return
        for quarter in box.quarters():
            yield from self._items_in(quarter)

    def _answer(self, search: Mapping[str, str]) -> tuple[list[object], bool]:
        """The items that a search finds, of all its pages, and whether these are all there are."""
        url = f"{self._base_url}/api/search"
        answer = self._client.get_json(url, params={**search, "limit": str(PAGE_LIMIT)})
        items = page = members(answer, "features", SOURCE)
        seen = {url}
        while (following := _next_page(answer, url)) and following not in seen:
            if len(seen) == _MOST_PAGES:
                return items, False
            seen.add(following)
            answer = self._client.get_json(following)
            page = members(answer, "features", SOURCE)
            items = items + page
        return items, len(page) < PAGE_LIMIT

    def _record(self, item: object) -> PanoramaRecord | None:
        """A panorama's record; None where the item is another picture or cannot be used."""
        if not is_panorama(item):
            return None
        try:
            record = read_record(item, self._base_url)
            self._pictures.learn(record.id, picture_address(item, self._base_url))
        except UnusableError as problem:
            _log.warning("%s: item %s is left out: %s", SOURCE, text(member(item, "id")), problem)
            return None
        return record

    def _look_up(self, panorama_id: str) -> str:
        """The address of a picture, by its id."""
        answer = self._client.get_json(
            f"{self._base_url}/api/search", params={"ids": panorama_id, "limit": "1"}
        )
        try:
            item = member(members(answer, "features", SOURCE), 0)
            return picture_address(item, self._base_url)
        except UnusableError:
            raise NetworkError(f"{SOURCE} no longer has panorama {panorama_id}") from None


def _next_page(answer: object, url: str) -> str | None:
    """The address of the next page, where an answer links to one."""
    links = member(answer, "links")
    for link in links if isinstance(links, list) else []:
        href = member(link, "href")
        get = str(member(link, "method") or "GET").upper() == "GET"
        if member(link, "rel") == "next" and get and isinstance(href, str):
            return urljoin(url, href)
    return None
