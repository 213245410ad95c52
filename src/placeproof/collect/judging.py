"""The second half of a candidate's way: is its photo good, and does it show buildings?"""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placeproof.buildings.detector import BuildingDetector, building_share
from placeproof.collect.criteria import Criteria, Reason
from placeproof.collect.decision import Decision, Example, Pair
from placeproof.collect.fetching import Fetched, is_gone
from placeproof.collect.picture_files import PictureFiles
from placeproof.collect.quality import Quality, measure
from placeproof.collect.store import ACCEPTED, Store
from placeproof.errors import UNUSABLE_PICTURE, NetworkError
from placeproof.images import read_picture
from placeproof.panoramas.source import PanoramaRecord, PanoramaSource
from placeproof.report.describe import share_text
from placeproof.report.overlay import fitted_size, scaled

_EXAMPLE_SIDE = 400  # pixels

_Pixels = NDArray[np.uint8]


class Judge:
    """Decides on candidates, one after the other: each may be a duplicate of an earlier one.

    Args:
        criteria: What is wanted.
        store: Knows the photos that were accepted; is not written to.
        panoramas: Where panoramas are fetched.
        detector: Finds buildings.
        files: Where panoramas go.
    """

    def __init__(
        self,
        criteria: Criteria,
        store: Store,
        panoramas: PanoramaSource,
        detector: BuildingDetector,
        files: PictureFiles,
    ) -> None:
        self._criteria = criteria
        self._store = store
        self._panoramas = panoramas
        self._detector = detector
        self._files = files

    def __call__(self, fetched: Fetched) -> Decision:
        """Decides on a candidate that could be fetched.

        Raises:
            NetworkError: If the panorama cannot be fetched now.
            StorageError: If the disk is full.
        """
        photo = fetched.photo
        if fetched.file is None or fetched.panorama is None:
            return Decision(photo, fetched.reason)
        try:
            pixels = read_picture(fetched.file).pixels
        except UNUSABLE_PICTURE as error:
            return Decision(photo, Reason.UNREADABLE, str(error))
        quality = measure(pixels)
        reason, words = self._problem(quality)
        if reason:
            return self._rejected(fetched, reason, words, pixels)
        share = building_share(self._detector(pixels))
        words = f"buildings {share_text(share)}"
        if share < self._criteria.building_share:
            return self._rejected(fetched, Reason.NO_BUILDING, words, pixels)
        try:
            panorama = self._panorama(fetched.panorama)
        except UNUSABLE_PICTURE as error:
            return self._rejected(fetched, Reason.PANORAMA_UNREADABLE, str(error), pixels)
        except NetworkError as error:
            if not is_gone(error):
                raise
            return self._rejected(fetched, Reason.PANORAMA_GONE, "", pixels)
        distance = photo.location.distance_m(fetched.panorama.location)
        pair = Pair(
            photo_file=self._files.name(fetched.file),
            panorama=fetched.panorama,
            panorama_file=self._files.name(panorama),
            distance_m=distance,
            quality=quality,
            building_share=share,
        )
        example = None
        if self._store.wants_example(ACCEPTED, photo.id):
            shown = _jpeg(read_picture(panorama).pixels)
            example = Example(f"{words}, panorama {distance:.0f} m away", _jpeg(pixels), shown)
        return Decision(photo, None, pair=pair, example=example)

    def _problem(self, quality: Quality) -> tuple[Reason | None, str]:
        """Why a photo is rejected for what was measured of it, and the measure in words."""
        if quality.brightness < self._criteria.least_brightness:
            return Reason.DARK, f"brightness {quality.brightness:.0f}"
        if quality.sharpness < self._criteria.least_sharpness:
            return Reason.BLURRED, f"sharpness {quality.sharpness:.0f}"
        if self._store.has_alike(quality.fingerprint):
            return Reason.DUPLICATE, "looks like one accepted before"
        return None, ""

    def _rejected(self, fetched: Fetched, reason: Reason, words: str, pixels: _Pixels) -> Decision:
        example = None
        if self._store.wants_example(reason, fetched.photo.id):
            example = Example(words, _jpeg(pixels), None)
        return Decision(fetched.photo, reason, words, example=example)

    def _panorama(self, record: PanoramaRecord) -> Path:
        """The file of a panorama, fetched unless another photo, or a killed run, has brought it."""
        path = self._files.panorama(record)
        if path.exists():
            return path
        return self._files.save_panorama(record, self._panoramas.fetch(record))


def _jpeg(pixels: _Pixels) -> bytes:
    buffer = io.BytesIO()
    side = min(_EXAMPLE_SIDE, max(pixels.shape[:2]))
    scaled(pixels, fitted_size(pixels.shape, side)).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
