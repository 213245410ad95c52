"""What becomes of one photo, and all that is kept of it."""

from dataclasses import dataclass

from placeproof.collect.contract import Photo
from placeproof.collect.criteria import Reason
from placeproof.collect.quality import Quality
from placeproof.panoramas.source import PanoramaRecord


@dataclass(frozen=True, slots=True)
class Pair:
    """What is known of an accepted photo and its panorama.

    Attributes:
        photo_file: Relative to the collection's folder, with ``/``.
        panorama: The panorama's record.
        panorama_file: As ``photo_file``.
        distance_m: From photo to panorama.
        quality: Of the photo.
        building_share: Of the photo's pixels, in [0, 1].
    """

    photo_file: str
    panorama: PanoramaRecord
    panorama_file: str
    distance_m: float
    quality: Quality
    building_share: float


@dataclass(frozen=True, slots=True)
class Example:
    """Small pictures for the page of examples, JPEG.

    Attributes:
        words: What was measured, for people.
        photo: Of the photo.
        panorama: Of the panorama; None where the photo is rejected.
    """

    words: str
    photo: bytes
    panorama: bytes | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a candidate.

    Attributes:
        photo: The candidate.
        reason: Why it is rejected; None where it is accepted.
        detail: More words on the reason; empty where there are none.
        pair: Of an accepted one; None where it is rejected.
        example: Where the page may show it.
    """

    photo: Photo
    reason: Reason | None
    detail: str = ""
    pair: Pair | None = None
    example: Example | None = None
