"""The contract that every source of panoramas fulfils (paper, section 3.1)."""

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
        content_hash: SHA-256 of the image file, lower-case hex.
        width: Width of the stored image in pixels.
        height: Height of the stored image in pixels.

    Raises:
        ValueError: If a field is of another kind or out of its range.
    """

    id: str
    location: Location
    heading: float | None
    captured: str | None
    source: str
    licence: str | None
    content_hash: str
    width: int
    height: int

    def __post_init__(self) -> None:
        for text in (self.id, self.captured or "", self.source, self.licence or ""):
            if not isinstance(text, str):
                raise ValueError(f"{text!r} is no text")
        if self.heading is not None and not (
            isinstance(self.heading, int | float) and 0 <= self.heading < 360
        ):
            raise ValueError(f"heading {self.heading!r} is not between 0 and 360")
        for side in (self.width, self.height):
            if not (isinstance(side, int) and side > 0):
                raise ValueError(f"{side!r} is no number of pixels")


class PanoramaSource(Protocol):
    """Finds panoramas near a place and delivers their pixels."""

    def search(self, location: Location, radius_m: float) -> list[PanoramaRecord]:
        """All panoramas within ``radius_m`` metres of ``location``, nearest first."""
        ...

    def fetch(self, record: PanoramaRecord) -> NDArray[np.uint8]:
        """Pixels of one panorama, (H, W, 3) sRGB, equirectangular, W = 2 H."""
        ...
