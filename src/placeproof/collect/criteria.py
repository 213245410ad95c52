"""What a photo must be to become training data, and why one does not (paper, section 4.1)."""

import dataclasses
from dataclasses import dataclass
from enum import StrEnum

from placeproof.collect.cameras import Camera, sorted_cameras
from placeproof.errors import CollectError

MOST_DISTANCE_M = 100.0


class Reason(StrEnum):
    """Why a photo is rejected; the first that holds, in this order."""

    CAMERA = "camera not on the list"
    NO_PANORAMA = "no panorama near enough"
    GONE = "photo no longer there"
    UNREADABLE = "photo cannot be read"
    DARK = "too dark"
    BLURRED = "blurred"
    DUPLICATE = "duplicate"
    NO_BUILDING = "too little of it shows buildings"
    PANORAMA_GONE = "panorama no longer there"
    PANORAMA_UNREADABLE = "panorama cannot be read"


@dataclass(frozen=True, slots=True)
class Criteria:
    """All that a candidate's fate depends on; one collection has the same throughout.

    Attributes:
        photos: Name of the service that photos come from.
        panoramas: Name of the source of panoramas.
        cameras: Those whose photos are taken.
        max_distance_m: From photo to panorama at most, metres, in (0, 100].
        building_share: Of the photo's pixels at least that show buildings, in [0, 1].
        least_brightness: Mean grey value at least, 0 (black) to 255 (white).
        least_sharpness: See :func:`~placeproof.collect.quality.sharpness`.
        development_share: Of the places that go into the split ``development``, in (0, 1); the
            paper's 5 of 30 thousand by default.
        seed: Draws these places, and the examples that the page shows.

    Raises:
        CollectError: If a number is out of its range.
    """

    photos: str
    panoramas: str
    cameras: tuple[Camera, ...]
    max_distance_m: float = 10.0
    building_share: float = 0.1
    least_brightness: float = 40.0
    least_sharpness: float = 60.0
    development_share: float = 1 / 6
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.max_distance_m <= MOST_DISTANCE_M:
            raise CollectError(
                f"{self.max_distance_m:g} m from photo to panorama is not above 0 up to "
                f"{MOST_DISTANCE_M:g}: farther panoramas do not show what a photo shows"
            )
        if not 0 <= self.building_share <= 1:
            raise CollectError(f"building share {self.building_share:g} is not between 0 and 1")
        if not 0 <= self.least_brightness <= 255:
            raise CollectError(f"brightness {self.least_brightness:g} is not between 0 and 255")
        if not 0 <= self.least_sharpness < float("inf"):
            raise CollectError(f"sharpness {self.least_sharpness:g} is not 0 or more")
        if not 0 < self.development_share < 1:
            raise CollectError(f"share {self.development_share:g} is not between 0 and 1")

    def settings(self) -> dict[str, object]:
        """The same as plain data, to be kept with a collection."""
        values = dataclasses.asdict(self)
        return values | {"cameras": [[c.make, c.model] for c in sorted_cameras(self.cameras)]}
