"""The contract that every source of panoramas fulfils (paper, section 3.1)."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from placeproof.location import Location


@dataclass(frozen=True, slots=True)
class PanoramaRecord:
    """What is known of one panorama before its pixels are fetched.

    Attributes:
        id: The source's own name of the panorama; unique within the source.
        location: Where the panorama was taken.
        heading: Compass bearing of the image's centre column, degrees in [0, 360), or None
            where it is unknown.
        captured: ISO 8601 date or date and time of capture, or None.
        source: Name of the source or of the provider that the picture came from.
        licence: Licence or attribution as the source states it, or None.
        content_hash: SHA-256 of the image file, lower-case hex; None where only the picture's
            pixels are to be had, or the file has not been fetched yet.
        width: Width of the image in pixels, as :meth:`PanoramaSource.fetch` delivers it.
        height: Height of the image in pixels, likewise.
        page: Address of a web page that shows the panorama to people, or None.
        may_keep: Whether the source's terms allow its pictures, and features of them, to be
            written to a disk. Where not, nothing is cached and no report shows the picture.

    Raises:
        ValueError: If a field is of another kind or out of its range.
    """

    id: str
    location: Location
    heading: float | None
    captured: str | None
    source: str
    licence: str | None
    content_hash: str | None
    width: int
    height: int
    page: str | None = None
    may_keep: bool = True

    def __post_init__(self) -> None:
        texts = (self.id, self.captured, self.source, self.licence, self.page, self.content_hash)
        for text in (text for text in texts if text is not None):
            if not isinstance(text, str):
                raise ValueError(f"{text!r} is no text")
        if self.heading is not None and not (
            isinstance(self.heading, int | float) and 0 <= self.heading < 360
        ):
            raise ValueError(f"heading {self.heading!r} is not between 0 and 360")
        for side in (self.width, self.height):
            if not (isinstance(side, int) and side > 0):
                raise ValueError(f"{side!r} is no number of pixels")

    @property
    def key(self) -> str:
        """What caches call the picture: 64 hexadecimal digits, of its content or of its name."""
        if self.content_hash is not None:
            return self.content_hash
        name = f"{self.source}\n{self.id}\n{self.width}x{self.height}"
        return hashlib.sha256(name.encode()).hexdigest()


class PanoramaSource(Protocol):
    """Finds panoramas near a place and delivers their pixels."""

    def search(self, location: Location, radius_m: float) -> list[PanoramaRecord]:
        """All panoramas within ``radius_m`` metres of ``location``, nearest first."""
        ...

    def fetch(self, record: PanoramaRecord) -> NDArray[np.uint8]:
        """Pixels of one panorama, (H, W, 3) sRGB, equirectangular, W = 2 H."""
        ...
