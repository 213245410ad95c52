"""A photo as the two looks need it; what costs time is computed when it is first asked for."""

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from placeproof.images import Picture
from placeproof.inference import Inference
from placeproof.matchers.contract import LocalFeatures, Matcher
from placeproof.tricks.mirror import mirrored

_FILM_DIAGONAL = math.hypot(36.0, 24.0)  # millimetres; what focal_35mm refers to


class Photo:
    """A photo and its features.

    Args:
        pixels: (H, W, 3) sRGB.
        fov: Field of view along the longer side in degrees, or None where it is unknown.
        inference: The network.
        matcher: Local features.
        dense: Features (C, h, w) of the first look, if they are there already.
    """

    def __init__(
        self,
        pixels: NDArray[np.uint8],
        fov: float | None,
        inference: Inference,
        matcher: Matcher,
        dense: Tensor | None = None,
    ) -> None:
        self.pixels = pixels
        self.fov = fov
        self.size = (pixels.shape[1], pixels.shape[0])
        self._inference = inference
        self._matcher = matcher
        self._dense = dense

    @cached_property
    def dense(self) -> Tensor:
        """Features (C, h, w) of the first look."""
        if self._dense is not None:
            return self._dense
        return self._inference.projected(self.extracted)

    @cached_property
    def to_beat(self) -> Tensor:
        """What a match of each of its patches has to beat, (h, w)."""
        return self._inference.to_beat(self.dense)

    @cached_property
    def extracted(self) -> Tensor:
        """What the extractor alone makes of it, (D, h, w)."""
        size = self._inference.photo_size(*self.size)
        return self._inference.extracted(self.pixels, size, wraps=False)

    @cached_property
    def local(self) -> LocalFeatures:
        """Keypoints of the second look."""
        return self._matcher.extract(self.pixels)

    @cached_property
    def mirrored(self) -> "Photo":
        """The same photo with left and right exchanged."""
        return Photo(mirrored(self.pixels), self.fov, self._inference, self._matcher)


def field_of_view(picture: Picture) -> float | None:
    """The field of view along a picture's longer side that its EXIF states, degrees, or None.

    It is that of the whole picture as it was taken: a crop that kept its EXIF has a smaller one.
    """
    focal = picture.metadata.focal_35mm
    if focal is None:
        return None
    height, width = picture.pixels.shape[:2]
    half = max(width, height) / math.hypot(width, height) * _FILM_DIAGONAL / 2
    return 2 * math.degrees(math.atan(half / focal))
